import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Direction } from "./form.ts";

/** One of squawk's findings. */
export interface Violation {
  /** From 1. */
  readonly line: number;
  readonly rule: string;
  readonly message: string;
  readonly help: string | undefined;
}

/** The oldest version that a stack may configure: what is safe there is safe on newer ones. */
const POSTGRES = "15";

const EXCLUDED = [
  // Lint has rules of its own for these.
  ...["adding-required-field", "ban-drop-column", "ban-drop-database", "ban-drop-table", "renaming-column"],
  ...["renaming-table", "ban-concurrent-index-creation-in-transaction", "ban-truncate-cascade"],
  ...["require-concurrent-reindex", "transaction-nesting", "ban-uncommitted-transaction"],
  // The service defines the lengths, and PostgreSQL extends a varchar without rewriting the table.
  "prefer-text-field",
  // The import and the job set one timeout for all files.
  ...["require-lock-timeout", "require-statement-timeout", "require-timeout-settings"],
];

/**
 * Runs squawk on directions of files, in one process for those in a transaction and one for the others.
 * @returns The violations, in the order of the directions.
 * @throws Error if squawk cannot be run.
 */
export function squawk(directions: readonly Direction[]): Violation[][] {
  const folder = mkdtempSync(join(tmpdir(), "squawk-"));
  try {
    const files = directions.map(({ outside, sql }, index) => {
      const file = join(folder, `${index}.sql`);
      writeFileSync(file, sql);
      return { file, outside };
    });
    const found = new Map<string, Violation[]>();
    for (const outside of [false, true]) {
      const some = files.filter((file) => file.outside === outside).map(({ file }) => file);
      for (const { file, ...violation } of some.length === 0 ? [] : run(some, outside)) {
        found.set(file, [...(found.get(file) ?? []), violation]);
      }
    }
    return files.map(({ file }) => found.get(file) ?? []);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function run(files: readonly string[], outside: boolean): (Violation & { file: string })[] {
  const args = ["--reporter", "json", "--pg-version", POSTGRES, "--exclude", EXCLUDED.join()];
  if (!outside) args.push("--assume-in-transaction");
  const limits = { maxBuffer: 2 ** 30, encoding: "utf8" } as const;
  const { stdout, stderr, error } = spawnSync(binary(), [...args, ...files], limits);
  if (error) throw error;
  if (!stdout.startsWith("[")) throw new Error(`squawk failed: ${stderr}`);
  const found = JSON.parse(stdout) as {
    file: string;
    line: number;
    rule_name: string;
    message: string;
    help: string | null;
  }[];
  // PostgreSQL's own parser has accepted the text.
  const violations = found.filter((violation) => violation.rule_name !== "syntax-error");
  return violations.map(({ file, line, rule_name: rule, message, help }) => ({
    file,
    line: line + 1,
    rule,
    message,
    help: help ?? undefined,
  }));
}

/** The binary is in a package for the platform, a dependency of `squawk-cli`. */
function binary(): string {
  return createRequire(import.meta.filename).resolve(`@squawk-cli/${process.platform}-${process.arch}/bin/squawk`);
}
