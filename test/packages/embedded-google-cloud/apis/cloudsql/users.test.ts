import { Embedded, message, PROJECT } from "../../embedded.ts";
import { createInstance, failure, importSql, ROOT, SERVICE, STORAGE, Volume } from "./setup.ts";

const embedded = new Embedded();
const volume = new Volume();
const INSTANCE = `${ROOT}/instances/db-one`;

beforeAll(async () => {
  await embedded.start(SERVICE, STORAGE, "logging.googleapis.com");
  await createInstance(embedded, "db-one");
  await volume.open(embedded, `${PROJECT}:us-central1:db-one`);
});
afterAll(async () => {
  await volume.close();
  await embedded.remove();
});

const ATTRIBUTES = `SELECT rolcreaterole AS roles, rolcreatedb AS databases,
  ARRAY(SELECT DISTINCT r.rolname::text FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid
         WHERE m.member = u.oid AND m.inherit_option ORDER BY 1) AS member
  FROM pg_roles u WHERE rolname = current_user`;

/** The first script of settlement_user: a role without login owns the tables, and the user gives up its privileges. */
const FIRST = `
BEGIN;
CREATE ROLE settlement_owner NOLOGIN;
GRANT settlement_owner TO settlement_user;
GRANT USAGE, CREATE ON SCHEMA public TO settlement_owner;
SET LOCAL ROLE settlement_owner;
CREATE TABLE settlement_commands (command_id varchar(128) PRIMARY KEY);
SET LOCAL ROLE cloudsqlsuperuser;
ALTER ROLE settlement_user NOCREATEROLE NOCREATEDB;
COMMIT;`;

test("logs what PostgreSQL does", async () => {
  await expect(volume.query("postgres", "wrong", "postgres", "SELECT 1")).rejects.toThrow("password authentication");
  const filter = `resource.labels.database_id="${PROJECT}:db-one" AND log_id("cloudsql.googleapis.com/postgres.log")`;
  const list = async (more: string) => {
    const body = { resourceNames: [`projects/${PROJECT}`], filter: `${filter} AND ${more}` };
    return (await embedded.post("/v2/entries:list", body)).body.entries;
  };
  expect(await list('"password authentication failed" AND FATAL')).toMatchObject([
    {
      severity: "ALERT",
      resource: { type: "cloudsql_database", labels: { region: "us-central1" } },
      textPayload: expect.stringMatching(
        /^\d{4}-\S+ \S+ UTC \[\d+\]: \[\d+-1\] db=postgres,user=postgres FATAL: {2}password authentication failed for user "postgres"/,
      ) as string,
    },
  ]);
  expect(await list('severity=INFO AND "ready to accept connections"')).toHaveLength(1);
});

test("creates a database and a user before it responds", async () => {
  const database = await embedded.post(`${INSTANCE}/databases`, { name: "settlement_db" });
  expect(database.body).toMatchObject({ operationType: "CREATE_DATABASE", status: "DONE" });
  const user = await embedded.post(`${INSTANCE}/users`, { name: "settlement_user", password: "p1ssword" });
  expect(user.body).toMatchObject({ operationType: "CREATE_USER", status: "DONE" });

  const page = async (query: string) =>
    (await embedded.get(`${ROOT}/operations?instance=db-one&maxResults=1${query}`)).body;
  const newest = await page("");
  expect(newest.items).toMatchObject([{ operationType: "CREATE_USER" }]);
  const next = await page(`&pageToken=${String(newest.nextPageToken)}`);
  expect(next.items).toMatchObject([{ operationType: "CREATE_DATABASE" }]);

  expect((await embedded.get(`${INSTANCE}/databases/settlement_db`)).body).toMatchObject({
    kind: "sql#database",
    charset: "UTF8",
    collation: "en_US.UTF8",
  });
  const users = (await embedded.get(`${INSTANCE}/users`)).body.items as { name: string; password?: string }[];
  expect(users.map(({ name }) => name)).toEqual(["postgres", "settlement_user"]);
  expect(JSON.stringify(users)).not.toContain("p1ssword");
  expect(await volume.query("settlement_user", "p1ssword", "settlement_db", ATTRIBUTES)).toEqual([
    { roles: true, databases: true, member: ["cloudsqlsuperuser"] },
  ]);
});

