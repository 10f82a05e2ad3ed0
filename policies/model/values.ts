import type { Path } from "./types.ts";

/** What stands where a value is not known yet: during a preview, whatever comes from a resource that does not exist. */
export const UNKNOWN = Symbol("unknown");

/**
 * A property's value as policies see it: secrets are plain here, so no message may contain one. The official provider
 * returns null for what is not set; here that is undefined, so that no policy takes it for a value.
 */
export type Value =
  string | number | boolean | undefined | typeof UNKNOWN | readonly Value[] | { readonly [key: string]: Value };

declare const shape: unique symbol;

/** A value whose type the provider declares, for the compiler to check paths by; nothing at run time. */
export interface Shaped<Shape> {
  readonly [shape]?: Shape;
}

/** A value and where it stands, such as `template.volumes[0].name`. */
export interface Located {
  readonly path: string;
  readonly value: Value;
}

/**
 * The values at a path, `*` standing for every element of a list: `template.volumes.*.name`. A value that is not known
 * stands for all that lies below it; what is not there gives nothing.
 */
export function valuesAt<Shape>(value: Value | Shaped<Shape>, path: string & Path<Shape>): Located[] {
  return below<Shape>({ path: "", value: value as Value }, path);
}

/** The same below a value that stands somewhere itself. */
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

/** The value at a path without `*`; undefined where nothing is there. */
export function valueAt<Shape>(value: Value | Shaped<Shape>, path: string & Path<Shape>): Value {
  return valuesAt<Shape>(value, path)[0]?.value;
}

/** Whether a value is, or may turn out to be, one that is accepted: what is not known cannot be judged. */
export function mayBe(value: Value, accepted: (known: Value) => boolean): boolean {
  return value === UNKNOWN || accepted(value);
}

/** Every text below a value, with its path. */
export function textsIn(value: Value, path = ""): { path: string; text: string }[] {
  if (typeof value === "string") return [{ path, text: value }];
  if (isList(value)) return value.flatMap((item, index) => textsIn(item, `${path}[${index}]`));
  if (!isRecord(value)) return [];
  return Object.entries(value).flatMap(([key, item]) => textsIn(item, path === "" ? key : `${path}.${key}`));
}

/** The text, where the value is one and known. */
export function text(value: Value): string | undefined {
  return typeof value === "string" ? value : undefined;
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

export function isRecord(value: Value): value is Readonly<Record<string, Value>> {
  return typeof value === "object" && !Array.isArray(value);
}

/** The last part of a secret's, account's or instance's full name: its id. */
export function lastPart(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}
