import * as pulumi from "@pulumi/pulumi";
import { CONFIG, type Declared, declare, named, PASSWORDS, waitsFor } from "./declared.ts";

const CONNECTION_NAME = "fusion-prime:us-central1:fusion-prime-db-a504713e";
const PASSWORD = PASSWORDS["settlement-password"];
/** The APIs of modules of the provider with another name. */
const APIS: Readonly<Record<string, string>> = {
  cloudrunv2: "run",
  projects: "cloudresourcemanager",
  serviceaccount: "iam",
  sql: "sqladmin",
};
const ACCOUNT = "settlement-service@fusion-prime.iam.gserviceaccount.com";

describe("the stack of the brief", () => {
  let resources: Declared[];
  let outputs: Awaited<ReturnType<typeof declare>>["outputs"];

  beforeAll(async () => {
    ({ resources, outputs } = await declare());
  });

  const inputs = (name: string) => named(resources, name).inputs;

  test("the instance has four random bytes in its name, and every safeguard", () => {
    expect(inputs("settlement-instance-suffix")).toEqual({ byteLength: 4 });
    expect(inputs("settlement-instance")).toMatchObject({
      name: "fusion-prime-db-a504713e",
      region: "us-central1",
      databaseVersion: "POSTGRES_17",
      deletionProtection: true,
      settings: {
        tier: "db-custom-2-7680",
        edition: "ENTERPRISE",
        availabilityType: "REGIONAL",
        diskAutoresize: true,
        deletionProtectionEnabled: true,
        connectorEnforcement: "REQUIRED",
        ipConfiguration: { ipv4Enabled: true, sslMode: "ENCRYPTED_ONLY" },
        backupConfiguration: {
          enabled: true,
          pointInTimeRecoveryEnabled: true,
          transactionLogRetentionDays: 7,
          backupRetentionSettings: { retentionUnit: "COUNT", retainedBackups: 7 },
        },
        insightsConfig: { queryInsightsEnabled: true },
        userLabels: { app: "settlement", environment: "prod" },
      },
    });
    expect(inputs("settlement-instance")).not.toHaveProperty("settings.diskSize");
    expect(inputs("settlement-instance")).toHaveProperty(
      "settings.databaseFlags",
      expect.arrayContaining([
        { name: "cloudsql.enable_pgaudit", value: "on" },
        { name: "log_connections", value: "on" },
      ]),
    );
  });

  test("database and login have the names in the brief, and the database is deleted before the login", () => {
    expect(inputs("settlement-user")).toMatchObject({ name: "settlement_user", instance: "fusion-prime-db-a504713e" });
    expect(inputs("settlement-database")).toEqual({ name: "settlement_db", instance: "fusion-prime-db-a504713e" });
    expect([...waitsFor(resources, "settlement-database")]).toEqual(
      expect.arrayContaining(["settlement-user", "settlement-user-b"]),
    );
  });

  test("the generated password is in the login and both secrets, and secret in each", () => {
    expect(inputs("settlement-password")).toMatchObject({ length: 25, special: false });
    expect(inputs("settlement-user")).toMatchObject({ password: PASSWORD });
    expect(inputs("settlement-db-password-version")).toMatchObject({ secretData: PASSWORD });
    expect(inputs("settlement-db-connection-string-version")).toMatchObject({
      secretData: `postgresql+asyncpg://settlement_user:${PASSWORD}@/settlement_db?host=/cloudsql/${CONNECTION_NAME}`,
    });
    expect(holders(resources, PASSWORD)).toEqual({
      "settlement-user": ["password"],
      "settlement-db-password-version": ["secretData"],
      "settlement-db-connection-string-version": ["secretData"],
    });
  });

  test("the login that granted the other its role is deleted last", () => {
    expect(waitsFor(resources, "settlement-user-b")).toContain("settlement-user");
  });

  test("the password of the idle login is nowhere else", () => {
    expect(inputs("settlement-user-b")).toMatchObject({
      name: "settlement_user_b",
      instance: "fusion-prime-db-a504713e",
      password: PASSWORDS["settlement-password-b"],
    });
    expect(holders(resources, PASSWORDS["settlement-password-b"])).toEqual({ "settlement-user-b": ["password"] });
  });

  test.each(["settlement-db-password", "settlement-db-connection-string"])(
    "the secret %s is protected, and its versions are destroyed late",
    (secretId) => {
      expect(inputs(secretId)).toMatchObject({ secretId, replication: { auto: {} }, deletionProtection: true });
      expect(inputs(secretId)).toMatchObject({ versionDestroyTtl: "604800s" });
      expect(inputs(`${secretId}-version`)).toMatchObject({ secret: `${secretId}-id`, deletionPolicy: "ABANDON" });
    },
  );

  test("the connection string has one reader, the password none", () => {
    const members = resources.filter((resource) => resource.type.includes("secretIamMember"));
    expect(members.map((member) => member.inputs)).toEqual([
      {
        secretId: "settlement-db-connection-string-id",
        role: "roles/secretmanager.secretAccessor",
        member: `serviceAccount:${ACCOUNT}`,
      },
    ]);
  });

  test("the service account may connect to its instance and has no other project role", () => {
    expect(inputs("settlement-account")).toMatchObject({ accountId: "settlement-service" });
    const members = resources.filter((resource) => resource.type === "gcp:projects/iAMMember:IAMMember");
    expect(members.map((member) => member.inputs)).toEqual([
      {
        project: "fusion-prime",
        role: "roles/cloudsql.client",
        member: `serviceAccount:${ACCOUNT}`,
        condition: {
          title: "settlement-instance",
          description: expect.any(String) as string,
          expression:
            'resource.service == "sqladmin.googleapis.com" && resource.name == "projects/fusion-prime/instances/fusion-prime-db-a504713e"',
        },
      },
    ]);
  });

  test("the migrations bucket is private, versioned and readable by the instance only", () => {
    expect(inputs("settlement-migrations")).toMatchObject({
      name: "fusion-prime-migrations",
      location: "US-CENTRAL1",
      uniformBucketLevelAccess: true,
      publicAccessPrevention: "enforced",
      versioning: { enabled: true },
      forceDestroy: false,
    });
    expect(inputs("settlement-migrations-reader")).toEqual({
      bucket: "fusion-prime-migrations",
      role: "roles/storage.objectViewer",
      member: "serviceAccount:p123-abc@gcp-sa-cloud-sql.iam.gserviceaccount.com",
    });
  });

  test("each migration is an object that outlives its file, and the schema waits for all of them", () => {
    const objects = resources.filter((resource) => resource.type.includes("bucketObject"));
    expect(objects.map((object) => object.inputs.name)).toEqual([
      "migrations/20251025120000_create_settlement_commands.sql",
      "migrations/20251025120100_create_webhook_subscriptions.sql",
    ]);
    expect(objects.every((object) => object.retainOnDelete)).toBe(true);
    expect([...waitsFor(resources, "settlement-schema")]).toEqual(
      expect.arrayContaining([
        ...objects.map((object) => object.name),
        "settlement-migrations-reader",
        "settlement-user",
        "settlement-database",
      ]),
    );
  });

  test("the schema gets no secret", () => {
    const schema = named(resources, "settlement-schema");
    expect(schema.inputs).toMatchObject({
      project: "fusion-prime",
      instance: "fusion-prime-db-a504713e",
      database: "settlement_db",
      user: "settlement_user",
      logins: ["settlement_user", "settlement_user_b"],
      version: "20251025120100",
    });
    expect(schema.secrets.filter((name) => name !== "__provider")).toEqual([]);
  });

  test("the service reads DATABASE_URL from one version of the secret, and mounts the socket under /cloudsql", () => {
    expect(inputs("settlement-service")).toMatchObject({
      name: "settlement-service",
      location: "us-central1",
      deletionProtection: true,
      template: {
        serviceAccount: ACCOUNT,
        volumes: [{ name: "cloudsql", cloudSqlInstance: { instances: [CONNECTION_NAME] } }],
        containers: [
          {
            envs: [
              {
                name: "DATABASE_URL",
                valueSource: { secretKeyRef: { secret: "settlement-db-connection-string", version: "7" } },
              },
            ],
            volumeMounts: [{ name: "cloudsql", mountPath: "/cloudsql" }],
            startupProbe: { httpGet: { path: "/health" } },
            livenessProbe: { httpGet: { path: "/health" } },
          },
        ],
      },
    });
  });

  test("the service gets the number of connections that the configuration sets, else no variable for it", async () => {
    const { resources } = await declare({ service: { ...CONFIG.service, poolSize: 20 } });
    const variables = ({ inputs: { template } }: Declared) =>
      (template as { containers: { envs: object[] }[] }).containers.flatMap(({ envs }) => envs.slice(1));
    expect(variables(named(resources, "settlement-service"))).toEqual([{ name: "DATABASE_POOL_SIZE", value: "20" }]);
    expect(variables(named((await declare()).resources, "settlement-service"))).toEqual([]);
  });

  test("the service waits for the schema and for every binding it needs", () => {
    expect([...waitsFor(resources, "settlement-service")]).toEqual(
      expect.arrayContaining([
        "settlement-schema",
        "settlement-cloudsql-client",
        "settlement-db-connection-string-accessor",
        "settlement-db-connection-string-version",
      ]),
    );
  });

  test("every resource waits for its API", () => {
    const enabled = resources.filter((resource) => resource.type === "gcp:projects/service:Service");
    const needed = new Set(["logging"]); // for alerts on logs, and the nightly doctor
    for (const { name, type } of resources.filter((resource) => resource.type.startsWith("gcp:"))) {
      if (type === "gcp:projects/service:Service") continue;
      const [, module = "", kind = ""] = /^gcp:(\w+)\/(\w+)/.exec(type) ?? [];
      const api = kind === "serviceIdentity" ? "monitoring" : (APIS[module] ?? module);
      needed.add(api);
      expect([name, ...waitsFor(resources, name)]).toContain(`settlement-${api}`);
      if (kind === "alertPolicy") expect([name, ...waitsFor(resources, name)]).toContain("settlement-logging");
    }
    expect(enabled.map((api) => api.inputs.service).sort()).toEqual(
      [...needed].map((api) => `${api}.googleapis.com`).sort(),
    );
    expect(enabled.every((api) => api.inputs.disableOnDestroy === false)).toBe(true);
  });

  test("everything with data is protected in prod", () => {
    const kept = ["instance-suffix", "instance", "database", "user", "user-b", "migrations", "service"];
    for (const name of [...kept, "db-password", "db-connection-string"]) {
      expect([name, named(resources, `settlement-${name}`).protect]).toEqual([name, true]);
    }
    // A rotation replaces these.
    for (const name of ["password", "password-b"]) {
      expect([name, named(resources, `settlement-${name}`).protect]).toEqual([name, false]);
    }
  });

  test("the service is not public, and the uptime check may call it", () => {
    const invokers = resources.filter((resource) => resource.type.includes("cloudrunv2/serviceIamMember"));
    expect(invokers.map((invoker) => invoker.inputs.member)).toEqual([
      "serviceAccount:service-123@gcp-sa-monitoring-notification.iam.gserviceaccount.com",
    ]);
  });

  test("the outputs are complete and contain no credential", async () => {
    const values = await new Promise<object>((resolve) => pulumi.all({ ...outputs }).apply(resolve));
    expect(values).toEqual({
      instanceName: "fusion-prime-db-a504713e",
      connectionName: CONNECTION_NAME,
      serviceUrl: "https://settlement-service-x-uc.a.run.app",
      passwordSecret: "settlement-db-password",
      connectionStringSecret: "settlement-db-connection-string",
      migrationsBucket: "fusion-prime-migrations",
      schemaVersion: "20251025120100",
    });
  });
});

