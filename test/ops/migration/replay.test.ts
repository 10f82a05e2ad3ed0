import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Provisions } from "../../../infra/migrations/provisions.ts";
import type { Applied } from "../../../ops/lint/applied.ts";
import { dumpOf } from "../../../ops/migration/dump.ts";
import { lintAndReplay } from "../../../ops/migration/replay.ts";
import { squash } from "../../../ops/migration/squash.ts";

const [OLD, NEW] = ["20260101000000_old.sql", "20260102000000_new.sql"];
const APPLIED: Applied = { source: "main", files: new Set([OLD]) };
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "replay-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function write(file: string, up: string, down = "SELECT 1;") {
  writeFileSync(join(folder, file), `-- migrate:up\n${up}\n-- migrate:down\n${down}\n`);
}

/** What the replay found, without what needs the history of git. */
async function replayed(declared: Provisions = {}) {
  const findings = await lintAndReplay(folder, APPLIED, declared);
  return findings
    .filter(({ rule }) => rule !== "history")
    .map(({ file, level, line, problem, rule }) => [
      level,
      rule,
      `${file.replace(/^migrations\/(\d+_)?/, "")}:${line}`,
      problem,
    ]);
}

test("knows the schema of the applied files, and names the line that PostgreSQL refuses", async () => {
  write(OLD, "CREATE TABLE t (a bigint PRIMARY KEY);");
  write(NEW, "-- 🎉🎉🎉\nINSERT INTO t VALUES (1);\nDO $$\nBEGIN\n  INSERT INTO t VALUES (1);\nEND\n$$;");
  expect(await replayed()).toEqual([
    [
      "error",
      "replay",
      "new.sql:6",
      expect.stringMatching(/^PostgreSQL refuses this: duplicate key value .*Key \(a\)=/),
    ],
  ]);
});

test("rolls back what it has applied", async () => {
  write(OLD, "CREATE TABLE t (a bigint PRIMARY KEY);");
  write(NEW, "ALTER TABLE t ADD COLUMN b text;", "\nALTER TABLE t DROP COLUMN c;");
  expect(await replayed()).toEqual([
    ["error", "replay", "new.sql:5", 'PostgreSQL refuses this: column "c" of relation "t" does not exist.'],
  ]);
});

test("applies repeatable files after the versions, and leaves them when it rolls back", async () => {
  write(OLD, "CREATE TABLE t (a bigint);", "DROP TABLE t;");
  mkdirSync(join(folder, "repeatable"));
  const view = (text: string) => {
    writeFileSync(join(folder, "repeatable", "view.sql"), text);
  };
  view("CREATE OR REPLACE VIEW v AS\n  SELECT a, b FROM t;\n");
  expect(await replayed()).toEqual([
    ["error", "replay", "repeatable/view.sql:1", 'PostgreSQL refuses this: column "b" does not exist.'],
  ]);
  write(NEW, "ALTER TABLE t ADD COLUMN b text;", "DROP VIEW IF EXISTS v;\nALTER TABLE t DROP COLUMN b;");
  expect(await replayed()).toEqual([]);
  write(NEW, "ALTER TABLE t ADD COLUMN b text;", "ALTER TABLE t DROP COLUMN b;");
  expect(await replayed()).toEqual([
    [
      "error",
      "replay",
      "new.sql:4",
      expect.stringMatching(/^PostgreSQL refuses this: cannot drop column b .* view v depends on column b/),
    ],
  ]);
});

test("gives advice if an applied file fails", async () => {
  write(OLD, "SELECT * FROM nosuch;");
  write(NEW, "SELECT 1;");
  expect(await replayed()).toEqual([
    ["advice", "replay", "old.sql:2", 'PostgreSQL refuses this: relation "nosuch" does not exist.'],
  ]);
});

test.each([
  ["a file is not SQL", "SELEKT 1;", "syntax"],
  ["nothing is pending", undefined, undefined],
])("tries nothing if %s", async (_why, up, rule) => {
  write(OLD, "SELECT * FROM nosuch;");
  if (up !== undefined) write(NEW, up);
  expect((await replayed()).map(([, name]) => name)).toEqual(rule === undefined ? [] : [rule]);
});

describe("declared extensions and schemas", () => {
  const declared = { extensions: ["citext"], schemas: ["app"] };
  beforeEach(() => {
    write(OLD, "CREATE TABLE app.t (a citext);\nCOPY app.t (a) FROM stdin;\nx\n\\.", "DROP TABLE app.t;");
    write(NEW, "ALTER TABLE app.t ADD COLUMN b citext;", "ALTER TABLE app.t DROP COLUMN b;");
  });

  test("are there for the replay, the dump and the check of a squash", async () => {
    expect(await replayed(declared)).toEqual([]);
    expect(await dumpOf(folder, declared)).toContain("b citext");
    expect((await squash(folder, undefined, declared)).replaced).toHaveLength(2);
  });

  test("that this PostgreSQL does not have are said, and nothing is tried", async () => {
    const sentence = 'The declared extensions and schemas cannot be made here: extension "postgis" is not available.';
    expect(await replayed({ extensions: ["postgis"] })).toEqual([
      ["advice", "replay", `${basename(folder)}:1`, sentence],
    ]);
    await expect(dumpOf(folder, { extensions: ["postgis"] })).rejects.toThrow(sentence);
  });
});
