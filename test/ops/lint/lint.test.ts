import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { readMigrations } from "../../../infra/migrations/files.ts";
import { type Finding, passes } from "../../../ops/lint/finding.ts";
import { versionAt } from "../../../ops/lint/form.ts";
import { lintMigrations, scopeOf } from "../../../ops/lint/lint.ts";
import { declaredBy } from "../../../ops/lint/rules/declared.ts";

const FILE = "20260101000000_x.sql";
let root: string;
let folder: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "lint-"));
  folder = join(root, "migrations");
  mkdirSync(folder);
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

function write(file: string, text: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), text);
}

/** A file with both directions; the up direction begins on line 2. */
function both(up: string, down = "SELECT 1;"): string {
  return `-- migrate:up\n${up}\n-- migrate:down\n${down}\n`;
}

/** The errors, as `line rule`. */
async function errors(): Promise<string[]> {
  const findings = await lintMigrations(folder);
  return findings.filter(({ level }) => level === "error").map(({ line, rule }) => `${line} ${rule}`);
}

test("finds no error in the repository's migrations", async () => {
  const findings = await lintMigrations(join(import.meta.dirname, "../../../migrations"));
  expect(findings.filter(({ level }) => level === "error")).toEqual([]);
});

test("names the first line that is not UTF-8", async () => {
  writeFileSync(join(folder, FILE), Buffer.from(both("SELECT 1;\n-- caf\xe9"), "latin1"));
  expect(await errors()).toEqual(["3 encoding"]);
});

test("says where the problem is, what it is and what to do", async () => {
  write(FILE, both("ALTER TABLE commands DROP COLUMN payer;"));
  const findings = (await lintMigrations(folder)).filter(({ level }) => level === "error");
  expect(findings).toEqual<Finding[]>([
    {
      file: `migrations/${FILE}`,
      line: 2,
      rule: "contract",
      problem: "The column payer is dropped, and the running revision may need it.",
      remedy: "First deploy a revision that does not need it, then say so above the statement: -- contract: REASON",
      level: "error",
    },
    {
      file: `migrations/${FILE}`,
      line: 2,
      rule: "destructive",
      problem: "DROP COLUMN deletes what payer holds; a down script cannot restore it.",
      remedy: "If that is intended, say why above the statement: -- destructive: REASON",
      level: "error",
    },
  ]);
});

test("judges repeatable files too, which have one direction without a marker", async () => {
  write("repeatable/view.sql", "CREATE OR REPLACE VIEW v AS SELECT 1;\n");
  expect(await errors()).toEqual([]);
  write("repeatable/view.sql", "SELECT 1;\nDELETE FROM t WHERE true;\n");
  write("repeatable/Other.sql", "SELEKT;\r\n");
  write("repeatable/versioned.sql", both("CREATE VIEW v AS SELECT 1;", "DROP VIEW v;"));
  write("repeatable/empty.sql", "-- nothing yet\n");
  const found = (await lintMigrations(folder)).filter(({ level }) => level === "error");
  expect(found.map(({ file, line, rule }) => `${file}:${line} ${rule}`)).toEqual([
    "migrations/repeatable/Other.sql:1 line-endings",
    "migrations/repeatable/Other.sql:1 name",
    "migrations/repeatable/Other.sql:1 syntax",
    "migrations/repeatable/empty.sql:1 directions",
    "migrations/repeatable/versioned.sql:1 directions",
    "migrations/repeatable/view.sql:2 destructive",
  ]);
});

test("extensions and schemas must be declared, and made only if they are missing", async () => {
  const line = (kind: string) => `settlement:database: { ${kind}s: [app] }`;
  for (const kind of ["extension", "schema"]) {
    write(FILE, both(`CREATE ${kind.toUpperCase()} IF NOT EXISTS app;`));
    const [found, ...more] = (await lintMigrations(folder)).filter(({ level }) => level === "error");
    expect(more).toEqual([]);
    expect(found).toMatchObject({ rule: "declared", line: 2 });
    expect(found?.remedy).toContain(line(kind));
  }
  write(FILE, both("SELECT 1;", "DROP EXTENSION pgcrypto;"));
  expect(await errors()).toEqual(["4 declared"]);
});

test("what every stack file declares is declared; what one declares is known", () => {
  const stack = (name: string, declared: string) => {
    writeFileSync(join(root, `Pulumi.${name}.yaml`), `config:\n  settlement:database: ${declared}\n`);
  };
  stack("a", "{ extensions: [citext, pgcrypto], schemas: [app] }");
  stack("b", "{ extensions: [pgcrypto] }");
  expect(declaredBy("every", root)).toEqual({ extensions: ["pgcrypto"], schemas: [] });
  expect(declaredBy("some", root)).toEqual({ extensions: ["citext", "pgcrypto"], schemas: ["app"] });
});

