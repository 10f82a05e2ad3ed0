import { pooled, pooledSum, poolers, shortage } from "../../infra/connection-budget.ts";

const FOUR = [{ instances: 4, pool: 25 }];
const POOLING = { clients: 100, cpus: 8, logins: 2, poolSize: 20 };

// As Google's page lists them.
test.each([
  [2, 1],
  [4, 1],
  [8, 2],
  [16, 4],
])("%d CPUs have %d poolers", (cpus, count) => {
  expect(poolers(cpus)).toBe(count);
});

test("every pooler has a pool for each login", () => {
  expect(pooled(POOLING)).toBe(90);
  expect(pooledSum(POOLING)).toBe("2 poolers × 2 logins × 20 connections + 10 reserved = 90");
});

test("services share the database's connections, or those of the poolers", () => {
  expect(shortage(FOUR, 110)).toBeUndefined();
  expect(shortage(FOUR, 109)?.of).toBe("connections");
  // Behind poolers the database needs the 90 of the pools, and no more.
  expect(shortage(FOUR, 90, POOLING)).toBeUndefined();
  expect(shortage(FOUR, 89, POOLING)?.of).toBe("connections");
  expect(shortage([...FOUR, { instances: 1, pool: 1 }], 90, POOLING)).toEqual({
    of: "clients",
    sentence: "4 instances × 25 connections + 1 instance × 1 connection = 101 exceeds the 100 clients of the poolers",
  });
});
