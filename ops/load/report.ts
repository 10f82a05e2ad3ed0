import { brief, type Ceiling } from "./model.ts";
import type { Measurement, Step } from "./measure.ts";

/** A measurement for the terminal. */
export function report(measured: Measurement): string {
  const { ceiling, costs, knee, others, predicted, steps, used } = measured;
  const [first] = predicted;
  const rows = [["at a time", "a second", "p50", "p99", "errors", "connections", "CPU"], ...steps.map(cellsOf)];
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const table = rows.map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join("  "));
  const cpu = costs.cpu === undefined ? [] : [`${brief(costs.cpu)} of CPU`];
  const noise =
    others === undefined || others < 0.05 ? [] : [`other work kept ${Math.round(others * 100)} % of the machine busy`];
  return [
    ...table,
    "",
    `one request   ${[brief(costs.service), `${brief(costs.place)} of them in an instance`, `${brief(costs.database)} with a connection`, ...cpu].join(", ")}`,
    `predicted     ${predicted.map(shown).join("; ")}`,
    `measured      ${Math.round(ceiling)} a second, nearly reached at ${knee} at a time; predicted ${Math.round(first.rate)}`,
    `gave out      ${gaveOut(measured)}`,
    `in use        ${used.map(({ part, resource }) => `${resource} ${percent(part)}`).join(", ")}`,
    ...noise.map((line) => `beware        ${line}`),
    "",
  ].join("\n");
}

/** The least part of a resource in use if it gave out. */
const MOSTLY = 0.8;

/** The resource that gave out, if it is one of those that the model knows. */
export function gaveOut({ limited, others = 0, used }: Measurement): string {
  if (limited) return "nothing, at the rate that is allowed";
  const [most] = used;
  if (most && most.part >= MOSTLY) return most.resource;
  const cpu = used.find(({ resource }) => resource === "CPU");
  if (cpu && cpu.part + others >= MOSTLY) return "CPU, which other work used too";
  return "nothing that is measured here";
}

function shown({ rate, resource, sum }: Ceiling): string {
  return `${Math.round(rate)} by ${resource} (${sum})`;
}

function cellsOf({ connections, cpu, errors, p50, p99, rate, requests }: Step): string[] {
  return [
    String(requests),
    String(Math.round(rate)),
    `${p50} ms`,
    `${p99} ms`,
    String(errors),
    connections === undefined ? "?" : String(connections),
    cpu === undefined ? "" : percent(cpu),
  ];
}

/** A part of one, in percent; more than all of it stands for refused connections. */
export function percent(part: number): string {
  return part > 1 ? "exceeded" : `${Math.round(part * 100)} %`;
}
