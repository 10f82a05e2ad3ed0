import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Migration } from "../../infra/migrations/files.ts";
import { reachingOutside } from "../../infra/adoption/outside.ts";
import { SqlSyntaxError } from "../../infra/migrations/statements.ts";
import type { Finding } from "./finding.ts";
import { type Direction, type FileForm, readForms, versionOf } from "./form.ts";
import { type History, idOf, readHistory } from "./history.ts";
import { statementsWithBlocks } from "./nodes.ts";
import { type Context, COPY_FROM_STDIN, judge } from "./rules.ts";
import { squawk } from "./squawk.ts";

/** The subfolder of the files that only the migration job runs; they are not versions of the schema. */
export const JOB_FOLDER = "job";

/**
 * Checks a folder of migrations and its subfolder for the migration job: format, order, history and every statement.
 * @returns The findings, by file and line.
 */
export async function lintMigrations(folder: string): Promise<Finding[]> {
  const findings = await lintFolder(folder, readForms(folder), "import");
  const job = join(folder, JOB_FOLDER);
  if (existsSync(job)) findings.push(...(await lintFolder(job, readForms(job), "job")));
  return findings;
}

/**
 * Checks the migrations that adoption runs next to the live tables, to compare the results.
 * @throws MigrationFileError if a file is not SQL.
 */
export async function lintAdoption(migrations: readonly Migration[]): Promise<Finding[]> {
  const found = await reachingOutside(migrations);
  return found.map(({ file, line, ...remark }) => error(`migrations/${file}`, line, { rule: "adoption", ...remark }));
}

async function lintFolder(folder: string, forms: readonly FileForm[], run: "import" | "job"): Promise<Finding[]> {
  const findings = [...sameVersion(forms), ...compare(folder, forms, readHistory(folder))];
  for (const form of forms) {
    findings.push(...form.findings);
    for (const direction of form.directions) {
      if (direction.outside && run === "import") findings.push(onlyJob(form, direction));
      findings.push(...(await lintStatements(form.path, direction)));
    }
  }
  return findings.sort((a, b) => compareTexts(a.file, b.file) || a.line - b.line);
}

async function lintStatements(file: string, direction: Direction): Promise<Finding[]> {
  try {
    const context: Context = { direction: direction.name, outside: direction.outside, made: new Set() };
    const ours = (await statementsWithBlocks(direction.sql)).flatMap((statement) =>
      judge(statement, context).map((remark) => error(file, statement.line, remark)),
    );
    const theirs = squawk(direction).map(({ line, rule, message, help }) =>
      error(file, line, {
        rule: `squawk/${rule}`,
        problem: message,
        remedy: `${help ?? `https://squawkhq.com/docs/${rule}`} To ignore it: -- squawk-ignore ${rule}`,
      }),
    );
    return [...ours, ...theirs];
  } catch (cause) {
    if (!(cause instanceof SqlSyntaxError)) throw cause;
    return [unreadable(file, cause)];
  }
}

/** The parser stops at psql's commands and at the rows of COPY. */
function unreadable(file: string, { message, line, before, rest }: SqlSyntaxError): Finding {
  if (/\bcopy\b[^;]*\bfrom\s+stdin\b[^;]*;\s*$/i.test(before)) return error(file, line, COPY_FROM_STDIN);
  if (rest.startsWith("\\")) {
    return error(file, line, {
      rule: "psql",
      problem: `${rest.split(/\s/)[0] ?? ""} is a psql command, and neither the import nor dbmate uses psql.`,
      remedy: "Use SQL.",
    });
  }
  return error(file, line, {
    rule: "syntax",
    problem: `PostgreSQL cannot read this: ${message}.`,
    remedy: "Fix the statement.",
  });
}

function onlyJob({ path }: FileForm, { line }: Direction): Finding {
  return error(path, line, {
    rule: "outside-transaction",
    problem: "transaction:false has no effect on an import, which is one transaction.",
    remedy: `Remove it, or move the file to ${dirname(path)}/${JOB_FOLDER} so that the migration job runs it.`,
  });
}

function sameVersion(forms: readonly FileForm[]): Finding[] {
  return forms.flatMap((form, index) => {
    const before = forms[index - 1];
    const version = versionOf(form.name);
    if (!before || version === undefined || versionOf(before.name) !== version) return [];
    return [
      error(form.path, 1, { rule: "order", problem: `${before.name} has the same version.`, remedy: "Rename one." }),
    ];
  });
}

/** Files on the main branch count as applied: they must not change, and new files must come after them. */
function compare(folder: string, forms: readonly FileForm[], history: History | string): Finding[] {
  if (typeof history === "string") {
    const problem = `${history} Edited files and the order of new ones were not checked.`;
    return [{ file: basename(folder), line: 1, rule: "history", problem, remedy: "Fetch main.", level: "note" }];
  }
  const { branch, tip, base } = history;
  const present = new Map(forms.map((form) => [form.name, form]));
  const newest =
    [...tip]
      .flatMap((name) => versionOf(name) ?? [])
      .sort()
      .at(-1) ?? "";
  const findings: Finding[] = [];
  for (const [name, id] of base) {
    const form = present.get(name);
    if (form && idOf(form.text, id) === id) continue;
    findings.push(
      error(`${basename(folder)}/${name}`, 1, {
        rule: "applied",
        problem: `The file is on ${branch} and counts as applied, but is ${form ? "edited" : "missing"} here.`,
        remedy: "Restore it, and make the change in a new file.",
      }),
    );
  }
  for (const { name, path } of forms) {
    const version = versionOf(name);
    if (version === undefined || base.has(name) || tip.has(name) || version > newest) continue;
    findings.push(
      error(path, 1, {
        rule: "order",
        problem: `The version is not newer than ${newest}, the newest on ${branch}.`,
        remedy: "Rename the file with the current timestamp.",
      }),
    );
  }
  return findings;
}

function error(file: string, line: number, said: Pick<Finding, "rule" | "problem" | "remedy">): Finding {
  return { file, line, ...said, level: "error" };
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
