import { inTurns, type Run, runChild, subject, timeAndMemory } from "./child.ts";
import { type Figure, type Measured, ratio } from "./figure.ts";

const run = (file: string, side: string) => () => runChild(subject(file, side));

/** The offline preview of prod with the policies, against the same with one thing less. */
export async function preview(say: (line: string) => void): Promise<Figure[]> {
  const { prod, empty, bare, unjudged } = await inTurns(
    {
      prod: run("preview.ts", "prod"),
      empty: run("preview.ts", "empty"),
      bare: run("preview.ts", "empty-without-policies"),
      unjudged: run("preview.ts", "without-policies"),
    },
    say,
  );
  const against = (what: string) => (measure: string) => `preview against ${what}, ${measure}`;
  return [
    ...timeAndMemory(against("an empty program"), ["prod", prod], ["empty program", empty], 1.5),
    ...timeAndMemory(against("an empty program without policies"), ["prod", prod], ["empty, no policies", bare]),
    ...timeAndMemory(against("no policies"), ["prod", prod], ["no policies", unjudged], 1.3),
  ];
}

/** A plain `pulumi preview` of prod as this project runs TypeScript, against a project of Pulumi's template. */
export async function typescript(say: (line: string) => void): Promise<Figure[]> {
  const sides = {
    ours: run("plain.ts", "ours"),
    first: run("plain.ts", "default"),
    again: run("plain.ts", "unchanged"),
  };
  const { ours, first, again } = await inTurns(sides, say);
  const name = "preview against pulumi new gcp-typescript";
  const stripped = said("types stripped", ours);
  return [
    ratio(`${name}, time`, stripped, said("ts-node", first), { most: 0.33 }),
    ratio(`${name} that checked these files before, time`, stripped, said("ts-node", again)),
  ];
}

/** The time that a side's process measured itself. */
function said(name: string, runs: readonly Run[]): Measured {
  return { name, unit: "s", values: runs.map(({ output }) => Number(output)) };
}