describe("the format of a file", () => {
  test.each([
    ["20260101000000_Add.sql", both("SELECT 1;"), ["1 name"]],
    ["20261301000000_month_13.sql", both("SELECT 1;"), ["1 name"]],
    ["20260230000000_february_30.sql", both("SELECT 1;"), ["1 name"]],
    ["20260228235959_fine_1.sql", both("SELECT 1;"), []],
    [FILE, "-- migrate:up\nSELECT 1;\n", ["1 directions"]],
    [FILE, "-- migrate:down\nSELECT 1;\n-- migrate:up\nSELECT 1;\n", ["1 directions"]],
    [FILE, `${both("SELECT 1;")}-- migrate:up\nSELECT 1;\n`, ["5 directions"]],
    [FILE, both("-- nothing yet"), ["1 directions"]],
    [FILE, both("SELECT 1;", ""), ["3 directions"]],
    [FILE, both("TRUNCATE t;", ""), ["2 destructive", "3 directions"]],
    [FILE, `SELECT 0;\n${both("SELECT 1;")}`, ["1 directions"]],
    [FILE, `-- Why.\n\n${both("SELECT 1;")}`, []],
    [FILE, "-- migrate:up transactions:off\nSELECT 1;\n-- migrate:down\nSELECT 1;\n", ["1 directions"]],
    [FILE, both("SELECT 1;\r"), ["2 line-endings"]],
    [FILE, both("SELEKT 1;"), ["2 syntax"]],
    [FILE, both("SELECT 1;", "SELECT 1;\nSELECT 'no end;"), ["5 syntax"]],
    [FILE, both("SELECT 'no error: \\copy';"), []],
  ])("%s %j", async (file, text, expected) => {
    write(file, text);
    expect(await errors()).toEqual(expected);
  });

  test("refuses a second file with the same version", async () => {
    write("20260101000000_a.sql", both("SELECT 1;"));
    write("20260101000000_b.sql", both("SELECT 1;"));
    write("20260101000001_c.sql", both("SELECT 1;"));
    const findings = (await lintMigrations(folder)).filter(({ level }) => level === "error");
    expect(findings.map(({ file, rule }) => [file, rule])).toEqual([["migrations/20260101000000_b.sql", "order"]]);
  });

  test.each([
    [
      "a byte order mark",
      "\uFEFF-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 1;\n",
      ["1 directions", "1 encoding"],
    ],
    ["CRLF", both("SELECT 1;").replaceAll("\n", "\r\n"), ["1 line-endings"]],
    [
      "emojis before a syntax error",
      both("SELECT '🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉';\nSELEKT 1;\nSELECT 'long enough';"),
      ["3 syntax"],
    ],
    ["emojis before a danger", both("SELECT '🎉🎉🎉';\nTRUNCATE t;"), ["3 destructive"]],
  ])("names the line of %s", async (_what, text, expected) => {
    write(FILE, text);
    expect((await errors()).sort()).toEqual(expected);
  });

  test("refuses a folder with the name of a file", async () => {
    mkdirSync(join(folder, "20260101000000_x.sql"));
    await expect(lintMigrations(folder)).rejects.toThrow("migrations/20260101000000_x.sql is a folder");
  });

  test("passes only files that the program can read", async () => {
    write(FILE, `-- Why.\n${both("SELECT 'ä';", "-- Back.\nSELECT 1;")}`);
    expect(await errors()).toEqual([]);
    expect(readMigrations(folder)).toHaveLength(1);
  });
});

