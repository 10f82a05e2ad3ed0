import { isSecret, reveal, secret } from "../../../packages/pulumi-google-stand-in/values.ts";
import { Engine, PROJECT } from "./engine.ts";
import { FakeGoogle } from "./fake-google.ts";

const INSTANCE = "gcp:sql/databaseInstance:DatabaseInstance";
const DATABASE = "gcp:sql/database:Database";
const USER = "gcp:sql/user:User";
const PATH = `/sql/v1beta4/projects/${PROJECT}/instances`;

const program = (settings: object = {}, rest: object = {}) => ({
  name: "db-1",
  region: "us-central1",
  databaseVersion: "POSTGRES_17",
  settings: {
    tier: "db-custom-1-3840",
    edition: "ENTERPRISE",
    availabilityType: "REGIONAL",
    backupConfiguration: {
      enabled: true,
      startTime: "03:00",
      pointInTimeRecoveryEnabled: true,
      backupRetentionSettings: { retainedBackups: 14 },
    },
    databaseFlags: [
      { name: "log_statement", value: "ddl" },
      { name: "log_connections", value: "on" },
    ],
    ipConfiguration: { sslMode: "ENCRYPTED_ONLY" },
    deletionProtectionEnabled: true,
    userLabels: { app: "settlement" },
    ...settings,
  },
  ...rest,
});

let fake: FakeGoogle;
let engine: Engine;

beforeEach(async () => {
  fake = new FakeGoogle();
  engine = new Engine(await fake.start());
});
afterEach(() => fake.stop());

