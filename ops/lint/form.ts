import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import {
  isRepeatable,
  markersOf,
  REPEATABLE_FOLDER,
  sqlFiles,
  sqlOf,
  versionIn,
} from "../../infra/migrations/files.ts";
import type { RuleName } from "./catalog.ts";
import { type Claim, claim } from "./claim.ts";

/** One direction of a migration. */
export interface Direction {
  readonly name: "up" | "down";
  /** Line of its marker, from 1. */
  readonly line: number;
  /** The SQL, on the same lines as in the file. */
  readonly sql: string;
  /** Whether dbmate runs it outside a transaction. */
  readonly outside: boolean;
}

/** A file split into its directions, and what is wrong with its format. */
export interface FileForm {
  /** Path in the folder of migrations. */
  readonly name: string;
  /** Path for findings. */
  readonly path: string;
  readonly text: string;
  /** Empty if the file cannot be split. */
  readonly directions: readonly Direction[];
  readonly claims: readonly Claim[];
}

/**
 * Reads every `.sql` file in a folder.
 * @param downFrom The version from which on a down script is demanded; see `infra/migrations/settings.ts`.
 */
export function readForms(folder: string, downFrom = ""): FileForm[] {
  return sqlFiles(folder).map(({ file, notUtf8: line, text }) => {
    const path = `${basename(folder)}/${file}`;
    const form = readForm(path, text, downFrom);
    return line === undefined ? form : { ...form, directions: [], claims: [notUtf8(path, line)] };
  });
}

/** Reads the repeatable files of a folder of migrations, which have one direction without a marker. */
export function readRepeatableForms(folder: string): FileForm[] {
  const repeatables = join(folder, REPEATABLE_FOLDER);
  if (!existsSync(repeatables)) return [];
  return sqlFiles(repeatables).map(({ file, notUtf8: line, text }) => {
    const name = `${REPEATABLE_FOLDER}/${file}`;
    const path = `${basename(folder)}/${name}`;
    if (line !== undefined) return { name, path, text, directions: [], claims: [notUtf8(path, line)] };
    const claims = [...textClaims(path, text)];
    const wrong = (at: number, rule: RuleName, problem: string, remedy: string) => {
      claims.push(claim(path, at, { rule, problem, remedy }));
    };
    if (!isRepeatable(file)) {
      wrong(1, "name", "The name is not <lower case letters, digits and underscores>.sql.", "Rename the file.");
    }
    const [marker] = markersOf(text);
    if (marker) {
      const problem = `A repeatable file runs as a whole, whatever \`-- migrate:${marker.direction}\` says.`;
      wrong(marker.line, "directions", problem, "Remove the marker, and what is not the up script.");
      return { name, path, text, directions: [], claims };
    }
    if (!hasSql(text)) wrong(1, "directions", "The file has no SQL.", "Write a view or a function.");
    return { name, path, text, directions: [{ name: "up", line: 1, sql: text, outside: false }], claims };
  });
}

/** Whether a text has more than comments. */
export function hasSql(text: string): boolean {
  return /^(?!\s*(--|$))/m.test(text);
}

/** The version at the start of a file name; undefined if the name has another format or no valid time. */
export function versionOf(name: string): string | undefined {
  const version = versionIn(name);
  const moment = momentOf(version ?? "");
  return Number.isNaN(moment) || versionAt(moment) !== version ? undefined : version;
}

/** The version for a time in milliseconds. */
export function versionAt(moment: number): string {
  return new Date(moment).toISOString().replace(/\D/g, "").slice(0, 14);
}

/** The time of a version, in milliseconds; NaN if invalid. */
export function momentOf(version: string): number {
  return Date.parse(version.replace(/^(....)(..)(..)(..)(..)(..)$/, "$1-$2-$3T$4:$5:$6Z"));
}

function notUtf8(file: string, line: number): Claim {
  const problem = "The line is not UTF-8, so characters would be lost.";
  return claim(file, line, { rule: "encoding", problem, remedy: "Save the file as UTF-8 and check its characters." });
}

function textClaims(path: string, text: string): Claim[] {
  const claims: Claim[] = [];
  if (text.startsWith("\ufeff")) {
    const problem = "The file begins with a byte order mark, which dbmate refuses.";
    claims.push(claim(path, 1, { rule: "encoding", problem, remedy: "Save it as UTF-8 without one." }));
  }
  if (text.includes("\r")) {
    const problem = "A line ends with a carriage return, so checksums differ between machines.";
    const line = text.slice(0, text.indexOf("\r")).split("\n").length;
    claims.push(claim(path, line, { rule: "line-endings", problem, remedy: "Save the file with line feeds only." }));
  }
  return claims;
}

function readForm(path: string, text: string, downFrom: string): FileForm {
  const name = basename(path);
  const claims = [...textClaims(path, text)];
  const wrong = (line: number, rule: RuleName, problem: string, remedy: string) => {
    claims.push(claim(path, line, { rule, problem, remedy }));
  };
  const version = versionOf(name);
  if (version === undefined) {
    wrong(
      1,
      "name",
      "The name is not <14-digit UTC timestamp>_<lower case letters, digits and underscores>.sql.",
      "Create the file with `npm run migration -- new NAME`.",
    );
  }

  const markers = markersOf(text);
  const found = markers.map(({ direction }) => direction).join();
  if (found !== "up,down" && !(found === "up" && version !== undefined && version < downFrom)) {
    wrong(
      markers.at(2)?.line ?? 1,
      "directions",
      "The file does not have one line `-- migrate:up` and, below it, one line `-- migrate:down`.",
      "Write each direction once, up first.",
    );
    return { name, path, text, directions: [], claims };
  }
  const above = text.split("\n").slice(0, (markers[0]?.line ?? 1) - 1);
  const early = above.findIndex((content) => !/^\s*(--.*)?$/.test(content));
  if (early >= 0) wrong(early + 1, "directions", "A line above `-- migrate:up` is not a comment.", "Move it below.");
  for (const { option, line, direction } of markers) {
    if (option === "" || option === "transaction:false") continue;
    wrong(line, "directions", `dbmate has no option \`${option}\`.`, `Write only \`-- migrate:${direction}\`.`);
  }
  const sections = markers.map(({ direction, line, option }): Direction => {
    const sql = sqlOf(text, direction);
    const demanded = direction === "up" || version === undefined || version >= downFrom;
    if (demanded && !hasSql(sql)) {
      const remedy = direction === "up" ? "Write the change." : "Write what reverts the change.";
      wrong(line, "directions", `No SQL follows \`-- migrate:${direction}\`.`, remedy);
    }
    return { name: direction, line, sql, outside: option === "transaction:false" };
  });
  return { name, path, text, directions: sections, claims };
}