/** What lint objects to, the errors as `line rule`, and something alike to which it does not. */
const CASES: [string, string[], string][] = [
  // What an import cannot do.
  ["BEGIN;", ["2 transaction"], "SELECT 'BEGIN;';"],
  ["SELECT 1;\nCOMMIT;", ["3 transaction"], "DO $$ BEGIN PERFORM 1; END $$;"],
  ["DO $$ BEGIN COMMIT; END $$;", ["2 transaction"], "DO $$ BEGIN PERFORM 'COMMIT;'; END $$;"],
  ["ROLLBACK;", ["2 transaction"], "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END;"],
  ["\\copy t FROM 'rows.csv'", ["2 psql"], "SELECT E'\\\\copy';"],
  ["COPY t FROM stdin;\n1\t2\n\\.", ["3 copy"], "SELECT 'COPY t FROM stdin;';"],
  ["COPY t FROM stdin;", ["2 copy"], "INSERT INTO t VALUES ('COPY t FROM stdin;');"],
  ["COPY t FROM '/rows.csv';", ["2 copy"], "SELECT 1;"],
  ["COPY t TO stdout;", ["2 copy"], "SELECT 1;"],
  ["COPY (SELECT 1) TO PROGRAM 'sh';\nCOPY t TO '/f';", ["2 copy", "3 copy"], "SELECT 1;"],
  [
    "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a);",
    ["2 outside-transaction"],
    "CREATE TABLE t (a text); CREATE INDEX i ON t (a);",
  ],
  [
    "DROP INDEX CONCURRENTLY IF EXISTS i;",
    ["2 outside-transaction"],
    "COMMENT ON INDEX i IS 'DROP INDEX CONCURRENTLY';",
  ],
  [
    "REINDEX (CONCURRENTLY) DATABASE d;",
    ["2 outside-transaction"],
    "REINDEX (CONCURRENTLY false) INDEX i; -- squawk-ignore-file",
  ],
  ["VACUUM t;", ["2 outside-transaction"], "ANALYZE t;"],
  ["ALTER SYSTEM SET work_mem = '8MB';", ["2 outside-transaction"], "SET work_mem = '8MB';"],
  ["CREATE DATABASE d;", ["2 outside-transaction"], "CREATE TABLE d (a int);"],
  ["DROP DATABASE d;", ["2 outside-transaction"], "COMMENT ON DATABASE d IS 'DROP DATABASE d';"],
  ["ALTER DATABASE d SET TABLESPACE s;", ["2 outside-transaction"], "ALTER DATABASE d SET search_path = public;"],
  ["CREATE TABLESPACE s LOCATION '/s';", ["2 outside-transaction"], "SET default_tablespace = '';"],
  ["CLUSTER;", ["2 outside-transaction"], "SELECT 'CLUSTER;';"],

  // What the running revision may need.
  ["ALTER TABLE t RENAME TO u;", ["2 contract"], "ALTER INDEX i RENAME TO j;"],
  ["ALTER TABLE t RENAME COLUMN a TO b;", ["2 contract"], "ALTER TABLE t RENAME CONSTRAINT a TO b;"],
  ["ALTER TABLE t ADD COLUMN a text NOT NULL;", ["2 contract"], "ALTER TABLE t ADD COLUMN a text NOT NULL DEFAULT '';"],
  ["ALTER TABLE t ALTER COLUMN a DROP DEFAULT;", ["2 contract"], "ALTER TABLE t ALTER COLUMN a SET DEFAULT 1;"],
  ["DROP VIEW v;", ["2 contract"], "CREATE VIEW v AS SELECT 1; DROP VIEW v;"],
  [
    "CREATE TABLE s.t (a text);\nALTER TABLE t RENAME COLUMN a TO b;",
    ["3 contract"],
    "CREATE TABLE s.t (a text);\nALTER TABLE s.t RENAME COLUMN a TO b;",
  ],
  [
    "CREATE TABLE IF NOT EXISTS t (a text);\nALTER TABLE t RENAME COLUMN a TO b;",
    ["3 contract"],
    "CREATE TABLE t (a text);\nALTER TABLE public.t RENAME COLUMN a TO b;",
  ],
  [
    "CREATE OR REPLACE VIEW v AS SELECT 1;\nDROP VIEW v;",
    ["3 contract"],
    "CREATE VIEW s.v AS SELECT 1; DROP VIEW s.v;",
  ],
  ["DROP FUNCTION f;", ["2 contract"], "DROP INDEX f; -- squawk-ignore-file"],
  [
    "DROP TRIGGER g ON t;",
    ["2 contract"],
    "CREATE TRIGGER g BEFORE INSERT ON t EXECUTE FUNCTION f(); DROP TRIGGER g ON t;",
  ],
  ["ALTER TABLE t SET SCHEMA s;", ["2 contract"], "ALTER TABLE t SET (fillfactor = 90);"],
  ["REVOKE SELECT ON t FROM r;", ["2 contract"], "GRANT SELECT ON t TO r;"],

  [
    "ALTER TABLE t ADD CHECK (a > 0) NOT VALID;",
    ["2 contract"],
    "CREATE TABLE t (a text); ALTER TABLE t ADD CHECK (a <> '');",
  ],
  [
    "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u NOT VALID;",
    ["2 contract"],
    "CREATE TABLE t (a text REFERENCES u);",
  ],
  [
    "ALTER TABLE t ADD EXCLUDE USING gist (a WITH =); -- squawk-ignore-file",
    ["2 contract"],
    "ALTER TABLE t ADD CONSTRAINT c UNIQUE USING INDEX i;",
  ],
  [
    "CREATE UNIQUE INDEX i ON t (a); -- squawk-ignore-file",
    ["2 contract"],
    "CREATE INDEX i ON t (a); -- squawk-ignore-file",
  ],
  ["ALTER TABLE t DROP CONSTRAINT c;", ["2 contract"], "ALTER TABLE t RENAME CONSTRAINT c TO d;"],
  ["ALTER TYPE m RENAME VALUE 'a' TO 'b';", ["2 contract"], "ALTER TYPE m ADD VALUE 'b';"],
  ["ALTER TYPE p RENAME ATTRIBUTE a TO b;", ["2 contract"], "CREATE TYPE p AS (a int); ALTER TYPE p RENAME TO q;"],
  [
    "ALTER TABLE t ENABLE ROW LEVEL SECURITY;",
    ["2 contract"],
    "CREATE TABLE t (a text); ALTER TABLE t ENABLE ROW LEVEL SECURITY;",
  ],
  [
    "ALTER TABLE t FORCE ROW LEVEL SECURITY;\nALTER TABLE t DISABLE ROW LEVEL SECURITY;",
    ["2 contract", "3 contract"],
    "SELECT 1;",
  ],
  ["DROP POLICY p ON t;", ["2 contract"], "CREATE POLICY p ON t USING (true);\nDROP POLICY p ON t;"],
  [
    "CREATE POLICY p ON t AS RESTRICTIVE USING (a > 0);\nALTER POLICY q ON t USING (true);",
    ["2 contract", "3 contract"],
    "SELECT 1;",
  ],
  [
    "CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING;",
    ["2 contract"],
    "CREATE VIEW v AS SELECT 1; CREATE RULE r AS ON DELETE TO v DO INSTEAD NOTHING;",
  ],
  [
    "ALTER TABLE t DISABLE TRIGGER ALL;\nDROP RULE r ON t;",
    ["2 contract", "3 contract"],
    "ALTER TABLE t ENABLE TRIGGER ALL;",
  ],
  [
    "ALTER DOMAIN d ADD CONSTRAINT c CHECK (VALUE > 0); -- squawk-ignore-file",
    ["2 contract"],
    "ALTER DOMAIN d DROP CONSTRAINT c;",
  ],
  ["ALTER SEQUENCE s RESTART;", ["2 contract"], "CREATE TABLE t (id serial); ALTER SEQUENCE t_id_seq RESTART;"],
  [
    "ALTER TABLE t ALTER a ADD GENERATED ALWAYS AS IDENTITY;",
    ["2 contract"],
    "ALTER TABLE t ALTER a ADD GENERATED BY DEFAULT AS IDENTITY;",
  ],
  ["ALTER TABLE t DETACH PARTITION p; -- squawk-ignore-file", ["2 contract"], "CREATE TABLE p PARTITION OF t DEFAULT;"],
  [
    "REVOKE ALL ON FUNCTION f(int) FROM PUBLIC;",
    ["2 contract"],
    "CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'; REVOKE ALL ON FUNCTION f(integer) FROM PUBLIC;",
  ],
  [
    "CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1';\nDROP FUNCTION f(text);",
    ["3 contract"],
    "CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'; DROP FUNCTION f;",
  ],

  [
    "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';\nREVOKE ALL ON FUNCTION f() FROM r;",
    ["3 contract"],
    "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; REVOKE ALL ON FUNCTION f() FROM PUBLIC;",
  ],
  [
    "DO $$ BEGIN EXECUTE format('TRUNCATE %I', t); EXECUTE 'DROP TABLE ' || quote_ident(t); END $$;",
    ["2 destructive", "2 contract", "2 destructive"],
    "DO $$ BEGIN EXECUTE format('CREATE TABLE %I (a int)', t); EXECUTE t; END $$;",
  ],
  [
    "CREATE TABLE s.t (a int);\nCREATE INDEX ON s.t (a); CREATE INDEX ON u (a);\nCREATE INDEX ON u (b);",
    ["3 squawk/require-concurrent-index-creation", "4 squawk/require-concurrent-index-creation"],
    "CREATE MATERIALIZED VIEW v AS SELECT 1 AS a;\nCREATE INDEX ON v (a);\nCREATE TABLE t (a int);\nALTER TABLE t\n  ALTER a SET NOT NULL; -- contract: x",
  ],

  [
    "ALTER TABLE t ADD COLUMN a int, ADD CHECK (a > b) NOT VALID;",
    ["2 contract"],
    "ALTER TABLE t ADD COLUMN a int; ALTER TABLE t ADD CHECK (a > 0) NOT VALID, ADD FOREIGN KEY (a) REFERENCES u NOT VALID;",
  ],

  // What fails in an import, or records the wrong thing.
  [
    "ALTER TABLE t OWNER TO bob;",
    ["2 owner"],
    "ALTER TABLE t OWNER TO settlement_owner; ALTER FUNCTION f OWNER TO CURRENT_USER;",
  ],
  [
    "ALTER FUNCTION f OWNER TO SESSION_USER;\nCREATE SCHEMA s AUTHORIZATION bob;",
    ["2 owner", "3 declared", "3 owner"],
    "SET ROLE settlement_owner;",
  ],
  [
    "ALTER TYPE m ADD VALUE 'b';\nINSERT INTO t VALUES ('b');",
    ["3 enum-value"],
    "CREATE TYPE m AS ENUM ('a'); ALTER TYPE m ADD VALUE 'b'; INSERT INTO t VALUES ('b');",
  ],
  [
    "INSERT INTO schema_migrations VALUES ('1');\nDROP TABLE public.schema_migrations; -- destructive: x\nTRUNCATE schema_migrations;",
    ["2 versions", "3 versions", "3 contract", "3 destructive", "4 versions", "4 destructive"],
    "SELECT * FROM schema_migrations;",
  ],
  ["SAVEPOINT s; ROLLBACK;", ["2 transaction"], "SAVEPOINT s; ROLLBACK TO s; RELEASE s;"],

  ["SELECT a INTO u FROM t;", ["2 select-into"], "CREATE TABLE u AS SELECT a FROM t;"],

  // What blocks the service.
  ["CLUSTER t USING i;", ["2 locks"], "CREATE TABLE t (a int PRIMARY KEY); CLUSTER t USING t_pkey;"],
  ["LOCK TABLE t;\nLOCK t IN SHARE MODE;", ["2 locks", "3 locks"], "LOCK t IN ROW EXCLUSIVE MODE;"],
  ["REINDEX TABLE t;", ["2 locks"], "-- locks: a hundred rows\nREINDEX TABLE t;"],
  ["REFRESH MATERIALIZED VIEW v;", ["2 locks"], "REFRESH MATERIALIZED VIEW CONCURRENTLY v;"],
  ["ALTER TABLE t SET LOGGED;", ["2 locks"], "ALTER TABLE t SET (fillfactor = 90);"],

  [
    "DO $$\nBEGIN\n  PERFORM 1;\n  DELETE FROM t;\nEND\n$$;",
    ["5 destructive"],
    "DO $$\nBEGIN\n  -- destructive: a cache\n  DELETE FROM t;\nEND\n$$;",
  ],

  // Names, resolved by schema, kind and search path.
  [
    "CREATE TEMP TABLE t (a text);\nDROP TABLE public.t;",
    ["3 contract", "3 destructive"],
    "CREATE TEMP TABLE t (a text);\nDROP TABLE pg_temp.t;",
  ],
  [
    "CREATE TEMP TABLE t (a text);\nDROP TABLE t;\nDELETE FROM t;",
    ["4 destructive"],
    "CREATE TEMP TABLE t (a text);\nDELETE FROM t;",
  ],
  [
    "SET search_path = s;\nCREATE TABLE t (a text);\nDELETE FROM public.t;",
    ["4 destructive"],
    "SET search_path = s;\nCREATE TABLE t (a text);\nDELETE FROM s.t;",
  ],
  [
    "CREATE TABLE t (a text);\nSET LOCAL search_path TO s;\nDELETE FROM t;",
    ["4 destructive"],
    "CREATE TABLE t (a text);\nSET search_path TO s; RESET search_path;\nDELETE FROM t;",
  ],
  [
    "CREATE TABLE t (a text);\nSELECT set_config('search_path', 's', false);\nDELETE FROM t;",
    ["4 destructive"],
    "SELECT set_config('search_path', '', false);\nCREATE TABLE s.t (a text);\nDELETE FROM s.t;",
  ],
  [
    "CREATE FUNCTION t() RETURNS int LANGUAGE sql AS 'SELECT 1';\nDROP TABLE t;",
    ["3 contract", "3 destructive"],
    "CREATE TABLE t (a int); DROP TABLE t;",
  ],
  [
    "CREATE SCHEMA s CREATE TABLE t (a int);\nDROP TABLE t;",
    ["2 declared", "3 contract", "3 destructive"],
    "CREATE TABLE s.t (a int); DROP TABLE s.t;",
  ],
  [
    "CREATE TABLE t (a int);\nALTER TABLE t RENAME TO u;\nDELETE FROM t;",
    ["4 destructive"],
    "CREATE TABLE t (a int);\nALTER TABLE t RENAME TO u;\nALTER TABLE u SET SCHEMA s;\nDELETE FROM s.u;",
  ],
  [
    "DO $$ BEGIN IF false THEN CREATE TABLE t (a int); END IF; END $$;\nDELETE FROM t;",
    ["3 destructive"],
    "DO $$ BEGIN CREATE TABLE t (a int); END $$;\nDELETE FROM t;",
  ],
  [
    "DO $$ BEGIN IF true THEN RETURN; END IF; CREATE TABLE t (a int); END $$;\nDELETE FROM t;",
    ["3 destructive"],
    "SELECT 1;",
  ],
  [
    "DO $$ BEGIN CREATE TABLE t (a int); EXCEPTION WHEN OTHERS THEN NULL; END $$;\nDELETE FROM t;",
    ["3 destructive"],
    "SELECT 1;",
  ],
  ["SAVEPOINT s; CREATE TABLE t (a int); ROLLBACK TO s;\nDELETE FROM t;", ["3 destructive"], "SELECT 1;"],
  ["CREATE TABLE t AS SELECT 1; TRUNCATE t CASCADE;", ["2 destructive"], "CREATE TABLE t AS SELECT 1; TRUNCATE t;"],

  // What cannot be restored.
  ...[
    "true",
    "1 = 1",
    "NULL IS NULL",
    "NOT false",
    "a = a",
    "a > 0 OR true",
    "a IS NULL OR a IS NOT NULL",
    "'t'::boolean",
    "now() > '2020-01-01'",
    "EXISTS (SELECT 1)",
    "a LIKE '%'",
    "u.a = 1",
  ].map((where): [string, string[], string] => [`DELETE FROM t WHERE ${where};`, ["2 destructive"], "SELECT 1;"]),
  ...[
    "a > 0 AND true",
    "false",
    "1 = 0",
    "NULL",
    "NOT a",
    "a LIKE 'x%'",
    "t.a = u.a",
    "a IN (SELECT b FROM u)",
    "EXISTS (SELECT FROM u WHERE u.b = t.a)",
  ].map((where): [string, string[], string] => [
    "UPDATE t SET a = 1 WHERE true;",
    ["2 destructive"],
    `DELETE FROM t WHERE ${where};`,
  ]),
  ["UPDATE t SET b = 1;", ["2 destructive"], "ALTER TABLE t ADD COLUMN b int; UPDATE t SET b = 1;"],
  [
    "MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE;",
    ["2 destructive"],
    "MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN UPDATE SET b = 1;",
  ],
  [
    "MERGE INTO t USING u ON true WHEN MATCHED THEN UPDATE SET a = 1;",
    ["2 destructive"],
    "MERGE INTO t USING u ON t.a = u.a WHEN NOT MATCHED THEN INSERT VALUES (1);",
  ],
  ["ALTER TABLE t SET UNLOGGED;", ["2 destructive", "2 locks"], "CREATE TABLE t (a int); ALTER TABLE t SET LOGGED;"],
  ["CREATE UNLOGGED TABLE t (a int);", ["2 destructive"], "CREATE TABLE t (a int);"],
  ["ALTER TABLE t ALTER a TYPE date; -- squawk-ignore-file", ["2 contract", "2 destructive"], "SELECT 1;"],
  [
    "DO $$ BEGIN EXECUTE 'DELETE FROM t'; END $$;\nDO $$ DECLARE r record; BEGIN FOR r IN DELETE FROM t RETURNING a LOOP NULL; END LOOP; END $$;",
    ["2 destructive", "3 destructive"],
    "DO $$ BEGIN EXECUTE 'DELETE FROM t WHERE a > 0'; END $$;",
  ],
  ["TRUNCATE t;", ["2 destructive"], "-- destructive: the rows are a cache\nTRUNCATE t;"],
  ["DELETE FROM t;", ["2 destructive"], "DELETE FROM t WHERE a < 0;"],
  ["WITH gone AS (DELETE FROM t RETURNING a)\nSELECT a FROM gone;", ["2 destructive"], "SELECT 'DELETE FROM t';"],
  ["UPDATE t SET a = 1;", ["2 destructive"], "UPDATE t SET a = 1 WHERE a IS NULL;"],
  ["DO $$ BEGIN DELETE FROM t; END $$;", ["2 destructive"], "DO $$ BEGIN DELETE FROM t WHERE a < 0; END $$;"],
  [
    "DROP TABLE t;",
    ["2 contract", "2 destructive"],
    "-- contract: unused since 1.4.0\n-- destructive: exported to the archive\nDROP TABLE t;",
  ],
  [
    "-- destructive:\n-- contract: yes\nDROP TABLE t;",
    ["4 destructive"],
    "CREATE TEMP TABLE t (a text); DROP TABLE t;",
  ],
  ["-- destructive: one\nTRUNCATE t;\nTRUNCATE u;", ["4 destructive"], "CREATE TABLE t (a text); TRUNCATE t;"],

  // Squawk, for locks and rewrites.
  [
    "CREATE INDEX i ON t (a);",
    ["2 squawk/require-concurrent-index-creation"],
    "CREATE TABLE t (a text); CREATE INDEX i ON t (a);",
  ],
  [
    "ALTER TABLE t ALTER COLUMN a TYPE bigint;",
    ["2 contract", "2 squawk/changing-column-type"],
    "-- contract: 1.4.0 reads both\n-- squawk-ignore changing-column-type\nALTER TABLE t ALTER COLUMN a TYPE bigint;",
  ],
  [
    "ALTER TABLE t ALTER COLUMN a SET NOT NULL;",
    ["2 contract", "2 squawk/adding-not-nullable-field"],
    "-- contract: 1.4.0 fills it\nALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID;",
  ],
  [
    "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0);",
    ["2 contract", "2 squawk/constraint-missing-not-valid"],
    "ALTER TABLE t VALIDATE CONSTRAINT c;",
  ],
];

