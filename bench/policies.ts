import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inTurns, runChild, subject, time } from "./child.ts";
import { absolute, type Figure, type Measured, ratio, summarize } from "./figure.ts";

/** The policy pack on few and many copies of prod's resources: startup, each resource, the whole stack. */
export async function policies(say: (line: string) => void): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), "settlement-bench-"));
  const plan = join(folder, "plan.json");
  try {
    await runChild(subject("plan.ts", plan));
    const check = (count: number) => () => runChild(subject("policies.ts", plan, String(count)));
    const runs = await inTurns({ none: check(0), "30": check(30), "300": check(300), "3000": check(3000) }, say);
    const start = summarize(runs.none.map(({ seconds }) => seconds)).median;
    const each = (count: "300" | "3000"): Measured => ({
      name: `${count} resources`,
      unit: "ms each",
      values: runs[count].map(({ seconds }) => ((seconds - start) / Number(count)) * 1000),
    });
    return [
      absolute("policy pack on 30 resources", time("30 resources", runs["30"])),
      absolute("policy pack on 3000 resources", time("3000 resources", runs["3000"]), { most: 5 }),
      ratio("policy pack, each of 3000 resources against each of 300", each("3000"), each("300"), { most: 1.3 }),
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}