describe("an instance", () => {
  test("is created with the official provider's defaults", async () => {
    const made = await engine.create(INSTANCE, program({}, { rootPassword: "root" }));
    expect(fake.writes()).toEqual([
      {
        method: "POST",
        path: PATH,
        query: {},
        body: {
          name: "db-1",
          region: "us-central1",
          databaseVersion: "POSTGRES_17",
          rootPassword: "root",
          settings: {
            tier: "db-custom-1-3840",
            edition: "ENTERPRISE",
            activationPolicy: "ALWAYS",
            availabilityType: "REGIONAL",
            pricingPlan: "PER_USE",
            storageAutoResize: true,
            deletionProtectionEnabled: true,
            backupConfiguration: {
              enabled: true,
              startTime: "03:00",
              pointInTimeRecoveryEnabled: true,
              backupRetentionSettings: { retainedBackups: 14, retentionUnit: "COUNT" },
            },
            databaseFlags: [
              { name: "log_statement", value: "ddl" },
              { name: "log_connections", value: "on" },
            ],
            ipConfiguration: { ipv4Enabled: true, sslMode: "ENCRYPTED_ONLY" },
            userLabels: { app: "settlement" },
          },
        },
      },
    ]);
    expect(made.id).toBe("db-1");
    expect(made.outputs).toMatchObject({
      connectionName: "p:us-central1:i",
      firstIpAddress: "192.0.2.1",
      publicIpAddress: "192.0.2.1",
      deletionProtection: true,
      settings: { diskSize: 10, diskAutoresize: true, version: 1 },
    });
    expect(isSecret(made.outputs.rootPassword)).toBe(true);
    expect(await engine.refresh(made)).toEqual(made);
  });

  test("is updated whole, with the version of the settings and Cloud SQL's values", async () => {
    const made = await engine.create(INSTANCE, program());
    fake.writes();
    const change = program({
      backupConfiguration: { enabled: true, backupRetentionSettings: { retainedBackups: 30 } },
    });
    expect(engine.changes(made, change)).toEqual([
      "settings.backupConfiguration.pointInTimeRecoveryEnabled",
      "settings.backupConfiguration.backupRetentionSettings.retainedBackups",
    ]);
    const changed = await engine.update(made, change);
    const [put, ...rest] = fake.writes();
    expect(rest).toEqual([]);
    expect(put).toMatchObject({
      method: "PUT",
      path: `${PATH}/db-1`,
      body: {
        instanceType: "CLOUD_SQL_INSTANCE",
        settings: {
          settingsVersion: "1",
          backupConfiguration: { enabled: true, startTime: "03:00", backupRetentionSettings: { retainedBackups: 30 } },
          dataDiskSizeGb: "10",
          locationPreference: { zone: "us-central1-a" },
          databaseFlags: expect.any(Array) as unknown[],
        },
      },
    });
    expect(changed.outputs).toMatchObject({ settings: { version: 2 } });
    expect(engine.changes(changed, change)).toEqual([]);
  });

  test("has the poolers' configuration as a list of one, which is an object in REST, and keeps it if the program has none", async () => {
    const pooling = {
      connectionPoolingEnabled: true,
      flags: [{ name: "max_pool_size", value: "50" }],
    };
    const made = await engine.create(INSTANCE, program({ connectionPoolConfigs: [pooling] }));
    expect(fake.writes()).toMatchObject([{ body: { settings: { connectionPoolConfig: pooling } } }]);
    expect(made.outputs).toMatchObject({ settings: { connectionPoolConfigs: [pooling] } });
    expect(await engine.refresh(made)).toEqual(made);
    expect(engine.changes(made, program())).toEqual([]);
  });

  test("accepts flags in any order, and detects a removed flag", async () => {
    const made = await engine.create(INSTANCE, program());
    const turned = program({
      databaseFlags: [
        { name: "log_connections", value: "on" },
        { name: "log_statement", value: "ddl" },
      ],
    });
    expect(engine.changes(made, turned)).toEqual([]);

    const live = fake.resources.get(`${PATH}/db-1`) as { settings: { databaseFlags: unknown[] } };
    live.settings.databaseFlags.pop();
    const refreshed = await engine.refresh(made);
    expect(refreshed?.inputs.settings).toMatchObject({ databaseFlags: [{ name: "log_statement", value: "ddl" }] });
    expect(refreshed && engine.changes(refreshed, program())).toEqual(["settings.databaseFlags"]);
  });

  test.each([
    ["a smaller disk, which Cloud SQL may have enlarged", { settings: { ...program().settings, diskSize: 5 } }, []],
    [
      "a smaller disk of a fixed size",
      { settings: { ...program().settings, diskSize: 5, diskAutoresize: false } },
      ["settings.diskAutoresize", "settings.diskSize!"],
    ],
    ["a bigger disk", { settings: { ...program().settings, diskSize: 20 } }, ["settings.diskSize"]],
    ["an older PostgreSQL", { databaseVersion: "POSTGRES_16" }, ["databaseVersion"]],
    ["a newer PostgreSQL", { databaseVersion: "POSTGRES_18" }, ["databaseVersion"]],
    ["another engine", { databaseVersion: "MYSQL_8_4" }, ["databaseVersion"]],
    ["another region", { region: "europe-west1" }, ["region!"]],
  ])("changes for %s", async (_what, change, changes) => {
    const made = await engine.create(INSTANCE, program());
    expect(engine.changes(made, { ...program(), ...change })).toEqual(changes);
  });

  test("is replaced when its private network is removed, not when it is changed", async () => {
    const network = (name: string) => ({ ipv4Enabled: true, privateNetwork: `projects/p/global/networks/${name}` });
    const made = await engine.create(INSTANCE, program({ ipConfiguration: network("a") }));
    const path = "settings.ipConfiguration.privateNetwork";
    expect(engine.changes(made, program({ ipConfiguration: network("b") }))).toEqual([path]);
    expect(engine.changes(made, program({ ipConfiguration: { ipv4Enabled: true } }))).toEqual([`${path}!`]);
  });

  test("is deleted only without protection, and turning protection off does not call Google", async () => {
    const made = await engine.create(INSTANCE, program());
    await expect(engine.delete(made)).rejects.toThrow("deletionProtection is true");
    fake.writes();
    const free = await engine.update(made, program({}, { deletionProtection: false }));
    expect(fake.writes()).toEqual([]);
    expect(free.outputs.deletionProtection).toBe(false);
    await engine.delete(free);
    expect(fake.writes()).toMatchObject([{ method: "DELETE", path: `${PATH}/db-1` }]);
  });

  test("stays in the state if its creation fails late", async () => {
    fake.failure = "The zone has no capacity.";
    await expect(engine.create(INSTANCE, program())).rejects.toMatchObject({
      name: "InitError",
      id: "db-1",
      outputs: { name: "db-1" },
      reason: "ERROR: The zone has no capacity.",
    });
  });

  test("is imported with all settable properties", async () => {
    await engine.create(INSTANCE, program());
    const imported = await engine.import(INSTANCE, `projects/${PROJECT}/instances/db-1`);
    expect(engine.changes(imported, program())).toEqual([]);
    expect(imported.inputs).not.toHaveProperty("connectionName");
    expect(imported.inputs).not.toHaveProperty("settings.version");
  });

  test("keeps computed outputs known in a preview of an update that does not change them", async () => {
    const made = await engine.create(INSTANCE, program());
    const preview = await engine.update(made, program({ tier: "db-custom-2-7680" }), true);
    expect(preview.outputs).toMatchObject({
      connectionName: "p:us-central1:i",
      settings: { tier: "db-custom-2-7680" },
    });
  });
});

