import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { lintMigrations } from "../../../ops/lint/lint.ts";
import { inLongForm } from "../../long-form.ts";

const ROOT = join(import.meta.dirname, "../../..");

/** The repository's first version. */
const VERSION = "20251025120000";

/** Runs the command as npm does. */
function migration(...args: string[]) {
  const words = ["ops/migration.ts", ...args];
  return spawnSync(process.execPath, words, { cwd: ROOT, encoding: "utf8" });
}

test("--help lists every command", () => {
  const { status, stdout } = migration("--help");
  expect(status).toBe(0);
  for (const command of ["new NAME", "lint", "status", "drift", "rollback", "restore", "repair", "squash", "dump"]) {
    expect(stdout).toContain(`\n  ${command} `);
  }
});

const MISTAKES: [string[], string][] = [
  [[], "Name a command."],
  [["nwe"], 'Unknown command "nwe".'],
  [["new"], "new takes exactly one name."],
  [["drift"], "Which stack?"],
  [["repair", "--stack", "staging", "--why", "x"], "Name a version: --version VERSION"],
  [["repair", "--stack", "staging", "--version", VERSION], "--why REASON"],
  [["squash", "--from", VERSION], "--from"],
  [["restore", "--stack", "staging"], "Name a backup"],
  [["restore", "--stack", "staging", "--backup", "../1"], '"../1" is not a backup'],
];

/** Each is a variation of another. */
const VARIATIONS: typeof MISTAKES = [
  [["toString"], 'Unknown command "toString".'],
  [["new", "two", "names"], "new takes exactly one name."],
  [["lint", "--jason"], "--jason"],
  [["repair", "--version", VERSION, "--why", "x"], "Which stack?"],
  [["repair", "--stack", "staging", "--version", VERSION, "--why", " "], "--why REASON"],
  [["restore", "--stack", "staging", "--backup"], "--backup"],
  [["restore", "--stack", "staging", "--backup", ""], '"" is not a backup'],
];

const refusesArguments = (args: readonly string[], sentence: string) => {
  const { status, stdout, stderr } = migration(...args);
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(sentence);
  expect(stderr).toContain("npm run migration -- COMMAND");
};
test.each(MISTAKES)("refuses the arguments %j and prints the help", refusesArguments);
inLongForm.each(VARIATIONS)("refuses the arguments %j and prints the help", refusesArguments);

test("exits with 1 and a single line for an invalid name", () => {
  const { status, stderr } = migration("new", "Bad");
  expect(status).toBe(1);
  expect(stderr).toMatch(/^"Bad" cannot name a migration\..*\n$/);
});

test.each([
  [["drift", "--stack", "nosuch"], /Pulumi\.nosuch\.yaml does not exist/],
  [["repair", "--stack", "nosuch", "--version", VERSION, "--why", "x", "--yes"], /Pulumi\.nosuch\.yaml does not exist/],
  [
    ["repair", "--stack", "prod", "--version", "1", "--why", "x", "--yes"],
    /^There is no version 1 in migrations\/\.$/m,
  ],
  [["squash", "--to", "1", "--yes"], /^There is no version 1 in migrations\/\.$/m],
  [["squash", "--to", VERSION, "--yes"], /^There are fewer than two versions to squash\.$/m],
])("refuses %j in a sentence", (args, sentence) => {
  const { status, stderr } = migration(...args);
  expect([status, stderr]).toEqual([1, expect.stringMatching(sentence)]);
  expect(stderr).not.toMatch(/^ {4}at /m);
});

test("lint --json prints what the function returns", async () => {
  const { status, stdout } = migration("lint", "--json");
  expect(JSON.parse(stdout)).toEqual(await lintMigrations(join(ROOT, "migrations")));
  expect(status).toBe(0);
});
