import { inTurns, type Run, runChild, subject, timeAndMemory } from "./child.ts";
import { type Figure, type Measured, ratio } from "./figure.ts";

const run = (file: string, side: string) => () => runChild(subject(file, side));

/** The offline preview of prod with policies, compared with an empty program or no policies. */
export async function preview(say: (line: string) => void): Promise<Figure[]> {
  const { prod, empty, bare, unchecked } = await inTurns(
    {
      prod: run("preview.ts", "prod"),
      empty: run("preview.ts", "empty"),
      bare: run("preview.ts", "empty-without-policies"),
      unchecked: run("preview.ts", "without-policies"),
    },
    say,
  );
  const against = (what: string) => (measure: string) => `preview against ${what}, ${measure}`;
  return [
    ...timeAndMemory(against("an empty program"), ["prod", prod], ["empty program", empty], 1.5),
    ...timeAndMemory(against("an empty program without policies"), ["prod", prod], ["empty, no policies", bare]),
    ...timeAndMemory(against("no policies"), ["prod", prod], ["no policies", unchecked], 1.3),
  ];
}

/** A plain `pulumi preview` of prod as this project runs TypeScript, compared with Pulumi's template. */
export async function typescript(say: (line: string) => void): Promise<Figure[]> {
  const sides = {
    ours: run("plain.ts", "ours"),
    first: run("plain.ts", "default"),
    again: run("plain.ts", "unchanged"),
  };
  const { ours, first, again } = await inTurns(sides, say);
  const name = "preview against pulumi new gcp-typescript";
  const stripped = printed("types stripped", ours);
  return [
    ratio(`${name}, time`, stripped, printed("ts-node", first), { most: 0.33 }),
    ratio(`${name} that checked these files before, time`, stripped, printed("ts-node", again)),
  ];
}

/** The times that a side's process measured and printed. */
function printed(name: string, runs: readonly Run[]): Measured {
  return { name, unit: "s", values: runs.map(({ output }) => Number(output)) };
}
