import type { RuleName } from "./catalog.ts";

/** One problem that lint found in a file. */
export interface Finding {
  /** Path in the repository, such as `migrations/20251025120000_create_x.sql`. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly rule: RuleName;
  readonly problem: string;
  readonly remedy: string;
  /** Advice does not fail the lint: style, what could not be checked, and everything in applied files. */
  readonly level: "error" | "advice";
}

/** Whether there are no errors. */
export function passes(findings: readonly Finding[]): boolean {
  return findings.every(({ level }) => level === "advice");
}

/** A finding in two lines of text. */
export function format({ file, level, line, rule, problem, remedy }: Finding): string {
  return `${file}:${line}: ${level === "advice" ? "advice: " : ""}${rule}: ${problem}\n  ${remedy}`;
}
