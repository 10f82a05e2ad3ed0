import { Embedded, message, PROJECT } from "../../embedded.ts";
import { createInstance, done, failure, instanceBody, ROOT, SERVICE, Volume } from "./setup.ts";
import { postgresFlags } from "../../../../../packages/embedded-google-cloud/apis/cloudsql/flags.ts";

const embedded = new Embedded();
beforeAll(() => embedded.start(SERVICE));
afterAll(() => embedded.remove());

const NAME = `${PROJECT}:us-central1:db-one`;

test("creates an instance: PENDING_CREATE, then RUNNABLE, with the fields that Google adds", async () => {
  const asked = await embedded.post(`${ROOT}/instances`, instanceBody("db-one", { userLabels: { app: "settlement" } }));
  expect(asked.body).toMatchObject({
    kind: "sql#operation",
    operationType: "CREATE",
    status: "PENDING",
    targetId: "db-one",
    targetProject: PROJECT,
    user: "owner@local.test",
  });
  expect((await embedded.get(`${ROOT}/instances/db-one`)).body.state).toBe("PENDING_CREATE");
  const operation = await done(embedded, asked);
  expect(operation).toMatchObject({
    status: "DONE",
    startTime: expect.any(String) as string,
    endTime: expect.any(String) as string,
  });
  expect((await embedded.get(`${ROOT}/instances/db-one`)).body).toMatchObject({
    state: "RUNNABLE",
    connectionName: NAME,
    databaseVersion: "POSTGRES_17",
    databaseInstalledVersion: expect.stringMatching(/^POSTGRES_17_\d+$/) as string,
    gceZone: "us-central1-a",
    ipAddresses: [{ type: "PRIMARY", ipAddress: expect.any(String) as string }],
    serviceAccountEmailAddress: expect.stringMatching(
      /^p\d{12}-[a-z]{6}@gcp-sa-cloud-sql\.iam\.gserviceaccount\.com$/,
    ) as string,
    serverCaCert: { cert: expect.stringContaining("BEGIN CERTIFICATE") as string },
    settings: {
      settingsVersion: "1",
      edition: "ENTERPRISE",
      userLabels: { app: "settlement" },
      backupConfiguration: { enabled: false, backupRetentionSettings: { retainedBackups: 7 } },
    },
  });
});

test("merges on PATCH, replaces on PUT, and refuses an outdated settingsVersion", async () => {
  const path = `${ROOT}/instances/db-one`;
  await done(embedded, await embedded.patch(path, { settings: { deletionProtectionEnabled: true } }));
  const patched = (await embedded.get(path)).body.settings as Record<string, unknown>;
  expect(patched).toMatchObject({ settingsVersion: "2", userLabels: { app: "settlement" } });
  expect(patched.deletionProtectionEnabled).toBe(true);

  const stale = await embedded.put(path, { settings: { ...patched, settingsVersion: "1" } });
  expect([stale.status, message(stale)]).toEqual([412, "Condition does not match."]);

  const plain = { tier: "db-custom-2-7680", edition: "ENTERPRISE", settingsVersion: "2" };
  await done(embedded, await embedded.put(path, { settings: plain }));
  const replaced = (await embedded.get(path)).body.settings as Record<string, unknown>;
  expect(replaced).toMatchObject({ settingsVersion: "3", tier: "db-custom-2-7680", deletionProtectionEnabled: false });
  expect(replaced.userLabels).toBeUndefined();
});

test("refuses a smaller disk and unknown settings, and keeps the size that a request omits", async () => {
  const path = `${ROOT}/instances/db-one`;
  const size = async () => ((await embedded.get(path)).body.settings as Record<string, unknown>).dataDiskSizeGb;
  await done(embedded, await embedded.patch(path, { settings: { dataDiskSizeGb: "20" } }));
  const smaller = await embedded.patch(path, { settings: { dataDiskSizeGb: "10" } });
  expect(smaller.body).toMatchObject({
    error: {
      code: 400,
      message: "Invalid request: the disk of an instance cannot shrink from 20 to 10 GB.",
      errors: [{ domain: "global", reason: "invalid" }],
    },
  });
  const plain = { tier: "db-custom-1-3840", edition: "ENTERPRISE" };
  await done(embedded, await embedded.put(path, { settings: plain }));
  expect(await size()).toBe("20");
  const unknown = await embedded.patch(path, { settings: { diskSize: 30 } });
  expect([unknown.status, message(unknown)]).toEqual([400, expect.stringContaining('Unknown name "diskSize"')]);
});

