import * as pulumi from "@pulumi/pulumi";
import type { z } from "zod";
import { type Adopting, checkAdoption } from "./adoption/config.ts";
import { configSchema } from "./config-schema.ts";
import { DEFAULT_POOL, type Demand, needed, pooled, RESERVED, shortage } from "./connection-budget.ts";
import { LOGINS, migrationsBucket } from "./names.ts";
import { overlap, parseRange } from "./ranges.ts";
import { cpusOf, type Edition, expectedTier, maxConnections } from "./tiers.ts";

/** What a stack is for; decides what must be protected. */
export type Environment = "local" | "staging" | "prod";

/** Missing or wrong keys of the configuration. */
export class ConfigError extends pulumi.RunError {
  readonly problems: readonly string[];

  /** @param problems One sentence per key. */
  constructor(problems: readonly string[]) {
    super(`The stack's configuration needs ${problems.length === 1 ? "a change" : "changes"}:\n${list(problems)}`);
    this.problems = problems;
  }
}

function list(sentences: readonly string[]): string {
  return sentences.map((sentence) => `  - ${sentence}`).join("\n");
}

const stackConfig = configSchema
  // Even if single keys are wrong, so that one run reports every problem.
  .superRefine(checkTogether, { when: () => true })
  .transform((config) => ({ ...config, protect: config.protect ?? config.environment !== "local" }));

/** The keys that must fit each other; each may be invalid on its own. */
interface Together extends Adopting {
  readonly environment?: unknown;
  readonly protect?: unknown;
  readonly database?:
    | (Readonly<Record<"availability" | "edition" | "tier" | "transactionLogDays", unknown>> & {
        readonly pooling?: Readonly<Record<"clients" | "enabled" | "poolSize", unknown>> | null | undefined;
        readonly replica?:
          | (Readonly<Record<"disasterRecovery" | "region" | "tier", unknown>> & { readonly subnet?: unknown })
          | null
          | undefined;
      })
    | null;
  readonly region?: unknown;
  readonly migrationJob?: unknown;
  readonly network?: Readonly<Record<"subnet" | "services", unknown>> | null | undefined;
  readonly service?:
    | (Readonly<Record<"cpu" | "maxInstances" | "memory" | "minInstances", unknown>> & {
        readonly poolSize?: unknown;
      })
    | null;
}

function checkTogether(config: Together, context: z.RefinementCtx): void {
  const { database, environment, network, project, protect, service } = config;
  const wrong = (path: string[], message: string) => {
    context.addIssue({ code: "custom", path, message, input: at(config, path) });
  };
  if (typeof project === "string" && !isBucketName(migrationsBucket(project))) {
    wrong(["project"], `a project id for which "${migrationsBucket(project)}" is a valid bucket name`);
  }
  if (environment === "prod" && protect === false) wrong(["protect"], "true in prod, to protect its data");
  if (database) {
    const { availability, edition, tier, transactionLogDays } = database;
    if (environment === "prod" && availability !== "REGIONAL") {
      wrong(["database", "availability"], "REGIONAL in prod, so that the service survives the loss of a zone");
    }
    const expected = isEdition(edition) && typeof tier === "string" ? expectedTier(tier, edition) : undefined;
    if (expected !== undefined) wrong(["database", "tier"], expected);
    if (edition === "ENTERPRISE" && Number(transactionLogDays) > 7) {
      wrong(["database", "transactionLogDays"], "at most 7 in edition ENTERPRISE");
    }
  }
  if (network) {
    const [subnet, services] = [network.subnet, network.services].map((range) => parseRange(String(range)));
    if (subnet && services && overlap(subnet, services)) {
      wrong(["network", "services"], "a range that does not overlap network.subnet");
    }
    // https://cloud.google.com/sql/docs/postgres/configure-private-services-access
    const docker = parseRange("172.17.0.0/16");
    if (services && docker && overlap(services, docker)) {
      wrong(["network", "services"], "a range outside 172.17.0.0/16, which Cloud SQL reserves for itself");
    }
  }
  if (service && Number(service.minInstances) > Number(service.maxInstances)) {
    wrong(["service", "minInstances"], "at most service.maxInstances");
  }
  checkReplica(config, wrong);
  checkPooling(config, wrong);
  checkConnections(config, wrong);
  const [least, most] = MEMORY[String(service?.cpu)] ?? [];
  const memory = bytes(String(service?.memory));
  if (least !== undefined && most !== undefined && (memory < bytes(least) || memory > bytes(most))) {
    const cpus = service?.cpu === "1" ? "1 CPU" : `${String(service?.cpu)} CPUs`;
    wrong(["service", "memory"], `from ${least} to ${most} with ${cpus}`);
  }
  checkAdoption(config, wrong);
}

function isEdition(value: unknown): value is Edition {
  return value === "ENTERPRISE" || value === "ENTERPRISE_PLUS";
}

