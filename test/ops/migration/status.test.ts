import type { SchemaState } from "../../../infra/migrations/importer.ts";
import type { Recorded } from "../../../ops/doctor/login.ts";
import { formatStatus, FROM_DATABASE, FROM_STATE, statusOf, statusOfRecorded } from "../../../ops/migration/status.ts";

const at = "2026-01-02T03:04:05.678Z";
const file = (version: string, checksum = version) => ({ version, file: `${version}_x.sql`, checksum, text: "" });
const state: SchemaState = {
  project: "p",
  instance: "i",
  database: "d",
  user: "u",
  bucket: "b",
  retainedBackups: 5,
  version: "3",
  migrations: [file("1"), file("2"), file("3")],
  applied: { "1": { at, backup: "17" } },
};

test("shows whether each version is applied, edited, missing or pending", () => {
  const versions = statusOf(state, [file("1"), file("2", "other"), file("4")]);
  expect(versions.map(({ version, status }) => [version, status])).toEqual([
    ["1", "applied"],
    ["2", "edited"],
    ["3", "missing"],
    ["4", "pending"],
  ]);
  expect(formatStatus(versions, FROM_STATE).split("\n")[0]).toBe(
    "1  applied   2026-01-02T03:04:05Z  backup 17             1_x.sql",
  );
});

test("lists the repeatable files that the next update applies", () => {
  const view = (name: string, checksum: string) => ({ ...file("", checksum), file: `repeatable/${name}.sql` });
  const applied = { ...state, repeatables: [view("a", "1"), view("b", "1")] };
  const versions = statusOf(applied, [], [view("a", "1"), view("b", "2"), view("c", "1")]);
  expect(versions.filter(({ version }) => version === "").map(({ file, status }) => [file, status])).toEqual([
    ["repeatable/b.sql", "apply again"],
    ["repeatable/c.sql", "pending"],
  ]);
  expect(formatStatus(versions.slice(-2, -1), FROM_STATE).split("\n")[0]).toMatch(
    /^ +apply again +repeatable\/b\.sql$/,
  );
});

test("shows every version as pending before the first update", () => {
  expect(statusOf(undefined, [file("1")])).toEqual([{ version: "1", file: "1_x.sql", status: "pending" }]);
});

test("shows the versions in the database the same way, and those of dbmate without a checksum", () => {
  const row = (checksum: string): Recorded => ({ checksum, at: new Date(at), backup: "17" });
  const recorded = new Map<string, Recorded>([
    ["1", { checksum: null, at: null, backup: null }],
    ["2", row("2")],
    ["3", row("3")],
  ]);
  const versions = statusOfRecorded({ versions: recorded, repeatables: new Map() }, [
    file("1"),
    file("2", "other"),
    file("4"),
  ]);
  expect(formatStatus(versions, FROM_DATABASE).split("\n")).toEqual([
    "1  applied                                               1_x.sql",
    "2  edited    2026-01-02T03:04:05Z  backup 17             2_x.sql",
    "3  missing   2026-01-02T03:04:05Z  backup 17             3",
    "4  pending                                               4_x.sql",
    FROM_DATABASE,
  ]);
});
