import { inTurns, memory, type Run, runChild, subject, time } from "./child.ts";
import { type Figure, type Measured, ratio } from "./figure.ts";

const run = (file: string, side: string) => () => runChild(subject(file, side));

/** The offline preview of prod with the policies, against the same with one thing less. */
export async function preview(say: (line: string) => void): Promise<Figure[]> {
  const runs = await inTurns(
    {
      prod: run("preview.ts", "prod"),
      empty: run("preview.ts", "empty"),
      bare: run("preview.ts", "empty-without-policies"),
      unjudged: run("preview.ts", "without-policies"),
    },
    say,
  );
  return [
    ...both("preview against an empty program", runs.prod, "prod", runs.empty, "empty program", 1.5),
    ...both("preview against an empty program without policies", runs.prod, "prod", runs.bare, "empty, no policies"),
    ...both("preview against no policies", runs.prod, "prod", runs.unjudged, "no policies", 1.3),
  ];
}

/** A plain `pulumi preview` of prod as this project runs TypeScript, against a project of Pulumi's template. */
export async function typescript(say: (line: string) => void): Promise<Figure[]> {
  const runs = await inTurns(
    {
      ours: run("plain.ts", "ours"),
      default: run("plain.ts", "default"),
      unchanged: run("plain.ts", "unchanged"),
    },
    say,
  );
  const name = "preview against pulumi new gcp-typescript";
  return [
    ratio(`${name}, time`, said("types stripped", runs.ours), said("ts-node", runs.default), { most: 0.33 }),
    ratio(
      `${name} that checked these files before, time`,
      said("types stripped", runs.ours),
      said("ts-node", runs.unchanged),
    ),
  ];
}

/** The time that a side's process measured itself. */
function said(name: string, runs: readonly Run[]): Measured {
  return { name, unit: "s", values: runs.map(({ output }) => Number(output)) };
}

/** Time and memory, each with the same limit. */
function both(name: string, one: Run[], first: string, other: Run[], second: string, most?: number): Figure[] {
  const limit = most === undefined ? undefined : { most };
  const [ours, theirs] = [memory(first, one), memory(second, other)];
  return [
    ratio(`${name}, time`, time(first, one), time(second, other), limit),
    ...(ours && theirs ? [ratio(`${name}, memory`, ours, theirs, limit)] : []),
  ];
}
