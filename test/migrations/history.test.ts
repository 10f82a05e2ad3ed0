import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checksum, type Migration, readMigrations, readRepeatables } from "../../infra/migrations/files.ts";
import { Importer, type SchemaState } from "../../infra/migrations/importer.ts";
import { type Change, changeScript } from "../../infra/migrations/script.ts";
import { squashedIn } from "../../infra/migrations/squash.ts";
import { LOGINS } from "../../infra/names.ts";
import { repeatablesIn } from "../../ops/migration/drift-by-import.ts";
import { ScratchDatabase } from "../../ops/migration/scratch.ts";
import { squash, writeSquash } from "../../ops/migration/squash.ts";
import { statusOf } from "../../ops/migration/status.ts";

const folder = mkdtempSync(join(tmpdir(), "squash-"));
const scratch = new ScratchDatabase();
let before: readonly Migration[];
let after: readonly Migration[];

const FILES = {
  "20260101000000_orders.sql": ["CREATE TABLE orders (id int PRIMARY KEY);", "DROP TABLE orders;"],
  "20260102000000_note.sql": ["ALTER TABLE orders ADD COLUMN note text;", "ALTER TABLE orders DROP COLUMN note;"],
  "20260103000000_rows.sql": ["INSERT INTO orders VALUES (1, 'a');", "DELETE FROM orders;"],
  "20260104000000_later.sql": ["CREATE TABLE later (id int);", "DROP TABLE later;"],
} as const;

beforeAll(async () => {
  for (const [file, [up, down]] of Object.entries(FILES)) {
    writeFileSync(join(folder, file), `-- migrate:up\n${up}\n\n-- migrate:down\n${down}\n`);
  }
  before = readMigrations(folder);
  writeSquash(folder, await squash(folder, "20260103000000"));
  after = readMigrations(folder);
  await scratch.start();
});
afterAll(async () => {
  await scratch.remove();
  rmSync(folder, { recursive: true });
});

/** Applies versions to a database as an update does. */
async function apply(database: string, up: readonly Migration[], more: Partial<Change> = {}): Promise<void> {
  await scratch.import(await changeScript({ up, down: [], user: LOGINS[0], logins: LOGINS, ...more }), database);
}

const versions = (database: string) =>
  scratch.query("SELECT version, checksum FROM schema_migrations ORDER BY 1", database);
const listed = (migrations: readonly Migration[]) => migrations.map(({ version, checksum }) => ({ version, checksum }));

test("one file replaces the others, and lists their checksums", () => {
  expect(readdirSync(folder).sort()).toEqual(["20260103000000_squash.sql", "20260104000000_later.sql"]);
  expect(squashedIn(after[0]?.text ?? "")).toEqual(
    Object.fromEntries(before.slice(0, 3).map(({ version, checksum }) => [version, checksum])),
  );
});

test("a new database gets the same schema and rows from it, and can go back and forth", async () => {
  await scratch.create("made_new");
  await apply("made_new", after);
  expect(await versions("made_new")).toEqual(listed(after));
  expect(await scratch.query("SELECT * FROM orders", "made_new")).toEqual([{ id: 1, note: "a" }]);
  await apply("made_new", [], { down: after });
  expect(await scratch.query("SELECT to_regclass('orders') AS orders", "made_new")).toEqual([{ orders: null }]);
  await apply("made_new", after);
});

test("a database that has the versions records it without running it", async () => {
  await scratch.create("existing");
  await apply("existing", before.slice(0, 3));
  await scratch.query("INSERT INTO orders VALUES (2, 'kept')", "existing");
  await apply("existing", after);
  await apply("existing", after);
  expect(await versions("existing")).toEqual(listed(after));
  expect(await scratch.query("SELECT count(*)::int AS rows FROM orders", "existing")).toEqual([{ rows: 2 }]);
});

test("a database that has a part of the versions, or an edited one, is refused unchanged", async () => {
  await scratch.create("behind");
  await apply("behind", before.slice(0, 2));
  await expect(apply("behind", after)).rejects.toThrow(
    "migrations/20260103000000_squash.sql replaces 3 versions, but the database has 2 of them as they were",
  );
  expect(await versions("behind")).toEqual(listed(before.slice(0, 2)));
});