describe("a statement", () => {
  let found: readonly Finding[];
  const nameOf = (index: number) => `${versionAt(Date.UTC(2026, 0, 1) + index * 1000)}_x.sql`;
  beforeAll(async () => {
    // One run for all, because starting squawk and git takes longer than the rules.
    const all = join(mkdtempSync(join(tmpdir(), "lint-")), "migrations");
    mkdirSync(all);
    for (const [index, sql] of CASES.flatMap(([wrong, , right]) => [wrong, right]).entries()) {
      writeFileSync(join(all, nameOf(index)), both(sql));
    }
    found = (await lintMigrations(all)).filter(({ level }) => level === "error");
    rmSync(dirname(all), { recursive: true });
  });
  const errorsIn = (index: number) =>
    found.filter(({ file }) => file.endsWith(nameOf(index))).map(({ line, rule }) => `${line} ${rule}`);

  test.each(CASES.map((one, index) => [...one, index] as const))("%s", (_wrong, expected, _right, index) => {
    expect(errorsIn(2 * index)).toEqual(expected);
    expect(errorsIn(2 * index + 1)).toEqual([]);
  });
});

test("gives advice on a change of the role, which the import undoes", async () => {
  write(
    FILE,
    both("RESET ROLE;\nSET LOCAL ROLE bob;\nSELECT set_config('role', 'bob', true);\nSET ROLE settlement_owner;"),
  );
  const found = await lintMigrations(folder);
  expect(found.filter(({ rule }) => rule === "role").map(({ level, line }) => [level, line])).toEqual([
    ["advice", 2],
    ["advice", 3],
    ["advice", 4],
  ]);
  expect(passes(found)).toBe(true);
});

