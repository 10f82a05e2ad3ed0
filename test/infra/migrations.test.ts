import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RunError } from "@pulumi/pulumi";
import { MigrationFileError } from "../../infra/migrations/file-error.ts";
import { directions, readMigrations } from "../../infra/migrations/files.ts";
import { changeScript } from "../../infra/migrations/script.ts";
import { statementsIn } from "../../infra/migrations/statements.ts";

describe("the migrations folder", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "migrations-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const write = (file: string, text = "-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;\n") => {
    writeFileSync(join(folder, file), text);
  };

  test("is read in order of version", () => {
    write("20260102000000_b.sql");
    write("20260101000000_a.sql");
    write("README.md", "not a migration");
    expect(readMigrations(folder).map(({ version, file }) => [version, file])).toEqual([
      ["20260101000000", "20260101000000_a.sql"],
      ["20260102000000", "20260102000000_b.sql"],
    ]);
  });

  test.each([
    ["2026_short.sql", undefined, "the name must be <14-digit timestamp>_<name>.sql"],
    ["20260101000000_a.sql", "-- migrate:up\nSELECT 1;\n", 'no SQL below "-- migrate:down"'],
    ["20260101000000_a.sql", "-- migrate:down\nSELECT 1;\n", 'no SQL below "-- migrate:up"'],
    ["20260101000000_a.sql", "", 'no SQL below "-- migrate:up"'],
  ])("is rejected with the reason for %s", (file, text, sentence) => {
    write(file, text);
    expect(() => readMigrations(folder)).toThrow(MigrationFileError);
    expect(() => readMigrations(folder)).toThrow(sentence);
    expect(() => readMigrations(folder)).toThrow(file);
  });

  test.each([
    ["Latin-1", Buffer.from("-- migrate:up\nSELECT 1;\n-- caf\xe9\n-- migrate:down\nSELECT 2;\n", "latin1"), 3],
    ["UTF-16", Buffer.from("-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;\n", "utf16le"), 1],
    ["a zero byte", Buffer.from("-- migrate:up\nSELECT '\0';\n-- migrate:down\nSELECT 2;\n"), 2],
    [
      "an incomplete character",
      Buffer.from("-- migrate:up\nSELECT 1; -- \xc3\n-- migrate:down\nSELECT 2;\n", "latin1"),
      2,
    ],
  ])("is rejected with the line of %s", (_what, bytes, line) => {
    writeFileSync(join(folder, "20260101000000_a.sql"), bytes);
    expect(() => readMigrations(folder)).toThrow(
      new MigrationFileError(`migrations/20260101000000_a.sql:${line}: the line is not UTF-8. Save the file as UTF-8.`),
    );
  });

  test("preserves every UTF-8 character", () => {
    write("20260101000000_a.sql", "-- migrate:up\nSELECT 'é 😀 \u{fffd}';\n-- migrate:down\nSELECT 2;\n");
    expect(readMigrations(folder)[0]?.text).toContain("'é 😀 \u{fffd}'");
  });

  test("may have Windows line endings, as for dbmate", () => {
    write("20260101000000_a.sql", "-- migrate:up\r\nSELECT 1;\r\n-- migrate:down\r\nSELECT 2;\r\n");
    const [{ file, text } = { file: "", text: "" }] = readMigrations(folder);
    expect(directions(file, text)).toEqual({ up: "\nSELECT 1;", down: "\n\n\nSELECT 2;" });
  });

  test("is rejected if a marker follows a byte order mark, which dbmate does not read", () => {
    write("20260101000000_a.sql", "\ufeff-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;\n");
    expect(() => readMigrations(folder)).toThrow("a.sql:1: begins with a byte order mark");
    write("20260101000000_a.sql", "\ufeff-- By me\n-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;\n");
    expect(readMigrations(folder)).toHaveLength(1);
  });

  test("is rejected if a folder is named like a file", () => {
    mkdirSync(join(folder, "20260101000000_x.sql"));
    expect(() => readMigrations(folder)).toThrow(
      new MigrationFileError("migrations/20260101000000_x.sql is a folder; rename or remove it."),
    );
  });

  test("is rejected without a stack trace by plain Pulumi too", () => {
    expect(RunError.isInstance(new MigrationFileError("x"))).toBe(true);
  });

  test("is rejected if a version occurs twice", () => {
    write("20260101000000_a.sql");
    write("20260101000000_b.sql");
    expect(() => readMigrations(folder)).toThrow("have the same version");
  });
});

test("both directions keep the line numbers of the file", () => {
  const text = "-- migrate:up\nSELECT 'up';\n\n-- migrate:down\nSELECT 'down';\n";
  const { up, down } = directions("x.sql", text);
  expect(up.split("\n").indexOf("SELECT 'up';")).toBe(1);
  expect(down.split("\n").indexOf("SELECT 'down';")).toBe(4);
});

test("a script has two transactions and one per version, and contains every version with its checksum", async () => {
  const migrations = readMigrations(join(import.meta.dirname, "../../migrations"));
  const script = await changeScript({ up: migrations, down: [], user: "settlement_user", logins: ["settlement_user"] });
  expect(script.match(/^(BEGIN|COMMIT);$/gm)).toEqual(
    Array.from({ length: 2 + migrations.length }, () => ["BEGIN;", "COMMIT;"]).flat(),
  );
  const listed = (values: readonly string[]) => `ARRAY[${values.map((value) => `'${value}'`).join(", ")}]`;
  expect(script).toContain(listed(migrations.map(({ version }) => version)));
  expect(script).toContain(listed(migrations.map(({ checksum }) => checksum)));
});

test("PostgreSQL's own parser splits statements and finds their lines", async () => {
  const sql = "\n-- é;\nSELECT ';';\nDO $$ BEGIN PERFORM 1; END $$;\n\n  SELECT 2";
  expect((await statementsIn("x.sql", sql)).map(({ line, text }) => ({ line, text }))).toEqual([
    { text: "SELECT ';'", line: 3 },
    { text: "DO $$ BEGIN PERFORM 1; END $$", line: 4 },
    { text: "SELECT 2", line: 6 },
  ]);
});

test("reports invalid SQL with its file and line", async () => {
  await expect(statementsIn("x.sql", "SELECT 1;\n\nSELEC 2;")).rejects.toThrow(
    'migrations/x.sql:3: syntax error at or near "SELEC"',
  );
});
