import { table } from "../../policies/docs.ts";
import { brief } from "./model.ts";
import { onPaper } from "./paper.ts";
import { gaveOut, percent } from "./report.ts";
import type { Results, Run } from "./results.ts";

/** Requests a second that the document answers for. */
const RATE = 10_000;

/** A share of the CPUs, in percent, that distorts a measurement if other work takes it. */
const NOISY = 10;

/** The document with its generated parts, each between `<!-- generated: NAME -->` and `<!-- end -->`. @throws Error if it lacks one. */
export function withBlocks(document: string, results: Results): string {
  return Object.entries({ measured: measured(results), paper: paper(results) }).reduce((text, [name, block]) => {
    const [begin, end] = [`<!-- generated: ${name} -->`, "<!-- end -->"];
    const from = text.indexOf(begin);
    const to = text.indexOf(end, from);
    if (from < 0 || to < 0) throw new Error(`The document has no part ${begin} … ${end}.`);
    return `${text.slice(0, from + begin.length)}\n\n${block}\n\n${text.slice(to)}`;
  }, document);
}

function measured({ commit, machine, runs, time, versions }: Results): string {
  const noise = runs.map(({ others = 0 }) => others);
  const busy = Math.round(Math.max(...noise) * 100);
  const others = `Other work took up to ${busy} % of its CPUs meanwhile`;
  const conditions = busy < NOISY ? `${others}.` : `**${others}**, so that the measured rates are too low.`;
  const software = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    table(
      [
        "configuration",
        "instances × requests",
        "pool",
        "connections",
        "one request",
        "in an instance",
        "with a connection",
        "CPU",
        "predicted",
        "measured",
        "off by",
        "p50, p99 there",
        "gave out",
      ],
      runs.map(rowOf),
    ),
    `${machine}; ${software.join(", ")}; commit ${commit}, ${time.slice(0, 10)}. ${conditions}`,
  ].join("\n\n");
}

function rowOf(run: Run): string[] {
  const { ceiling, costs, knee, limits, name, predicted, steps, used } = run;
  const [{ rate, resource, sum }] = predicted;
  const at = steps.find(({ requests }) => requests === knee);
  const [most] = used;
  return [
    name,
    `${limits.instances} × ${limits.concurrency}`,
    String(limits.pool),
    String(limits.connections),
    brief(costs.service),
    brief(costs.place),
    brief(costs.database),
    costs.cpu === undefined ? "?" : brief(costs.cpu),
    `${Math.round(rate)}: ${resource}, ${sum}`,
    String(Math.round(ceiling)),
    `${ceiling >= rate ? "+" : "−"}${Math.round(Math.abs(ceiling / rate - 1) * 100)} %`,
    at ? `${at.p50} ms, ${at.p99} ms` : "?",
    `${gaveOut(run)}${most ? ` (${most.resource} ${percent(most.part)})` : ""}`.replace(/^(.+) \(\1 /, "$1 ("),
  ];
}

function paper({ bytesPerRow, runs }: Results): string {
  const [declared] = runs;
  const { costs, parts } = declared ?? {};
  if (!costs || parts?.service === undefined || parts.postgres === undefined) {
    throw new Error("The results lack the CPU seconds of the service and of PostgreSQL.");
  }
  const answers = onPaper(RATE, {
    place: costs.place,
    database: costs.database,
    serviceCpu: parts.service,
    databaseCpu: parts.postgres,
    bytes: bytesPerRow,
  });
  return table(
    ["what", "sum", "answer", "what Google allows"],
    answers.map(({ answer, limit, question, sum }) => [question, sum, answer, limit]),
  );
}