test("the state's versions that it replaces are neither missing nor rolled back", async () => {
  const planned = (migrations: readonly Migration[]) =>
    migrations.map(({ checksum, file, text, version }) => ({ checksum, file, version, squashes: squashedIn(text) }));
  const place = { project: "p", instance: "i", database: "d", user: "u", bucket: "b", retainedBackups: 1 };
  const olds: SchemaState = { ...place, migrations: planned(before), version: "20260104000000" };
  const news: SchemaState = { ...olds, migrations: planned(after) };
  expect((await new Importer().check(olds, news)).failures).toEqual([]);
  expect((await new Importer().check(olds, { ...news, migrations: planned(after.slice(1)) })).failures).toHaveLength(3);
  expect(statusOf(olds, after).map(({ status }) => status)).toEqual(["squashed", "squashed", "squashed", "applied"]);
});

test("versions that cannot run in one transaction are refused", async () => {
  const other = mkdtempSync(join(tmpdir(), "squash-"));
  const files = [
    ["20260101000000_a.sql", "CREATE TYPE mood AS ENUM ('a');\nCREATE TABLE t (m mood);"],
    ["20260102000000_b.sql", "ALTER TYPE mood ADD VALUE 'b';"],
    ["20260103000000_c.sql", "CREATE TEMP TABLE x (a int);\nALTER TABLE t ADD u int;"],
    ["20260104000000_d.sql", "CREATE TEMP TABLE x (a int);"],
  ] as const;
  for (const [file, up] of files) {
    writeFileSync(join(other, file), `-- migrate:up\n${up}\n-- migrate:down\nSELECT 1;\n`);
  }
  await expect(squash(other)).rejects.toThrow(/In one transaction the versions fail: [^]*relation "x" already exists/);
  await expect(squash(other, "20260101000000")).rejects.toThrow("fewer than two versions");
  rmSync(other, { recursive: true });
});

describe("a repeatable file", () => {
  const repeatable = (name: string, text: string): Migration => ({
    ...{ version: "", file: `repeatable/${name}.sql`, text },
    checksum: checksum(text),
  });
  const doubled = (factor: number) =>
    repeatable("doubled", `CREATE OR REPLACE VIEW doubled AS SELECT id * ${factor} AS id FROM orders;`);
  const counted = repeatable("views", "INSERT INTO orders VALUES (nextval('runs'));\nSELECT count(*) FROM doubled;");

  test("is applied after the versions, in the order of names, once for each text", async () => {
    await scratch.create("repeatable");
    const text = "-- migrate:up\nCREATE TABLE orders (id int);\nCREATE SEQUENCE runs;\n-- migrate:down\nSELECT 1;";
    const one = { version: "20260101000000", file: "20260101000000_orders.sql", text, checksum: checksum(text) };
    const state = async () => [
      ...(await scratch.query("SELECT count(*)::int AS runs FROM orders", "repeatable")),
      ...(await scratch.query("SELECT min(id) AS first FROM doubled", "repeatable")),
    ];
    await apply("repeatable", [one], { repeatables: [doubled(2), counted] });
    await apply("repeatable", [one], { repeatables: [doubled(2), counted] });
    expect(await state()).toEqual([{ runs: 1 }, { first: 2 }]);
    await apply("repeatable", [one], { repeatables: [doubled(3), counted] });
    expect(await state()).toEqual([{ runs: 1 }, { first: 3 }]);
    expect(
      await scratch.query("SELECT viewowner::text FROM pg_views WHERE viewname = 'doubled'", "repeatable"),
    ).toEqual([{ viewowner: "settlement_owner" }]);
    expect(await scratch.query("SELECT file, checksum FROM schema_repeatables ORDER BY 1", "repeatable")).toEqual(
      [doubled(3), counted].map(({ checksum: sum, file }) => ({ file, checksum: sum })),
    );
    await expect(
      apply("repeatable", [one], { repeatables: [repeatable("wrong", "SELECT 1;\nSELECT nothing;"), doubled(4)] }),
    ).rejects.toThrow(/migrations\/repeatable\/wrong\.sql:2: column "nothing" does not exist/);
    expect(await state()).toEqual([{ runs: 1 }, { first: 3 }]);
  });

  test("is read from its folder, by name", () => {
    const files = mkdtempSync(join(tmpdir(), "repeatable-"));
    expect(readRepeatables(files)).toEqual([]);
    mkdirSync(join(files, "repeatable"));
    for (const name of ["b_view.sql", "a_view.sql"]) writeFileSync(join(files, "repeatable", name), "SELECT 1;");
    expect(readRepeatables(files).map(({ file }) => file)).toEqual(["repeatable/a_view.sql", "repeatable/b_view.sql"]);
    expect(readMigrations(files)).toEqual([]);
    writeFileSync(join(files, "repeatable", "c.sql"), "-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;\n");
    expect(() => readRepeatables(files)).toThrow('migrations/repeatable/c.sql:1: remove "-- migrate:up"');
    writeFileSync(join(files, "repeatable", "R__x.sql"), "SELECT 1;");
    expect(() => readRepeatables(files)).toThrow("migrations/repeatable/R__x.sql: the name must be");
    rmSync(files, { recursive: true });
  });

  const place = { project: "p", instance: "i", database: "d", user: "u", bucket: "b", retainedBackups: 1 };
  const state = (): SchemaState => ({ ...place, migrations: before, version: "20260104000000" });

  test("belongs to the schema that drift expects, also while a pinned version keeps it out of the state", () => {
    expect(repeatablesIn({ ...state(), repeatables: [doubled(2)] }, [doubled(2), counted])).toEqual([doubled(2)]);
    expect(repeatablesIn(state(), [doubled(2)])).toEqual([]);
    expect(repeatablesIn({ ...state(), target: "20260104000000" }, [doubled(2)])).toEqual([doubled(2)]);
    expect(() => repeatablesIn({ ...state(), repeatables: [doubled(2)] }, [doubled(3)])).toThrow(
      "migrations/repeatable/doubled.sql has changed since it was applied",
    );
  });

  test("that changed updates the schema", async () => {
    const olds = { ...state(), repeatables: [doubled(2)] };
    expect(await new Importer().diff(olds, olds)).toMatchObject({ changes: false });
    expect(await new Importer().diff(olds, { ...olds, repeatables: [doubled(3)] })).toMatchObject({ changes: true });
  });
});

