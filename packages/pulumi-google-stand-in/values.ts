import { isFields } from "./fields.ts";

/** Values as Pulumi's engine and a provider exchange them: JSON, with unknowns, secrets and assets marked. */

/** Stands for a value that a preview does not know yet. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";
const ASSET = "c44067f5952c0a294b673a41bacd8c17";

interface Secret {
  readonly [SIGNATURE]: typeof SECRET;
  readonly value: unknown;
}

/** A file's content as a program hands it over; in a diff the text is left out and the hash stays. */
export interface Asset {
  readonly hash: string;
  readonly text?: string;
  readonly path?: string;
  readonly uri?: string;
}

/** Marks a value as secret; the engine then encrypts it in the state and hides it in its output. */
export function secret(value: unknown): unknown {
  return isSecret(value) ? value : { [SIGNATURE]: SECRET, value };
}

/** Whether a value is marked as secret. */
export function isSecret(value: unknown): value is Secret {
  return isFields(value) && value[SIGNATURE] === SECRET;
}

/** Whether a value is a file's content, as {@link Asset}; archives are not. */
export function isAsset(value: unknown): value is Asset {
  return isFields(value) && value[SIGNATURE] === ASSET;
}

/** The value without its secret marks, at any depth. */
export function reveal(value: unknown): unknown {
  if (isSecret(value)) return reveal(value.value);
  if (Array.isArray(value)) return value.map(reveal);
  if (!isFields(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, reveal(inner)]));
}

/**
 * Marks as secret what is secret in the pattern, at the same place. Where a list has changed its length, no place can be
 * trusted and the whole list becomes secret.
 * @param pattern A value with secret marks, such as a resource's inputs.
 * @param value Plain values, such as what Google answered.
 */
export function sealLike(pattern: unknown, value: unknown): unknown {
  if (isSecret(pattern)) return value === undefined ? undefined : secret(value);
  if (Array.isArray(pattern) && holdsSecret(pattern)) {
    if (!Array.isArray(value) || value.length !== pattern.length)
      return value === undefined ? undefined : secret(value);
    return value.map((item, index) => sealLike(pattern[index], item));
  }
  if (!isFields(pattern) || !isFields(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, sealLike(pattern[name], inner)]));
}

function holdsSecret(value: unknown): boolean {
  if (isSecret(value)) return true;
  if (Array.isArray(value)) return value.some(holdsSecret);
  return isFields(value) && Object.values(value).some(holdsSecret);
}

/** A value that is a string; else nothing. */
export function stringOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Whether a value says nothing that its absence would not say: Google's APIs leave such fields out of their answers. */
export function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === 0 || value === "") return true;
  if (Array.isArray(value)) return value.length === 0;
  return isFields(value) && Object.values(value).every(isEmpty);
}