test("runs one operation of an instance at a time", async () => {
  const path = `${ROOT}/instances/db-one`;
  const first = await embedded.post(`${path}/restart`);
  const second = await embedded.patch(path, { settings: { userLabels: { a: "b" } } });
  expect(second.status).toBe(409);
  expect(second.body).toMatchObject({ error: { errors: [{ reason: "operationInProgress" }] } });
  expect((await done(embedded, first)).error).toBeUndefined();
});

test("passes flags to PostgreSQL, and keeps the old ones if it refuses the new", async () => {
  const path = `${ROOT}/instances/db-one`;
  const databaseFlags = [
    { name: "work_mem", value: "8192" },
    { name: "cloudsql.enable_pgaudit", value: "on" },
  ];
  expect((await done(embedded, await embedded.patch(path, { settings: { databaseFlags } }))).error).toBeUndefined();
  const wrong = [{ name: "work_mem", value: "a lot" }];
  const refused = await done(embedded, await embedded.patch(path, { settings: { databaseFlags: wrong } }));
  expect(failure(refused)).toContain("work_mem");
  expect((await embedded.get(path)).body.settings).toMatchObject({ databaseFlags });

  await embedded.post(`${path}/users`, { name: "postgres", password: "pw" });
  const volume = new Volume();
  await volume.open(embedded, NAME);
  expect(await volume.query("postgres", "pw", "postgres", "SHOW work_mem")).toEqual([{ work_mem: "8MB" }]);
  await volume.close();
});

test("creates pgAudit only while its flag is on, in PostgreSQL's words", async () => {
  const path = `${ROOT}/instances/db-one`;
  const load = async (value: string) => {
    const databaseFlags = [{ name: "cloudsql.enable_pgaudit", value }];
    expect((await done(embedded, await embedded.patch(path, { settings: { databaseFlags } }))).error).toBeUndefined();
  };
  const volume = new Volume();
  await volume.open(embedded, NAME);
  const create = () => volume.query("postgres", "pw", "postgres", "CREATE EXTENSION pgaudit");
  await load("off");
  await expect(create()).rejects.toThrow("pgaudit must be loaded via shared_preload_libraries");
  await load("on");
  await create();
  const loaded =
    "SELECT current_setting('cloudsql.enable_pgaudit', true) AS loaded FROM pg_extension WHERE extname = 'pgaudit'";
  expect(await volume.query("postgres", "pw", "postgres", loaded)).toEqual([{ loaded: "on" }]);
  await volume.close();
});

test.each([
  ["archive_command", "touch /tmp/archived"],
  ["archive_mode", "on"],
  ["shared_preload_libraries", "/tmp/library"],
  ["session_preload_libraries", "/tmp/library"],
  ["jit_provider", "/tmp/library"],
  ["dynamic_library_path", "/tmp"],
  ["ssl_passphrase_command", "touch /tmp/asked"],
  ["recovery_end_command", "touch /tmp/recovered"],
  ["data_directory", "/tmp"],
  ["listen_addresses", "*"],
  ["cloudsql.none", "on"],
  ["__proto__", "on"],
])("refuses the flag %s, which Cloud SQL does not list", async (name, value) => {
  const path = `${ROOT}/instances/db-one`;
  const before = (await embedded.get(path)).body;
  const refused = await embedded.patch(path, { settings: { databaseFlags: [{ name, value }] } });
  expect(refused).toMatchObject({ status: 400, body: { error: { errors: [{ reason: "invalidFlagName" }] } } });
  expect(message(refused)).toContain(name);
  expect((await embedded.get(path)).body).toEqual(before);
});

test("keeps from PostgreSQL a flag that an earlier version stored", () => {
  const flags = [
    { name: "archive_command", value: "touch /tmp/archived" },
    { name: "work_mem", value: "8192" },
    { name: "cloudsql.enable_pgaudit", value: "on" },
  ];
  expect(postgresFlags(flags)).toEqual({ work_mem: "8192", "cloudsql.enable_pgaudit": "on" });
});