/** What Cloud SQL asks of a replica: https://cloud.google.com/sql/docs/postgres/replication#requirements */
function checkReplica(
  { database, network, region }: Together,
  wrong: (path: string[], expected: string) => void,
): void {
  const { edition, replica, tier } = database ?? {};
  if (!replica || !isEdition(edition) || typeof tier !== "string" || typeof replica.tier !== "string") return;
  const at = (key: string) => ["database", "replica", key];
  if (replica.region === region) wrong(at("region"), "another region than that of the stack");
  const expected = expectedTier(replica.tier, edition);
  if (expected !== undefined) wrong(at("tier"), expected);
  const [most = 0, least = 0] = [replica.tier, tier].map(maxConnections);
  if (most < least) wrong(at("tier"), `a machine type with at least the ${least} connections of ${tier}`);
  if (replica.disasterRecovery === true && edition !== "ENTERPRISE_PLUS") {
    wrong(at("disasterRecovery"), "false in edition ENTERPRISE, which has no switchover");
  }
  if (network && replica.subnet === undefined) {
    wrong(at("subnet"), "a private range for the service in the second region, because the stack has a network");
  }
  for (const key of ["subnet", "services"] as const) {
    const [own, other] = [replica.subnet, network?.[key]].map((range) => parseRange(String(range)));
    if (own && other && overlap(own, other)) wrong(at("subnet"), `a range that does not overlap network.${key}`);
  }
}

/** What Managed Connection Pooling asks: https://cloud.google.com/sql/docs/postgres/managed-connection-pooling */
function checkPooling({ database, migrationJob }: Together, wrong: (path: string[], expected: string) => void): void {
  const { edition, pooling } = database ?? {};
  if (!pooling) return;
  if (edition === "ENTERPRISE") {
    wrong(["database", "pooling"], "nothing in edition ENTERPRISE, which has no Managed Connection Pooling");
  }
  if (pooling.enabled === true && migrationJob) {
    const why =
      "the job connects by the Auth Proxy, which leads to the poolers, and they pass on no options of a session";
    wrong(["migrationJob"], `no such key with database.pooling, because ${why}`);
  }
}

/** The service at its largest must leave the database connections: one that finds none answers with errors. */
function checkConnections({ database, service }: Together, wrong: (path: string[], expected: string) => void): void {
  const { edition, pooling, replica, tier } = database ?? {};
  const { maxInstances, poolSize: pool = DEFAULT_POOL } = service ?? {};
  if (!isEdition(edition) || typeof maxInstances !== "number" || typeof pool !== "number") return;
  // The service of a second region uses the same primary.
  const demand = Array.from({ length: replica ? 2 : 1 }, () => ({ instances: maxInstances, pool }));
  if (pooling?.enabled === true && edition === "ENTERPRISE_PLUS") {
    // Of the replica too, which is the primary after a failover.
    for (const each of new Set([tier, replica?.tier ?? tier]))
      checkPoolers({ demand, edition, pooling, tier: each }, wrong);
    return;
  }
  const most = connectionsOf(tier, edition);
  const lacking = most !== undefined && shortage(demand, most);
  if (!lacking) return;
  const fitting = Math.floor((most - RESERVED) / pool / demand.length);
  const [key, expected] =
    fitting > 0 ? ["maxInstances", `at most ${fitting}`] : ["poolSize", `at most ${most - RESERVED}`];
  wrong(["service", key], `${expected}, because ${lacking.sentence} of ${String(tier)}`);
}

/** The services behind the poolers of an instance. */
interface Pooled {
  readonly demand: readonly Demand[];
  readonly edition: Edition;
  readonly pooling: Readonly<Record<"clients" | "poolSize", unknown>>;
  readonly tier: unknown;
}

function checkPoolers(
  { demand, edition, pooling, tier }: Pooled,
  wrong: (path: string[], expected: string) => void,
): void {
  const { clients, poolSize } = pooling;
  const [most, cpus] = [connectionsOf(tier, edition), cpusOf(String(tier))];
  if (most === undefined || cpus === undefined || typeof clients !== "number" || typeof poolSize !== "number") return;
  const poolers = { clients, cpus, logins: LOGINS.length, poolSize };
  const lacking = shortage(demand, most, poolers);
  if (lacking?.of === "clients") {
    const least = `at least ${needed(demand, 0)}`;
    wrong(["database", "pooling", "clients"], `${least}, because ${lacking.sentence}`);
  } else if (lacking) {
    const fitting = Math.floor((most - RESERVED) / pooled({ ...poolers, poolSize: 1 }, 0));
    wrong(["database", "pooling", "poolSize"], `at most ${fitting}, because ${lacking.sentence} of ${String(tier)}`);
  }
}

/** The connections of a machine type; undefined if it is not one of the edition's. */
function connectionsOf(tier: unknown, edition: Edition): number | undefined {
  return typeof tier === "string" && expectedTier(tier, edition) === undefined ? maxConnections(tier) : undefined;
}

