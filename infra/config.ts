import * as pulumi from "@pulumi/pulumi";
import { z } from "zod";
import { adopt, type Adopting, checkAdoption } from "./adoption/config.ts";
import { isRegion, regionOfZone } from "./connection.ts";
import { migrationsBucket } from "./names.ts";
import { isPrivate, overlap, parseRange } from "./ranges.ts";

/** What a stack is for: decides what may be destroyed, and what must be protected. */
export type Environment = "local" | "staging" | "prod";

/** A key of the configuration that is missing or wrong; the message is for the person who wrote it. */
export class ConfigError extends pulumi.RunError {
  readonly problems: readonly string[];

  /** @param problems One sentence a key. */
  constructor(problems: readonly string[]) {
    super(`The stack's configuration needs ${problems.length === 1 ? "a change" : "changes"}:\n${list(problems)}`);
    this.problems = problems;
  }
}

function list(sentences: readonly string[]): string {
  return sentences.map((sentence) => `  - ${sentence}`).join("\n");
}

/** A whole number between two bounds, both included. */
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

const region = z.string("a region, such as us-central1").superRefine((value, context) => {
  if (isRegion(value)) return;
  const home = regionOfZone(value);
  context.addIssue({
    code: "custom",
    message:
      home === undefined ? "a region, such as us-central1" : `a region; "${value}" is a zone, its region is ${home}`,
  });
});

/** https://cloud.google.com/sql/docs/postgres/db-versions */
const postgresVersion = z.enum(
  ["POSTGRES_15", "POSTGRES_16", "POSTGRES_17", "POSTGRES_18"],
  "POSTGRES_15, POSTGRES_16, POSTGRES_17 or POSTGRES_18",
);

const database = z.strictObject(
  {
    /** Major version of PostgreSQL. */
    version: postgresVersion.default("POSTGRES_17"),
    /** Machine type. */
    tier: pattern(/^db-[a-z0-9-]+$/, "a machine type of Cloud SQL, such as db-custom-1-3840"),
    /** Edition; custom machine types exist in ENTERPRISE only. */
    edition: z.enum(["ENTERPRISE", "ENTERPRISE_PLUS"], "ENTERPRISE or ENTERPRISE_PLUS").default("ENTERPRISE"),
    /** REGIONAL keeps a standby in a second zone. */
    availability: z.enum(["ZONAL", "REGIONAL"], "ZONAL or REGIONAL"),
    /** Automatic backups that are kept. */
    retainedBackups: whole(1, 365).default(7),
    /** Days of transaction log for point-in-time recovery: at most 7, with ENTERPRISE_PLUS 35. */
    transactionLogDays: whole(1, 35).default(7),
    /** Start of the maintenance window, in UTC; Google picks the time where none is given. */
    maintenance: z
      .strictObject({
        /** 1 is Monday. */
        day: whole(1, 7),
        hour: whole(0, 23),
      })
      .optional(),
  },
  "an object with tier and availability",
);

const image = pattern(/^[a-z0-9.-]+(?::\d+)?\/[\w./-]+(?:[:@][\w.:-]+)?$/, "an image, such as HOST/PROJECT/NAME:TAG");

const service = z.strictObject(
  {
    /** The container's image. */
    image,
    /** Instances that are kept warm. */
    minInstances: whole(0, 100).default(0),
    /** Instances at most: each has a pool of connections to the database, so this bounds them. */
    maxInstances: whole(1, 1000).default(4),
    /** Requests that one instance serves at a time; https://cloud.google.com/run/docs/about-concurrency allows 1000. */
    concurrency: whole(1, 1000).default(80),
    /** CPUs of one instance. */
    cpu: z.enum(["1", "2", "4", "8"], '"1", "2", "4" or "8"').default("1"),
    /** Memory of one instance. */
    memory: pattern(/^[1-9]\d*(Mi|Gi)$/, "an amount of memory, such as 512Mi").default("512Mi"),
    /** Whether anybody may call the service without credentials. */
    public: flag().default(false),
  },
  "an object with image",
);

const version = pattern(/^\d{14}$/, 'a version, the 14 digits a migration begins with, in quotes: "20251025120000"');

const schema = z.strictObject(
  {
    /** The version the database is to have, where that is not the newest: what `npm run migration -- rollback` writes. */
    version: version.optional(),
    /** The version up to which tables that were made by hand are taken over instead of made. */
    baseline: version.optional(),
    /** Backups made before migrations that are kept. */
    retainedBackups: whole(1, 100).default(5),
  },
  "an object with version, baseline or retainedBackups",
);

