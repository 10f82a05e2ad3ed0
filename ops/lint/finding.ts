/** One problem that lint found in a file. */
export interface Finding {
  /** Path in the repository, such as `migrations/20251025120000_create_x.sql`. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** Name of the rule; squawk's begin with `squawk/`. */
  readonly rule: string;
  readonly problem: string;
  readonly remedy: string;
  /** A note says what could not be checked; it does not fail the lint. */
  readonly level: "error" | "note";
}

/** Whether there are no errors. */
export function passes(findings: readonly Finding[]): boolean {
  return findings.every(({ level }) => level === "note");
}

/** A finding in two lines of text. */
export function format({ file, line, rule, problem, remedy }: Finding): string {
  return `${file}:${line}: ${rule}: ${problem}\n  ${remedy}`;
}
