import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { MigrationFileError } from "./file-error.ts";

/** The file beside the migrations in which a repository says how they are judged. */
export const SETTINGS_FILE = "settings.json";

/** What a repository says about its migrations; the file may be missing. */
export interface Settings {
  /** The version from which on each file must have a down script; every file by default. */
  readonly downFrom?: string;
  /** Levels of lint's rules that differ from their defaults, by rule. */
  readonly levels: Readonly<Record<string, "error" | "advice" | "off">>;
}

/**
 * Reads a folder's settings.
 * @throws MigrationFileError if the file is invalid.
 */
export function readSettings(folder: string): Settings {
  const file = join(folder, SETTINGS_FILE);
  if (!existsSync(file)) return { levels: {} };
  const { downFrom, levels = {}, ...more } = objectIn(readFileSync(file, "utf8"));
  const [unknown] = Object.keys(more);
  if (unknown !== undefined) throw wrong(`"${unknown}" is no setting; there are downFrom and levels`);
  if (downFrom !== undefined && (typeof downFrom !== "string" || !/^\d{14}$/.test(downFrom))) {
    throw wrong("downFrom must be a version of 14 digits, in quotes");
  }
  const entries = Object.entries(isFields(levels) ? levels : { levels });
  const odd = entries.find(([, level]) => !["error", "advice", "off"].includes(String(level)));
  if (odd) throw wrong(`${odd[0]} must be "error", "advice" or "off"`);
  return { levels: levels as Settings["levels"], ...(downFrom !== undefined && { downFrom }) };
}

function objectIn(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (isFields(value)) return value;
  } catch (cause) {
    throw wrong(`it is not JSON: ${(cause as Error).message}`);
  }
  throw wrong("it must be an object");
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function wrong(problem: string): MigrationFileError {
  return new MigrationFileError(`migrations/${SETTINGS_FILE}: ${problem}.`);
}