const rotation = z.strictObject(
  {
    /** Where the turns of the two logins stand, see `rotation.ts`: what `npm run rotate` writes. */
    step: whole(0, 1_000_000).default(0),
    /**
     * Days for which a former credential stays in Secret Manager, disabled, before Google destroys it:
     * https://cloud.google.com/secret-manager/docs/delay-destruction-of-secret-versions allows 1 to 1000.
     */
    destroyAfterDays: whole(1, 1000).default(7),
  },
  "an object with step or destroyAfterDays",
);

const migrationJob = z.strictObject(
  {
    /** The image that `migrations/Dockerfile` makes. */
    image,
  },
  "an object with image",
);

const alerts = z.strictObject(
  {
    /** Who is told of an alert. */
    email: z
      .array(pattern(/^[\w.+-]+@[\w-]+(\.[\w-]+)+$/, "an e-mail address"), "a list of e-mail addresses")
      .default([]),
    /** Where `docs/RUNBOOK.md` can be read, for the links in alerts. */
    runbook: pattern(/^https:\/\/\S+$/, "an address that begins with https://").default("docs/RUNBOOK.md"),
  },
  "an object with email or runbook",
);

/** A private range of IPv4 addresses, of a prefix of this length or a shorter one. */
function privateRange(longest: number, example: string) {
  const expected = `a private range of IPv4 addresses of /${longest} or more, such as ${example}`;
  return z.string(expected).refine((text) => {
    const range = parseRange(text);
    return range !== undefined && isPrivate(range) && range.prefix <= longest;
  }, expected);
}

const network = z.strictObject(
  {
    /** Addresses of the service and the job: https://cloud.google.com/run/docs/configuring/vpc-direct-vpc asks for /26. */
    subnet: privateRange(26, "10.8.0.0/24"),
    /**
     * Addresses of Google's services, the instance's among them:
     * https://cloud.google.com/sql/docs/postgres/configure-private-services-access asks for /24.
     */
    services: privateRange(24, "10.9.0.0/20"),
  },
  "an object with subnet and services",
);