describe("a stopped instance", () => {
  const stop = () => {
    const live = fake.resources.get(`${PATH}/db-1`) as { settings: { activationPolicy: string } };
    live.settings.activationPolicy = "NEVER";
  };

  test("is started before anything else changes", async () => {
    const made = await engine.create(INSTANCE, program());
    stop();
    const refreshed = await engine.refresh(made);
    if (!refreshed) throw new Error("it is gone");
    expect(engine.changes(refreshed, program())).toEqual(["settings.activationPolicy"]);
    fake.writes();
    await engine.update(refreshed, program());
    const settings = { activationPolicy: "ALWAYS" };
    expect(fake.writes()).toMatchObject([
      { method: "PATCH", path: `${PATH}/db-1`, body: { settings } },
      { method: "PUT", path: `${PATH}/db-1`, body: { settings } },
    ]);
  });

  test("keeps the state of its logins and databases, about which Cloud SQL answers nothing", async () => {
    await engine.create(INSTANCE, program());
    const made = await engine.create(USER, { name: "settlement_user", instance: "db-1", password: "first" });
    stop();
    for (const path of fake.resources.keys()) if (path.includes("/users")) fake.resources.delete(path);
    expect(await engine.refresh(made)).toEqual(made);
  });
});

describe("a user", () => {
  const user = { name: "settlement_user", instance: "db-1", password: "first" };

  test("is created, gets a new password and is deleted, and its password is a secret", async () => {
    const made = await engine.create(USER, user);
    expect(made.id).toBe("settlement_user//db-1");
    expect(isSecret(made.outputs.password)).toBe(true);
    expect(reveal(made.outputs.password)).toBe("first");
    expect(await engine.refresh(made)).toEqual(made);

    const next = { ...user, password: "second" };
    expect(engine.changes(made, next)).toEqual(["password"]);
    const changed = await engine.update(made, next);
    await engine.delete(changed);
    expect(await engine.refresh(changed)).toBeUndefined();
    const users = `${PATH}/db-1/users`;
    expect(fake.writes()).toEqual([
      {
        method: "POST",
        path: users,
        query: {},
        body: { name: "settlement_user", instance: "db-1", password: "first" },
      },
      {
        method: "PUT",
        path: users,
        query: { name: "settlement_user", revokeExistingRoles: "false" },
        body: { name: "settlement_user", instance: "db-1", password: "second" },
      },
      { method: "DELETE", path: users, query: { name: "settlement_user" }, body: undefined },
    ]);
  });

  test("is imported, and then gets the program's password", async () => {
    await engine.create(USER, user);
    const imported = await engine.import(USER, `${PROJECT}/db-1/settlement_user`);
    expect(imported.id).toBe("settlement_user//db-1");
    expect(engine.changes(imported, user)).toEqual(["password"]);
  });

  test("remains with the policy ABANDON", async () => {
    const made = await engine.create(USER, { ...user, deletionPolicy: "ABANDON" });
    await engine.delete(made);
    expect(await engine.refresh(made)).toBeDefined();
  });
});

test("a database is created, imported, replaced on another name and deleted", async () => {
  const program = { name: "settlement_db", instance: "db-1" };
  const made = await engine.create(DATABASE, program);
  expect(made.id).toBe(`projects/${PROJECT}/instances/db-1/databases/settlement_db`);
  expect(await engine.refresh(made)).toEqual(made);
  expect(engine.changes(await engine.import(DATABASE, made.id), program)).toEqual([]);
  expect(engine.changes(made, { ...program, name: "other" })).toEqual(["name!"]);
  await engine.delete(made);
  expect(fake.writes()).toEqual([
    { method: "POST", path: `${PATH}/db-1/databases`, query: {}, body: program },
    { method: "DELETE", path: `${PATH}/db-1/databases/settlement_db`, query: {}, body: undefined },
  ]);
});

test("a failed operation has Google's message, and the password stays secret", async () => {
  fake.failure = "permission denied";
  const failed = engine.create(USER, { name: "u", instance: "db-1", password: "hunter2" });
  await expect(failed).rejects.toMatchObject({
    message: "ERROR: permission denied",
    outputs: { password: secret("hunter2") },
  });
});
