import { z } from "zod";
import { adopt } from "./adoption/config.ts";
import { isRegion, regionOfZone } from "./connection.ts";
import { EXTENSIONS } from "./extensions.ts";
import { PROJECT_ID } from "./names.ts";
import { isPrivate, parseRange } from "./ranges.ts";
import { flag, key, pattern, whole } from "./schema-parts.ts";

const REGION = "a region, such as us-central1";
const region = z
  .string(REGION)
  .superRefine((value, context) => {
    if (isRegion(value)) return;
    const home = regionOfZone(value);
    const message = home === undefined ? REGION : `a region; "${value}" is a zone, its region is ${home}`;
    context.addIssue({ code: "custom", message });
  })
  .meta({ title: REGION });

/** https://cloud.google.com/sql/docs/postgres/db-versions */
const postgresVersion = z.enum(
  ["POSTGRES_15", "POSTGRES_16", "POSTGRES_17", "POSTGRES_18"],
  "POSTGRES_15, POSTGRES_16, POSTGRES_17 or POSTGRES_18",
);

const database = key(
  "The Cloud SQL instance.",
  { tier: "db-custom-2-7680", availability: "REGIONAL" },
  z.strictObject(
    {
      version: key(
        "Version of PostgreSQL. A newer one upgrades the instance in place, which takes it offline for minutes.",
        "POSTGRES_18",
        postgresVersion.default("POSTGRES_17"),
      ),
      tier: key(
        "Machine type: shared-core or custom ones of edition `ENTERPRISE`, predefined ones of `ENTERPRISE_PLUS`. Its memory decides how many connections the instance takes. A change restarts the instance.",
        "db-custom-2-7680",
        pattern(/^db-[A-Za-z0-9-]+$/, "a machine type of Cloud SQL, such as db-custom-1-3840"),
      ),
      edition: key(
        "Edition of Cloud SQL. A change restarts the instance.",
        "ENTERPRISE_PLUS",
        z.enum(["ENTERPRISE", "ENTERPRISE_PLUS"], "ENTERPRISE or ENTERPRISE_PLUS").default("ENTERPRISE"),
      ),
      availability: key(
        "`REGIONAL` keeps a standby in a second zone, which `prod` requires.",
        "REGIONAL",
        z.enum(["ZONAL", "REGIONAL"], "ZONAL or REGIONAL"),
      ),
      retainedBackups: key("Number of automatic backups to keep.", 30, whole(1, 365).default(7)),
      finalBackupDays: key(
        "Days that a final backup outlives a deleted instance, whose other backups are then kept too; 0 keeps none.",
        30,
        whole(0, 365).default(0),
      ),
      transactionLogDays: key(
        "Days of transaction log for point-in-time recovery: at most 7, with edition `ENTERPRISE_PLUS` 35.",
        7,
        whole(1, 35).default(7),
      ),
      extensions: key(
        "Extensions that the first import of each creates: those of Cloud SQL that need no database flag.",
        ["pgcrypto"],
        z.array(z.enum(EXTENSIONS, "an extension of Cloud SQL, such as pgcrypto"), "a list of extensions").default([]),
      ),
      schemas: key(
        "Schemas besides `public` that an import creates for the migrations.",
        ["app"],
        z
          .array(
            pattern(/^(?!pg_|public$|information_schema$)[a-z_][a-z0-9_]{0,62}$/, "a schema's name, such as app"),
            "a list of schemas",
          )
          .default([]),
      ),
      replica: key(
        "A replica in a second region, with a service beside it that uses the primary and stands ready. See `npm run failover`.",
        { region: "us-east1", tier: "db-custom-2-7680" },
        z
          .strictObject(
            {
              region: key("Another region than the stack's.", "us-east1", region),
              tier: key(
                "Machine type, with at least as many connections as `tier` of the primary.",
                "db-custom-2-7680",
                pattern(/^db-[A-Za-z0-9-]+$/, "a machine type of Cloud SQL, such as db-custom-1-3840"),
              ),
              subnet: key(
                "Addresses of the service in the second region; required with `settlement:network`, at least a /26.",
                "10.8.1.0/24",
                privateRange(26, "10.8.1.0/24").optional(),
              ),
              disasterRecovery: key(
                "Designates the replica for a switchover without loss, in edition `ENTERPRISE_PLUS`. Set it in an update after the one that creates the replica.",
                false,
                flag().default(false),
              ),
              promoted: key(
                "Whether the replica is the primary now; written by `npm run failover`.",
                true,
                flag().default(false),
              ),
              underway: key(
                "Whether a failover was interrupted, which the next one resumes; written by `npm run failover`.",
                true,
                flag().default(false),
              ),
            },
            "an object with region and tier",
          )
          .optional(),
      ),
      pooling: key(
        "Managed Connection Pooling, in edition `ENTERPRISE_PLUS`: poolers of Google's that share the database's connections among more clients, a transaction at a time. Not with `settlement:migrationJob`. See [CAPACITY.md](CAPACITY.md).",
        { poolSize: 50 },
        z
          .strictObject(
            {
              enabled: key(
                "`false` ends it: without the key `pooling` the instance keeps what it has. A change restarts the instance, and Google refuses it together with another change of the instance.",
                false,
                flag().default(true),
              ),
              poolSize: key(
                "Connections to the database per pooler and login. Times one pooler for every four CPUs and two logins, plus 10 reserved, they must not exceed the connections of `tier`.",
                100,
                whole(1, 1000).default(50),
              ),
              clients: key(
                "Connections to the poolers: at least `settlement:service.maxInstances` × `poolSize` of the service.",
                10_000,
                whole(1, 100_000).default(5000),
              ),
            },
            "an object with enabled, poolSize or clients",
          )
          .optional(),
      ),
      maintenance: key(
        "Start of the maintenance window; without it Google chooses.",
        { day: 7, hour: 4 },
        z
          .strictObject({
            day: key("Day of the week; 1 is Monday.", 7, whole(1, 7)),
            hour: key("Hour in UTC.", 4, whole(0, 23)),
          })
          .optional(),
      ),
    },
    "an object with tier and availability",
  ),
);

