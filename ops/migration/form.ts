import { basename } from "node:path";
import { markersOf, sqlFiles, sqlOf, versionIn } from "../../infra/migrations/files.ts";
import type { Finding } from "./finding.ts";

/** A direction of a file. */
export interface Direction {
  readonly name: "up" | "down";
  /** Line of its marker, from 1. */
  readonly line: number;
  /** The SQL, on the lines it has in the file. */
  readonly sql: string;
  /** Whether dbmate is to run it outside of a transaction. */
  readonly outside: boolean;
}

/** A file of the folder that has dbmate's form, or what keeps it from having it. */
export interface FileForm {
  /** The file's name. */
  readonly name: string;
  /** Path for findings. */
  readonly path: string;
  readonly text: string;
  /** Empty where the file cannot be told into two. */
  readonly directions: readonly Direction[];
  readonly findings: readonly Finding[];
}

/** Reads every `.sql` file of a folder. */
export function readForms(folder: string): FileForm[] {
  return sqlFiles(folder).map(({ file, notUtf8: line, text }) => {
    const path = `${basename(folder)}/${file}`;
    const form = readForm(path, text);
    return line === undefined ? form : { ...form, directions: [], findings: [notUtf8(path, line)] };
  });
}

/** The version a file's name begins with; undefined where the name has another form or is no moment in time. */
export function versionOf(name: string): string | undefined {
  const version = versionIn(name);
  const moment = momentOf(version ?? "");
  return Number.isNaN(moment) || versionAt(moment) !== version ? undefined : version;
}

/** The version of a moment. @param moment In milliseconds. */
export function versionAt(moment: number): string {
  return new Date(moment).toISOString().replace(/\D/g, "").slice(0, 14);
}

/** The moment of a version, in milliseconds; not a number where it is none. */
export function momentOf(version: string): number {
  return Date.parse(version.replace(/^(....)(..)(..)(..)(..)(..)$/, "$1-$2-$3T$4:$5:$6Z"));
}

function notUtf8(file: string, line: number): Finding {
  const problem = "The line is not UTF-8, so its letters would be lost.";
  const remedy = "Save the file as UTF-8, and look whether its letters are right.";
  return { file, line, rule: "encoding", problem, remedy, level: "error" };
}

function readForm(path: string, text: string): FileForm {
  const name = basename(path);
  const findings: Finding[] = [];
  const wrong = (line: number, rule: string, problem: string, remedy: string) => {
    findings.push({ file: path, line, rule, problem, remedy, level: "error" });
  };
  if (versionOf(name) === undefined) {
    wrong(
      1,
      "name",
      "The name is not <UTC timestamp of 14 digits>_<lower case, digits and underscores>.sql.",
      "Let `npm run migration -- new NAME` make it.",
    );
  }
  if (text.includes("\r")) {
    wrong(
      text.slice(0, text.indexOf("\r")).split("\n").length,
      "line-endings",
      "A line ends with a carriage return, which changes the checksum from one machine to the next.",
      "Save the file with line feeds only.",
    );
  }

  const markers = markersOf(text);
  if (markers.map(({ direction }) => direction).join() !== "up,down") {
    wrong(
      markers.at(2)?.line ?? 1,
      "directions",
      "The file does not have one line `-- migrate:up` and, below it, one line `-- migrate:down`.",
      "Write both directions, up first, each once.",
    );
    return { name, path, text, directions: [], findings };
  }
  const above = text.split("\n").slice(0, (markers[0]?.line ?? 1) - 1);
  const early = above.findIndex((content) => !/^\s*(--.*)?$/.test(content));
  if (early >= 0) {
    wrong(early + 1, "directions", "Something stands above `-- migrate:up` that is not a comment.", "Move it below.");
  }
  for (const { option, line, direction } of markers) {
    if (option === "" || option === "transaction:false") continue;
    wrong(
      line,
      "directions",
      `dbmate knows no option \`${option}\`.`,
      `Leave \`-- migrate:${direction}\` alone on its line.`,
    );
  }
  const sections = markers.map(({ direction, line, option }): Direction => {
    const sql = sqlOf(text, direction);
    if (!/^(?!\s*(--|$))/m.test(sql)) {
      wrong(
        line,
        "directions",
        `There is no SQL below \`-- migrate:${direction}\`.`,
        direction === "up" ? "Write the change." : "Write what takes the change back.",
      );
    }
    return { name: direction, line, sql, outside: option === "transaction:false" };
  });
  return { name, path, text, directions: sections, findings };
}
