import { z } from "zod";
import { type Demand, needed, RESERVED, sum } from "../../infra/connection-budget.ts";
import { maxConnections } from "../../infra/tiers.ts";
import { policy } from "../engine/policy.ts";
import { connections } from "../model/connections.ts";
import type { Instance } from "../model/instances.ts";
import { isA } from "../model/resource.ts";
import { isRecord, mayBe, text, type Value, valueAt, valuesAt } from "../model/values.ts";
import { type Workload, workloads } from "../model/workloads.ts";

/** Variables that commonly hold the number of connections of an instance of a service, such as `DATABASE_POOL_SIZE`. */
const POOL = /(?:^|_)POOL_(?:SIZE|MAX)$|(?:^|_)MAX_POOL(?:_SIZE)?$/i;

export const connectionBudget = policy({
  name: "database-connection-budget",
  sentence:
    "The services of an instance, each with its maximum number of instances, open no more connections than it takes: otherwise PostgreSQL refuses them under load.",
  level: "mandatory",
  severity: "high",
  reference: "https://cloud.google.com/sql/docs/postgres/flags",
  settings: {
    pool: z
      .int()
      .min(1)
      .default(1)
      .describe("Connections per instance of a service that has no variable such as DATABASE_POOL_SIZE"),
    reserve: z.int().min(0).default(RESERVED).describe("Connections left for people, migrations and Cloud SQL itself"),
  },
  stack: (resources, report, { pool, reserve }) => {
    const demands = new Map<Instance, (Demand & { readonly run: Workload })[]>();
    for (const run of workloads(resources).filter(({ kind }) => kind === "service")) {
      const most = mostInstances(run);
      if (most === undefined) continue;
      const certain = connections(run, resources).flatMap(([target, ...others]) =>
        target?.instance && others.length === 0 ? [target.instance] : [],
      );
      for (const instance of new Set(certain)) {
        const demand = { run, instances: most, pool: poolOf(run) ?? pool };
        demands.set(instance, [...(demands.get(instance) ?? []), demand]);
      }
    }
    for (const [instance, found] of demands) {
      const limit = limitOf(instance);
      if (limit === undefined || needed(found, reserve) <= limit.connections) continue;
      const sorted = found.toSorted((one, other) => needed([other]) - needed([one]));
      const [largest] = sorted;
      if (!largest) continue;
      report(
        largest.run.resource,
        `${sum(sorted, reserve)} exceeds the ${limit.connections} connections of ${limit.source}; lower the maximum number of instances or the pool, or use a larger tier.`,
      );
    }
  },
});

/** The connections of a PostgreSQL instance; undefined if unknown, or if a pooler of Google's stands before it. */
function limitOf({ name, props }: Instance): { readonly connections: number; readonly source: string } | undefined {
  if (!(text(props.databaseVersion) ?? "POSTGRES").startsWith("POSTGRES")) return undefined;
  const poolers = valuesAt(props, "settings.connectionPoolConfigs.*.connectionPoolingEnabled");
  if (poolers.some(({ value }) => mayBe(value, (on) => on === true))) return undefined;
  const flags = valuesAt(props, "settings.databaseFlags.*").map(({ value }) => value);
  if (!flags.every(isRecord)) return undefined;
  const flag = flags.find((one) => one.name === "max_connections");
  const tier = text(valueAt(props, "settings.tier")) ?? "";
  const connections = flag ? positive(flag.value) : maxConnections(tier);
  if (connections === undefined) return undefined;
  return { connections, source: flag ? `${name}, by its flag max_connections` : `the tier ${tier}` };
}

/** The declared maximum number of instances, of the service or of its revision; undefined if neither is declared or known. */
function mostInstances({ resource }: Workload): number | undefined {
  if (isA(resource, "gcp:cloudrun/service:Service")) {
    const annotations = valueAt(resource.props, "template.metadata.annotations");
    return isRecord(annotations) ? positive(annotations["autoscaling.knative.dev/maxScale"]) : undefined;
  }
  if (!isA(resource, "gcp:cloudrunv2/service:Service")) return undefined;
  const declared = (["scaling.maxInstanceCount", "template.scaling.maxInstanceCount"] as const).flatMap(
    (path) => positive(valueAt(resource.props, path)) ?? [],
  );
  return declared.length > 0 ? Math.min(...declared) : undefined;
}

function poolOf({ env }: Workload): number | undefined {
  return env.flatMap(({ name, value }) => (POOL.test(text(name) ?? "") ? (positive(value) ?? []) : []))[0];
}

/** The number, if it is known and positive; 0 stands for Google's default. */
function positive(value: Value): number | undefined {
  const number = typeof value === "number" || typeof value === "string" ? Number(value) : NaN;
  return Number.isInteger(number) && number > 0 ? number : undefined;
}