const stackConfig = z
  .strictObject({
    /** Project id. */
    project: pattern(/^(?:[a-z0-9.-]+\.[a-z]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$/, "a project id, such as fusion-prime"),
    region,
    environment: z.enum(["local", "staging", "prod"], "local, staging or prod"),
    /** Whether the data is protected from `pulumi destroy` and from the API; off in `local` only if nothing is said. */
    protect: flag().optional(),
    /**
     * What an update may replace or delete although it holds data, an entry a change: the preview says which one. It
     * names the resource as it is now, so an entry that is left behind allows nothing later.
     */
    allowDestructive: z
      .array(
        pattern(/^[\w.-]+@[0-9a-f]{12}$/, "an entry as the preview prints it, such as settlement-user@0123456789ab"),
        "a list",
      )
      .default([]),
    /**
     * Email of the account that updates the stack. It may call the service, to try a new revision before users do; without
     * it no revision can be tried.
     */
    deployer: pattern(/^[\w.+-]+@[\w.-]+\.gserviceaccount\.com$/, "the email of a service account").optional(),
    database,
    /** The instance gets a private address and no public one; without this key a public one, for connectors only. */
    network: network.optional(),
    service,
    schema: schema.prefault({}),
    rotation: rotation.prefault({}),
    /** What was made by hand and is taken over; without this key everything is made. */
    adopt: adopt.optional(),
    /** The Cloud Run job that runs migrations when somebody executes it; without this key there is none. */
    migrationJob: migrationJob.optional(),
    alerts: alerts.prefault({}),
  })
  // Also where a key is wrong by itself, so that nothing is left to be said the next time.
  .superRefine(checkTogether, { when: () => true })
  .transform((config) => ({ ...config, protect: config.protect ?? config.environment !== "local" }));

/** The keys that must fit each other, of which any may be wrong by itself. */
interface Together extends Adopting {
  readonly environment?: unknown;
  readonly protect?: unknown;
  readonly database?: Readonly<Record<"availability" | "edition" | "tier" | "transactionLogDays", unknown>> | null;
  readonly network?: Readonly<Record<"subnet" | "services", unknown>> | null | undefined;
  readonly service?: Readonly<Record<"minInstances" | "maxInstances", unknown>> | null;
}

function checkTogether(config: Together, context: z.RefinementCtx): void {
  const { database, environment, network, project, protect, service } = config;
  const wrong = (path: string[], message: string) => {
    context.addIssue({ code: "custom", path, message, input: at(config, path) });
  };
  if (typeof project === "string" && !isBucketName(migrationsBucket(project))) {
    wrong(["project"], `a project id that makes "${migrationsBucket(project)}" a name that a bucket may have`);
  }
  if (environment === "prod" && protect === false) wrong(["protect"], "true in prod, where the data is real");
  if (database) {
    const { availability, edition, tier, transactionLogDays } = database;
    if (environment === "prod" && availability !== "REGIONAL") {
      wrong(
        ["database", "availability"],
        "REGIONAL in prod, so that the loss of a zone is not the loss of the service",
      );
    }
    if (edition === "ENTERPRISE_PLUS" && String(tier).startsWith("db-custom-")) {
      wrong(["database", "tier"], "a machine type of the edition ENTERPRISE_PLUS, such as db-perf-optimized-N-2");
    }
    if (edition === "ENTERPRISE" && Number(transactionLogDays) > 7) {
      wrong(["database", "transactionLogDays"], "at most 7 in the edition ENTERPRISE");
    }
  }
  if (network) {
    const [subnet, services] = [network.subnet, network.services].map((range) => parseRange(String(range)));
    if (subnet && services && overlap(subnet, services)) {
      wrong(["network", "services"], "a range that has no address of network.subnet");
    }
    // https://cloud.google.com/sql/docs/postgres/configure-private-services-access
    const docker = parseRange("172.17.0.0/16");
    if (services && docker && overlap(services, docker)) {
      wrong(["network", "services"], "a range outside 172.17.0.0/16, which Cloud SQL uses inside its instances");
    }
  }
  if (service && Number(service.minInstances) > Number(service.maxInstances)) {
    wrong(["service", "minInstances"], "no more than service.maxInstances");
  }
  checkAdoption(config, wrong);
}

/** https://cloud.google.com/storage/docs/buckets#naming */
function isBucketName(name: string): boolean {
  return /^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$/.test(name) && !/^goog|google|g00gle/.test(name);
}

/** A stack's configuration, complete: what was not given has its default. */
export type StackConfig = z.output<typeof stackConfig>;

/** The keys that the provider owns and the program reads. */
const PROVIDER_KEYS: Record<string, string> = { project: "gcp:project", region: "gcp:region" };

/**
 * Checks a stack's configuration.
 * @param values What the stack file says: `project` and `region` from the `gcp:` namespace, everything else from
 * `settlement:`.
 * @throws ConfigError that names every wrong key, its value and what is expected.
 */
export function parseConfig(values: Readonly<Record<string, unknown>>): StackConfig {
  const result = stackConfig.safeParse(values, { reportInput: true });
  if (result.success) return result.data;
  const { issues } = result.error;
  const said = issues.filter(({ code, path }, index) => {
    // What does not fit is no news where the key, or what it belongs to, is wrong by itself.
    const known = issues.slice(0, index).filter((before) => before.code !== "unrecognized_keys");
    return code !== "custom" || !known.some((before) => before.path.every((key, depth) => key === path[depth]));
  });
  throw new ConfigError(said.flatMap((issue) => sentences(issue, values)));
}

function sentences(issue: z.core.$ZodIssue, values: unknown): string[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) =>
      CREDENTIALS.includes(key)
        ? `${key} is a credential, and a stack file is no place for one; remove it, and give it to the environment.`
        : `${name([...issue.path, key])} is not a key of this program; remove it.`,
    );
  }
  const value = at(values, issue.path);
  const found = value === undefined ? "is missing" : `is ${shown(value)}`;
  return [`${name(issue.path)} ${found}; expected ${issue.message}.`];
}

/** Longest value that is repeated in a message, in characters. */
const LONGEST = 80;

/** A value in a message: a credential may have got to the wrong key, so nothing is shown that could be one. */
function shown(value: unknown): string {
  const whole = JSON.stringify(value);
  const text = whole.slice(0, 2 * LONGEST);
  const credential = /:\/\/[^/]*@|(?=\S*[a-z])(?=\S*[A-Z])(?=\S*\d)[\w+/=-]{12,}/.test(text);
  if (credential) return "something that could be a credential and is not shown";
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

/**
 * The configuration of the stack that is being deployed.
 * @throws ConfigError, see {@link parseConfig}.
 */
export function loadConfig(): StackConfig {
  return parseConfig(programValues(pulumi.runtime.allConfig()));
}

/** Namespaces whose keys belong to the engine and the provider. */
const OTHERS = ["gcp", "pulumi"];

/** Keys of the provider that would put a live credential into a file. */
const CREDENTIALS = ["gcp:accessToken", "gcp:credentials", "gcp:externalCredentials"];

/**
 * The values that {@link parseConfig} takes, of all that a stack's configuration says. A key of a namespace that nobody
 * reads is handed on as it is, so that it is called unknown, and so is one that holds a credential.
 * @param config By key, such as `gcp:region`; a key without a namespace is one of `settlement:`.
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

/** The engine hands objects, lists and booleans over as JSON; everything else is text as it stands. */
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