test("sorts as in American English, or by code point where a database says so, and keeps statistics of statements", async () => {
  const query = (database: string, sql: string) => volume.query("settlement_user", "p1ssword", database, sql);
  const sort = "SELECT string_agg(x, ' ' ORDER BY x) AS sorted FROM unnest(ARRAY['b', 'A', 'a', 'B', '_', 'é', 'f']) x";
  expect(await query("settlement_db", sort)).toEqual([{ sorted: "_ a A b B é f" }]);
  await embedded.post(`${INSTANCE}/databases`, { name: "by_code_point", collation: "C.UTF-8" });
  expect(await query("by_code_point", sort)).toEqual([{ sorted: "A B _ a b f é" }]);
  await query("by_code_point", "CREATE TABLE public.made (a int)");
  await query("settlement_db", "CREATE EXTENSION pg_stat_statements");
  await query("settlement_db", "SELECT 1 AS seen");
  const seen = "SELECT calls::int FROM pg_stat_statements WHERE query = 'SELECT $1 AS seen'";
  expect(await query("settlement_db", seen)).toEqual([{ calls: 1 }]);
  await query("settlement_db", "DROP EXTENSION pg_stat_statements");
  await embedded.delete(`${INSTANCE}/databases/by_code_point`);
});

test("creates databases owned by cloudsqlsuperuser, in which PUBLIC may not create", async () => {
  const owner = "SELECT pg_get_userbyid(datdba) AS owner FROM pg_database WHERE datname = current_database()";
  expect(await volume.query("settlement_user", "p1ssword", "settlement_db", owner)).toEqual([
    { owner: "cloudsqlsuperuser" },
  ]);
  await volume.query("settlement_user", "p1ssword", "settlement_db", "CREATE ROLE guest LOGIN PASSWORD 'guest'");
  await expect(volume.query("guest", "guest", "settlement_db", "CREATE TABLE t (a int)")).rejects.toThrow(
    "permission denied for schema public",
  );
  await volume.query("settlement_user", "p1ssword", "settlement_db", "DROP ROLE guest");
});

test("lets no user become the superuser", async () => {
  for (const sql of [
    "SET ROLE cloudsqladmin",
    "SET SESSION AUTHORIZATION cloudsqladmin",
    "GRANT cloudsqladmin TO settlement_user",
    "ALTER ROLE settlement_user SUPERUSER",
    "COPY pg_database TO PROGRAM 'true'",
  ]) {
    await expect(volume.query("settlement_user", "p1ssword", "settlement_db", sql)).rejects.toThrow(
      /permission denied/,
    );
    const imported = await importSql(embedded, "db-one", "settlement_db", "settlement_user", `RESET ROLE; ${sql};`);
    expect(failure(imported)).toContain("permission denied");
  }
});

test("revokes cloudsqlsuperuser by the API, which SQL cannot, as on Cloud SQL", async () => {
  const revoke = "REVOKE cloudsqlsuperuser FROM settlement_user";
  await expect(volume.query("settlement_user", "p1ssword", "settlement_db", revoke)).rejects.toThrow(
    "permission denied",
  );

  expect(failure(await importSql(embedded, "db-one", "settlement_db", "settlement_user", FIRST))).toBeUndefined();
  const query = "name=settlement_user&databaseRoles=settlement_owner&revokeExistingRoles=true";
  const updated = await embedded.put(`${INSTANCE}/users?${query}`, { name: "settlement_user" });
  expect(updated.body).toMatchObject({ operationType: "UPDATE_USER", status: "DONE" });

  expect(await volume.query("settlement_user", "p1ssword", "settlement_db", ATTRIBUTES)).toEqual([
    { roles: false, databases: false, member: ["settlement_owner"] },
  ]);
  for (const sql of ["CREATE ROLE x", "CREATE DATABASE x", "SET ROLE cloudsqlsuperuser"]) {
    await expect(volume.query("settlement_user", "p1ssword", "settlement_db", sql)).rejects.toThrow(
      "permission denied",
    );
  }
  const owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'settlement_commands'";
  expect(await volume.query("settlement_user", "p1ssword", "settlement_db", owner)).toEqual([
    { tableowner: "settlement_owner" },
  ]);
  // A later import still works with the remaining privileges.
  const later = "SET ROLE settlement_owner; ALTER TABLE settlement_commands ADD status text;";
  expect(failure(await importSql(embedded, "db-one", "settlement_db", "settlement_user", later))).toBeUndefined();
});