test("stops the server on activationPolicy NEVER, and starts it on ALWAYS", async () => {
  const path = `${ROOT}/instances/db-one`;
  const volume = new Volume();
  await volume.open(embedded, NAME);
  await done(embedded, await embedded.patch(path, { settings: { activationPolicy: "NEVER" } }));
  expect(message(await embedded.get(`${path}/users`))).toContain("instance is not running");
  await expect(volume.query("postgres", "pw", "postgres", "SELECT 1")).rejects.toThrow();
  expect(volume.refusals.join()).toContain("instance is not running");
  await done(embedded, await embedded.patch(path, { settings: { activationPolicy: "ALWAYS" } }));
  expect(await volume.query("postgres", "pw", "postgres", "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  await volume.close();
});

test("refuses to delete a protected instance, and reserves the name of a deleted one for a week", async () => {
  await createInstance(embedded, "db-gone", { deletionProtectionEnabled: true });
  const path = `${ROOT}/instances/db-gone`;
  const kept = await embedded.delete(path);
  expect([kept.status, message(kept)]).toEqual([400, expect.stringContaining("The instance is protected.")]);
  await done(embedded, await embedded.patch(path, { settings: { deletionProtectionEnabled: false } }));
  expect((await done(embedded, await embedded.delete(path))).error).toBeUndefined();
  expect((await embedded.get(path)).body).toMatchObject({ error: { errors: [{ reason: "instanceDoesNotExist" }] } });
  const again = await embedded.post(`${ROOT}/instances`, instanceBody("db-gone"));
  expect(again.status).toBe(409);
  expect(again.body).toMatchObject({ error: { errors: [{ reason: "instanceAlreadyExists" }] } });
});

test.each([
  ["a zone in place of a region", { region: "us-central1-a" }, "zone of us-central1"],
  ["a name with capitals", { name: "Db" }, "Invalid instance name (Db)"],
  [
    "an unknown database version",
    { databaseVersion: "POSTGRES_99" },
    "Invalid value at 'database_instance.database_version'",
  ],
  ["a version that is not installed", { databaseVersion: "POSTGRES_13" }, "available: POSTGRES_17"],
  ["a tier of another edition", { settings: { tier: "db-f1-micro" } }, "for (ENTERPRISE_PLUS) Edition"],
  ["no settings", { settings: undefined }, "settings are missing"],
  [
    "recovery without backups",
    {
      settings: {
        tier: "db-f1-micro",
        edition: "ENTERPRISE",
        backupConfiguration: { pointInTimeRecoveryEnabled: true },
      },
    },
    "only together with backups",
  ],
  [
    "logs kept too long",
    {
      settings: { tier: "db-f1-micro", edition: "ENTERPRISE", backupConfiguration: { transactionLogRetentionDays: 8 } },
    },
    "between 1 and 7",
  ],
  ...Object.entries({
    "needs automated backups and point-in-time recovery": { availabilityType: "REGIONAL" },
    "between 10 and 65536 GB": { dataDiskSizeGb: "9" },
    "Invalid authorized network (8.8.8.8/24)": { ipConfiguration: { authorizedNetworks: [{ value: "8.8.8.8/24" }] } },
    "private authorized network (10.1.0.0/16)": { ipConfiguration: { authorizedNetworks: [{ value: "10.1.0.0/16" }] } },
    "conflicts with sslMode": { ipConfiguration: { requireSsl: true, sslMode: "ALLOW_UNENCRYPTED_AND_ENCRYPTED" } },
    "maintenanceWindow.day must be between 1 and 7": { maintenanceWindow: { day: 8, hour: 3 } },
    "maintenanceWindow.hour must be between 0 and 23": { maintenanceWindow: { day: 7, hour: 24 } },
    "queryStringLength must be between 256 and 4500": { insightsConfig: { queryStringLength: 10 } },
    'the key "App" must begin with a lower case letter': { userLabels: { App: "x" } },
    // In Google's words.
    "Invalid request: Connection pool is only supported for Enterprise Plus edition..": {
      connectionPoolConfig: { connectionPoolingEnabled: true },
    },
    "Managed Connection Pooling is not available here": {
      edition: "ENTERPRISE_PLUS",
      tier: "db-perf-optimized-N-2",
      connectionPoolConfig: { connectionPoolingEnabled: true },
    },
    "retainedBackups must be between 1 and 365": {
      backupConfiguration: { backupRetentionSettings: { retainedBackups: 366 } },
    },
  }).map(([sentence, settings]): [string, object, string] => [
    JSON.stringify(settings),
    { settings: { tier: "db-custom-1-3840", edition: "ENTERPRISE", ...settings } },
    sentence,
  ]),
  ["an impossible machine type", { settings: { tier: "db-custom-3-3840", edition: "ENTERPRISE" } }, "no machine"],
])("refuses %s", async (_what, change, sentence) => {
  const answer = await embedded.post(`${ROOT}/instances`, { ...instanceBody("db-bad"), ...change });
  expect([answer.status, message(answer)]).toEqual([400, expect.stringContaining(sentence)]);
});

test("requires a permission", async () => {
  const token = embedded.cloud.identities.tokenFor("user:nobody@example.com");
  expect((await embedded.get(`${ROOT}/instances/db-one`, { token })).status).toBe(403);
});
