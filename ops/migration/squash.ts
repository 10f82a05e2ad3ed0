import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checksum, type Migration, readMigrations, sqlOf } from "../../infra/migrations/files.ts";
import type { Provisions } from "../../infra/migrations/provisions.ts";
import { squashLines } from "../../infra/migrations/squash.ts";
import { declaredBy } from "../lint/rules/declared.ts";
import { UserError } from "../terminal/user-error.ts";
import { fileOf, madeBy } from "./drift.ts";

/** A file that replaces others. */
export interface Squash {
  readonly replaced: readonly Migration[];
  readonly file: Migration;
}

/**
 * One file of all versions up to one, for new databases: their up sections in order, and their down sections in reverse. It
 * has the newest of these versions, and existing databases recognise it by the checksums in its header.
 * @param folder The folder of migrations.
 * @param to The newest version to include; by default the newest of all.
 * @param declared The extensions and schemas that exist before.
 * @throws UserError if there is no such version or fewer than two, or the file does not make in one transaction what they make.
 */
export async function squash(folder: string, to?: string, declared: Provisions = declaredBy("some")): Promise<Squash> {
  const files = readMigrations(folder);
  if (to !== undefined) fileOf(files, to);
  const replaced = files.filter(({ version }) => to === undefined || version <= to);
  const newest = replaced.at(-1);
  if (!newest || replaced.length < 2) throw new UserError("There are fewer than two versions to squash.");
  const section = (direction: "up" | "down") => (migration: Migration) =>
    `-- from ${migration.file}\n${sqlOf(migration.text, direction).trim()}\n`;
  const text = [
    `-- Replaces ${replaced.length} versions. A database that has all of them records this file without running it.`,
    squashLines(replaced),
    `-- migrate:up\n${replaced.map(section("up")).join("\n")}`,
    `-- migrate:down\n${[...replaced].reverse().map(section("down")).join("\n")}`,
  ].join("\n");
  const name = `${newest.version}_squash.sql`;
  const file = { version: newest.version, file: name, text, checksum: checksum(text) };
  const [before, after] = [await madeBy(replaced, declared), await madeBy([file], declared).catch(refused)];
  if (before !== after)
    throw new UserError("In one transaction the versions make something else; squash fewer: --to VERSION.");
  return { replaced, file };
}

function refused(error: unknown): never {
  throw new UserError(`In one transaction the versions fail: ${(error as Error).message}\nSquash fewer: --to VERSION.`);
}

/** Writes a squash to the folder, and removes what it replaces. */
export function writeSquash(folder: string, { file, replaced }: Squash): void {
  writeFileSync(join(folder, file.file), file.text);
  for (const { file: name } of replaced) if (name !== file.file) rmSync(join(folder, name));
}
