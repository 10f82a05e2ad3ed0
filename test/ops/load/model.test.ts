import { brief, ceilings, inUse, type Limits, used } from "../../../ops/load/model.ts";

const LIMITS: Limits = { instances: 4, concurrency: 80, pool: 10, connections: 97, cpus: 2 };
const COSTS = { service: 0.015, place: 0.01, database: 0.004, cpu: 0.002 };

test("what is in use is the rate times the time", () => {
  expect(inUse(10_000, 0.005)).toBe(50);
});

test("the lowest ceiling is the stack's", () => {
  expect(ceilings(COSTS, LIMITS).map(({ rate, resource, sum }) => [resource, Math.round(rate), sum])).toEqual([
    ["CPU", 1_000, "2 / 2.00 ms"],
    ["pool", 10_000, "4 × 10 / 4.00 ms"],
    ["max_connections", 24_250, "97 / 4.00 ms"],
    ["instances × concurrency", 32_000, "4 × 80 / 10.0 ms"],
  ]);
});

test.each([
  ["instances × concurrency", { instances: 1, concurrency: 1 }, 100],
  ["pool", { instances: 1, pool: 2 }, 500],
  ["max_connections", { connections: 2 }, 500],
])("%s gives out first if the least is left of it", (resource, limits, rate) => {
  expect(ceilings(COSTS, { ...LIMITS, ...limits })[0]).toMatchObject({ resource, rate });
});

test("the CPU of machines that are not this one is not counted", () => {
  expect(
    ceilings({ service: 0.015, place: 0.01, database: 0.004 }, LIMITS).map(({ resource }) => resource),
  ).not.toContain("CPU");
});

test.each([
  // 200 × 4 ms keep 0.8 connections busy.
  ["CPU", { rate: 200, requests: 8, cpu: 0.97, failed: false }, {}, 0.97],
  ["pool", { rate: 245, requests: 16, cpu: 0.3, failed: false }, { instances: 1, pool: 1 }, 0.98],
  ["instances × concurrency", { rate: 90, requests: 2, cpu: 0.3, failed: false }, { instances: 1, concurrency: 1 }, 1],
  // 32 at a time open 32 connections, of 22.
  [
    "max_connections",
    { rate: 900, requests: 32, cpu: 0.9, failed: true },
    { instances: 1, pool: 40, connections: 22 },
    1 + 32 / 22,
  ],
])("%s has given out where most of it is used", (resource, observed, limits, part) => {
  const [first] = used(observed, COSTS, { ...LIMITS, ...limits });
  expect(first?.resource).toBe(resource);
  expect(first?.part).toBeCloseTo(part);
});

test.each([
  [0.000421, "0.42 ms"],
  [0.0123, "12.3 ms"],
  [1.2, "1.20 s"],
])("%d seconds are %s", (seconds, text) => {
  expect(brief(seconds)).toBe(text);
});
