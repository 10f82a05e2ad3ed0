import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { reachingOutside } from "../../infra/adoption/outside.ts";
import { MigrationFileError } from "../../infra/migrations/file-error.ts";
import type { Migration } from "../../infra/migrations/files.ts";
import { readSettings, SETTINGS_FILE } from "../../infra/migrations/settings.ts";
import { squashedIn } from "../../infra/migrations/squash.ts";
import { SqlSyntaxError } from "../../infra/migrations/statements.ts";
import { type Applied, appliedIn } from "./applied.ts";
import { CATALOG, isRule, levelOf } from "./catalog.ts";
import { type Claim, claim } from "./claim.ts";
import type { Finding } from "./finding.ts";
import { type Direction, type FileForm, readForms, readRepeatableForms, versionOf } from "./form.ts";
import { type History, idOf, readHistory } from "./history.ts";
import { Names } from "./names.ts";
import { statementsWithBlocks } from "./nodes.ts";
import { judge } from "./rules.ts";
import { COPY_FROM_STDIN } from "./rules/import.ts";
import type { Context, Remark } from "./rules/rule.ts";
import { squawk } from "./squawk.ts";

/** The subfolder of the files that only the migration job runs; they are not versions of the schema. */
export const JOB_FOLDER = "job";

/**
 * Checks a folder of migrations with its repeatable files, and its subfolder for the migration job: format, order, history and every statement. In
 * applied files, which may not be edited, everything but an edit is advice.
 * @param applied The files that count as applied; by default those on the main branch.
 * @returns The findings, by file and line.
 * @throws MigrationFileError if the folder's settings are invalid.
 */
export async function lintMigrations(folder: string, applied?: Applied): Promise<Finding[]> {
  const { downFrom, levels } = readSettings(folder);
  const unknown = Object.keys(levels).find((rule) => !isRule(rule));
  if (unknown !== undefined)
    throw new MigrationFileError(`migrations/${SETTINGS_FILE}: "${unknown}" is no rule of lint.`);
  const job = join(folder, JOB_FOLDER);
  const parts = [
    { folder, applied, run: "import" as const },
    { folder: job, applied: undefined, run: "job" as const },
  ];
  const findings: Finding[] = [];
  for (const part of parts) {
    if (!existsSync(part.folder)) continue;
    const history = readHistory(part.folder);
    const { files } = part.applied ?? appliedIn(part.folder, history);
    const repeatables = part.run === "import" ? readRepeatableForms(part.folder) : [];
    const forms = [...readForms(part.folder, downFrom), ...repeatables];
    for (const found of await claims(part.folder, forms, history, part.run)) {
      const level = levelOf(found.rule, levels);
      const name = found.file.slice(basename(part.folder).length + 1);
      const old = files.has(name) && found.rule !== "applied";
      if (level !== "off") findings.push({ ...found, level: old || found.mild ? "advice" : level });
    }
  }
  return findings;
}

/** Says which files are judged, and what of the others. @param folder The folder of migrations. */
export function scopeOf(folder: string): string {
  const { files, source } = appliedIn(folder);
  if (source === "") return "Every file is judged, because git cannot tell which ones are applied.";
  const names = [...readForms(folder), ...readRepeatableForms(folder)].map(({ name }) => name);
  const old = names.filter((name) => files.has(name)).length;
  const counted = (count: number) => `${count} file${count === 1 ? "" : "s"}`;
  return (
    `Judged ${counted(names.length - old)} that ${source} does not have; findings in the ${old} others are advice, ` +
    "because these count as applied."
  );
}

/**
 * Checks the migrations that adoption runs next to the live tables, to compare the results.
 * @throws MigrationFileError if a file is not SQL.
 */
export async function lintAdoption(migrations: readonly Migration[]): Promise<Finding[]> {
  const found = await reachingOutside(migrations);
  return found.map(({ file, line, problem, remedy }) => ({
    ...claim(`migrations/${file}`, line, { rule: "adoption", problem, remedy }),
    level: "error",
  }));
}

/** A claim; a mild one is advice, whatever its rule's level. */
type Weighed = Claim & { readonly mild?: boolean };

async function claims(
  folder: string,
  forms: readonly FileForm[],
  history: History | string,
  run: "import" | "job",
): Promise<Weighed[]> {
  const found: Weighed[] = [...sameVersion(forms), ...compare(folder, forms, history)];
  const readable: { path: string; direction: Direction; own: ReadonlySet<number> }[] = [];
  for (const form of forms) {
    found.push(...form.claims);
    for (const direction of form.directions) {
      if (direction.outside && run === "import") found.push(onlyJob(form, direction));
      try {
        const { own, said } = await lintStatements(form.path, direction);
        found.push(...said);
        readable.push({ path: form.path, direction, own });
      } catch (cause) {
        if (!(cause instanceof SqlSyntaxError)) throw cause;
        found.push(unreadable(form.path, cause));
      }
    }
  }
  for (const [index, violations] of squawk(readable.map(({ direction }) => direction)).entries()) {
    const { direction, own, path } = readable[index] ?? {};
    for (const { help, line, message: problem, rule } of violations) {
      // Nobody waits for a table that the file makes; squawk sees that for tables without a schema only.
      if (own?.has(line) && CATALOGUED.has(`squawk/${rule}`)) continue;
      const remedy = `${help ?? `https://squawkhq.com/docs/${rule}`} To ignore it: -- squawk-ignore ${rule}`;
      found.push({
        ...claim(path ?? "", line, { rule: `squawk/${rule}`, problem, remedy }),
        mild: direction?.name === "down",
      });
    }
  }
  return found.sort((a, b) => compareTexts(a.file, b.file) || a.line - b.line);
}

