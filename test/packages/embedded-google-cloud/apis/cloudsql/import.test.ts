import { gzipSync } from "node:zlib";
import { Embedded, message, PROJECT } from "../../embedded.ts";
import { createInstance, done, failure, importSql, ROOT, SERVICE, STORAGE, Volume } from "./setup.ts";

const embedded = new Embedded();
const volume = new Volume();
const IMPORT = `${ROOT}/instances/db-one/import`;
const run = (sql: string) => importSql(embedded, "db-one", "app", "importer", sql);
const rows = (sql: string) => volume.query("importer", "pw", "app", sql);

beforeAll(async () => {
  await embedded.start(SERVICE, STORAGE);
  await createInstance(embedded, "db-one");
  await embedded.post(`${ROOT}/instances/db-one/databases`, { name: "app" });
  await embedded.post(`${ROOT}/instances/db-one/users`, { name: "importer", password: "pw" });
  await volume.open(embedded, `${PROJECT}:us-central1:db-one`);
});
afterAll(async () => {
  await volume.close();
  await embedded.remove();
});

test("requires that the instance's account can read the object", async () => {
  await embedded.post(`/storage/v1/b?project=${PROJECT}`, { name: "closed" });
  await embedded.post("/upload/storage/v1/b/closed/o?uploadType=media&name=a.sql", "SELECT 1;");
  const ask = (uri: string) => embedded.post(IMPORT, { importContext: { uri, database: "app", fileType: "SQL" } });
  const denied = await ask("gs://closed/a.sql");
  expect([denied.status, message(denied)]).toEqual([
    412,
    "The service account does not have the required permissions for the bucket.",
  ]);
  expect((await ask("closed/a.sql")).status).toBe(400);
});

test("reads the file of pg_dump, with the rows below COPY", async () => {
  const script = [
    "\\restrict abc\nSELECT pg_catalog.set_config('search_path', '', false);\nCREATE TABLE public.copied (id int, t text);",
    "COPY public.copied (id, t) FROM stdin;\n1\tit's; -- \\\\ \\tx\n2\t\\N\n\\.\n\nSELECT 1;",
    'COPY public.copied FROM stdin WITH (FORMAT csv);\n3,"a\nb"\n\\.\nCOPY public.copied FROM stdin;\n\\.\n\\unrestrict abc\n',
  ];
  expect(failure(await run(script.join("\n")))).toBeUndefined();
  expect(await rows("SELECT * FROM copied ORDER BY id")).toEqual([
    { id: 1, t: "it's; -- \\ \tx" },
    { id: 2, t: null },
    { id: 3, t: "a\nb" },
  ]);
});

test("keeps the rows before one that fails, and names its place, as psql does", async () => {
  const row = (id: number | string) => `INSERT INTO kept_rows VALUES (${id}, '😀;');\n`;
  const create = "CREATE TABLE kept_rows (id int PRIMARY KEY, t text, UNIQUE (id) DEFERRABLE INITIALLY DEFERRED);\n";
  const five = [1, 2, 3, 4, 5].map(row).join("");
  expect(failure(await run(`${create}${five}${row("x")}${row(7)}`))).toBe(
    `psql:<stdin>:7: ERROR:  column "x" does not exist\nLINE 1: INSERT INTO kept_rows VALUES (x, '😀;');\n${" ".repeat(38)}^`,
  );
  const count = async () => (await rows("SELECT count(*)::int AS n FROM kept_rows"))[0]?.n;
  expect(await count()).toBe(5);
  expect(failure(await run(`${row(6)}INSERT INTO;\n${row(7)}`))).toContain(
    'psql:<stdin>:2: ERROR:  syntax error at or near ";"',
  );
  expect(await count()).toBe(6);
  expect(failure(await run(`BEGIN;\n${row(7)}INSERT INTO;\n${row(8)}COMMIT;`))).toContain(
    'psql:<stdin>:3: ERROR:  syntax error at or near ";"\nLINE 1: INSERT INTO;',
  );
  expect(failure(await run(`${row(7)}${row(7)}`))).toContain("psql:<stdin>:2: ERROR:  duplicate key value");
  expect(await count()).toBe(7);
  expect(failure(await run(`BEGIN;\n${row(8)}${row(9)}COMMIT;\n${row(10)}\\x\n`))).toContain("psql:<stdin>:6: error");
  expect(await count()).toBe(10);
});

