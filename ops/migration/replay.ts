import { basename } from "node:path";
import { MigrationFileError } from "../../infra/migrations/file-error.ts";
import { type Migration, readMigrations, readRepeatables } from "../../infra/migrations/files.ts";
import type { Provisions } from "../../infra/migrations/provisions.ts";
import { changeScript } from "../../infra/migrations/script.ts";
import { LOGINS } from "../../infra/names.ts";
import { type Applied, appliedIn } from "../lint/applied.ts";
import { type Finding, passes } from "../lint/finding.ts";
import { lintMigrations } from "../lint/lint.ts";
import { declaredBy } from "../lint/rules/declared.ts";
import { UserError } from "../terminal/user-error.ts";
import { ScratchDatabase } from "./scratch.ts";

/**
 * Lints a folder and then tries what is not applied: a temporary PostgreSQL with the applied versions gets the others by the
 * script of an update, up and down again. Nothing is tried if a file cannot be read.
 * @param applied The files that count as applied; by default those on the main branch.
 * @param declared The extensions and schemas that exist before.
 * @returns The findings, by file and line.
 */
export async function lintAndReplay(
  folder: string,
  applied?: Applied,
  declared: Provisions = declaredBy("some"),
): Promise<Finding[]> {
  const { files } = applied ?? appliedIn(folder);
  const findings = await lintMigrations(folder, applied);
  let migrations: Migration[];
  let repeatables: Migration[];
  try {
    migrations = readMigrations(folder);
    repeatables = readRepeatables(folder);
  } catch (error) {
    if (!(error instanceof MigrationFileError)) throw error;
    const said = { problem: error.message, remedy: "Correct it.", rule: "replay" as const };
    return passes(findings) ? [...findings, { file: basename(folder), line: 1, ...said, level: "error" }] : findings;
  }
  const isApplied = ({ file }: Migration) => files.has(file);
  if (
    [...migrations, ...repeatables].every(isApplied) ||
    findings.some(({ level, rule }) => level === "error" && UNREADABLE.includes(rule))
  ) {
    return findings;
  }
  const old = { versions: migrations.filter(isApplied), repeatables: repeatables.filter(isApplied) };
  const replayed = await replay(old, { versions: migrations, repeatables }, declared).catch(
    (error: unknown): Finding[] => {
      if (!(error instanceof UserError)) throw error;
      const remedy = "Nothing was tried; an update will tell whether the files can be applied.";
      return [{ file: basename(folder), line: 1, rule: "replay", problem: error.message, remedy, level: "advice" }];
    },
  );
  return [...findings, ...replayed].sort((a, b) => (a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1));
}

/** Rules whose errors stop a script from being made. */
const UNREADABLE = ["syntax", "psql", "copy"];

/** What a folder of migrations applies. */
interface Files {
  readonly versions: readonly Migration[];
  /** Applied after the versions. */
  readonly repeatables: readonly Migration[];
}

/**
 * Applies files to an empty database and rolls back the versions that were not there before. Repeatable files stay applied then.
 * @param old The files before.
 * @param all These and those that are tried.
 * @param declared The extensions and schemas that exist before.
 * @throws UserError if PostgreSQL does not have an extension.
 */
async function replay(old: Files, all: Files, declared: Provisions): Promise<Finding[]> {
  const pending = all.versions.filter((one) => !old.versions.includes(one));
  const scratch = new ScratchDatabase();
  try {
    await scratch.start(declared);
    const before = await failure(scratch.apply(old.versions, { repeatables: old.repeatables }));
    if (before !== undefined) {
      const found = { ...finding(before, old.versions), rule: "replay" as const, level: "advice" as const };
      return [{ ...found, remedy: "An applied version fails in an empty database, so that nothing else was tried." }];
    }
    const up = await failure(scratch.apply(all.versions, { repeatables: all.repeatables }));
    if (up !== undefined) return [finding(up, pending)];
    const back = changeScript({ up: old.versions, down: pending, user: LOGINS[0], logins: LOGINS });
    const down = await failure(back.then((script) => scratch.import(script)));
    return down === undefined ? [] : [finding(down, pending)];
  } finally {
    await scratch.remove();
  }
}

/** The message of a failed import, as psql prints it; undefined if it succeeded. */
async function failure(change: Promise<void>): Promise<string | undefined> {
  return change.then(
    () => undefined,
    (error: unknown) => (error as Error).message,
  );
}

/** Reads file and line from the message of a script that failed. */
function finding(message: string, migrations: readonly Migration[]): Finding {
  const [first = "", ...more] = message
    .replace(/^psql:<stdin>:\d+: /, "")
    .split(/\n(?=(?:DETAIL|HINT|CONTEXT|LINE \d+): )/);
  const [, file = migrations[0]?.file ?? "", line = "1", what = first] =
    /migrations\/([^:\s]+):(\d+): ([^]*)$/.exec(first) ?? [];
  const said = (word: string) =>
    more
      .find((text) => text.startsWith(word))
      ?.slice(word.length)
      .trim();
  // What was undone and what is applied matters on a stack only.
  const [detail = ""] = said("DETAIL:")?.split(/^.* was undone;/m) ?? [];
  const problem = `PostgreSQL refuses this: ${[what.trim(), detail.trim()].filter(Boolean).join("; ").replace(/\.$/, "")}.`;
  return {
    file: `migrations/${file}`,
    line: Number(line),
    rule: "replay",
    problem,
    remedy: "Correct the statement; this file was tried after all applied ones, as the import runs it.",
    level: "error",
  };
}
