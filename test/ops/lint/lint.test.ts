import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { readMigrations } from "../../../infra/migrations/files.ts";
import { type Finding, passes } from "../../../ops/lint/finding.ts";
import { lintMigrations } from "../../../ops/lint/lint.ts";

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

  test("passes only files that the program can read", async () => {
    write(FILE, `-- Why.\n${both("SELECT 'ä';", "-- Back.\nSELECT 1;")}`);
    expect(await errors()).toEqual([]);
    expect(readMigrations(folder)).toHaveLength(1);
  });
});

test.each<[string, string[], string]>([
  // What an import cannot do.
  ["BEGIN;", ["2 transaction"], "SELECT 'BEGIN;';"],
  ["SELECT 1;\nCOMMIT;", ["3 transaction"], "DO $$ BEGIN PERFORM 1; END $$;"],
  ["DO $$ BEGIN COMMIT; END $$;", ["2 transaction"], "DO $$ BEGIN PERFORM 'COMMIT;'; END $$;"],
  ["ROLLBACK;", ["2 transaction"], "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END;"],
  ["\\copy t FROM 'rows.csv'", ["2 psql"], "SELECT E'\\\\copy';"],
  ["COPY t FROM stdin;\n1\t2\n\\.", ["3 copy"], "COPY t TO stdout;"],
  ["COPY t FROM stdin;", ["2 copy"], "COPY t FROM '/rows.csv';"],
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
  ["CREATE DATABASE d;", ["2 outside-transaction"], "CREATE SCHEMA d;"],
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
  ["DROP FUNCTION f;", ["2 contract"], "DROP TRIGGER f ON t;"],
  ["ALTER TABLE t SET SCHEMA s;", ["2 contract"], "ALTER TABLE t SET (fillfactor = 90);"],
  ["REVOKE SELECT ON t FROM r;", ["2 contract"], "GRANT SELECT ON t TO r;"],

  // What cannot be restored.
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
    "ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID;",
  ],
  [
    "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0);",
    ["2 squawk/constraint-missing-not-valid"],
    "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;",
  ],
])("%s", async (wrong, expected, right) => {
  write(FILE, both(wrong));
  expect(await errors()).toEqual(expected);
  write(FILE, both(right));
  expect(await errors()).toEqual([]);
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

  test("and refuses deleted files", async () => {
    rmSync(join(folder, "20260101000000_first.sql"));
    expect(await lintMigrations(folder)).toEqual([
      expect.objectContaining({ file: "migrations/20260101000000_first.sql", rule: "applied" }),
    ]);
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
    expect(findings).toMatchObject([{ rule: "history", level: "note" }]);
    expect(findings[0]?.problem).toContain("no branch main");
    expect(passes(findings)).toBe(true);
  });
});