test("creates objects owned by the import user, and records what was imported", async () => {
  const operation = await run("CREATE TABLE mine (a int); INSERT INTO mine VALUES (1);");
  expect(operation).toMatchObject({
    operationType: "IMPORT",
    status: "DONE",
    importContext: { uri: "gs://migrations/script.sql", database: "app", importUser: "importer" },
  });
  expect(failure(operation)).toBeUndefined();
  expect(await rows("SELECT tableowner, a FROM pg_tables, mine WHERE tablename = 'mine'")).toEqual([
    { tableowner: "importer", a: 1 },
  ]);
});

test("reports an error with its position, as psql prints it", async () => {
  const operation = await run(
    "-- one\nCREATE TABLE t1 (a int);\n\nSELECT\n  nothing\nFROM t1;\nCREATE TABLE t2 (a int);\n",
  );
  expect(operation.error?.errors[0]?.code).toBe("ERROR_RDBMS");
  expect(failure(operation)).toBe(
    'psql:<stdin>:6: ERROR:  column "nothing" does not exist\nLINE 2:   nothing\n          ^',
  );
});

test("commits each statement, unless the script begins a transaction", async () => {
  await run("CREATE TABLE kept (a int); SELECT 1/0;");
  await run("BEGIN; CREATE TABLE lost (a int); SELECT 1/0; COMMIT;");
  const tables = await rows("SELECT tablename FROM pg_tables WHERE tablename IN ('kept', 'lost')");
  expect(tables).toEqual([{ tablename: "kept" }]);
  expect(failure(await run("CREATE INDEX CONCURRENTLY ON kept (a); VACUUM kept;"))).toBeUndefined();
});

test("accepts semicolons in functions, strings and comments", async () => {
  const script = `
    CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS $body$ BEGIN RETURN 'a;b'; END; $body$;
    CREATE FUNCTION g() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END;
    /* a; /* nested; */ comment; */ -- and another;
    CREATE TABLE marks (a text); INSERT INTO marks VALUES (E'it\\'s;'), ('it''s;'), ($$;$$);`;
  expect(failure(await run(script))).toBeUndefined();
  expect(await rows("SELECT f(), g(), count(*)::int FROM marks")).toEqual([{ f: "a;b", g: 2, count: 3 }]);
});

test("returns to the import user on RESET ROLE", async () => {
  await run(
    "CREATE ROLE other NOLOGIN; GRANT other TO importer; SET ROLE other; RESET ROLE; CREATE TABLE after (a int);",
  );
  expect(await rows("SELECT tableowner FROM pg_tables WHERE tablename = 'after'")).toEqual([
    { tableowner: "importer" },
  ]);
});

test.each([
  [
    "CREATE TABLE numbers (a int);\nCOPY numbers FROM stdin;\n1\nx\n\\.\n",
    'psql:<stdin>:2: ERROR:  invalid input syntax for type integer: "x"\nCONTEXT:  COPY numbers, line 2, column a: "x"',
  ],
  ["SELECT 1;\n\\connect postgres\n", 'psql:<stdin>:2: error: the psql command "\\connect" is not supported; use SQL'],
  ["SELECT 1;\nSELECT pg_terminate_backend(pg_backend_pid());\n", "psql:<stdin>:2: FATAL:  terminating connection"],
])("refuses %j and reports its line", async (script, sentence) => {
  expect(failure(await run(script))).toContain(sentence);
});

test("unpacks a gzip file", async () => {
  await embedded.post(
    "/upload/storage/v1/b/migrations/o?uploadType=media&name=a.sql.gz",
    gzipSync("CREATE TABLE zipped ();"),
  );
  const importContext = { uri: "gs://migrations/a.sql.gz", database: "app", fileType: "SQL", importUser: "importer" };
  expect(failure(await done(embedded, await embedded.post(IMPORT, { importContext })))).toBeUndefined();
  expect(await rows("SELECT count(*)::int FROM pg_tables WHERE tablename = 'zipped'")).toEqual([{ count: 1 }]);
});

test("names a user or a database that does not exist", async () => {
  expect(failure(await importSql(embedded, "db-one", "app", "stranger", ""))).toContain(
    'role "stranger" does not exist',
  );
  expect(failure(await importSql(embedded, "db-one", "void", "importer", ""))).toContain(
    'database "void" does not exist',
  );
});
