import { isFields } from "./fields.ts";

/** Marks a value that a preview does not know yet. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";
const ASSET = "c44067f5952c0a294b673a41bacd8c17";

interface Secret {
  readonly [SIGNATURE]: typeof SECRET;
  readonly value: unknown;
}

/** A file of the program; a diff contains only its hash. */
export interface Asset {
  readonly hash: string;
  readonly text?: string;
  readonly path?: string;
  readonly uri?: string;
}

/** Marks a value as secret: the engine encrypts it in the state and masks it in its output. */
export function secret(value: unknown): unknown {
  return isSecret(value) ? value : { [SIGNATURE]: SECRET, value };
}

export function isSecret(value: unknown): value is Secret {
  return isFields(value) && value[SIGNATURE] === SECRET;
}

/** Whether a value is an {@link Asset}; archives are not. */
export function isAsset(value: unknown): value is Asset {
  return isFields(value) && value[SIGNATURE] === ASSET;
}

/** The value without secret markers, at any depth. */
export function reveal(value: unknown): unknown {
  if (isSecret(value)) return reveal(value.value);
  if (Array.isArray(value)) return value.map(reveal);
  if (!isFields(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, reveal(inner)]));
}

/**
 * Marks values as secret that are secret in the pattern. If the length of a list differs, the whole list becomes secret.
 * @param pattern A value with secret markers, such as a resource's inputs.
 * @param value A plain value, such as a response.
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

/** The value if it is a string, otherwise "". */
export function stringOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Whether a value is equivalent to no value: Google's APIs omit such fields from responses. */
export function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === 0 || value === "") return true;
  if (Array.isArray(value)) return value.length === 0;
  return isFields(value) && Object.values(value).every(isEmpty);
}
