import { Embedded, message, PROJECT } from "../../embedded.ts";
import { createInstance, done, failure, ROOT, SERVICE, Volume } from "./setup.ts";

const embedded = new Embedded();
const volume = new Volume();
const RUNS = `${ROOT}/instances/db-one/backupRuns`;
const sql = (text: string) => volume.query("postgres", "pw", "postgres", text);

beforeAll(async () => {
  await embedded.start(SERVICE);
  await createInstance(embedded, "db-one");
  await embedded.post(`${ROOT}/instances/db-one/users`, { name: "postgres", password: "pw" });
  await volume.open(embedded, `${PROJECT}:us-central1:db-one`);
});
afterAll(async () => {
  await volume.close();
  await embedded.remove();
});

test("restores an instance from a backup run of committed data", async () => {
  await sql("CREATE TABLE t (a int)");
  await sql("INSERT INTO t SELECT generate_series(1, 1000)");
  const operation = await done(embedded, await embedded.post(RUNS, { description: "before 3" }));
  const id = operation.backupContext?.backupId ?? "";
  expect((await embedded.get(`${RUNS}/${id}`)).body).toMatchObject({
    kind: "sql#backupRun",
    status: "SUCCESSFUL",
    type: "ON_DEMAND",
    description: "before 3",
    instance: "db-one",
  });
  await sql("DROP TABLE t");
  await sql("CREATE TABLE later ()");

  const restoreBackupContext = { backupRunId: id, instanceId: "db-one", project: PROJECT };
  const restored = await embedded.post(`${ROOT}/instances/db-one/restoreBackup`, { restoreBackupContext });
  expect(failure(await done(embedded, restored))).toBeUndefined();
  expect(await sql("SELECT count(*)::int, to_regclass('later') AS later FROM t")).toEqual([
    { count: 1000, later: null },
  ]);
  expect((await embedded.get(`${ROOT}/instances/db-one`)).body.state).toBe("RUNNABLE");
});

test("restores another instance from it", async () => {
  const [{ id } = { id: "" }] = (await embedded.get(RUNS)).body.items as { id: string }[];
  await createInstance(embedded, "db-two");
  const restoreBackupContext = { backupRunId: id, instanceId: "db-one", project: PROJECT };
  const restored = await embedded.post(`${ROOT}/instances/db-two/restoreBackup`, { restoreBackupContext });
  expect(failure(await done(embedded, restored))).toBeUndefined();
  const other = new Volume();
  await other.open(embedded, `${PROJECT}:us-central1:db-two`);
  expect(await other.query("postgres", "pw", "postgres", "SELECT count(*)::int FROM t")).toEqual([{ count: 1000 }]);
  await other.close();
});

test("deletes a run", async () => {
  const [{ id } = { id: "" }] = (await embedded.get(RUNS)).body.items as { id: string }[];
  await done(embedded, await embedded.delete(`${RUNS}/${id}`));
  expect((await embedded.get(RUNS)).body.items).toBeUndefined();
  const restoreBackupContext = { backupRunId: id };
  const answer = await embedded.post(`${ROOT}/instances/db-one/restoreBackup`, { restoreBackupContext });
  expect([answer.status, message(answer)]).toEqual([404, "The backup run does not exist."]);
});