/** The resources that have a value among their inputs, and which of their properties are secret. */
function holders(resources: readonly Declared[], value: string): Record<string, readonly string[]> {
  const found = resources.filter(({ inputs }) => JSON.stringify(inputs).includes(value));
  return Object.fromEntries(found.map(({ name, secrets }) => [name, secrets]));
}

test("the service is public if the configuration says so", async () => {
  const image = "us-docker.pkg.dev/p/r/settlement-service:1";
  const { resources } = await declare({ service: { image, public: true } });
  expect(named(resources, "settlement-public-invoker").inputs).toMatchObject({
    name: "settlement-service",
    role: "roles/run.invoker",
    member: "allUsers",
  });
});

describe("the traffic of the service", () => {
  const LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST";

  test("goes to the newest ready revision", async () => {
    const { resources } = await declare();
    expect(named(resources, "settlement-service").inputs.traffics).toEqual([{ type: LATEST, percent: 100 }]);
  });

  test("does not move during a rollout, in which the newest revision has a tag", async () => {
    const held = [
      { revision: "settlement-service-00001-abc", percent: 90 },
      { revision: "settlement-service-00002-def", percent: 10 },
    ];
    const { resources } = await declare({}, false, held);
    const type = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION";
    expect(named(resources, "settlement-service").inputs.traffics).toEqual([
      { type, ...held[0] },
      { type, ...held[1] },
      { type: LATEST, tag: "candidate" },
    ]);
  });
});

test("the deployer may call the service, to test a revision", async () => {
  const { resources } = await declare({ deployer: "deployer@fusion-prime.iam.gserviceaccount.com" });
  expect(named(resources, "settlement-deployer-invoker").inputs).toMatchObject({
    name: "settlement-service",
    role: "roles/run.invoker",
    member: "serviceAccount:deployer@fusion-prime.iam.gserviceaccount.com",
  });
});

test("nothing blocks destroy on local", async () => {
  const { resources } = await declare({ environment: "local" });
  expect(resources.filter((resource) => resource.protect)).toEqual([]);
  expect(named(resources, "settlement-instance").inputs).toMatchObject({
    deletionProtection: false,
    settings: { deletionProtectionEnabled: false },
  });
  expect(named(resources, "settlement-migrations").inputs).toMatchObject({ forceDestroy: true });
  // PostgreSQL does not drop a role while a grant it made still exists.
  expect([...waitsFor(resources, "settlement-user-b")]).toContain("settlement-user");
});
