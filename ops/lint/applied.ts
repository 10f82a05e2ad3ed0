import { type History } from "./history.ts";

/** Which files count as applied and therefore may not be edited. */
export interface Applied {
  /** Where this was read, for a sentence, such as `origin/main`. */
  readonly source: string;
  readonly files: ReadonlySet<string>;
}

/** The files that a main branch has count as applied, because pipelines deploy it. */
export function appliedOn(history: History | string): Applied {
  if (typeof history === "string") return { source: "", files: new Set() };
  return { source: history.branch, files: new Set([...history.base.keys(), ...history.tip]) };
}
