import * as pulumi from "@pulumi/pulumi";
import { z } from "zod";
import { adopt, type Adopting, checkAdoption } from "./adoption/config.ts";
import { DEFAULT_POOL, needed, RESERVED, sum } from "./connection-budget.ts";
import { isRegion, regionOfZone } from "./connection.ts";
import { EXTENSIONS } from "./extensions.ts";
import { migrationsBucket, PROJECT_ID } from "./names.ts";
import { isPrivate, overlap, parseRange } from "./ranges.ts";
import { type Edition, expectedTier, maxConnections } from "./tiers.ts";

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

function whole(from: number, to: number) {
  const expected = `a whole number from ${from} to ${to}`;
  return z.number(expected).int(expected).min(from, expected).max(to, expected);
}

function pattern(form: RegExp, expected: string) {
  return z.string(expected).regex(form, expected);
}

function flag() {
  return z.boolean("true or false");
}

const REGION = "a region, such as us-central1";
const region = z.string(REGION).superRefine((value, context) => {
  if (isRegion(value)) return;
  const home = regionOfZone(value);
  const message = home === undefined ? REGION : `a region; "${value}" is a zone, its region is ${home}`;
  context.addIssue({ code: "custom", message });
});

/** https://cloud.google.com/sql/docs/postgres/db-versions */
const postgresVersion = z.enum(
  ["POSTGRES_15", "POSTGRES_16", "POSTGRES_17", "POSTGRES_18"],
  "POSTGRES_15, POSTGRES_16, POSTGRES_17 or POSTGRES_18",
);

const database = z.strictObject(
  {
    version: postgresVersion.default("POSTGRES_17"),
    /** Machine type; see {@link expectedTier}. */
    tier: pattern(/^db-[A-Za-z0-9-]+$/, "a machine type of Cloud SQL, such as db-custom-1-3840"),
    /** Edition; custom machine types exist in ENTERPRISE only. */
    edition: z.enum(["ENTERPRISE", "ENTERPRISE_PLUS"], "ENTERPRISE or ENTERPRISE_PLUS").default("ENTERPRISE"),
    /** REGIONAL keeps a standby in a second zone. */
    availability: z.enum(["ZONAL", "REGIONAL"], "ZONAL or REGIONAL"),
    /** Number of automatic backups to keep. */
    retainedBackups: whole(1, 365).default(7),
    /** Days of transaction log for point-in-time recovery: at most 7, with ENTERPRISE_PLUS 35. */
    transactionLogDays: whole(1, 35).default(7),
    /** Extensions that the first import of each creates; see {@link EXTENSIONS}. */
    extensions: z
      .array(z.enum(EXTENSIONS, "an extension of Cloud SQL, such as pgcrypto"), "a list of extensions")
      .default([]),
    /** Schemas besides public that an import creates for the migrations. */
    schemas: z
      .array(
        pattern(/^(?!pg_|public$|information_schema$)[a-z_][a-z0-9_]{0,62}$/, "a schema's name, such as app"),
        "a list of schemas",
      )
      .default([]),
    /** Start of the maintenance window: day (1 is Monday) and hour in UTC; chosen by Google by default. */
    maintenance: z.strictObject({ day: whole(1, 7), hour: whole(0, 23) }).optional(),
  },
  "an object with tier and availability",
);

const image = pattern(/^[a-z0-9.-]+(?::\d+)?\/[\w./-]+(?:[:@][\w.:-]+)?$/, "an image, such as HOST/PROJECT/NAME:TAG");

const service = z.strictObject(
  {
    image,
    /** Instances that are kept warm. */
    minInstances: whole(0, 100).default(0),
    /** Bounds the connections to the database too, because each instance has its own pool; see `connection-budget.ts`. */
    maxInstances: whole(1, 1000).default(4),
    /** Connections per instance, handed to the service as `DATABASE_POOL_SIZE`; the service's own default without this key. */
    poolSize: whole(1, 1000).optional(),
    /** Concurrent requests per instance; https://cloud.google.com/run/docs/about-concurrency allows 1000. */
    concurrency: whole(1, 1000).default(80),
    /** CPUs per instance. */
    cpu: z.enum(["1", "2", "4", "8"], '"1", "2", "4" or "8"').default("1"),
    /** Memory per instance. */
    memory: pattern(/^[1-9]\d*(Mi|Gi)$/, "an amount of memory, such as 512Mi").default("512Mi"),
    /** Whether the service can be called without credentials. */
    public: flag().default(false),
  },
  "an object with image",
);

const version = pattern(/^\d{14}$/, 'the 14 digits of a migration\'s version, in quotes: "20251025120000"');

const repair = z.strictObject(
  {
    version,
    checksum: pattern(/^[0-9a-f]{64}$/, "the checksum of the file"),
    by: z.string("a name"),
    // YAML turns a time of ISO 8601 into another text.
    at: pattern(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/, "a time, such as 2026-11-27 21:00:00 UTC"),
    why: z.string("a reason"),
  },
  "an object with version, checksum, by, at and why",
);