describe("a repair", () => {
  const who = { by: "ann", at: "2026-11-27 21:00:00 UTC", why: "the index was built manually" };
  const repairOf = ({ checksum, version }: Migration) => ({ ...who, version, checksum });
  const traces = (database: string) => scratch.query("SELECT * FROM schema_repairs ORDER BY at", database);
  const [orders, note] = ["20260101000000", "20260102000000"];
  const find = (version: string | undefined) => {
    const found = before.find((each) => each.version === version);
    if (!found) throw new Error(`There is no version ${version}.`);
    return found;
  };

  test("records a version without running it, and who did it, when and why", async () => {
    await scratch.create("repaired");
    const two = [find(orders), find(note)];
    await apply("repaired", two, { repairs: [repairOf(find(note))] });
    expect(await versions("repaired")).toEqual(listed(two));
    expect(await scratch.query("SELECT * FROM orders", "repaired")).toEqual([]);
    const columns = "SELECT attname::text AS name FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attnum > 0";
    expect(await scratch.query(columns, "repaired")).toEqual([{ name: "id" }]);
    const { checksum, version } = find(note);
    expect(await traces("repaired")).toEqual([{ ...who, version, checksum, former: null, at: new Date(who.at) }]);
  });

  test("happens once: a version that was rolled back later is run again", async () => {
    await scratch.query("DELETE FROM schema_migrations WHERE version = '20260102000000'", "repaired");
    await apply("repaired", [find(orders), find(note)], { repairs: [repairOf(find(note))] });
    expect(await scratch.query("SELECT note FROM orders", "repaired")).toEqual([]);
    expect(await traces("repaired")).toHaveLength(1);
  });

  test("records the checksum of an edited file, and the former one", async () => {
    await scratch.create("edited");
    await apply("edited", [find(orders)]);
    const edited = { ...find(orders), checksum: "e".repeat(64) };
    await expect(apply("edited", [edited])).rejects.toThrow("was edited after it was applied");
    await apply("edited", [edited], { repairs: [repairOf(edited)] });
    expect(await versions("edited")).toEqual(listed([edited]));
    expect(await traces("edited")).toMatchObject([{ former: find(orders).checksum, why: who.why }]);

    const place = { project: "p", instance: "i", database: "d", user: "u", bucket: "b", retainedBackups: 1 };
    const olds: SchemaState = { ...place, migrations: [find(orders)], version: edited.version };
    const news: SchemaState = { ...olds, migrations: [edited] };
    expect((await new Importer().check(olds, news)).failures).toHaveLength(1);
    expect((await new Importer().check(olds, { ...news, repairs: [repairOf(edited)] })).failures).toEqual([]);
  });
});
