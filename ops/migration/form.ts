import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { lineNotUtf8 } from "../../infra/migrations/files.ts";
import type { Finding } from "./finding.ts";

/** A direction of a file. */
export interface Direction {
  readonly name: "up" | "down";
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

const NAME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)_[a-z0-9_]+\.sql$/;
const MARKER = /^--\s*migrate:(up|down)\b[ \t]*(.*)$/;

/** Reads every `.sql` file of a folder. */
export function readForms(folder: string): FileForm[] {
  const names = readdirSync(folder).filter((name) => name.endsWith(".sql"));
  return names.sort().map((name) => {
    const bytes = readFileSync(join(folder, name));
    const path = `${basename(folder)}/${name}`;
    const line = lineNotUtf8(bytes);
    const form = readForm(path, bytes.toString("utf8"));
    return line === undefined ? form : { ...form, directions: [], findings: [notUtf8(path, line)] };
  });
}

/** The version a file's name begins with; undefined where the name has another form or is no moment in time. */
export function versionOf(name: string): string | undefined {
  const [, year, month, day, hour, minute, second] = NAME.exec(name) ?? [];
  const moment = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(moment.getTime()) || moment.getUTCDate() !== Number(day)) return undefined;
  return name.slice(0, 14);
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

  const lines = text.split("\n");
  const markers = lines.flatMap((content, index) => {
    const [, direction, option = ""] = MARKER.exec(content) ?? [];
    return direction === undefined ? [] : [{ direction, option: option.trim(), line: index + 1 }];
  });
  if (markers.map(({ direction }) => direction).join() !== "up,down") {
    wrong(
      markers.at(2)?.line ?? 1,
      "directions",
      "The file does not have one line `-- migrate:up` and, below it, one line `-- migrate:down`.",
      "Write both directions, up first, each once.",
    );
    return { name, path, text, directions: [], findings };
  }
  const early = lines.slice(0, (markers[0]?.line ?? 1) - 1).findIndex((content) => !/^\s*(--.*)?$/.test(content));
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
  const [up, down] = markers.map(({ line }) => line);
  const sections = (["up", "down"] as const).map((direction, index): Direction => {
    const first = index === 0 ? (up ?? 0) : (down ?? 0);
    const last = index === 0 ? (down ?? 0) - 1 : lines.length;
    const sql = lines.map((content, at) => (at >= first && at < last ? content : "")).join("\n");
    if (!/^(?!\s*(--|$))/m.test(sql)) {
      wrong(
        first,
        "directions",
        `There is no SQL below \`-- migrate:${direction}\`.`,
        direction === "up" ? "Write the change." : "Write what takes the change back.",
      );
    }
    return { name: direction, sql, outside: markers[index]?.option === "transaction:false" };
  });
  return { name, path, text, directions: sections, findings };
}
