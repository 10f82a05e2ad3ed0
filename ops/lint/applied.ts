import { basename, join } from "node:path";
import { REPEATABLE_FOLDER } from "../../infra/migrations/files.ts";
import { readRepeatableForms } from "./form.ts";
import { type History, idOf, readHistory } from "./history.ts";

/** Which files count as applied: versions, which may not be edited, and repeatable files with this text. */
export interface Applied {
  /** Where this was read, for a sentence, such as `origin/main`. */
  readonly source: string;
  /** Paths in the folder of migrations. */
  readonly files: ReadonlySet<string>;
}

/** The files that a main branch has count as applied, because pipelines deploy it. */
export function appliedOn(history: History | string): Applied {
  if (typeof history === "string") return { source: "", files: new Set() };
  return { source: history.branch, files: new Set([...history.base.keys(), ...history.tip]) };
}

/**
 * As {@link appliedOn}, with the repeatable files that are unchanged since the main branch.
 * @param history What git tells of the folder; read by default.
 */
export function appliedIn(folder: string, history = readHistory(folder)): Applied {
  const { files, source } = appliedOn(history);
  const forms = readRepeatableForms(folder);
  const repeatables = forms.length === 0 ? "" : readHistory(join(folder, REPEATABLE_FOLDER));
  if (typeof repeatables === "string") return { files, source };
  const unchanged = forms.filter(({ name, text }) => {
    const id = repeatables.base.get(basename(name));
    return id !== undefined && idOf(text, id) === id;
  });
  return { files: new Set([...files, ...unchanged.map(({ name }) => name)]), source };
}
