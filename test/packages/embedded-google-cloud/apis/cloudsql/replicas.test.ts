import { setTimeout as delay } from "node:timers/promises";
import { Embedded, message, PROJECT } from "../../embedded.ts";
import { createInstance, done, failure, instanceBody, ROOT, SERVICE, Volume } from "./setup.ts";

const embedded = new Embedded();
const [west, east] = [new Volume(), new Volume()];
const BACKUPS = { backupConfiguration: { enabled: true, pointInTimeRecoveryEnabled: true } };
const PLUS = { tier: "db-perf-optimized-N-2", edition: "ENTERPRISE_PLUS" };
const instance = async (name: string) => (await embedded.get(`${ROOT}/instances/${name}`)).body;
const call = async (name: string, verb: string) =>
  failure(await done(embedded, await embedded.post(`${ROOT}/instances/${name}/${verb}`)));
const replicaBody = (name: string, master: string, settings: object = {}) => ({
  ...instanceBody(name, settings),
  region: "us-east1",
  masterInstanceName: master,
});
const sql = (volume: Volume, text: string) => volume.query("postgres", "pw", "postgres", text);

/** Waits until a replica shows what its primary has. */
async function until(volume: Volume, text: string, wanted: object[]): Promise<void> {
  while (JSON.stringify(await sql(volume, text)) !== JSON.stringify(wanted)) await delay(20);
}

async function lag(): Promise<number | undefined> {
  const filter = `metric.type = "cloudsql.googleapis.com/database/replication/replica_lag"`;
  const query = new URLSearchParams({ filter, "interval.endTime": new Date().toISOString() });
  query.set("interval.startTime", new Date(Date.now() - 120_000).toISOString());
  const { body } = await embedded.get(`/v3/projects/${PROJECT}/timeSeries?${query.toString()}`);
  const [series] = (body.timeSeries ?? []) as { points: { value: { doubleValue: number } }[] }[];
  return series?.points[0]?.value.doubleValue;
}

beforeAll(async () => {
  await embedded.start(SERVICE, ...["monitoring", "run", "storage"].map((api) => `${api}.googleapis.com`));
  await createInstance(embedded, "db-one", { ...BACKUPS, ...PLUS });
  await embedded.post(`${ROOT}/instances/db-one/users`, { name: "postgres", password: "pw" });
  await west.open(embedded, `${PROJECT}:us-central1:db-one`);
  await sql(west, "CREATE TABLE t (a int)");
  await sql(west, "INSERT INTO t VALUES (1)");
});
afterAll(async () => {
  await west.close();
  await east.close();
  await embedded.remove();
});

test("refuses replicas that Cloud SQL refuses", async () => {
  await createInstance(embedded, "db-plain");
  for (const [body, words] of [
    [replicaBody("r", "missing"), "not authorized"],
    [replicaBody("r", "db-plain"), "needs automated backups and point-in-time recovery"],
    [replicaBody("r", "db-one"), "the edition of its primary"],
    [replicaBody("r", "db-one", { ...PLUS, ...BACKUPS }), "backups cannot be enabled on a read replica"],
    [{ ...instanceBody("r"), instanceType: "READ_REPLICA_INSTANCE" }, "without masterInstanceName"],
    [{ ...replicaBody("r", "db-one", PLUS), databaseVersion: "POSTGRES_18" }, "POSTGRES_1"],
    [instanceBody("r", { databaseReplicationEnabled: true }), "read replicas only"],
  ] as const) {
    const answer = await embedded.post(`${ROOT}/instances`, body);
    expect([answer.status >= 400, message(answer)]).toEqual([true, expect.stringContaining(words)]);
  }
});

test("creates a read replica that streams what its primary commits", async () => {
  const body = replicaBody("db-two", "db-one", PLUS);
  const operation = await done(embedded, await embedded.post(`${ROOT}/instances`, body));
  expect([operation.operationType, failure(operation)]).toEqual(["CREATE_REPLICA", undefined]);
  expect(await instance("db-two")).toMatchObject({
    connectionName: `${PROJECT}:us-east1:db-two`,
    instanceType: "READ_REPLICA_INSTANCE",
    masterInstanceName: `${PROJECT}:db-one`,
    replicaConfiguration: { kind: "sql#replicaConfiguration" },
    settings: { databaseReplicationEnabled: true },
  });
  expect((await instance("db-one")).replicaNames).toEqual(["db-two"]);
  await east.open(embedded, `${PROJECT}:us-east1:db-two`);
  await sql(west, "INSERT INTO t VALUES (2)");
  await until(east, "SELECT a FROM t ORDER BY a", [{ a: 1 }, { a: 2 }]);
  expect(await lag()).toBe(0);
  await expect(sql(east, "INSERT INTO t VALUES (3)")).rejects.toThrow("read-only transaction");
});

