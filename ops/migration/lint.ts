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

/** Below the folder: what only the migration job runs, outside of the schema's versions. */
export const JOB_FOLDER = "job";

/**
 * Checks a folder of migrations, and below it what the migration job runs: form, order, history, and every statement.
 * @param folder Its path.
 * @returns What was found, by file and line.
 */
export async function lintMigrations(folder: string): Promise<Finding[]> {
  const findings = await lintFolder(folder, readForms(folder), "import");
  const job = join(folder, JOB_FOLDER);
  if (existsSync(job)) findings.push(...(await lintFolder(job, readForms(job), "job")));
  return findings;
}

/**
 * Checks migrations that adoption would run beside the live tables, to compare what they make.
 * @throws MigrationFileError where a file is not SQL.
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
        remedy: `${help ?? `https://squawkhq.com/docs/${rule}`} Where it does not apply: -- squawk-ignore ${rule}`,
      }),
    );
    return [...ours, ...theirs];
  } catch (cause) {
    if (!(cause instanceof SqlSyntaxError)) throw cause;
    return [unreadable(file, cause)];
  }
}

/** psql's commands and the rows of COPY are no SQL, so that the parser stops at them. */
function unreadable(file: string, { message, line, before, rest }: SqlSyntaxError): Finding {
  if (/\bcopy\b[^;]*\bfrom\s+stdin\b[^;]*;\s*$/i.test(before)) return error(file, line, COPY_FROM_STDIN);
  if (rest.startsWith("\\")) {
    return error(file, line, {
      rule: "psql",
      problem: `${rest.split(/\s/)[0] ?? ""} is a command of psql, which runs neither the import's script nor dbmate.`,
      remedy: "Use SQL.",
    });
  }
  return error(file, line, {
    rule: "syntax",
    problem: `PostgreSQL cannot read this: ${message}.`,
    remedy: "Mend the statement.",
  });
}

function onlyJob({ path }: FileForm, { line }: Direction): Finding {
  return error(path, line, {
    rule: "outside-transaction",
    problem: "transaction:false has no effect on an import, which is one transaction.",
    remedy: `Remove it, or give the file to the migration job: move it to ${dirname(path)}/${JOB_FOLDER}.`,
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

/** What is on the main branch counts as applied: it stays as it is, and what is new comes after it. */
function compare(folder: string, forms: readonly FileForm[], history: History | string): Finding[] {
  if (typeof history === "string") {
    const problem = `${history} Whether an applied file was edited, and whether new ones come last, was not checked.`;
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
        problem: `The file is on ${branch}, and therefore applied, but ${form ? "edited" : "missing"} here.`,
        remedy: "Restore it and put the change into a new file.",
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
        remedy: "Rename the file with a timestamp of now.",
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