test("accepts the output of pg_dump, with advice on its settings", async () => {
  const dump =
    "\\restrict x\nSET lock_timeout = 0;\nSELECT pg_catalog.set_config('search_path', '', false);\n" +
    "CREATE TABLE public.t (id integer NOT NULL);\nCOPY public.t (id) FROM stdin;\n1\n2\n\\.\n" +
    "ALTER TABLE ONLY public.t ADD CONSTRAINT t_pkey PRIMARY KEY (id);\nCREATE INDEX ON public.t (id);\n\\unrestrict x";
  write(FILE, both(dump));
  const found = await lintMigrations(folder);
  expect(found.filter(({ level }) => level === "error")).toEqual([]);
  expect(found).toContainEqual(expect.objectContaining({ rule: "lock-timeout", line: 3 }));
});

test("gives advice on style", async () => {
  write(FILE, both("CREATE TABLE t (a int, b serial, c timestamp, d char(2));\nALTER TYPE m ADD VALUE 'b';"));
  const findings = await lintMigrations(folder);
  expect(findings.map(({ level }) => level)).toEqual(findings.map(() => "advice"));
  expect(new Set(findings.map(({ rule }) => rule))).toEqual(
    new Set([
      "history",
      "squawk/prefer-bigint-over-int",
      "squawk/prefer-identity",
      "squawk/prefer-timestamp-tz",
      "squawk/ban-char-field",
      "squawk/require-enum-value-ordering",
    ]),
  );
});

