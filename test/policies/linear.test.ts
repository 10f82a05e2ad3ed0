import { Session } from "node:inspector/promises";
import { type Declared, judge } from "./declare.ts";
import { stack } from "./good.ts";

/** Copies of a compliant stack, each with its own names. */
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

/** Calls of the pack's functions during a check: a measure of work that does not depend on the machine's load. */
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

// At the end of an operation some policies compare pairs; comparing everything with everything would be 16 times the work.
test.each([
  ["resource", 4.1],
  ["stack", 10],
] as const)("a stack four times as large takes about four times the work, phase %s", async (phase, most) => {
  const few = await calls(copies(10), phase);
  const many = await calls(copies(40), phase);
  expect(few).toBeGreaterThan(1000);
  expect(many / few).toBeLessThan(most);
});
