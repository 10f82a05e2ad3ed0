import { Session } from "node:inspector/promises";
import { type Declared, judge } from "./declare.ts";
import { stack } from "./good.ts";

/** Copies of a stack that keeps every policy, side by side, each with names of its own. */
function copies(count: number): Declared[] {
  return Array.from({ length: count }, (_, index) => {
    const declared = JSON.parse(JSON.stringify(stack()).replaceAll("shop", `shop${index}`)) as Declared[];
    const own = (names: readonly string[] = []) => names.map((name) => `${name}-${index}`);
    return declared.map((one) => ({
      ...one,
      name: `${one.name}-${index}`,
      dependsOn: own(one.dependsOn),
      madeOf: Object.fromEntries(Object.entries(one.madeOf ?? {}).map(([key, names]) => [key, own(names)])),
    }));
  }).flat();
}

type Phase = "resource" | "stack";

/** How often functions of the pack are called while it judges: work, whatever the machine is busy with. */
async function calls(declared: readonly Declared[], phase: Phase): Promise<number> {
  const session = new Session();
  session.connect();
  try {
    await session.post("Profiler.enable");
    await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false });
    expect(judge(declared, { phases: [phase] })).toEqual([]);
    const { result } = await session.post("Profiler.takePreciseCoverage");
    const pack = result.filter(({ url }) => url.includes("/policies/") && !url.includes("/test/"));
    const counts = pack.flatMap(({ functions }) => functions.map(({ ranges }) => ranges[0]?.count ?? 0));
    return counts.reduce((total, count) => total + count, 0);
  } finally {
    session.disconnect();
  }
}

// At the end of an operation, once, some policies compare pairs; sixteen times the work would be all with all.
test.each([
  ["resource", 4.1],
  ["stack", 10],
] as const)("four times the stack is about four times the work, phase %s", async (phase, most) => {
  const few = await calls(copies(10), phase);
  const many = await calls(copies(40), phase);
  expect(few).toBeGreaterThan(1000);
  expect(many / few).toBeLessThan(most);
});