const schema = z.strictObject(
  {
    /** The version of the database if not the newest; written by `npm run migration -- rollback`. */
    version: version.optional(),
    /** The version of the manually created tables, which are adopted instead of created. */
    baseline: version.optional(),
    /** Versions that count as applied by decision; written by `npm run migration -- repair`. */
    repairs: z.array(repair, "a list of repairs").default([]),
    /** Number of backups taken before migrations to keep. */
    retainedBackups: whole(1, 100).default(5),
    /** Whether a version older than the newest applied one is refused, as after merging an old branch. */
    inOrder: flag().default(false),
  },
  "an object with version, baseline, repairs, retainedBackups or inOrder",
);

const rotation = z.strictObject(
  {
    /** See `rotation.ts`; written by `npm run rotate`. */
    step: whole(0, 1_000_000).default(0),
    /**
     * Days before Google destroys a disabled former credential:
     * https://cloud.google.com/secret-manager/docs/delay-destruction-of-secret-versions allows 1 to 1000.
     */
    destroyAfterDays: whole(1, 1000).default(7),
  },
  "an object with step or destroyAfterDays",
);

const migrationJob = z.strictObject({ image }, "an object with image");

const alerts = z.strictObject(
  {
    /** Recipients of alerts. */
    email: z
      .array(pattern(/^[\w.+-]+@[\w-]+(\.[\w-]+)+$/, "an e-mail address"), "a list of e-mail addresses")
      .default([]),
    /** URL of `docs/RUNBOOK.md`, for the links in alerts. */
    runbook: pattern(/^https:\/\/\S+$/, "an address that begins with https://").default("docs/RUNBOOK.md"),
  },
  "an object with email or runbook",
);

/** @param longest Longest prefix allowed. */
function privateRange(longest: number, example: string) {
  const expected = `a private range of IPv4 addresses of /${longest} or more, such as ${example}`;
  return z.string(expected).refine((text) => {
    const range = parseRange(text);
    return range !== undefined && isPrivate(range) && range.prefix <= longest;
  }, expected);
}

const network = z.strictObject(
  {
    /** Addresses of the service and the job; minimum /26: https://cloud.google.com/run/docs/configuring/vpc-direct-vpc */
    subnet: privateRange(26, "10.8.0.0/24"),
    /**
     * Addresses of Google's services, including the instance; minimum /24:
     * https://cloud.google.com/sql/docs/postgres/configure-private-services-access
     */
    services: privateRange(24, "10.9.0.0/20"),
  },
  "an object with subnet and services",
);

const stackConfig = z
  .strictObject({
    /** Project id. */
    project: pattern(PROJECT_ID, "a project id, such as fusion-prime"),
    region,
    environment: z.enum(["local", "staging", "prod"], "local, staging or prod"),
    /** Whether the data is protected from `pulumi destroy` and the API; by default everywhere except in `local`. */
    protect: flag().optional(),
    /**
     * Resources with data that an update may replace or delete; the preview prints the entry for each change. An entry
     * names the resource's current state, so a leftover one allows nothing later.
     */
    allowDestructive: z
      .array(
        pattern(/^[\w.-]+@[0-9a-f]{12}$/, "an entry as the preview prints it, such as settlement-user@0123456789ab"),
        "a list",
      )
      .default([]),
    /** Email of the account that updates the stack; it may call the service, which testing a new revision requires. */
    deployer: pattern(/^[\w.+-]+@[\w.-]+\.gserviceaccount\.com$/, "the email of a service account").optional(),
    database,
    /** Gives the instance a private address; without this key it has a public one, for connectors only. */
    network: network.optional(),
    service,
    schema: schema.prefault({}),
    rotation: rotation.prefault({}),
    /** Adopts manually created resources; without this key everything is created. */
    adopt: adopt.optional(),
    /** A Cloud Run job that runs migrations on demand, from the image built by `migrations/Dockerfile`. */
    migrationJob: migrationJob.optional(),
    alerts: alerts.prefault({}),
  })
  // Even if single keys are wrong, so that one run reports every problem.
  .superRefine(checkTogether, { when: () => true })
  .transform((config) => ({ ...config, protect: config.protect ?? config.environment !== "local" }));

/** The keys that must fit each other; each may be invalid on its own. */
interface Together extends Adopting {
  readonly environment?: unknown;
  readonly protect?: unknown;
  readonly database?: Readonly<Record<"availability" | "edition" | "tier" | "transactionLogDays", unknown>> | null;
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

/** The service at its largest must leave the database connections: one that finds none answers with errors. */
function checkConnections({ database, service }: Together, wrong: (path: string[], expected: string) => void): void {
  const tier = String(database?.tier);
  const most = maxConnections(tier);
  const { maxInstances, poolSize: pool = DEFAULT_POOL } = service ?? {};
  if (most === undefined || typeof maxInstances !== "number" || typeof pool !== "number") return;
  const demand = [{ instances: maxInstances, pool }];
  if (needed(demand) <= most) return;
  const fitting = Math.floor((most - RESERVED) / pool);
  const [key, expected] =
    fitting > 0 ? ["maxInstances", `at most ${fitting}`] : ["poolSize", `at most ${most - RESERVED}`];
  wrong(["service", key], `${expected}, because ${sum(demand)} exceeds the ${most} connections of ${tier}`);
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
const PROVIDER_KEYS: Record<string, string> = { project: "gcp:project", region: "gcp:region" };

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
const CREDENTIALS = ["gcp:accessToken", "gcp:credentials", "gcp:externalCredentials"];

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
