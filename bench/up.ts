import { inTurns, runChild, subject } from "./child.ts";
import { absolute, type Figure, type Measured, ratio } from "./figure.ts";

/** The local stack from nothing to an accepted settlement command, by step; then a preview without changes, and the doctor. */
export async function up(say: (line: string) => void): Promise<Figure[]> {
  const { runs } = await inTurns({ runs: () => runChild(subject("up.ts")) }, say);
  const steps = runs.map(({ output }) => JSON.parse(output) as Record<string, number>);
  const measured = (step: string, unit = "s"): Measured => ({
    name: step,
    unit,
    values: steps.flatMap((one) => one[step] ?? []),
  });
  const apart = ["all", "preview", "second preview", "doctor", "requests of the doctor"];
  const rest = Object.keys(steps[0] ?? {}).filter((step) => !apart.includes(step));
  return [
    absolute("up from nothing to a settlement command", measured("all"), { most: 12 }),
    ...["preview", ...rest].map((step) => absolute(`up: ${step}`, measured(step))),
    ratio("second preview against the first", measured("second preview"), measured("preview"), { most: 1 }),
    absolute("doctor on a healthy stack", measured("doctor"), { most: 2 }),
    absolute("doctor, requests", measured("requests of the doctor", "requests"), { most: 25 }),
  ];
}
