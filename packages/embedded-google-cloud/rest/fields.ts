import { GoogleError } from "./errors.ts";

/** A JSON object. */
export type Fields = Record<string, unknown>;

/** Whether a JSON value is an object (neither null nor an array). */
export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An object without some of its fields. */
export function without<T extends object, K extends keyof T & string>(object: T, ...fields: K[]): Omit<T, K> {
  const kept = Object.entries(object).filter(([name]) => !fields.includes(name as K));
  return Object.fromEntries(kept) as Omit<T, K>;
}

/**
 * Picks the fields that a client may set from a request's body.
 * @param ignored Fields that Google accepts and ignores, such as `name` and `createTime`.
 * @throws GoogleError INVALID_ARGUMENT for any other field that is not zero, or if the body is not an object.
 */
export function settableFields<T>(body: unknown, settable: readonly (keyof T & string)[], ignored: string[] = []) {
  if (body !== undefined && !isFields(body)) throw invalidPayload("Root element must be a message.");
  const fields = Object.entries(body ?? {});
  const unknown = fields.find(
    ([name, value]) => ![...settable, ...ignored].includes(name) && value !== null && !isZero(value),
  );
  if (unknown) throw invalidPayload(`Unknown name "${unknown[0]}": Cannot find field.`);
  return Object.fromEntries(fields.filter(([name]) => settable.includes(name as keyof T & string))) as Partial<T>;
}

function invalidPayload(what: string): GoogleError {
  return new GoogleError("INVALID_ARGUMENT", `Invalid JSON payload received. ${what}`, "parseError");
}

/**
 * Applies a field mask: copies each path from the change, or removes it if the change lacks it.
 * @param current The resource; it is not modified.
 * @param mask Comma-separated paths in camel or snake case, such as `labels,replication.automatic`.
 * @param settable Fields that a path may start with.
 * @throws GoogleError INVALID_ARGUMENT if the mask is missing or has any other path.
 */
export function applyMask<T extends object>(
  current: T,
  change: object,
  mask: string | undefined,
  settable: readonly (keyof T & string)[],
): T {
  const paths = (mask ?? "").split(",").filter((path) => path !== "");
  if (paths.length === 0) throw new GoogleError("INVALID_ARGUMENT", "The update_mask must be provided.", "invalid");
  return paths.reduce((result, path) => {
    const steps = path.split(".").map(camelCase);
    if (!settable.includes(steps[0] as keyof T & string)) {
      throw new GoogleError("INVALID_ARGUMENT", `The update_mask has "${path}", which cannot be updated.`, "invalid");
    }
    return take(result, change, steps) as T;
  }, current);
}

function camelCase(name: string): string {
  return name.trim().replace(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());
}

/** A copy of `target` with the value at the path taken from `source`. */
function take(target: unknown, source: unknown, [step = "", ...rest]: string[]): Fields {
  const next = isFields(source) ? source[step] : undefined;
  const kept = Object.entries(isFields(target) ? target : {}).filter(([name]) => name !== step);
  const value = rest.length === 0 ? next : take(isFields(target) ? target[step] : undefined, next, rest);
  return Object.fromEntries(value === undefined || value === null ? kept : [...kept, [step, value]]);
}

/** Applies a JSON merge patch (RFC 7396) to a copy: objects are merged, null removes, everything else replaces. */
export function mergePatch<T>(current: T, patch: Partial<Record<keyof T, unknown>>): T {
  return merge(current, patch) as T;
}

function merge(current: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return patch;
  const kept = new Map(Object.entries(isFields(current) ? current : {}));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) kept.delete(name);
    else kept.set(name, merge(kept.get(name), value));
  }
  return Object.fromEntries(kept);
}

/**
 * A message of proto3 as JSON: zeros, empty texts and lists, and `false` are left out at any depth; messages stay, even empty ones.
 * https://protobuf.dev/programming-guides/json/#presence
 */
export function withoutZeros(message: Fields): Fields {
  const kept = Object.entries(message).filter(([, value]) => !isZero(value));
  return Object.fromEntries(kept.map(([name, value]) => [name, inner(value)]));
}

function inner(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inner);
  return isFields(value) ? withoutZeros(value) : value;
}

/** Whether a value of proto3 is the same as none; that of an enum has a name such as `STATE_UNSPECIFIED`. */
export function isZero(value: unknown): boolean {
  if (typeof value === "string") return value === "" || /^[A-Z_]+_(UNSPECIFIED|UNDEFINED)$/.test(value);
  return value === 0 || value === false || (Array.isArray(value) && value.length === 0);
}
