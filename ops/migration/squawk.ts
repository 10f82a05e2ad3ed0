import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import type { Direction } from "./form.ts";

/** What squawk says about a line. */
export interface Violation {
  /** From 1. */
  readonly line: number;
  readonly rule: string;
  readonly message: string;
  readonly help: string | undefined;
}

/** The oldest PostgreSQL that a stack may configure: what is safe there is safe on the newer ones. */
const POSTGRES = "15";

/** Rules that are left out, and why. */
const EXCLUDED = [
  // Lint's own rules say it in the terms of this service.
  ...["adding-required-field", "ban-drop-column", "ban-drop-database", "ban-drop-table", "renaming-column"],
  ...[
    "renaming-table",
    "ban-concurrent-index-creation-in-transaction",
    "transaction-nesting",
    "ban-uncommitted-transaction",
  ],
  // The lengths of texts are the service's; PostgreSQL makes a varchar longer without rewriting the table.
  "prefer-text-field",
  // Whoever runs the files sets one limit for all of them.
  ...["require-lock-timeout", "require-statement-timeout"],
];

/**
 * Runs squawk on one direction of a file.
 * @throws Error where the program cannot be run.
 */
export function squawk({ sql, outside }: Direction): Violation[] {
  const args = ["--reporter", "json", "--pg-version", POSTGRES, "--exclude", EXCLUDED.join()];
  if (!outside) args.push("--assume-in-transaction");
  const { stdout, stderr, error } = spawnSync(binary(), args, { input: sql, encoding: "utf8" });
  if (error) throw error;
  if (!stdout.startsWith("[")) throw new Error(`squawk failed: ${stderr}`);
  const found = JSON.parse(stdout) as { line: number; rule_name: string; message: string; help: string | null }[];
  // PostgreSQL's own parser has read the text; where squawk's cannot, that is not the file's fault.
  const violations = found.filter((violation) => violation.rule_name !== "syntax-error");
  return violations.map(({ line, rule_name: rule, message, help }) => {
    return { line: line + 1, rule, message, help: help ?? undefined };
  });
}

/** The program lies in a package by platform, which the package `squawk-cli` depends on. */
function binary(): string {
  const file = process.platform === "win32" ? "squawk.exe" : "squawk";
  return createRequire(import.meta.filename).resolve(`@squawk-cli/${process.platform}-${process.arch}/bin/${file}`);
}
