/** What lint found in a file, for whoever wrote the file. */
export interface Finding {
  /** Path as a reader of the repository writes it, such as `migrations/20251025120000_create_x.sql`. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** Name of the rule; squawk's begin with `squawk/`. */
  readonly rule: string;
  /** What is wrong, a sentence. */
  readonly problem: string;
  /** What to do, a sentence. */
  readonly remedy: string;
  /** A note says what could not be checked, and breaks nothing. */
  readonly level: "error" | "note";
}

/** Whether the files may be applied. */
export function passes(findings: readonly Finding[]): boolean {
  return findings.every(({ level }) => level === "note");
}

/** A finding in two lines of text. */
export function format({ file, line, rule, problem, remedy }: Finding): string {
  return `${file}:${line}: ${rule}: ${problem}\n  ${remedy}`;
}
