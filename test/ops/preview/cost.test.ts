import { readFileSync } from "node:fs";
import { join } from "node:path";
import { costs, type Estimate } from "../../../ops/preview/cost.ts";
import { readEvents } from "../../../ops/preview/model.ts";
import { ROOT } from "../../../ops/engine/stack-file.ts";
import { type Declared, step, types } from "./engine.ts";

const instance: Declared = { type: types.instance, name: "instance", component: "Database", id: "p/i" };
const service: Declared = { type: types.service, name: "service", component: "Service", id: "p/s" };

const sql = (tier: string, availabilityType: string, more: object = {}, region = "us-central1") => ({
  region,
  settings: { tier, availabilityType, edition: "ENTERPRISE", ...more },
});
const run = (minInstanceCount: number, cpuIdle = true) => ({
  location: "us-central1",
  template: {
    scaling: { minInstanceCount, maxInstanceCount: 4 },
    containers: [{ resources: { cpuIdle, limits: { cpu: "1", memory: "512Mi" } } }],
  },
});

/** Dollars, or the reason why they are not estimated. */
function shown(estimate: Estimate | undefined): unknown {
  if (!estimate) return undefined;
  return "notEstimated" in estimate ? estimate.notEstimated : Number(estimate.monthly.toFixed(2));
}

function cost(resource: Declared, before: object | undefined, after: object, outputs?: object): unknown[] {
  const sides = { ...(before && { before: { ...before } }), after: { ...after } };
  const event = step(before ? "update" : "create", resource, sides);
  const old = event.resourcePreEvent?.metadata.old;
  if (old && outputs) Object.assign(old.outputs, outputs);
  return costs(readEvents([event]).changes).flatMap((one) => [shown(one.before), shown(one.after)]);
}

describe("the estimated cost a month", () => {
  // As Infracost computes it from Google's catalogue: $30.15 + $19.16 + $1.70; twice that with a standby.
  test("of an instance is that of its tier, its storage and its standby", () => {
    expect(cost(instance, undefined, sql("db-custom-1-3840", "ZONAL"))).toEqual([undefined, 51.01]);
    expect(cost(instance, sql("db-custom-1-3840", "ZONAL"), sql("db-custom-1-3840", "REGIONAL"))).toEqual([
      51.01, 102.02,
    ]);
    expect(cost(instance, sql("db-custom-2-7680", "ZONAL"), sql("db-f1-micro", "ZONAL"))).toEqual([100.32, 9.37]);
  });

  test("counts the storage that the instance has grown to", () => {
    const grown = { settings: { diskSize: 110 } };
    expect(cost(instance, sql("db-f1-micro", "ZONAL"), sql("db-f1-micro", "REGIONAL"), grown)).toEqual([26.37, 52.73]);
  });

  test("of a stopped instance is that of its storage", () => {
    const stopped = sql("db-f1-micro", "ZONAL", { activationPolicy: "NEVER" });
    expect(cost(instance, sql("db-f1-micro", "ZONAL"), stopped)).toEqual([9.37, 1.7]);
  });

  test("of a service is that of its idle minimum instances", () => {
    expect(cost(service, run(0), run(1))).toEqual([0, 9.86]);
    expect(cost(service, run(1), run(1))).toEqual([]);
    expect(cost(service, undefined, run(0))).toEqual([]);
  });

  test("is not zero, but not estimated, for what the table does not have", () => {
    const elsewhere = sql("db-custom-1-3840", "ZONAL", {}, "europe-west1");
    const why = "the table has no price of sql ENTERPRISE vCPU in europe-west1";
    expect(cost(instance, undefined, elsewhere)).toEqual([undefined, why]);
    const plus = { edition: "ENTERPRISE_PLUS" };
    expect(cost(instance, sql("db-f1-micro", "ZONAL"), sql("db-perf-optimized-N-2", "ZONAL", plus))).toEqual([
      9.37,
      "the table has no price of sql db-perf-optimized-N-2 in us-central1",
    ]);
    expect(cost(service, run(0), run(1, false))).toEqual([0, "CPU around the clock, or no limits"]);
  });

  test("is not estimated for a load balancer, because the table has no dated price of its rule", () => {
    const rule = { type: "gcp:compute/globalForwardingRule:GlobalForwardingRule", name: "rule" };
    expect(cost(rule, undefined, { portRange: "443" })).toEqual([
      undefined,
      "the table has no price of forwarding rule in global",
    ]);
  });

  test("is not shown for what costs the same", () => {
    const label = { userLabels: { app: "b" } };
    expect(cost(instance, sql("db-f1-micro", "ZONAL"), sql("db-f1-micro", "ZONAL", label))).toEqual([]);
    expect(cost({ type: types.account, name: "account" }, undefined, {})).toEqual([]);
  });
});

test("each price has its source and its date", () => {
  const text = readFileSync(join(ROOT, "ops", "preview", "prices.json"), "utf8");
  const { prices } = JSON.parse(text) as { prices: Record<string, unknown>[] };
  for (const price of prices) {
    expect(price).toEqual({
      what: expect.any(String) as string,
      region: expect.stringMatching(/^[a-z]+-[a-z]+\d$/) as string,
      unit: expect.stringMatching(/(hour|second)$/) as string,
      price: expect.any(Number) as number,
      source: expect.stringMatching(/^https:\/\/cloud\.google\.com\/(run|sql)\/pricing$/) as string,
      date: expect.stringMatching(/^\d{4}-\d\d-\d\d$/) as string,
    });
  }
});
