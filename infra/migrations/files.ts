import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { MigrationFileError } from "./file-error.ts";
import { readSettings } from "./settings.ts";

/** One version of the schema: a file in dbmate's format. */
export interface Migration {
  /** The file name's leading digits, such as `20251025120000`. */
  readonly version: string;
  /** The file's name. */
  readonly file: string;
  readonly text: string;
  /** SHA-256 of the text, in hex. */
  readonly checksum: string;
}

/**
 * Reads a folder of migrations, in the order of their versions.
 * @throws MigrationFileError if a file name or the settings are invalid, a version occurs twice, a direction is missing, or a
 * file is a folder or not UTF-8.
 */
export function readMigrations(folder: string): Migration[] {
  const migrations: Migration[] = [];
  const { downFrom = "" } = readSettings(folder);
  for (const { file, notUtf8, text } of sqlFiles(folder)) {
    const version = versionIn(file);
    if (version === undefined) {
      throw new MigrationFileError(`migrations/${file}: the name must be <14-digit timestamp>_<name>.sql.`);
    }
    const before = migrations.at(-1);
    if (before?.version === version) {
      throw new MigrationFileError(`migrations/${before.file} and ${file} have the same version; rename one.`);
    }
    if (notUtf8 !== undefined) {
      throw new MigrationFileError(`migrations/${file}:${notUtf8}: the line is not UTF-8. Save the file as UTF-8.`);
    }
    const { down } = directions(file, text);
    if (down === "" && version >= downFrom) throw nothingBelow(file, "down");
    migrations.push({ version, file, text, checksum: checksum(text) });
  }
  return migrations;
}

/** The subfolder of the repeatable files: views and functions that are applied again if their text has changed. */
export const REPEATABLE_FOLDER = "repeatable";

/**
 * Reads the repeatable files of a folder of migrations, in the order of their names: SQL without markers. They have no version.
 * @throws MigrationFileError if a name is invalid, or a file is not UTF-8 or has markers.
 */
export function readRepeatables(folder: string): Migration[] {
  const repeatables = join(folder, REPEATABLE_FOLDER);
  if (!existsSync(repeatables)) return [];
  return sqlFiles(repeatables).map(({ file: name, notUtf8, text }) => {
    const file = `${REPEATABLE_FOLDER}/${name}`;
    if (!isRepeatable(name)) {
      throw new MigrationFileError(`migrations/${file}: the name must be lower case letters, digits and underscores.`);
    }
    if (notUtf8 !== undefined) {
      throw new MigrationFileError(`migrations/${file}:${notUtf8}: the line is not UTF-8. Save the file as UTF-8.`);
    }
    const [marker] = markersOf(text);
    if (marker) {
      throw new MigrationFileError(
        `migrations/${file}:${marker.line}: remove "-- migrate:${marker.direction}": a repeatable file runs as a whole.`,
      );
    }
    return { version: "", file, text, checksum: checksum(text) };
  });
}

/** Whether a repeatable file may have this name. */
export function isRepeatable(name: string): boolean {
  return /^[a-z0-9_]+\.sql$/.test(name);
}

/** A file that may be a migration. */
export interface SqlFile {
  readonly file: string;
  /** Decoded as UTF-8. */
  readonly text: string;
  /** The first line, from 1, that is not UTF-8; see {@link lineNotUtf8}. */
  readonly notUtf8: number | undefined;
}

/** Every `.sql` file of a folder, sorted by name. @throws MigrationFileError if one is a folder. */
export function sqlFiles(folder: string): SqlFile[] {
  const entries = readdirSync(folder, { withFileTypes: true }).filter(({ name }) => name.endsWith(".sql"));
  const names = entries.map((entry) => {
    if (entry.isDirectory()) throw new MigrationFileError(`migrations/${entry.name} is a folder; rename or remove it.`);
    return entry.name;
  });
  return names.sort().map((file) => {
    const bytes = readFileSync(join(folder, file));
    return { file, text: bytes.toString("utf8"), notUtf8: lineNotUtf8(bytes) };
  });
}

/** The version in a file's name; undefined if the name is invalid. */
export function versionIn(file: string): string | undefined {
  return /^(\d{14})_[a-z0-9_]+\.sql$/.exec(file)?.[1];
}

/**
 * The first line, from 1, that PostgreSQL cannot store as text: invalid UTF-8 or a zero byte. Undefined if there is none.
 */
function lineNotUtf8(bytes: Buffer): number | undefined {
  const lines = bytes.toString("latin1").split("\n");
  const wrong = lines.findIndex((line) => line.includes("\0") || !isUtf8(Buffer.from(line, "latin1")));
  return wrong < 0 ? undefined : wrong + 1;
}

/** The checksum that reveals an edited file. */
export function checksum(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** A line that starts a direction, such as `-- migrate:up`. */
export interface Marker {
  readonly direction: "up" | "down";
  /** The text after it, such as `transaction:false`. */
  readonly option: string;
  /** From 1. */
  readonly line: number;
}

/** The markers of a file in dbmate's format. */
export function markersOf(text: string): Marker[] {
  return text.split("\n").flatMap((content, index) => {
    const [, direction, option = ""] = /^--\s*migrate:(up|down)\b[ \t]*([^\r]*)\r?$/.exec(content) ?? [];
    if (direction !== "up" && direction !== "down") return [];
    return [{ direction, option: option.trim(), line: index + 1 }];
  });
}

/** The SQL of a direction; other lines are blank, so that PostgreSQL's `LINE n` is the line in the file. */
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
 * @throws MigrationFileError if there is nothing to apply. The down direction may be empty, as for dbmate.
 */
export function directions(file: string, text: string): Record<Marker["direction"], string> {
  // dbmate does not find a marker after it.
  if (text.startsWith("\ufeff") && markersOf(text.slice(1))[0]?.line === 1) {
    throw new MigrationFileError(
      `migrations/${file}:1: begins with a byte order mark. Save the file as UTF-8 without it.`,
    );
  }
  const [first, second] = markersOf(text);
  const above = text.split("\n").findIndex((line) => !/^\s*(--.*)?$/.test(line)) + 1;
  if (first && above > 0 && above < first.line) {
    throw new MigrationFileError(
      `migrations/${file}:${above}: move it below "-- migrate:up", where dbmate expects it.`,
    );
  }
  if (first?.direction === "down" && second) {
    throw new MigrationFileError(`migrations/${file}:${first.line}: "-- migrate:down" is above "-- migrate:up".`);
  }
  const [up, down] = [sqlOf(text, "up").trimEnd(), sqlOf(text, "down").trimEnd()];
  if (up === "") throw nothingBelow(file, "up");
  return { up, down };
}

function nothingBelow(file: string, direction: Marker["direction"]): MigrationFileError {
  return new MigrationFileError(`migrations/${file}: no SQL below "-- migrate:${direction}".`);
}