test("grants cloudsqlsuperuser again by the API", async () => {
  const query = "name=settlement_user&databaseRoles=cloudsqlsuperuser";
  expect((await embedded.put(`${INSTANCE}/users?${query}`, { name: "settlement_user" })).status).toBe(200);
  const [found] = await volume.query("settlement_user", "p1ssword", "settlement_db", ATTRIBUTES);
  expect(found?.member).toEqual(["cloudsqlsuperuser", "settlement_owner"]);
});

test("does not revoke a role that the user granted onward", async () => {
  const pass = `CREATE ROLE passed; CREATE ROLE guest; GRANT passed TO guest`;
  await embedded.post(`${INSTANCE}/users`, { name: "giver", password: "pw" });
  await volume.query("giver", "pw", "settlement_db", pass);
  const path = `${INSTANCE}/users?name=giver&databaseRoles=settlement_owner&revokeExistingRoles=true`;
  const refused = await embedded.put(path, { name: "giver" });
  expect([refused.status, message(refused)]).toEqual([400, expect.stringContaining("dependent privileges exist")]);

  await volume.query("giver", "pw", "settlement_db", "REVOKE passed FROM guest");
  expect((await embedded.put(path, { name: "giver" })).status).toBe(200);
});

test("grants a user created with roles only these", async () => {
  const body = { name: "settlement_user_b", password: "two", databaseRoles: ["settlement_owner"] };
  expect((await embedded.post(`${INSTANCE}/users`, body)).status).toBe(200);
  const [found] = await volume.query("settlement_user_b", "two", "settlement_db", ATTRIBUTES);
  expect(found?.member).toEqual(["settlement_owner"]);
  const unknown = await embedded.post(`${INSTANCE}/users`, { ...body, name: "c", databaseRoles: ["nobody"] });
  expect([unknown.status, message(unknown)]).toEqual([400, expect.stringContaining('role "nobody" does not exist')]);
});

test("replaces the old password by a new one", async () => {
  await embedded.put(`${INSTANCE}/users?name=settlement_user`, { name: "settlement_user", password: "three" });
  await expect(volume.query("settlement_user", "p1ssword", "settlement_db", "SELECT 1")).rejects.toThrow(
    "authentication",
  );
  expect(await volume.query("settlement_user", "three", "settlement_db", "SELECT 1 AS one")).toEqual([{ one: 1 }]);
});

test("refuses to drop a user that owns objects, in Cloud SQL's words", async () => {
  await embedded.post(`${INSTANCE}/users`, { name: "maker", password: "pw" });
  await volume.query("maker", "pw", "settlement_db", "CREATE TABLE made (a int)");
  const refused = await embedded.delete(`${INSTANCE}/users?name=maker`);
  expect(refused.status).toBe(400);
  expect(message(refused)).toBe(
    'Invalid request: failed to delete user maker: . role "maker" cannot be dropped because some objects depend on it ' +
      "Details: 1 object in database settlement_db.",
  );
  await volume.query("maker", "pw", "settlement_db", "DROP TABLE made");
  expect((await embedded.delete(`${INSTANCE}/users?name=maker`)).body).toMatchObject({ status: "DONE" });
  expect((await embedded.delete(`${INSTANCE}/users?name=maker`)).status).toBe(404);
});

test("refuses to drop a database in use, to create one twice and to read a dropped one", async () => {
  await embedded.post(`${INSTANCE}/databases`, { name: "spare" });
  expect((await embedded.post(`${INSTANCE}/databases`, { name: "spare" })).status).toBe(409);
  const busy = await volume.connect("settlement_user", "three", "spare");
  const refused = await embedded.delete(`${INSTANCE}/databases/spare`);
  expect([refused.status, message(refused)]).toEqual([
    400,
    'Invalid request: failed to delete database spare. Detail: pq: database "spare" is being accessed by other users.',
  ]);
  await busy.end();
  expect((await embedded.delete(`${INSTANCE}/databases/spare`)).body).toMatchObject({ status: "DONE" });
  expect((await embedded.get(`${INSTANCE}/databases/spare`)).status).toBe(404);
  // PostgreSQL itself waits five seconds for other sessions to end.
});

test("keeps the users of instances separate", async () => {
  await createInstance(embedded, "db-two");
  const users = await embedded.get(`${ROOT}/instances/db-two/users`);
  expect(users.body.items).toMatchObject([{ name: "postgres" }]);
});
