import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Fields, isFields } from "./fields.ts";
import { reveal, secret } from "./values.ts";

/** The outputs of a type that may not be set; `=` is what stands for the whole object. */
interface Unset {
  readonly [property: string]: Unset | null | string | number | boolean;
}

/** What the official provider returns for outputs that are not set, by type; written by test/recorded/take-over.mjs. */
const UNSET = JSON.parse(readFileSync(join(import.meta.dirname, "unset.json"), "utf8")) as Readonly<
  Record<string, Unset>
>;

/** Whether the official provider keeps entries of a map, such as `labels`, that other clients have set. */
export function keepsForeign(token: string, map: string): boolean {
  return `effective${map.charAt(0).toUpperCase()}${map.slice(1)}` in (UNSET[token] ?? {});
}

/** Adds the outputs that are not set, as the official provider returns them: null, empty, or zero. */
export function filled(token: string, outputs: Fields): Fields {
  const unset = UNSET[token] ?? {};
  // Both are secret because they may contain the provider's default labels.
  const labels = secret(reveal(outputs.labels) ?? {});
  const hidden = "effectiveLabels" in unset ? { effectiveLabels: labels, pulumiLabels: labels } : {};
  return fill(unset, { ...outputs, ...hidden }) as Fields;
}

function fill(unset: Unset, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => fill(unset, item));
  if (!isFields(value)) return value;
  const result = { ...value };
  for (const [name, inner] of Object.entries(unset)) {
    if (name === "=") continue;
    const empty: unknown = isFields(inner) ? inner["="] : inner;
    if (result[name] === undefined || result[name] === null) {
      if (empty !== undefined) result[name] = empty === "[secret]" ? secret(null) : empty;
    } else if (isFields(inner)) result[name] = fill(inner, result[name]);
  }
  return result;
}
