import type { Path } from "./types.ts";

/** A value that is not known yet, such as an output of a resource that a preview would create. */
export const UNKNOWN = Symbol("unknown");

/**
 * A property's value as policies see it. Secrets are in plain text, so no message may contain a value that may be one. The
 * official provider returns null for unset properties; here they are undefined.
 */
export type Value =
  string | number | boolean | undefined | typeof UNKNOWN | readonly Value[] | { readonly [key: string]: Value };

declare const shape: unique symbol;

/** A value with its declared type, by which the compiler checks paths; it has no effect at run time. */
export interface Shaped<Shape> {
  readonly [shape]?: Shape;
}

/** A value and its path, such as `template.volumes[0].name`. */
export interface Located {
  readonly path: string;
  readonly value: Value;
}

/**
 * The values at a path, with `*` for every element of a list: `template.volumes.*.name`. An unknown value stands for
 * everything below it; a missing one is skipped.
 */
export function valuesAt<Shape>(value: Value | Shaped<Shape>, path: string & Path<Shape>): Located[] {
  return below<Shape>({ path: "", value: value as Value }, path);
}

/** The values at a path below a located value. */
export function below<Shape = unknown>(outer: Located, path: string & Path<Shape>): Located[] {
  return path.split(".").reduce<Located[]>((found, step) => found.flatMap((one) => inside(one, step)), [outer]);
}

function inside({ path, value }: Located, step: string): Located[] {
  if (value === UNKNOWN) return [{ path, value }];
  if (step === "*")
    return isList(value) ? value.map((item, index) => ({ path: `${path}[${index}]`, value: item })) : [];
  const inner = isRecord(value) ? value[step] : undefined;
  return inner === undefined ? [] : [{ path: path === "" ? step : `${path}.${step}`, value: inner }];
}

/** The value at a path without `*`; undefined if missing. */
export function valueAt<Shape>(value: Value | Shaped<Shape>, path: string & Path<Shape>): Value {
  return valuesAt<Shape>(value, path)[0]?.value;
}

/** Whether a value is accepted, or is unknown and may turn out to be. */
export function mayBe(value: Value, accepted: (known: Value) => boolean): boolean {
  return value === UNKNOWN || accepted(value);
}

/** Every string below a value, with its path. */
export function textsIn(value: Value, path = ""): { path: string; text: string }[] {
  if (typeof value === "string") return [{ path, text: value }];
  if (isList(value)) return value.flatMap((item, index) => textsIn(item, `${path}[${index}]`));
  if (!isRecord(value)) return [];
  return Object.entries(value).flatMap(([key, item]) => textsIn(item, path === "" ? key : `${path}.${key}`));
}

/** The value if it is a known string. */
export function text(value: Value): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

/** Whether a value is a known object. */
export function isRecord(value: Value): value is Readonly<Record<string, Value>> {
  return typeof value === "object" && !Array.isArray(value);
}

/** The last part of a full resource name: its id. */
export function lastPart(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}