test("lets a down script destroy data, but not leave the transaction", async () => {
  write(FILE, both("SELECT 1;", "DROP TABLE t;\nCOMMIT;\nDROP INDEX CONCURRENTLY IF EXISTS i;"));
  expect(await errors()).toEqual(["5 transaction", "6 outside-transaction"]);
});

test("allows transaction:false only in the folder of the migration job", async () => {
  const text =
    "-- migrate:up transaction:false\nCREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a);\n" +
    "-- migrate:down transaction:false\nDROP INDEX CONCURRENTLY IF EXISTS i;\n";
  write(FILE, text);
  expect(await errors()).toEqual(["1 outside-transaction", "3 outside-transaction"]);
  rmSync(join(folder, FILE));
  write(`job/${FILE}`, text);
  expect(await errors()).toEqual([]);
  write(`job/${FILE}`, text.replaceAll(/(?<=false\n).*/g, "DO $$$$ BEGIN COMMIT; END $$$$;"));
  expect(await errors()).toEqual([]);
  write(`job/${FILE}`, text.replaceAll(" transaction:false", ""));
  expect(await errors()).toEqual(["2 outside-transaction", "4 outside-transaction"]);
});

describe("the repository's settings", () => {
  const settings = (text: string) => {
    write("settings.json", text);
  };

  test("change the levels of rules", async () => {
    write(FILE, both("CREATE TABLE t (a int);\nTRUNCATE u;\nLOCK u;"));
    settings('{ "levels": { "squawk/prefer-bigint-over-int": "error", "destructive": "advice", "locks": "off" } }');
    const findings = await lintMigrations(folder);
    expect(findings.map(({ level, rule }) => `${level} ${rule}`)).toEqual([
      "advice history",
      "error squawk/prefer-bigint-over-int",
      "advice destructive",
    ]);
  });

  test("say from which version on a down script is demanded", async () => {
    write("20250101000000_none.sql", "-- migrate:up\nSELECT 1;\n");
    write("20250101000001_empty.sql", both("SELECT 1;", ""));
    write(FILE, both("SELECT 1;", ""));
    expect(await errors()).toEqual(["1 directions", "3 directions", "3 directions"]);
    settings('{ "downFrom": "20260101000000" }');
    expect(await errors()).toEqual(["3 directions"]);
    expect(() => readMigrations(folder)).toThrow(`${FILE}: no SQL below "-- migrate:down"`);
    settings('{ "downFrom": "20260101000001" }');
    expect(await errors()).toEqual([]);
    expect(readMigrations(folder)).toHaveLength(3);
  });

  test.each([
    ["{", "settings.json: it is not JSON"],
    ["[]", "it must be an object"],
    ['{ "downfrom": "20260101000000" }', '"downfrom" is no setting; there are downFrom and levels'],
    ['{ "downFrom": 20260101000000 }', "downFrom must be a version of 14 digits, in quotes"],
    ['{ "levels": { "locks": "warning" } }', 'locks must be "error", "advice" or "off"'],
    ['{ "levels": { "lock": "off" } }', '"lock" is no rule of lint'],
  ])("are refused: %s", async (text, sentence) => {
    settings(text);
    await expect(lintMigrations(folder)).rejects.toThrow(sentence);
  });
});

