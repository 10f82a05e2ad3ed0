import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Row } from "../../ops/doctor/diagnosis.ts";
import { ON_THE_STACK } from "./documented.ts";

/** What each test file runs, by fault. */
type Runs = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

const FILE = join(import.meta.dirname, "printed.json");

/** The record of the last runs in the long form: the lines that a shell ran, each as `check: line`, see {@link steady}. */
function recordedLines(): Runs {
  return JSON.parse(readFileSync(FILE, "utf8")) as Runs;
}

/** The commands of these lines, each as `check: command`, without values. */
export function recordedRuns(): Runs {
  const commands = (lines: readonly string[]) => [
    ...new Set(
      lines.flatMap((each) => {
        const [, check = "", line = ""] = /^(.*?): (.*)$/s.exec(each) ?? [];
        return commandsOf(line).map((command) => `${check}: ${command}`);
      }),
    ),
  ];
  const files = Object.entries(recordedLines()).map(([file, faults]) => {
    const byFault = Object.entries(faults).map(([fault, lines]) => [fault, commands(lines)] as const);
    return [file, Object.fromEntries(byFault)] as const;
  });
  return Object.fromEntries(files);
}

/** What test/e2e/failover.test.ts runs. */
const FAILOVER = "npm run failover -- --stack=local --yes";

/**
 * The commands that the doctor may print because tests run them: those of the record with their checks, a failover, and those of
 * the documents that only show more.
 */
export function allRun(): string[] {
  const recorded = Object.values(recordedRuns()).flatMap((faults) => Object.values(faults).flat());
  const shown = ON_THE_STACK.flatMap(([line]) => commandsOf(line)).filter((each) => SHOWS.test(each));
  return [...recorded, ...commandsOf(FAILOVER), ...shown];
}

/** The words after which gcloud expects values. */
const VERB =
  /^(access|add|clone|connect|cp|create|delete|describe|disable|enable|execute|failover|get-latest-recovery-time|list|ls|patch|read|restart|restore|rm|rotate|set-password|update|update-traffic|(add|remove)-iam-policy-binding)$/;

/** The commands of a printed line: program, verb and options, without values. */
export function commandsOf(line: string): string[] {
  const unquoted = line.replace(/'(--[\w-]+)[^']*'|'[^']*'|"[^"]*"/g, (_quoted, option?: string) => option ?? "TEXT");
  const parts = unquoted.split(/&&|[|;(){}]/);
  return parts.flatMap((part) => {
    const [program = "", ...words] = part.trim().split(/\s+/);
    if (!["cloud-sql-proxy", "gcloud", "git", "npm", "psql"].includes(program)) return [];
    const names = words.filter((word) => !word.startsWith("--"));
    const verb = program === "gcloud" ? names.findIndex(isVerb) + 1 : program === "npm" ? names.length : 0;
    const named = program === "git" ? names.slice(0, 1) : names.slice(0, verb);
    const options = words.flatMap((word) => /^--([\w-]+)/.exec(word)?.[0] ?? []);
    return [[program, ...named, ...options.filter((option) => option !== "--project").sort()].join(" ")];
  });
}

/** Such as the second `sql` in `sql import sql`. */
function isVerb(word: string, index: number, words: readonly string[]): boolean {
  return VERB.test(word) || words[index - 1] === "import";
}

/** What a row prints, as in the record. */
export function printedBy({ check, fix = "" }: Row): string[] {
  return [...new Set(commandsOf(fix))].map((each) => `${check}: ${each}`);
}

/**
 * Fails if the doctor prints a command that no test runs: let one run it, then
 * `UPDATE_GOLDEN=1 npm run test:faults -- -i test/e2e/doctor test/e2e/fixes`.
 */
export function expectRun(rows: readonly Row[]): void {
  if (process.env.UPDATE_GOLDEN !== undefined) return;
  const known = allRun().map(comparable);
  const isKnown = (printed: string) => known.some((one) => includes(one.split(" "), comparable(printed).split(" ")));
  expect(rows.flatMap(printedBy).filter((each) => !isKnown(each))).toEqual([]);
}

/** Whether a command that was run is the printed one, or has more options. */
export function includes(run: readonly string[], printed: readonly string[]): boolean {
  const verb = (words: readonly string[]) => words.filter((word) => !word.startsWith("--")).join(" ");
  return verb(run) === verb(printed) && printed.every((word) => run.includes(word));
}

/** Commands that only show more. */
const SHOWS = /^(gcloud logging read|gcloud \S+ \S+ (list|describe))\b/;

/** The commands of this project do the same, whichever check prints them, and so do those that show more. */
function comparable(printed: string): string {
  const command = printed.replace(/^.*?: /, "");
  return command.startsWith("npm run") || SHOWS.test(command) ? command : printed;
}

/** What differs between two runs of a test. */
const VARYING: readonly (readonly [RegExp, string])[] = [
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "ID"],
  [/\b(settlement-local-db)-[0-9a-f]{8}\b/g, "$1-SUFFIX"],
  [/\b(settlement-service)-\d{5}-\w+/g, "$1-REVISION"],
  [/\/\S*\/(volume-\w+|start\/sql)\b/g, "SOCKET"],
  [/\bp\d+-\w+(?=@gcp-sa-cloud-sql)/g, "INSTANCE"],
  [/\bservice-\d+(?=@)/g, "service-NUMBER"],
  [/\bdelete \d+/g, "delete ID"],
];

/** A printed line as in the record, with a word in place of what differs between two runs. */
function steady({ check, fix = "" }: Row): string {
  return `${check}: ${VARYING.reduce((line, [form, word]) => line.replaceAll(form, word), fix)}`;
}

/** Notes what a test file runs, and compares it with the record. */
export class Ran {
  private readonly faults = new Map<string, Set<string>>();
  private readonly file: string;

  /** @param file The test file's name. */
  constructor(file: string) {
    this.file = file;
  }

  /** Notes that a shell ran what a row prints. @param fault The test's name. */
  note(fault: string, row: Row): void {
    const lines = this.faults.get(fault) ?? new Set();
    this.faults.set(fault, lines);
    lines.add(steady(row));
  }

  /** Fails if the long form did not run what a row prints for this fault. @param fault The test's name. */
  requireRecorded(fault: string, row: Row): void {
    if (process.env.UPDATE_GOLDEN !== undefined) return;
    expect({ [fault]: recordedLines()[this.file]?.[fault] ?? [] }).toEqual({
      [fault]: expect.arrayContaining([steady(row)]) as unknown,
    });
  }

  /** Call it after all tests of the file, which may be a part of them. */
  compare(): void {
    const ran = Object.fromEntries([...this.faults].map(([fault, lines]) => [fault, [...lines].sort()]));
    const before = recordedLines();
    if (process.env.UPDATE_GOLDEN !== undefined) {
      const all = { ...before, [this.file]: { ...before[this.file], ...ran } };
      writeFileSync(FILE, `${JSON.stringify(all, undefined, 2)}\n`);
      return;
    }
    expect(ran).toEqual(Object.fromEntries(Object.keys(ran).map((fault) => [fault, before[this.file]?.[fault]])));
  }
}
