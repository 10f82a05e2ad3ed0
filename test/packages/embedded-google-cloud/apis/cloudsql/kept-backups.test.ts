import { Embedded, message, PROJECT } from "../../embedded.ts";
import { createInstance, done, failure, ROOT, SERVICE, Volume } from "./setup.ts";

interface Backup {
  readonly name: string;
  readonly type: string;
  readonly instance: string;
  readonly description?: string;
  readonly expiryTime?: string;
  readonly instanceDeletionTime?: string;
  readonly state: string;
}

const DAY = 24 * 3600 * 1000;
const embedded = new Embedded();
const kept = async (query = ""): Promise<readonly Backup[]> =>
  ((await embedded.get(`${ROOT}/backups${query}`)).body.backups ?? []) as readonly Backup[];
const patch = (instance: string, settings: object) => embedded.patch(`${ROOT}/instances/${instance}`, { settings });

beforeAll(async () => {
  await embedded.start(SERVICE);
  await createInstance(embedded, "gone", { retainBackupsOnDelete: true });
  await createInstance(embedded, "here");
  await embedded.post(`${ROOT}/instances/gone/users`, { name: "postgres", password: "pw" });
});
afterAll(() => embedded.remove());

async function inInstance(instance: string, sql: string): Promise<object[]> {
  const volume = new Volume();
  await volume.open(embedded, `${PROJECT}:us-central1:${instance}`);
  try {
    return await volume.query("postgres", "pw", "postgres", sql);
  } finally {
    await volume.close();
  }
}

test("an instance that is deleted leaves its backup runs and a final backup, as its settings say", async () => {
  await inInstance("gone", "CREATE TABLE t AS SELECT generate_series(1, 10) AS n");
  const run = await done(embedded, await embedded.post(`${ROOT}/instances/gone/backupRuns`, { description: "ten" }));
  expect(failure(run)).toBeUndefined();
  const [live] = await kept("?filter=instance:gone");
  expect(live).toMatchObject({ type: "ON_DEMAND", description: "ten", state: "SUCCESSFUL" });
  expect(live?.instanceDeletionTime).toBeUndefined();
  await inInstance("gone", "INSERT INTO t VALUES (11)");
  await done(embedded, await patch("gone", { finalBackupConfig: { enabled: true, retentionDays: 3 } }));

  expect(failure(await done(embedded, await embedded.delete(`${ROOT}/instances/gone`)))).toBeUndefined();

  const [final] = await kept("?filter=instance:gone AND type:FINAL");
  expect(final).toMatchObject({ state: "SUCCESSFUL", instance: "gone" });
  expect(Date.parse(final?.expiryTime ?? "") - Date.now()).toBeGreaterThan(2 * DAY);
  expect(await kept("?filter=instance:gone type:ON_DEMAND")).toEqual([
    expect.objectContaining({
      name: live?.name,
      description: "ten",
      instanceDeletionTime: expect.any(String) as string,
    }),
  ]);
  expect((await embedded.get(`/sql/v1beta4/${final?.name ?? ""}`)).body).toEqual(final);
});

test.each([
  ["ON_DEMAND", 10],
  ["FINAL", 11],
])("another instance is restored from the %s backup", async (type, rows) => {
  const [{ name: backup } = { name: "" }] = await kept(`?filter=type:${type}`);
  const restored = await embedded.post(`${ROOT}/instances/here/restoreBackup`, { backup });
  expect(failure(await done(embedded, restored))).toBeUndefined();
  expect(await inInstance("here", "SELECT count(*)::int FROM t")).toEqual([{ count: rows }]);
});

test("a final backup gets another description and another end", async () => {
  const [{ name } = { name: "" }] = await kept("?filter=type:FINAL");
  const change = { description: "until the audit", ttlDays: "30" };
  const answer = await embedded.patch(`/sql/v1beta4/${name}?updateMask=description,ttlDays`, change);
  expect(failure(await done(embedded, answer))).toBeUndefined();
  const [changed] = await kept("?filter=type:FINAL");
  expect(changed?.description).toBe("until the audit");
  expect(Date.parse(changed?.expiryTime ?? "") - Date.now()).toBeGreaterThan(29 * DAY);
});

test("a kept backup can be deleted", async () => {
  const [{ name } = { name: "" }] = await kept("?filter=type:FINAL");
  await done(embedded, await embedded.delete(`/sql/v1beta4/${name}`));
  expect((await embedded.get(`/sql/v1beta4/${name}`)).status).toBe(404);
  expect(await kept("?filter=type:FINAL")).toEqual([]);
});

test("a request to delete can ask for a final backup, and otherwise nothing is kept", async () => {
  await createInstance(embedded, "asked");
  await done(embedded, await embedded.post(`${ROOT}/instances/asked/backupRuns`, {}));
  const asked = "?enableFinalBackup=true&finalBackupTtlDays=1&finalBackupDescription=last";
  expect(failure(await done(embedded, await embedded.delete(`${ROOT}/instances/asked${asked}`)))).toBeUndefined();
  expect(await kept("?filter=instance:asked")).toEqual([
    expect.objectContaining({ type: "FINAL", description: "last" }),
  ]);
});

test.each([
  [{ finalBackupConfig: { enabled: true, retentionDays: 366 } }, "between 1 and 365"],
  [{ finalBackupConfig: { enabled: true, retentionDays: 0 } }, "between 1 and 365"],
])("settings %j are refused", async (settings, sentence) => {
  const answer = await patch("here", settings);
  expect([answer.status, message(answer)]).toEqual([400, expect.stringContaining(sentence)]);
});

test.each([
  ["enableFinalBackup=true&finalBackupTtlDays=366", "between 1 and 365"],
  ["enableFinalBackup=true&finalBackupTtlDays=1&finalBackupExpiryTime=2030-01-01T00:00:00Z", "Only one"],
  ["enableFinalBackup=true&finalBackupExpiryTime=2000-01-01T00:00:00Z", "within 365 days"],
])("a request to delete with %s is refused", async (query, sentence) => {
  const answer = await embedded.delete(`${ROOT}/instances/here?${query}`);
  expect([answer.status, message(answer)]).toEqual([400, expect.stringContaining(sentence)]);
  expect((await embedded.get(`${ROOT}/instances/here`)).body.state).toBe("RUNNABLE");
});

test.each([
  [{ backup: `projects/${PROJECT}/backups/none` }, 404],
  [{ backup: "none" }, 400],
  [{ backup: `projects/${PROJECT}/backups/none`, restoreBackupContext: { backupRunId: "1" } }, 400],
])("a restore from %j is refused", async (body, status) => {
  expect((await embedded.post(`${ROOT}/instances/here/restoreBackup`, body)).status).toBe(status);
});

test("a filter that nothing evaluates is refused", async () => {
  expect((await embedded.get(`${ROOT}/backups?filter=backupInterval.startTime>=2020-01-01`)).status).toBe(400);
});