/**
 * Least and most memory per number of CPUs, as in the table of https://docs.cloud.google.com/run/docs/configuring/jobs/cpu, which
 * holds for services too: https://cloud.google.com/run/docs/configuring/services/memory-limits
 */
const MEMORY: Readonly<Record<string, readonly [least: string, most: string]>> = {
  "1": ["128Mi", "4Gi"],
  "2": ["128Mi", "8Gi"],
  "4": ["2Gi", "16Gi"],
  "8": ["4Gi", "32Gi"],
};

/** NaN for any other text. */
function bytes(memory: string): number {
  const [, amount, unit] = /^(\d+)(Mi|Gi)$/.exec(memory) ?? [];
  return Number(amount) * 1024 ** (unit === "Gi" ? 3 : 2);
}

/** https://cloud.google.com/storage/docs/buckets#naming */
function isBucketName(name: string): boolean {
  return /^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$/.test(name) && !/^goog|google|g00gle/.test(name);
}

/** A stack's configuration, defaults included. */
export type StackConfig = z.output<typeof stackConfig>;

/** Keys of the provider that the program reads too. */
export const PROVIDER_KEYS: Readonly<Record<string, string>> = { project: "gcp:project", region: "gcp:region" };

/**
 * Checks a stack's configuration.
 * @param values `project` and `region` from the `gcp:` namespace, everything else from `settlement:`.
 * @throws ConfigError with every wrong key, its value and what is expected.
 */
export function parseConfig(values: Readonly<Record<string, unknown>>): StackConfig {
  const result = stackConfig.safeParse(values, { reportInput: true });
  if (result.success) return result.data;
  const { issues } = result.error;
  const reported = issues.filter(({ code, path }, index) => {
    // Skip mismatches of a key that is already reported, by itself or by its section.
    const known = issues.slice(0, index).filter((before) => before.code !== "unrecognized_keys");
    return code !== "custom" || !known.some((before) => before.path.every((key, depth) => key === path[depth]));
  });
  throw new ConfigError(reported.flatMap((issue) => sentences(issue, values)));
}

function sentences(issue: z.core.$ZodIssue, values: unknown): string[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) =>
      CREDENTIALS.includes(key)
        ? `${key} is a credential and must not be in a stack file; set it in the environment instead.`
        : `${name([...issue.path, key])} is not a key of this program; remove it.`,
    );
  }
  const value = at(values, issue.path);
  const found = value === undefined ? "is missing" : `is ${shown(value)}`;
  return [`${name(issue.path)} ${found}; expected ${issue.message}.`];
}

/** Longest value that a message quotes, in characters. */
const LONGEST = 80;

/** A value as a message shows it. A credential may be under the wrong key, so anything that looks like one is hidden. */
function shown(value: unknown): string {
  const whole = JSON.stringify(value);
  const text = whole.slice(0, 2 * LONGEST);
  const credential = /:\/\/[^/]*@|(?=\S*[a-z])(?=\S*[A-Z])(?=\S*\d)[\w+/=-]{12,}/.test(text);
  if (credential) return "something that looks like a credential and is not shown";
  return whole.length > LONGEST ? `${text.slice(0, LONGEST)} …` : text;
}

function name(path: readonly PropertyKey[]): string {
  const key = path.join(".");
  if (!/^[\w.:-]*$/.test(key)) return `the key that is ${shown(key)}`;
  return PROVIDER_KEYS[key] ?? (key.includes(":") ? key : `settlement:${key}`);
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === "object" && inner !== null ? (inner as Record<PropertyKey, unknown>)[key] : undefined,
    value,
  );
}

/** The configuration of the stack that is being deployed. @throws ConfigError, see {@link parseConfig}. */
export function loadConfig(): StackConfig {
  return parseConfig(programValues(pulumi.runtime.allConfig()));
}

/** Namespaces whose keys belong to the engine and the provider. */
const OTHERS = ["gcp", "pulumi"];

/** Keys of the provider that hold credentials. */
export const CREDENTIALS = ["gcp:accessToken", "gcp:credentials", "gcp:externalCredentials"];

/**
 * The values for {@link parseConfig} from a stack's configuration. Keys of unknown namespaces and credentials are passed on
 * unchanged, so that they are reported.
 * @param config By key, such as `gcp:region`; the default namespace is `settlement:`.
 */
export function programValues(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(config)) {
    const [, namespace = "settlement", own = key] = /^([^:]*):(.*)$/.exec(key) ?? [];
    if (namespace === "settlement" || Object.values(PROVIDER_KEYS).includes(key)) values[own] = structured(value);
    else if (!OTHERS.includes(namespace) || CREDENTIALS.includes(key)) values[key] = structured(value);
  }
  return values;
}

/** The engine passes objects, lists and booleans as JSON, and everything else as plain text. */
function structured(value: unknown): unknown {
  if (typeof value === "string" && /^(true|false|[{[].*)$/s.test(value)) {
    try {
      return JSON.parse(value);
    } catch {
      return value;
    }
  }
  return value;
}
