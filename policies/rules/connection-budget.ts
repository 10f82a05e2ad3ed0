import { z } from "zod";
import { type Demand, needed, type Pooling, RESERVED, shortage } from "../../infra/connection-budget.ts";
import { cpusOf, maxConnections } from "../../infra/tiers.ts";
import { policy } from "../engine/policy.ts";
import { connections } from "../model/connections.ts";
import { type Instance, instances } from "../model/instances.ts";
import { isA, ofType, type Resource } from "../model/resource.ts";
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
    for (const instance of instances(resources)) {
      if (!isPooled(instance) || valueAt(instance.props, "settings.edition") !== "ENTERPRISE") continue;
      report(
        instance,
        `connectionPoolConfigs asks for Managed Connection Pooling, which Cloud SQL refuses in edition ENTERPRISE; remove it, or use ENTERPRISE_PLUS with a machine type of that edition.`,
      );
    }
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
      const limit = limitOf(instance, resources);
      const sorted = found.toSorted((one, other) => needed([other]) - needed([one]));
      const lacking = limit && shortage(sorted, limit.connections, limit.pooling, reserve);
      const [largest] = sorted;
      if (!lacking || !largest) continue;
      const [subject, remedy] = limit.pooling
        ? [instance, "change the limits of its poolers in connectionPoolConfigs, or use a larger tier"]
        : [largest.run.resource, "lower the maximum number of instances or the pool, or use a larger tier"];
      const of = lacking.of === "clients" ? "" : ` of ${limit.source}`;
      report(subject, `${lacking.sentence}${of}; ${remedy}.`);
    }
  },
});

/** The connections of an instance, where their number comes from, and the poolers before them. */
interface Limit {
  readonly connections: number;
  readonly source: string;
  readonly pooling?: Pooling;
}

/** The limit of a PostgreSQL instance; undefined if unknown, or if the limits of its poolers are. */
function limitOf(instance: Instance, resources: readonly Resource[]): Limit | undefined {
  const { name, props } = instance;
  if (!(text(props.databaseVersion) ?? "POSTGRES").startsWith("POSTGRES")) return undefined;
  const flags = valuesAt(props, "settings.databaseFlags.*").map(({ value }) => value);
  if (!flags.every(isRecord)) return undefined;
  const flag = flags.find((one) => one.name === "max_connections");
  const tier = text(valueAt(props, "settings.tier")) ?? "";
  const connections = flag ? positive(flag.value) : maxConnections(tier);
  if (connections === undefined) return undefined;
  const source = flag ? `${name}, by its flag max_connections` : `the tier ${tier}`;
  if (!isPooled(instance)) return { connections, source };
  const pooler = (wanted: string) =>
    valuesAt(props, "settings.connectionPoolConfigs.*.flags.*")
      .map(({ value }) => value)
      .flatMap((one) => (isRecord(one) && one.name === wanted ? (positive(one.value) ?? []) : []))[0];
  const [clients, cpus, poolSize] = [pooler("max_client_connections"), cpusOf(tier), pooler("max_pool_size")];
  if (clients === undefined || cpus === undefined || poolSize === undefined) return undefined;
  const logins = Math.max(1, ofType(resources, USER).filter((user) => isOf(user.props.instance, instance)).length);
  return { connections, source, pooling: { clients, cpus, logins, poolSize } };
}

/** The type of the logins of Cloud SQL. */
const USER = "gcp:sql/user:User";

/** Whether a name, of which only the resource may be known, is that of an instance. */
function isOf(name: Value, instance: Instance): boolean {
  return text(name) !== undefined && text(name) === text(instance.props.name);
}

/** Whether poolers of Google's may stand before an instance. */
function isPooled({ props }: Instance): boolean {
  const switches = valuesAt(props, "settings.connectionPoolConfigs.*.connectionPoolingEnabled");
  return switches.some(({ value }) => mayBe(value, (on) => on === true));
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