test("takes users, databases, imports and backups on the primary only", async () => {
  await embedded.post(`${ROOT}/instances/db-one/databases`, { name: "orders", collation: "C" });
  const database = `${ROOT}/instances/db-two/databases/orders`;
  while ((await embedded.get(database)).status !== 200) await delay(20);
  expect((await embedded.get(database)).body.collation).toBe("C");
  const importContext = { uri: "gs://bucket/script.sql", database: "orders", fileType: "SQL" };
  for (const [path, body] of [
    ["users", { name: "reader" }],
    ["databases", { name: "other" }],
    ["backupRuns", {}],
    ["import", { importContext }],
  ] as const) {
    const answer = await embedded.post(`${ROOT}/instances/db-two/${path}`, body);
    const words = "This operation isn't valid for this instance: a read replica takes its data from its primary.";
    expect([answer.status, message(answer)]).toEqual([400, words]);
  }
  const answer = await embedded.delete(`${ROOT}/instances/db-one`);
  expect([answer.status, message(answer)]).toEqual([400, expect.stringContaining("it has the replica db-two")]);
  const without = { settings: { backupConfiguration: { enabled: false, pointInTimeRecoveryEnabled: false } } };
  expect(message(await embedded.patch(`${ROOT}/instances/db-one`, without))).toContain(
    "while the instance has replicas",
  );
});

test("disables replication: the lag grows, and enabling it catches up", async () => {
  expect(await call("db-two", "stopReplica")).toBeUndefined();
  expect((await instance("db-two")).settings).toMatchObject({ databaseReplicationEnabled: false });
  await sql(west, "INSERT INTO t VALUES (3)");
  while (((await lag()) ?? 0) < 0.05) await delay(20);
  expect(await sql(east, "SELECT max(a) FROM t")).toEqual([{ max: 2 }]);
  expect(await call("db-two", "startReplica")).toBeUndefined();
  await until(east, "SELECT max(a) FROM t", [{ max: 3 }]);
});

test("replicates after a restart of both", async () => {
  await embedded.stop();
  await embedded.start();
  await west.open(embedded, `${PROJECT}:us-central1:db-one`);
  await east.open(embedded, `${PROJECT}:us-east1:db-two`);
  await sql(west, "INSERT INTO t VALUES (4)");
  await until(east, "SELECT max(a) FROM t", [{ max: 4 }]);
  expect(await call("db-one", "restart")).toBeUndefined();
  await sql(west, "INSERT INTO t VALUES (5)");
  await until(east, "SELECT max(a) FROM t", [{ max: 5 }]);
});

test("switches over to the DR replica and back, and loses nothing", async () => {
  const early = await embedded.post(`${ROOT}/instances/db-two/switchover`);
  expect(message(early)).toContain("it is not the DR replica of db-one");
  const replicationCluster = { failoverDrReplicaName: "db-two" };
  expect(failure(await done(embedded, await embedded.patch(`${ROOT}/instances/db-one`, { replicationCluster })))).toBe(
    undefined,
  );
  expect((await instance("db-two")).replicationCluster).toEqual({ drReplica: true });

  let next = 6;
  for (const [from, to, primary] of [
    ["db-one", "db-two", east],
    ["db-two", "db-one", west],
  ] as const) {
    expect(await call(to, "switchover")).toBeUndefined();
    expect(await instance(to)).toMatchObject({
      instanceType: "CLOUD_SQL_INSTANCE",
      replicaNames: [from],
      replicationCluster: { failoverDrReplicaName: `${PROJECT}:${from}` },
      settings: BACKUPS,
    });
    expect((await instance(to)).masterInstanceName).toBeUndefined();
    expect(await instance(from)).toMatchObject({
      instanceType: "READ_REPLICA_INSTANCE",
      masterInstanceName: `${PROJECT}:${to}`,
      settings: { backupConfiguration: { enabled: false } },
    });
    await sql(primary, `INSERT INTO t VALUES (${next})`);
    await until(primary === east ? west : east, "SELECT count(*)::int FROM t", [{ count: next }]);
    next++;
  }
});

