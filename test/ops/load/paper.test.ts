import { onPaper, ROUND_TRIP } from "../../../ops/load/paper.ts";

const COSTS = {
  place: 0.01 - ROUND_TRIP,
  database: 0.002 - ROUND_TRIP,
  serviceCpu: 0.0006,
  databaseCpu: 0.00024,
  bytes: 250,
};

const answersOf = (rate: number, costs = COSTS) =>
  Object.fromEntries(onPaper(rate, costs).map(({ answer, question }) => [question.replaceAll("`", ""), answer]));

test("10,000 requests a second, worked out on paper", () => {
  expect(answersOf(10_000)).toEqual({
    "requests at a time": "100", // 10,000 × 10 ms
    "instances of 1 CPU, by their CPU": "10", // 6 CPUs at 60 %
    "instances, by their requests": "3", // 100 / 48
    maxInstances: "10",
    "connections in use": "20", // 10,000 × 2 ms
    poolSize: "4", // 2 × 20 / 10
    "CPUs of the database": "4", // 2.4 at 60 %
    "tier, of ENTERPRISE_PLUS": "`db-perf-optimized-N-4`",
    connections: "50", // 10 × 4 + 10
    pooling: "not needed", // 2 × 10 × 4 + 10 = 90 of 600
    disk: "216 GB a day", // 10,000 × 250 × 86,400
  });
});

test("the number of connections may decide the tier", () => {
  // 1,000 connections busy, 2,000 in the pools: more than any tier has.
  expect(answersOf(10_000, { ...COSTS, database: 0.1 - ROUND_TRIP })["tier, of ENTERPRISE_PLUS"]).toBe("none");
  // 450 busy, 900 in the pools.
  expect(answersOf(10_000, { ...COSTS, database: 0.045 - ROUND_TRIP })["tier, of ENTERPRISE_PLUS"]).toBe(
    "`db-perf-optimized-N-16`",
  );
});

test("behind connections that do not suffice in a rollout, poolers are needed", () => {
  expect(answersOf(10_000, { ...COSTS, database: 0.045 - ROUND_TRIP }).pooling).toBe("needed");
});