const image = pattern(/^[a-z0-9.-]+(?::\d+)?\/[\w./-]+(?:[:@][\w.:-]+)?$/, "an image, such as HOST/PROJECT/NAME:TAG");

const IMAGE = "us-central1-docker.pkg.dev/fusion-prime/settlement/settlement-service:1.0.0";

const service = key(
  "The Cloud Run service.",
  { image: IMAGE },
  z.strictObject(
    {
      image: key("Image of the service. A new one is tested before it gets traffic.", IMAGE, image),
      minInstances: key("Instances that are kept warm.", 1, whole(0, 100).default(0)),
      maxInstances: key(
        "Most instances of a revision. Times `poolSize`, plus 10 reserved, it must not exceed the connections of `settlement:database.tier`. A rollout under full load may need twice as many for some minutes.",
        10,
        whole(1, 1000).default(4),
      ),
      poolSize: key(
        "Connections to the database per instance, handed to the service as `DATABASE_POOL_SIZE`. Without this key the variable is not set, and the service's own default, 10, counts.",
        20,
        whole(1, 1000).optional(),
      ),
      concurrency: key(
        "Concurrent requests per instance.",
        80,
        // https://cloud.google.com/run/docs/about-concurrency
        whole(1, 1000).default(80),
      ),
      cpu: key("CPUs per instance.", "2", z.enum(["1", "2", "4", "8"], '"1", "2", "4" or "8"').default("1")),
      memory: key(
        "Memory per instance: 128Mi to 4Gi with 1 CPU, to 8Gi with 2, 2Gi to 16Gi with 4, 4Gi to 32Gi with 8.",
        "1Gi",
        pattern(/^[1-9]\d*(Mi|Gi)$/, "an amount of memory, such as 512Mi").default("512Mi"),
      ),
      public: key("Whether the service can be called without credentials.", true, flag().default(false)),
    },
    "an object with image",
  ),
);

const version = pattern(/^\d{14}$/, 'the 14 digits of a migration\'s version, in quotes: "20251025120000"');

const VERSION = "20251025120000";

const REPAIR = {
  version: VERSION,
  checksum: "0".repeat(64),
  by: "alice",
  at: "2026-11-27 21:00:00 UTC",
  why: "applied by the hotfix of ticket 4711",
};

const repair = z.strictObject(
  {
    version: key("The version.", REPAIR.version, version),
    checksum: key("SHA-256 of the file.", REPAIR.checksum, pattern(/^[0-9a-f]{64}$/, "the checksum of the file")),
    by: key("Who decided.", REPAIR.by, z.string("a name")),
    at: key(
      "When.",
      REPAIR.at,
      // YAML turns a time of ISO 8601 into another text.
      pattern(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/, "a time, such as 2026-11-27 21:00:00 UTC"),
    ),
    why: key("The reason.", REPAIR.why, z.string("a reason")),
  },
  "an object with version, checksum, by, at and why",
);

const schema = key(
  "The schema of the database.",
  { retainedBackups: 10 },
  z
    .strictObject(
      {
        version: key(
          "The version of the database if not the newest; written by `npm run migration -- rollback`.",
          VERSION,
          version.optional(),
        ),
        baseline: key(
          "The version of the manually created tables, which are adopted instead of created.",
          VERSION,
          version.optional(),
        ),
        repairs: key(
          "Versions that count as applied by decision; written by `npm run migration -- repair`.",
          [REPAIR],
          z.array(repair, "a list of repairs").default([]),
        ),
        retainedBackups: key("Number of backups taken before migrations to keep.", 10, whole(1, 100).default(5)),
        inOrder: key(
          "Whether a version older than the newest applied one is refused, as after merging an old branch.",
          true,
          flag().default(false),
        ),
      },
      "an object with version, baseline, repairs, retainedBackups or inOrder",
    )
    .prefault({}),
);

