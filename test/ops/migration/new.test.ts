import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newMigration } from "../../../ops/migration/new.ts";
import { UserError } from "../../../ops/terminal/user-error.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "new-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const NOW = new Date("2026-11-23T08:09:10.999Z");

test("creates a file with a UTC timestamp and both directions", () => {
  expect(newMigration(folder, "add_fee_2", NOW)).toBe("20261123080910_add_fee_2.sql");
  expect(readFileSync(join(folder, "20261123080910_add_fee_2.sql"), "utf8")).toBe("-- migrate:up\n\n-- migrate:down\n");
});

test("makes each file newer than all others, even if the clock is behind", () => {
  newMigration(folder, "first", new Date("2026-12-31T23:59:59Z"));
  expect(newMigration(folder, "second", NOW)).toBe("20270101000000_second.sql");
  expect(newMigration(folder, "third", NOW)).toBe("20270101000001_third.sql");
});

test.each(["", "Add", "add fee", "add-fee", "../fee", "add__fee", "_fee", "2fee", "fee_", "é", "a".repeat(61)])(
  "refuses the name %j",
  (name) => {
    expect(() => newMigration(folder, name, NOW)).toThrow(UserError);
    expect(() => newMigration(folder, name, NOW)).toThrow("lower case letters, digits and underscores");
  },
);
