import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readMigrations } from "../../infra/migrations/files.ts";
import { DUMP_FILE, dumpOf } from "../../ops/migration/dump.ts";
import { ScratchDatabase } from "../../ops/migration/scratch.ts";
import { roundTrip } from "./round-trip.ts";

const FOLDER = join(import.meta.dirname, "../../migrations");

test("the committed dump matches the files (otherwise run: npm run migration -- dump)", async () => {
  expect(readFileSync(join(FOLDER, DUMP_FILE), "utf8")).toBe(await dumpOf(FOLDER));
});

describe("a migration can be applied, rolled back and applied again", () => {
  const scratch = new ScratchDatabase();
  beforeAll(() => scratch.start());
  afterAll(() => scratch.remove());

  test.each(readMigrations(FOLDER).map((migration) => [migration.file, migration] as const))(
    "%s",
    async (file, migration) => {
      const untested = await roundTrip(scratch, migration);
      if (untested.length > 0) console.warn(`migrations/${file}: not tested: ${untested.join("; ")}.`);
    },
  );

  test("rolling back all of them leaves nothing", async () => {
    for (const migration of readMigrations(FOLDER).reverse()) await scratch.run(migration, "down");
    expect(await scratch.describe()).toBe("");
  });
});

let versions = 0;
/** A version of its own. */
function file(up: string, down = "SELECT 1;") {
  const version = String(++versions);
  return { version, file: `${version}_x.sql`, checksum: "", text: `-- migrate:up\n${up}\n-- migrate:down\n${down}\n` };
}

describe("the test of a migration", () => {
  const scratch = new ScratchDatabase();
  beforeAll(async () => {
    await scratch.start();
    await scratch.run(file("CREATE TABLE t (a int); CREATE TYPE mood AS ENUM ('good');"), "up");
  });
  afterAll(() => scratch.remove());

  test.each([
    ["INSERT INTO t VALUES (1);", "DELETE FROM t;", ["what it does to rows"]],
    ["DO $$ BEGIN UPDATE t SET a = 2; END $$;", "SELECT 1;", ["what it does to rows"]],
    ["ALTER TYPE mood ADD VALUE 'bad';", "SELECT 1;", ["applying again, because the new enum value stays"]],
    ["ALTER TYPE mood ADD VALUE IF NOT EXISTS 'odd' BEFORE 'good';", "SELECT 1;", []],
    ["ALTER TABLE t ADD COLUMN b int;", "", ["rolling back, because the down script is empty"]],
    ["CREATE TABLE u (a int);", "DROP TABLE u;", []],
    ["CREATE TABLE w (a int);\nCOPY w (a) FROM stdin;\n1\n\\.", "DROP TABLE w;", []],
  ])("%s tests what can be tested, and says what cannot", async (up, down, untested) => {
    expect(await roundTrip(scratch, file(up, down))).toEqual(untested);
  });

  test.each([
    ["CREATE TABLE IF NOT EXISTS t (a int);", "SELECT 1;", "the up script does not change the schema"],
    ["ALTER TABLE t ADD COLUMN c int;", "SELECT 1;", "the down script does not restore the schema"],
    ["ALTER TYPE mood ADD VALUE 'new'; ALTER TABLE t ADD COLUMN d int;", "SELECT 1;", "does not restore the schema"],
    ["CREATE TABLE v (a int);", "DROP TABLE nosuch;", "does not exist"],
  ])("%s fails", async (up, down, sentence) => {
    await expect(roundTrip(scratch, file(up, down))).rejects.toThrow(sentence);
  });
});

describe("the dump", () => {
  const scratch = new ScratchDatabase();
  beforeAll(() => scratch.start());
  afterAll(() => scratch.remove());

  /** Runs SQL and describes the schema. */
  const described = async (sql: string) => {
    await scratch.run(file(sql), "up");
    return scratch.describe();
  };

  test("shows every difference", async () => {
    const statements = [
      "CREATE TABLE t (a int);",
      "ALTER TABLE t ADD COLUMN b text;",
      "ALTER TABLE t ALTER COLUMN b SET NOT NULL;",
      "ALTER TABLE t ALTER COLUMN b SET DEFAULT '';",
      "ALTER TABLE t ALTER COLUMN a TYPE bigint;",
      "ALTER TABLE t ADD COLUMN c int GENERATED ALWAYS AS IDENTITY;",
      "ALTER TABLE t ADD COLUMN d bigint GENERATED ALWAYS AS (a + 1) STORED;",
      "ALTER TABLE t ADD COLUMN e serial;",
      "ALTER TABLE t ADD CONSTRAINT positive CHECK (a > 0);",
      "ALTER TABLE t ADD PRIMARY KEY (c);",
      "CREATE TABLE u (c int REFERENCES t);",
      "CREATE INDEX ON t (b);",
      "CREATE UNIQUE INDEX ON t (a) WHERE b <> '';",
      "CREATE VIEW v AS SELECT a FROM t;",
      "CREATE MATERIALIZED VIEW m AS SELECT a FROM t;",
      "CREATE SEQUENCE s;",
      "CREATE TYPE mood AS ENUM ('good');",
      "ALTER TYPE mood ADD VALUE 'bad';",
      "CREATE DOMAIN percent AS int CHECK (VALUE <= 100);",
      "CREATE TYPE pair AS (x int, y int);",
      "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';",
      "CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();",
      "CREATE TABLE p (a int) PARTITION BY RANGE (a);",
      "GRANT SELECT ON t TO PUBLIC;",
      "ALTER TABLE t ENABLE ROW LEVEL SECURITY;",
      "CREATE POLICY mine ON t USING (a > 0);",
    ];
    let before = "";
    for (const statement of statements) {
      const after = await described(statement);
      expect([statement, after]).not.toEqual([statement, before]);
      before = after;
    }
    expect(before).toContain("owner settlement_owner");
  });
});