const rotation = key(
  "The rotation of the service's credential.",
  { destroyAfterDays: 30 },
  z
    .strictObject(
      {
        step: key("The number of rotations; written by `npm run rotate`.", 1, whole(0, 1_000_000).default(0)),
        destroyAfterDays: key(
          "Days before Google destroys a disabled former credential.",
          30,
          // https://cloud.google.com/secret-manager/docs/delay-destruction-of-secret-versions
          whole(1, 1000).default(7),
        ),
      },
      "an object with step or destroyAfterDays",
    )
    .prefault({}),
);

const migrationJob = key(
  "A Cloud Run job that runs migrations on demand. Without this key there is none.",
  { image: IMAGE.replace("service:", "migration:") },
  z
    .strictObject(
      { image: key("Built by `migrations/Dockerfile`.", IMAGE.replace("service:", "migration:"), image) },
      "an object with image",
    )
    .optional(),
);

const alerts = key(
  "Alerts of Cloud Monitoring.",
  { email: ["on-call@example.com"] },
  z
    .strictObject(
      {
        email: key(
          "Recipients of alerts.",
          ["on-call@example.com"],
          z
            .array(pattern(/^[\w.+-]+@[\w-]+(\.[\w-]+)+$/, "an e-mail address"), "a list of e-mail addresses")
            .default([]),
        ),
        runbook: key(
          "URL of `docs/RUNBOOK.md`, for the links in alerts.",
          "https://git.example.com/settlement/docs/RUNBOOK.md",
          pattern(/^https:\/\/\S+$/, "an address that begins with https://").default("docs/RUNBOOK.md"),
        ),
      },
      "an object with email or runbook",
    )
    .prefault({}),
);

/** @param longest Longest prefix allowed. */
function privateRange(longest: number, example: string) {
  const expected = `a private range of IPv4 addresses of /${longest} or more, such as ${example}`;
  return z
    .string(expected)
    .refine((text) => {
      const range = parseRange(text);
      return range !== undefined && isPrivate(range) && range.prefix <= longest;
    }, expected)
    .meta({ title: expected });
}

const network = key(
  "Gives the instance a private address. Without this key it has a public one, for connectors only. Adding it restarts the instance; removing it replaces the instance, which the guard blocks.",
  { subnet: "10.8.0.0/24", services: "10.9.0.0/20" },
  z
    .strictObject(
      {
        subnet: key(
          "Addresses of the service and the job.",
          "10.8.0.0/24",
          // https://cloud.google.com/run/docs/configuring/vpc-direct-vpc
          privateRange(26, "10.8.0.0/24"),
        ),
        services: key(
          "Addresses of Google's services, including the instance; must not overlap `subnet` or 172.17.0.0/16.",
          "10.9.0.0/20",
          // https://cloud.google.com/sql/docs/postgres/configure-private-services-access
          privateRange(24, "10.9.0.0/20"),
        ),
      },
      "an object with subnet and services",
    )
    .optional(),
);

const DOMAIN = "a domain in lower case with at most 50 characters, such as settlement.example.com";

const frontend = key(
  "One address in front of the service, by a global external load balancer, which `npm run failover` moves to the second region. Without this key clients call the service's own URL.",
  { domain: "settlement.example.com" },
  z
    .strictObject(
      {
        domain: key(
          "The name that clients use. Google issues its certificate once an A record of it has the output `frontendAddress`.",
          "settlement.example.com",
          pattern(/^(?=.{1,50}$)([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])?$/, DOMAIN),
        ),
      },
      "an object with domain",
    )
    .optional(),
);

/**
 * Every key of a stack's configuration, with its default, its effect and an example: `docs/CONFIGURATION.md` and the schema for
 * editors are generated from it. How keys must fit each other is in `config.ts`.
 */
export const configSchema = z.strictObject({
  project: key("Project id.", "fusion-prime", pattern(PROJECT_ID, "a project id, such as fusion-prime")),
  region: key("Region of everything.", "us-central1", region),
  environment: key(
    "What the stack is for; decides what must be protected.",
    "staging",
    z.enum(["local", "staging", "prod"], "local, staging or prod"),
  ),
  protect: key(
    "Whether the data is protected from `pulumi destroy` and the API; by default everywhere except in `local`. Cannot be `false` in `prod`.",
    true,
    flag().optional(),
  ),
  allowDestructive: key(
    "Resources with data that an update may replace or delete; the preview prints the entry for each change. An entry names the resource's current state, so a leftover one allows nothing later.",
    ["settlement-user@0123456789ab"],
    z
      .array(
        pattern(/^[\w.-]+@[0-9a-f]{12}$/, "an entry as the preview prints it, such as settlement-user@0123456789ab"),
        "a list",
      )
      .default([]),
  ),
  deployer: key(
    "Email of the account that updates the stack; it may call the service, which testing a new revision requires.",
    "settlement-deployer@fusion-prime.iam.gserviceaccount.com",
    pattern(/^[\w.+-]+@[\w.-]+\.gserviceaccount\.com$/, "the email of a service account").optional(),
  ),
  database,
  network,
  service,
  frontend,
  schema,
  rotation,
  adopt: adopt.optional(),
  migrationJob,
  alerts,
});