test("loses the primary, fails over to its DR replica, and takes it back as the replica", async () => {
  await embedded.cloud.outages.sever(PROJECT, "db-two");
  await sql(west, "INSERT INTO t VALUES (0)");
  while (((await lag()) ?? 0) < 0.05) await delay(20);
  await embedded.cloud.outages.begin(PROJECT, "db-one");
  expect((await instance("db-one")).state).toBe("FAILED");
  await expect(sql(west, "SELECT 1")).rejects.toThrow();
  expect(message(await embedded.post(`${ROOT}/instances/db-one/backupRuns`))).toContain("instance is not running");
  expect(await call("db-two", "promoteReplica?failover=true")).toBeUndefined();
  expect(await sql(east, "SELECT FROM t WHERE a = 0")).toEqual([]); // was not replicated
  await sql(east, "INSERT INTO t VALUES (8)");
  await embedded.cloud.outages.end(PROJECT, "db-one");
  expect(await instance("db-one")).toMatchObject({ state: "RUNNABLE", masterInstanceName: `${PROJECT}:db-two` });
  await until(west, "SELECT count(*)::int FROM t", [{ count: 8 }]);
});

test("loses a region: nothing in it answers, whatever the API's address, until it is given back", async () => {
  await embedded.post(`/storage/v1/b?project=${PROJECT}`, { name: "in-west", location: "US-CENTRAL1" });
  await embedded.cloud.outages.beginRegion("us-central1");
  for (const answer of [
    await embedded.get(`${ROOT}/instances/db-one`),
    await embedded.patch(`${ROOT}/instances/db-one`, { settings: {} }),
    await embedded.post(`${ROOT}/instances`, { ...instanceBody("db-new"), region: "us-central1" }),
    await embedded.get("/storage/v1/b/in-west/o"),
    await embedded.get(`/v2/projects/${PROJECT}/locations/us-central1/services/none`),
  ]) {
    expect([answer.status, message(answer)]).toEqual([503, expect.stringMatching(/unavailable in us-central1/i)]);
  }
  await expect(sql(west, "SELECT 1")).rejects.toThrow();
  expect((await embedded.get(`/v2/projects/${PROJECT}/locations/us-east1/services/none`)).status).toBe(404);
  await sql(east, "INSERT INTO t VALUES (80)");
  await embedded.cloud.outages.endRegion("us-central1");
  expect(await instance("db-one")).toMatchObject({ state: "RUNNABLE", masterInstanceName: `${PROJECT}:db-two` });
  await until(west, "SELECT count(*)::int FROM t WHERE a = 80", [{ count: 1 }]);
  await sql(east, "DELETE FROM t WHERE a = 80");
  await until(west, "SELECT count(*)::int FROM t WHERE a = 80", [{ count: 0 }]);
});

test("promotes a replica to an instance of its own", async () => {
  expect(await call("db-one", "promoteReplica")).toBeUndefined();
  const promoted = await instance("db-one");
  expect(promoted).toMatchObject({ instanceType: "CLOUD_SQL_INSTANCE", settings: { tier: PLUS.tier } });
  expect([promoted.masterInstanceName, promoted.replicaConfiguration]).toEqual([undefined, undefined]);
  const former = await instance("db-two");
  expect([former.replicaNames, former.replicationCluster]).toEqual([undefined, undefined]);
  await sql(west, "INSERT INTO t VALUES (9)");
  await sql(east, "INSERT INTO t VALUES (10)");
  expect(await sql(west, "SELECT count(*)::int FROM t")).toEqual([{ count: 9 }]);
  expect(message(await embedded.post(`${ROOT}/instances/db-one/promoteReplica`))).toContain("is not a read replica");
});

test("deletes a replica, and then its former primary", async () => {
  const body = replicaBody("db-three", "db-two", PLUS);
  expect(failure(await done(embedded, await embedded.post(`${ROOT}/instances`, body)))).toBeUndefined();
  expect((await instance("db-two")).replicaNames).toEqual(["db-three"]);
  await done(embedded, await embedded.delete(`${ROOT}/instances/db-three`));
  expect((await instance("db-two")).replicaNames).toBeUndefined();
  expect(failure(await done(embedded, await embedded.delete(`${ROOT}/instances/db-two`)))).toBeUndefined();
});