/** Squawk's rules about locks. */
const CATALOGUED: ReadonlySet<string> = new Set(Object.keys(CATALOG));

/**
 * Applies the rules to a direction.
 * @returns What they said, and the lines of statements that concern only tables of the file's own.
 * @throws SqlSyntaxError
 */
async function lintStatements(file: string, direction: Direction): Promise<{ own: Set<number>; said: Claim[] }> {
  const context: Context = {
    direction: direction.name,
    outside: direction.outside,
    names: new Names(),
    values: new Set(),
  };
  const [own, others] = [new Set<number>(), new Set<number>()];
  const said: Claim[] = [];
  let count = 0;
  for (const step of await statementsWithBlocks(direction.sql)) {
    const lines = step.text.split("\n").map((_text, index) => step.line + index);
    for (const line of lines) (context.names.concernsOwn(step.node) ? own : others).add(line);
    said.push(...judge(step, context).map((remark) => claim(file, step.line, remark)));
    if (step.own && ++count === 2 && direction.outside) said.push(claim(file, step.line, ONE_STATEMENT));
  }
  return { own: new Set([...own].filter((line) => !others.has(line))), said };
}

const ONE_STATEMENT: Remark = {
  rule: "one-statement",
  problem: "PostgreSQL runs several statements that it receives together in one transaction, transaction:false or not.",
  remedy: "Write each into a file of its own.",
};

/** The parser stops at psql's commands and at the rows of COPY. */
function unreadable(file: string, { message, line, before, rest }: SqlSyntaxError): Claim {
  if (/\bcopy\b[^;]*\bfrom\s+stdin\b[^;]*;\s*$/i.test(before)) return claim(file, line, COPY_FROM_STDIN);
  if (rest.startsWith("\\")) {
    return claim(file, line, {
      rule: "psql",
      problem: `${rest.split(/\s/)[0] ?? ""} is a psql command, and neither the import nor dbmate uses psql.`,
      remedy: "Use SQL.",
    });
  }
  return claim(file, line, {
    rule: "syntax",
    problem: `PostgreSQL cannot read this: ${message}.`,
    remedy: "Fix the statement.",
  });
}

function onlyJob({ path }: FileForm, { line }: Direction): Claim {
  return claim(path, line, {
    rule: "outside-transaction",
    problem: "transaction:false has no effect on an import, which runs each version in a transaction.",
    remedy: `Remove it, or move the file to ${dirname(path)}/${JOB_FOLDER} so that the migration job runs it.`,
  });
}

function sameVersion(forms: readonly FileForm[]): Claim[] {
  return forms.flatMap((form, index) => {
    const before = forms[index - 1];
    const version = versionOf(form.name);
    if (!before || version === undefined || versionOf(before.name) !== version) return [];
    return [
      claim(form.path, 1, { rule: "order", problem: `${before.name} has the same version.`, remedy: "Rename one." }),
    ];
  });
}

/** Files on the main branch count as applied: they must not change, and new files must come after them. */
function compare(folder: string, forms: readonly FileForm[], history: History | string): Claim[] {
  if (typeof history === "string") {
    const problem = `${history} Edited files and the order of new ones were not checked.`;
    return [
      claim(basename(folder), 1, {
        rule: "history",
        problem,
        remedy: "Run this in a clone of the repository, and fetch main.",
      }),
    ];
  }
  const { branch, tip, base } = history;
  const present = new Map(forms.map((form) => [form.name, form]));
  const newest =
    [...tip]
      .flatMap((name) => versionOf(name) ?? [])
      .sort()
      .at(-1) ?? "";
  const found: Claim[] = [];
  const squashed = new Set(forms.flatMap(({ text }) => Object.keys(squashedIn(text))));
  for (const [name, id] of base) {
    const form = present.get(name);
    if (form ? idOf(form.text, id) === id : squashed.has(versionOf(name) ?? "")) continue;
    found.push(
      claim(`${basename(folder)}/${name}`, 1, {
        rule: "applied",
        problem: `The file is on ${branch} and counts as applied, but is ${form ? "edited" : "missing"} here.`,
        remedy: "Restore it, and make the change in a new file.",
      }),
    );
  }
  for (const { name, path } of forms) {
    const version = versionOf(name);
    if (version === undefined || base.has(name) || tip.has(name) || version > newest || squashed.has(version)) continue;
    found.push(
      claim(path, 1, {
        rule: "order",
        problem: `The version is not newer than ${newest}, the newest on ${branch}.`,
        remedy: "Rename the file with the current timestamp.",
      }),
    );
  }
  return found;
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
