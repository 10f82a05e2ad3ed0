import { basename } from "node:path";
import { MigrationFileError } from "../../infra/migrations/file-error.ts";
import { type Migration, readMigrations } from "../../infra/migrations/files.ts";
import type { Provisions } from "../../infra/migrations/provisions.ts";
import { changeScript } from "../../infra/migrations/script.ts";
import { LOGINS } from "../../infra/names.ts";
import { type Applied, appliedOn } from "../lint/applied.ts";
import { type Finding, passes } from "../lint/finding.ts";
import { readHistory } from "../lint/history.ts";
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
  const { files } = applied ?? appliedOn(readHistory(folder));
  const findings = await lintMigrations(folder, applied);
  let migrations: Migration[];
  try {
    migrations = readMigrations(folder);
  } catch (error) {
    if (!(error instanceof MigrationFileError)) throw error;
    const said = { problem: error.message, remedy: "Correct it.", rule: "replay" as const };
    return passes(findings) ? [...findings, { file: basename(folder), line: 1, ...said, level: "error" }] : findings;
  }
  const pending = migrations.filter(({ file }) => !files.has(file));
  if (pending.length === 0 || findings.some(({ level, rule }) => level === "error" && UNREADABLE.includes(rule))) {
    return findings;
  }
  const old = migrations.filter(({ file }) => files.has(file));
  const replayed = await replay(old, pending, declared).catch((error: unknown): Finding[] => {
    if (!(error instanceof UserError)) throw error;
    const remedy = "Nothing was tried; an update will tell whether the files can be applied.";
    return [{ file: basename(folder), line: 1, rule: "replay", problem: error.message, remedy, level: "advice" }];
  });
  return [...findings, ...replayed].sort((a, b) => (a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1));
}

/** Rules whose errors stop a script from being made. */
const UNREADABLE = ["syntax", "psql", "copy"];

/**
 * Applies versions to an empty database and rolls some of them back.
 * @param applied The versions before; they stay.
 * @param pending The versions that are tried.
 * @param declared The extensions and schemas that exist before.
 * @throws UserError if PostgreSQL does not have an extension.
 */
async function replay(
  applied: readonly Migration[],
  pending: readonly Migration[],
  declared: Provisions,
): Promise<Finding[]> {
  const scratch = new ScratchDatabase();
  try {
    await scratch.start(declared);
    const before = await failure(scratch.apply(applied));
    if (before !== undefined) {
      const found = { ...finding(before, applied), rule: "replay" as const, level: "advice" as const };
      return [{ ...found, remedy: "An applied version fails in an empty database, so that nothing else was tried." }];
    }
    const up = await failure(scratch.apply([...applied, ...pending].sort(byVersion)));
    if (up !== undefined) return [finding(up, pending)];
    const back = changeScript({ up: applied, down: pending, user: LOGINS[0], logins: LOGINS });
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

function byVersion(a: Migration, b: Migration): number {
  return a.version < b.version ? -1 : 1;
}