describe("compares with the main branch", () => {
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=Test", "-c", "user.email=test@example.com", ...args], { cwd: root });
  const commit = () => {
    git("add", "--all");
    git("commit", "--quiet", "--message=x");
  };
  beforeEach(() => {
    git("init", "--quiet", "--initial-branch=main");
    write("20260101000000_first.sql", both("SELECT 1;"));
    write("20260301000000_second.sql", both("SELECT 1;"));
    commit();
    git("switch", "--quiet", "--create=work");
  });

  test("and refuses edited files", async () => {
    expect(await lintMigrations(folder)).toEqual([]);
    write("20260101000000_first.sql", both("SELECT 2;"));
    expect(await errors()).toEqual(["1 applied"]);
    commit();
    expect(await errors()).toEqual(["1 applied"]);
    write("20260101000000_first.sql", both("SELECT 1;"));
    expect(await errors()).toEqual([]);
  });

  test("and gives advice on what it has, because that may not be edited", async () => {
    write("20260302000000_old.sql", both("TRUNCATE t;", ""));
    git("switch", "--quiet", "main");
    commit();
    git("switch", "--quiet", "work");
    git("merge", "--quiet", "main");
    write("20260303000000_new.sql", both("TRUNCATE t;"));
    const found = (await lintMigrations(folder)).map(({ file, level, rule }) => `${level} ${rule} ${file.slice(-7)}`);
    expect(found).toEqual(["advice destructive old.sql", "advice directions old.sql", "error destructive new.sql"]);
    expect(scopeOf(folder)).toBe(
      "Judged 1 file that main does not have; findings in the 3 others are advice, because these count as applied.",
    );
    // What the stack has applied, if that is known.
    const applied = { source: "the state", files: new Set(["20260303000000_new.sql"]) };
    expect((await lintMigrations(folder, applied)).filter(({ level }) => level === "error")).toHaveLength(2);
  });

  test("and lets repeatable files change: those that did not are applied", async () => {
    write("repeatable/view.sql", "TRUNCATE t;");
    write("repeatable/other.sql", "TRUNCATE t;");
    git("switch", "--quiet", "main");
    commit();
    git("switch", "--quiet", "work");
    git("merge", "--quiet", "main");
    write("repeatable/view.sql", "TRUNCATE t, u;");
    const found = (await lintMigrations(folder)).map(({ file, level }) => `${level} ${file}`);
    expect(found).toEqual(["advice migrations/repeatable/other.sql", "error migrations/repeatable/view.sql"]);
    expect(scopeOf(folder)).toContain("Judged 1 file that main does not have");
  });

  test("and refuses deleted files", async () => {
    rmSync(join(folder, "20260101000000_first.sql"));
    expect(await lintMigrations(folder)).toEqual([
      expect.objectContaining({ file: "migrations/20260101000000_first.sql", rule: "applied" }),
    ]);
  });

  test("and lets a squash replace them", async () => {
    rmSync(join(folder, "20260101000000_first.sql"));
    write("20260101000000_squash.sql", `-- squash: 20260101000000 ${"0".repeat(64)}\n${both("SELECT 1;")}`);
    expect(await errors()).toEqual([]);
  });

  test("and refuses new files that are older than its newest", async () => {
    write("20260201000000_late.sql", both("SELECT 1;"));
    expect(await errors()).toEqual(["1 order"]);
    rmSync(join(folder, "20260201000000_late.sql"));
    write("20260302000000_third.sql", both("SELECT 1;"));
    expect(await errors()).toEqual([]);
  });

  test("and lets a branch lack files that main got later, if its own are newer", async () => {
    git("switch", "--quiet", "main");
    write("20260401000000_theirs.sql", both("SELECT 1;"));
    commit();
    git("switch", "--quiet", "work");
    expect(await errors()).toEqual([]);
    write("20260302000000_ours.sql", both("SELECT 1;"));
    expect(await errors()).toEqual(["1 order"]);
  });

  test("and notes what was not checked if git cannot find the branch", async () => {
    git("branch", "--quiet", "--delete", "--force", "main");
    const findings = await lintMigrations(folder);
    expect(findings).toMatchObject([{ rule: "history", level: "advice" }]);
    expect(findings[0]?.problem).toContain("no branch main");
    expect(passes(findings)).toBe(true);
  });
});
