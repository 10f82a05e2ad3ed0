import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { lintMigrations } from "../../../ops/lint/lint.ts";

const ROOT = join(import.meta.dirname, "../../..");

/** Runs the command as npm does. */
function migration(...args: string[]) {
  const words = ["ops/migration.ts", ...args];
  return spawnSync(process.execPath, words, { cwd: ROOT, encoding: "utf8" });
}

test("--help lists every command", () => {
  const { status, stdout } = migration("--help");
  expect(status).toBe(0);
  for (const command of ["new NAME", "lint", "status", "rollback", "restore", "dump"]) {
    expect(stdout).toContain(`\n  ${command} `);
  }
});

test.each([
  [[], "Name a command."],
  [["nwe"], 'Unknown command "nwe".'],
  [["toString"], 'Unknown command "toString".'],
  [["new"], "new takes exactly one name."],
  [["new", "two", "names"], "new takes exactly one name."],
  [["lint", "--jason"], "--jason"],
  [["restore", "--stack", "staging"], "Name a backup"],
  [["restore", "--stack", "staging", "--backup"], "--backup"],
  [["restore", "--stack", "staging", "--backup", ""], '"" is not the id of a backup'],
  [["restore", "--stack", "staging", "--backup", "../1"], '"../1" is not the id of a backup'],
])("refuses the arguments %j and prints the help", (args, sentence) => {
  const { status, stdout, stderr } = migration(...args);
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(sentence);
  expect(stderr).toContain("npm run migration -- COMMAND");
});

test("exits with 1 and a single line for an invalid name", () => {
  const { status, stderr } = migration("new", "Bad");
  expect(status).toBe(1);
  expect(stderr).toMatch(/^"Bad" cannot name a migration\..*\n$/);
});

test("lint --json prints what the function returns", async () => {
  const { status, stdout } = migration("lint", "--json");
  expect(JSON.parse(stdout)).toEqual(await lintMigrations(join(ROOT, "migrations")));
  expect(status).toBe(0);
});
