import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** One version of the schema: a file in dbmate's format, with both directions. */
export interface Migration {
  /** The digits the file's name begins with, such as `20251025120000`. */
  readonly version: string;
  /** The file's name. */
  readonly file: string;
  /** The file's whole text. */
  readonly text: string;
  /** SHA-256 of the text, in hex. */
  readonly checksum: string;
}

/** A file in the migrations folder that cannot be used; the message names it. */
export class MigrationFileError extends Error {
  override readonly name = "MigrationFileError";
}

const FILE_NAME = /^(\d{14})_[a-z0-9_]+\.sql$/;

/**
 * Reads a folder of migrations, in the order of their versions.
 * @param folder Its path.
 * @throws MigrationFileError where a name is not `<14 digits>_<name>.sql`, a version occurs twice, a direction is missing,
 * or a file is not UTF-8.
 */
export function readMigrations(folder: string): Migration[] {
  const migrations: Migration[] = [];
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith(".sql")) continue;
    const version = FILE_NAME.exec(file)?.[1];
    if (version === undefined) {
      throw new MigrationFileError(`migrations/${file}: the name must be <timestamp of 14 digits>_<name>.sql.`);
    }
    const before = migrations.at(-1);
    if (before?.version === version) {
      throw new MigrationFileError(
        `migrations/${before.file} and migrations/${file} have the same version; rename one.`,
      );
    }
    const bytes = readFileSync(join(folder, file));
    const wrong = lineNotUtf8(bytes);
    if (wrong !== undefined) {
      throw new MigrationFileError(`migrations/${file}:${wrong}: the line is not UTF-8. Save the file as UTF-8.`);
    }
    const text = bytes.toString("utf8");
    directions(file, text);
    migrations.push({ version, file, text, checksum: checksum(text) });
  }
  return migrations;
}

/**
 * The first line of a file, from 1, that no text of PostgreSQL can be made of: read as UTF-8 it would lose letters, or it
 * holds a zero byte. Undefined where the whole file is UTF-8.
 */
export function lineNotUtf8(bytes: Buffer): number | undefined {
  const lines = bytes.toString("latin1").split("\n");
  const wrong = lines.findIndex((line) => line.includes("\0") || !isUtf8(Buffer.from(line, "latin1")));
  return wrong < 0 ? undefined : wrong + 1;
}

/** The checksum by which an edited file is recognised. */
export function checksum(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/**
 * Splits a file into its two directions. Each keeps its line numbers: what belongs to the other is left as blank lines,
 * so that PostgreSQL's `LINE n` is the line of the file.
 * @param file The file's name, for the message.
 * @throws MigrationFileError where a direction is missing or empty.
 */
export function directions(file: string, text: string): { up: string; down: string } {
  const sql: Record<"up" | "down", string[]> = { up: [], down: [] };
  let current: "up" | "down" | undefined;
  for (const line of text.split("\n")) {
    const marker = /^--\s*migrate:(up|down)\b/.exec(line)?.[1] as "up" | "down" | undefined;
    if (marker) current = marker;
    sql.up.push(current === "up" && !marker ? line : "");
    sql.down.push(current === "down" && !marker ? line : "");
  }
  const up = sql.up.join("\n").trimEnd();
  const down = sql.down.join("\n").trimEnd();
  if (up === "" || down === "") {
    const missing = up === "" ? "up" : "down";
    throw new MigrationFileError(`migrations/${file}: there is no SQL below "-- migrate:${missing}".`);
  }
  return { up, down };
}
