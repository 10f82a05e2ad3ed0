import type { Finding } from "./finding.ts";
import type { Remark } from "./rules/rule.ts";

/** A finding before its level is known. */
export type Claim = Omit<Finding, "level">;

/** A remark at a place. @param file Path in the repository. @param line From 1. */
export function claim(file: string, line: number, remark: Remark): Claim {
  const { problem, remedy, rule } = remark;
  return { file, line, rule, problem, remedy };
}
