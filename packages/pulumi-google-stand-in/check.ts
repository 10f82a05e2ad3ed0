import { createHash, randomBytes } from "node:crypto";
import { type Fields, isFields } from "./fields.ts";
import type { Properties, Type } from "./schema.ts";
import { isAsset, isSecret, secret, UNKNOWN } from "./values.ts";

/** What to do about a property that the official provider may have. */
const OTHERWISE = "if it is spelt right, install the official provider, of which the stand-in has only a part";

/** The source of values that a program leaves out. */
export interface Context {
  /** The resource's name in the program. */
  readonly name: string;
  /** The inputs of the last update; a generated name is kept. */
  readonly olds: Fields;
  /** The engine's random seed, which makes a preview and its update generate the same name; may be empty. */
  readonly seed: Uint8Array;
  readonly project: string | undefined;
  /** Whether to list the names of the added defaults as `__defaults`, as the official gcp provider does. */
  readonly listsDefaults: boolean;
}

export interface Checked {
  readonly inputs: Fields;
  /** One sentence per mistake, without values, which could be secret. */
  readonly failures: readonly string[];
}

/** Checks a program's properties and adds defaults. Unknown values and secret markers are kept. */
export function check(properties: Properties, values: Fields, context: Context): Checked {
  const failures: string[] = [];
  const inputs = checkObject(properties, values, "", failures);
  const defaults = (inputs.__defaults ?? []) as string[];
  for (const [name, property] of Object.entries(properties)) {
    if (inputs[name] !== undefined) continue;
    if (property.autoname) {
      inputs[name] = context.olds[name] ?? `${context.name}-${hex(context.seed)}`;
      defaults.push(name);
    } else if (property.from === "project" && context.project === undefined) {
      failures.push(`missing required property "${name}": set it, or gcp:project in the stack's configuration`);
    }
  }
  return { inputs: context.listsDefaults ? inputs : (withoutDefaults(inputs) as Fields), failures };
}

/** The value without the names of defaults, at any depth. */
export function withoutDefaults(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDefaults);
  if (!isFields(value)) return value;
  const entries = Object.entries(value).filter(([name]) => name !== "__defaults");
  return Object.fromEntries(entries.map(([name, inner]) => [name, withoutDefaults(inner)]));
}

function hex(seed: Uint8Array): string {
  const bytes = seed.length > 0 ? createHash("sha256").update(seed).digest() : randomBytes(4);
  return bytes.toString("hex").slice(0, 7);
}

/** Whether {@link check} generated the name. */
export function isAutoname(name: string, value: unknown): boolean {
  return (
    typeof value === "string" && value.startsWith(`${name}-`) && /^[0-9a-f]{7}$/.test(value.slice(name.length + 1))
  );
}

function checkObject(properties: Properties, values: Fields, path: string, failures: string[]): Fields {
  const defaults: string[] = [];
  const inputs: Fields = { __defaults: defaults };
  for (const [name, value] of Object.entries(values)) {
    const property = properties[name];
    if (value === null || name.startsWith("__")) continue;
    if (!property || property.output) failures.push(`unknown property "${path}${name}"; ${OTHERWISE}`);
    else inputs[name] = checkValue(property.type, value, `${path}${name}`, failures);
    if (property?.oneOf && typeof value === "string" && value !== UNKNOWN && !property.oneOf.includes(value)) {
      failures.push(`property "${path}${name}" must be one of ${property.oneOf.join(", ")}`);
    }
  }
  for (const [name, property] of Object.entries(properties)) {
    if (inputs[name] !== undefined) continue;
    if (property.required) failures.push(`missing required property "${path}${name}"`);
    else if (property.default !== undefined) {
      inputs[name] = property.default;
      defaults.push(name);
    }
  }
  return inputs;
}

function checkValue(type: Type, value: unknown, path: string, failures: string[]): unknown {
  if (value === UNKNOWN) return value;
  if (isSecret(value)) return secret(checkValue(type, value.value, path, failures));
  const wrong = (expected: string) => {
    failures.push(`property "${path}" must be ${expected}, not ${describe(value)}`);
    return value;
  };
  switch (type.kind) {
    case "any":
      return value;
    case "int64":
    case "number":
      return typeof value === "number" ? value : wrong("a number");
    case "string":
      return typeof value === "string" ? value : wrong("a string");
    case "boolean":
      return typeof value === "boolean" ? value : wrong("a boolean");
    case "asset":
      return isAsset(value) ? value : wrong("an asset (the stand-in does not support archives)");
    case "list":
      if (!Array.isArray(value)) return wrong("a list");
      return value.map((item, index) => checkValue(type.items, item, `${path}[${index}]`, failures));
    case "map":
      if (!isFields(value)) return wrong("a map of strings");
      for (const [key, item] of Object.entries(value)) {
        checkValue({ kind: "string" }, item, `${path}.${key}`, failures);
      }
      return value;
    case "object":
      return isFields(value) ? checkObject(type.properties, value, `${path}.`, failures) : wrong("an object");
  }
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
