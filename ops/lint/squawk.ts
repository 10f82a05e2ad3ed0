import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
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
  ...["renaming-table", "ban-concurrent-index-creation-in-transaction"],
  ...["transaction-nesting", "ban-uncommitted-transaction"],
  // The service defines the lengths, and PostgreSQL extends a varchar without rewriting the table.
  "prefer-text-field",
  // The import and the job set one timeout for all files.
  ...["require-lock-timeout", "require-statement-timeout"],
];

/**
 * Runs squawk on one direction of a file.
 * @throws Error if squawk cannot be run.
 */
export function squawk({ sql, outside }: Direction): Violation[] {
  const args = ["--reporter", "json", "--pg-version", POSTGRES, "--exclude", EXCLUDED.join()];
  if (!outside) args.push("--assume-in-transaction");
  const { stdout, stderr, error } = spawnSync(binary(), args, { input: sql, encoding: "utf8" });
  if (error) throw error;
  if (!stdout.startsWith("[")) throw new Error(`squawk failed: ${stderr}`);
  const found = JSON.parse(stdout) as { line: number; rule_name: string; message: string; help: string | null }[];
  // PostgreSQL's own parser has accepted the text.
  const violations = found.filter((violation) => violation.rule_name !== "syntax-error");
  return violations.map(({ line, rule_name: rule, message, help }) => ({
    line: line + 1,
    rule,
    message,
    help: help ?? undefined,
  }));
}

/** The binary is in a package for the platform, a dependency of `squawk-cli`. */
function binary(): string {
  const file = process.platform === "win32" ? "squawk.exe" : "squawk";
  return createRequire(import.meta.filename).resolve(`@squawk-cli/${process.platform}-${process.arch}/bin/${file}`);
}
