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

/**
 * Reads a folder of migrations, in the order of their versions.
 * @param folder Its path.
 * @throws MigrationFileError where a name is not `<14 digits>_<name>.sql`, a version occurs twice, a direction is missing,
 * or a file is not UTF-8.
 */
export function readMigrations(folder: string): Migration[] {
  const migrations: Migration[] = [];
  for (const { file, notUtf8, text } of sqlFiles(folder)) {
    const version = versionIn(file);
    if (version === undefined) {
      throw new MigrationFileError(`migrations/${file}: the name must be <timestamp of 14 digits>_<name>.sql.`);
    }
    const before = migrations.at(-1);
    if (before?.version === version) {
      throw new MigrationFileError(
        `migrations/${before.file} and migrations/${file} have the same version; rename one.`,
      );
    }
    if (notUtf8 !== undefined) {
      throw new MigrationFileError(`migrations/${file}:${notUtf8}: the line is not UTF-8. Save the file as UTF-8.`);
    }
    directions(file, text);
    migrations.push({ version, file, text, checksum: checksum(text) });
  }
  return migrations;
}

/** A file that may be a migration. */
export interface SqlFile {
  /** Its name. */
  readonly file: string;
  /** Its whole text, read as UTF-8. */
  readonly text: string;
  /** The first line, from 1, that is not UTF-8; see {@link lineNotUtf8}. */
  readonly notUtf8: number | undefined;
}

/** Every `.sql` file of a folder, in the order of the names. */
export function sqlFiles(folder: string): SqlFile[] {
  const names = readdirSync(folder).filter((name) => name.endsWith(".sql"));
  return names.sort().map((file) => {
    const bytes = readFileSync(join(folder, file));
    return { file, text: bytes.toString("utf8"), notUtf8: lineNotUtf8(bytes) };
  });
}

/** The version that the name of a file begins with; undefined where the name has another form. */
export function versionIn(file: string): string | undefined {
  return /^(\d{14})_[a-z0-9_]+\.sql$/.exec(file)?.[1];
}

/**
 * The first line of a file, from 1, that no text of PostgreSQL can be made of: read as UTF-8 it would lose letters, or it
 * holds a zero byte. Undefined where the whole file is UTF-8.
 */
function lineNotUtf8(bytes: Buffer): number | undefined {
  const lines = bytes.toString("latin1").split("\n");
  const wrong = lines.findIndex((line) => line.includes("\0") || !isUtf8(Buffer.from(line, "latin1")));
  return wrong < 0 ? undefined : wrong + 1;
}

/** The checksum by which an edited file is recognised. */
export function checksum(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** A line that begins a direction, such as `-- migrate:up`. */
export interface Marker {
  readonly direction: "up" | "down";
  /** What stands behind it, such as `transaction:false`. */
  readonly option: string;
  /** From 1. */
  readonly line: number;
}

/** The markers of a file in dbmate's format. */
export function markersOf(text: string): Marker[] {
  return text.split("\n").flatMap((content, index) => {
    const [, direction, option = ""] = /^--\s*migrate:(up|down)\b[ \t]*(.*)$/.exec(content) ?? [];
    if (direction !== "up" && direction !== "down") return [];
    return [{ direction, option: option.trim(), line: index + 1 }];
  });
}

/**
 * The SQL of a direction. It keeps its line numbers: whatever else the file holds is left as blank lines, so that
 * PostgreSQL's `LINE n` is the line of the file.
 */
export function sqlOf(text: string, direction: Marker["direction"]): string {
  const markers = markersOf(text);
  const lines = text.split("\n").map((content, index) => {
    const marker = markers.findLast(({ line }) => line <= index + 1);
    return marker?.direction === direction && marker.line <= index ? content : "";
  });
  return lines.join("\n");
}

/**
 * Splits a file into its two directions, see {@link sqlOf}.
 * @param file The file's name, for the message.
 * @throws MigrationFileError where a direction is missing or empty.
 */
export function directions(file: string, text: string): Record<Marker["direction"], string> {
  const [up, down] = [sqlOf(text, "up").trimEnd(), sqlOf(text, "down").trimEnd()];
  if (up === "" || down === "") {
    const missing = up === "" ? "up" : "down";
    throw new MigrationFileError(`migrations/${file}: there is no SQL below "-- migrate:${missing}".`);
  }
  return { up, down };
}
