import { ConfigError, parseConfig, programValues } from "../../infra/config.ts";
import { CONFIG } from "./declared.ts";

const PLUS = { edition: "ENTERPRISE_PLUS", tier: "db-perf-optimized-N-8" };

function problems(change: Record<string, unknown>): readonly string[] {
  try {
    parseConfig({ ...CONFIG, ...change });
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test("fills in defaults", () => {
  expect(parseConfig(CONFIG)).toMatchObject({
    protect: true,
    database: { version: "POSTGRES_17", edition: "ENTERPRISE", retainedBackups: 7, transactionLogDays: 7 },
    service: { minInstances: 0, maxInstances: 4, concurrency: 80, cpu: "1", memory: "512Mi", public: false },
  });
});

test("refuses a zone in place of a region, and suggests the region", () => {
  expect(problems({ region: "us-central1-a" })).toEqual([
    'gcp:region is "us-central1-a"; expected a region; "us-central1-a" is a zone, its region is us-central1.',
  ]);
});

test("reports every wrong or missing key at once, with its value and what is expected", () => {
  const { tier, ...database } = CONFIG.database;
  expect(tier).toBeDefined();
  expect(
    problems({
      project: undefined,
      environment: "production",
      database: { ...database, version: "MYSQL_8_0", retainedBackups: 0 },
      service: { image: 7, maxInstances: "ten", memori: "1Gi" },
    }),
  ).toEqual([
    "gcp:project is missing; expected a project id, such as fusion-prime.",
    'settlement:environment is "production"; expected local, staging or prod.',
    'settlement:database.version is "MYSQL_8_0"; expected POSTGRES_15, POSTGRES_16, POSTGRES_17 or POSTGRES_18.',
    "settlement:database.tier is missing; expected a machine type of Cloud SQL, such as db-custom-1-3840.",
    "settlement:database.retainedBackups is 0; expected a whole number from 1 to 365.",
    "settlement:service.image is 7; expected an image, such as HOST/PROJECT/NAME:TAG.",
    'settlement:service.maxInstances is "ten"; expected a whole number from 1 to 1000.',
    "settlement:service.memori is not a key of this program; remove it.",
  ]);
});

test("reports a missing section in one sentence", () => {
  expect(problems({ database: undefined })).toEqual([
    "settlement:database is missing; expected an object with tier and availability.",
  ]);
});

test.each([
  ["protect", { protect: false }, "settlement:protect is false; expected true in prod"],
  [
    "an extension that Cloud SQL lacks",
    { database: { ...CONFIG.database, extensions: ["pgcrypto", "timescaledb"] } },
    'settlement:database.extensions.1 is "timescaledb"; expected an extension of Cloud SQL, such as pgcrypto',
  ],
  [
    "a schema of PostgreSQL",
    { database: { ...CONFIG.database, schemas: ["pg_app"] } },
    'settlement:database.schemas.0 is "pg_app"; expected a schema\'s name, such as app',
  ],
  [
    "availability",
    { database: { ...CONFIG.database, availability: "ZONAL" } },
    'settlement:database.availability is "ZONAL"; expected REGIONAL in prod',
  ],
  [
    "transactionLogDays",
    { database: { ...CONFIG.database, transactionLogDays: 30 } },
    "settlement:database.transactionLogDays is 30; expected at most 7 in edition ENTERPRISE",
  ],
  [
    "minInstances",
    { service: { ...CONFIG.service, minInstances: 9, maxInstances: 2 } },
    "settlement:service.minInstances is 9; expected at most service.maxInstances",
  ],
  [
    "a machine type with three CPUs",
    { database: { ...CONFIG.database, tier: "db-custom-3-11520" } },
    'settlement:database.tier is "db-custom-3-11520"; expected 1 CPU or an even number up to 96',
  ],
  [
    "more connections than the machine type takes",
    { service: { ...CONFIG.service, maxInstances: 40 } },
    "settlement:service.maxInstances is 40; expected at most 39, because 40 instances × 10 connections + 10 reserved = 410 exceeds the 400 connections of db-custom-2-7680.",
  ],
  [
    "more connections than the machine type takes, by the pool",
    { service: { ...CONFIG.service, maxInstances: 10, poolSize: 50 } },
    "settlement:service.maxInstances is 10; expected at most 7, because 10 instances × 50 connections + 10 reserved = 510 exceeds",
  ],
  [
    "a pool that alone has more connections than the machine type takes",
    { service: { ...CONFIG.service, maxInstances: 1, poolSize: 391 } },
    "settlement:service.poolSize is 391; expected at most 390, because 1 instance × 391 connections + 10 reserved = 401 exceeds",
  ],
  ...(
    [
      [
        "in edition ENTERPRISE",
        {},
        {},
        "expected nothing in edition ENTERPRISE, which has no Managed Connection Pooling",
      ],
      [
        "with too few clients",
        { ...PLUS, pooling: { clients: 99 } },
        { maxInstances: 10 },
        "settlement:database.pooling.clients is 99; expected at least 100, because 10 instances × 10 connections = 100 exceeds the 99 clients of the poolers.",
      ],
      [
        "with pools for which the machine type has too few connections",
        { ...PLUS, pooling: { poolSize: 198 } },
        {},
        "settlement:database.pooling.poolSize is 198; expected at most 197, because 2 poolers × 2 logins × 198 connections + 10 reserved = 802 exceeds the 800 connections of db-perf-optimized-N-8.",
      ],
      [
        "with a replica that has more poolers than connections for them",
        { ...PLUS, pooling: { poolSize: 150 }, replica: { region: "us-east1", tier: "db-perf-optimized-N-16" } },
        {},
        "expected at most 123, because 4 poolers × 2 logins × 150 connections + 10 reserved = 1210 exceeds the 1000 connections of db-perf-optimized-N-16.",
      ],
    ] as [string, object, object, string][]
  ).map(([title, database, service, sentence]): [string, Record<string, unknown>, string] => [
    `poolers ${title}`,
    { database: { ...CONFIG.database, pooling: {}, ...database }, service: { ...CONFIG.service, ...service } },
    sentence,
  ]),
  [
    "the migration job behind poolers",
    {
      database: { ...CONFIG.database, ...PLUS, pooling: {} },
      migrationJob: { image: "us-central1-docker.pkg.dev/fusion-prime/settlement/settlement-migration:1.0.0" },
    },
    "expected no such key with database.pooling, because the job connects by the Auth Proxy, which leads to the poolers",
  ],
  ...(
    [
      ["4", "512Mi", "from 2Gi to 16Gi with 4 CPUs"],
      ["8", "2Gi", "from 4Gi to 32Gi with 8 CPUs"],
      ["1", "8Gi", "from 128Mi to 4Gi with 1 CPU"],
      ["2", "9Gi", "from 128Mi to 8Gi with 2 CPUs"],
    ] as const
  ).map(([cpu, memory, range]): [string, Record<string, unknown>, string] => [
    `${memory} with ${cpu} CPUs`,
    { service: { ...CONFIG.service, cpu, memory } },
    `settlement:service.memory is "${memory}"; expected ${range}`,
  ]),
  [
    "tier",
    { database: { ...CONFIG.database, edition: "ENTERPRISE_PLUS" } },
    'settlement:database.tier is "db-custom-2-7680"; expected a machine type of edition ENTERPRISE_PLUS',
  ],
  ...(
    [
      [{ subnet: "10.8.0.1/24", services: "8.8.8.0/24" }, "settlement:network.subnet", "settlement:network.services"],
      [{ subnet: "10.8.0.0/28", services: "10.9.0.0/28" }, "/26 or more", "/24 or more"],
      [{ subnet: "10.8.0.0/24", services: "10.8.0.0/16" }, "a range that does not overlap network.subnet"],
      [{ subnet: "10.8.0.0/24", services: "172.17.4.0/24" }, "a range outside 172.17.0.0/16"],
      [{ subnet: "10.8.0.0/24", range: "10.9.0.0/20" }, "network.services is missing", "network.range is not a key"],
      [true, "settlement:network is true; expected an object with subnet and services"],
    ] as [unknown, ...string[]][]
  ).map(([network, ...said]): [string, Record<string, unknown>, ...string[]] => [
    `network ${JSON.stringify(network)}`,
    { network },
    ...said,
  ]),
  [
    "project google-prime",
    { project: "google-prime" },
    'gcp:project is "google-prime"; expected a project id for which "google-prime-migrations" is a valid bucket name.',
  ],
] as [string, Record<string, unknown>, ...string[]][])(
  "rejects keys that contradict each other: %s",
  (_name, change, ...said) => {
    expect(problems(change)).toEqual(said.map((sentence) => expect.stringContaining(sentence) as string));
  },
);

test("rejects a project id scoped by a domain", () => {
  expect(problems({ project: "example.com:fusion-prime" })).toEqual([
    'gcp:project is "example.com:fusion-prime"; expected a project id, such as fusion-prime.',
  ]);
});

test("reports contradicting keys together with invalid ones, and each only once", () => {
  expect(
    problems({
      project: 7,
      database: { ...CONFIG.database, availability: "ZONAL", transactionLogDays: 36 },
      service: "none",
    }),
  ).toEqual([
    "gcp:project is 7; expected a project id, such as fusion-prime.",
    "settlement:database.transactionLogDays is 36; expected a whole number from 1 to 35.",
    'settlement:service is "none"; expected an object with image.',
    'settlement:database.availability is "ZONAL"; expected REGIONAL in prod, so that the service survives the loss of a zone.',
  ]);
  expect(problems({ database: null })).toEqual([
    "settlement:database is null; expected an object with tier and availability.",
  ]);
});

test("ignores keys of the engine and the provider, and reports keys of unknown namespaces", () => {
  const values = programValues({
    "gcp:project": "fusion-prime",
    "gcp:sqlCustomEndpoint": "http://127.0.0.1:1/",
    "pulumi:tags": "{}",
    "settlement:protect": "true",
    "settlement:service": '{"image":"h/p/n:1"}',
    environment: "prod",
    "setlement:databse": "{}",
  });
  expect(values).toEqual({
    project: "fusion-prime",
    protect: true,
    service: { image: "h/p/n:1" },
    environment: "prod",
    "setlement:databse": {},
  });
  expect(problems(values)).toEqual(["setlement:databse is not a key of this program; remove it."]);
});

test("refuses credentials in the configuration, encrypted or not", () => {
  const values = programValues({
    "gcp:credentials": '{"type":"service_account"}',
    "gcp:accessToken": "x",
    "gcp:zone": "z",
  });
  expect(problems(values)).toEqual(
    ["gcp:credentials", "gcp:accessToken"].map(
      (key) => `${key} is a credential and must not be in a stack file; set it in the environment instead.`,
    ),
  );
  expect(problems({ ...CONFIG, service: { ...CONFIG.service, databaseUrl: { secure: "v1:abc" } } })).toEqual([
    "settlement:service.databaseUrl is not a key of this program; remove it.",
  ]);
});

test("protects data everywhere except in local, and there on request", () => {
  expect(parseConfig({ ...CONFIG, environment: "staging" }).protect).toBe(true);
  expect(parseConfig({ ...CONFIG, environment: "local" }).protect).toBe(false);
  expect(parseConfig({ ...CONFIG, environment: "local", protect: true }).protect).toBe(true);
});
