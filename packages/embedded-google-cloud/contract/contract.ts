import { readFileSync } from "node:fs";
import { join } from "node:path";
import { GoogleError } from "../rest/errors.ts";
import { type Enum, nameOf, numberOf } from "./enums.ts";

/** A type in Google's discovery documents, in the short form that `take-over.mjs` writes. */
type Type =
  | string
  | { readonly ref: string }
  | { readonly list: Type }
  | { readonly map: Type }
  | Enum
  | { readonly fields: Readonly<Record<string, Type>> }
  | { readonly readOnly: Type };

/** The fields of a message; `*` stands for any name. */
type Schema = Readonly<Record<string, Type>>;

/** A method of one of Google's APIs. */
export interface Method {
  /** Such as `secretmanager.projects.secrets.create`. */
  readonly id: string;
  /** Parameters of the query, by name. */
  readonly query: Readonly<Record<string, Type>>;
  /** Names of the messages in the request and the response. */
  readonly request?: string;
  readonly response?: string;
  readonly schemas: Readonly<Record<string, Schema>>;
}

interface Document {
  readonly methods: readonly (Omit<Method, "schemas"> & { readonly verb: string; readonly paths: readonly string[] })[];
  readonly schemas: Readonly<Record<string, Schema>>;
}

/** Query parameters of every method: https://cloud.google.com/apis/docs/system-parameters */
const SYSTEM = ["$.xgafv", "access_token", "alt", "$alt", "callback", "fields", "key", "oauth_token", "prettyPrint"];
const UPLOADS = ["quotaUser", "uploadType", "upload_id", "upload_protocol", "userIp"];

/**
 * Google's methods, read at the first request, by what few of them have in common. A parameter never spans a slash: a path has as
 * many steps as the method's, and ends in the same step or the method's in a parameter.
 */
let routes: ReturnType<typeof load> | undefined;

function keyOf(verb: string, steps: readonly string[], last = steps.at(-1)): string {
  return `${verb} ${steps.length} ${last}`;
}

/** In place of a last step that is a parameter. */
const ANY = "{}";

function load() {
  const documents = JSON.parse(readFileSync(join(import.meta.dirname, "discovery.json"), "utf8")) as Record<
    string,
    Document
  >;
  const all = Object.values(documents).flatMap(({ methods, schemas }) =>
    methods.flatMap(({ verb, paths, ...method }) =>
      paths.map((path) => ({ verb, path, pattern: patternOf(path), method: { ...method, schemas } })),
    ),
  );
  // A verb such as `:addVersion` is not part of an id, so these paths are tried first.
  all.sort((a, b) => Number(b.path.includes(":")) - Number(a.path.includes(":")));
  return Map.groupBy(all, ({ verb, path }) => {
    const steps = path.split("/");
    return steps.at(-1)?.includes("{") ? keyOf(verb, steps, ANY) : keyOf(verb, steps);
  });
}

function patternOf(path: string): RegExp {
  const steps = path
    .split(/(\{[^}]+\})/)
    .map((step) => (step.startsWith("{") ? "[^/]+?" : step.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")));
  return new RegExp(`^${steps.join("")}$`);
}

/**
 * Finds the Google method that a request calls.
 * @param path The request's path, without its query.
 * @returns Undefined if `discovery.json` has no such method.
 */
export function findMethod(verb: string, path: string): Method | undefined {
  routes ??= load();
  const steps = path.split("/");
  const find = (key: string) => routes?.get(key)?.find(({ pattern }) => pattern.test(path))?.method;
  return find(keyOf(verb, steps)) ?? find(keyOf(verb, steps, ANY));
}

/** @throws GoogleError INVALID_ARGUMENT, in Google's words, if a query parameter is unknown or has the wrong type. */
export function checkQuery(method: Method, query: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(query)) {
    if (SYSTEM.includes(name) || UPLOADS.includes(name)) continue;
    const type = own(method.query, name);
    if (type === undefined) {
      throw invalid(
        `Invalid JSON payload received. Unknown name "${name}": Cannot bind query parameter. Field '${name}' could not be found in request message.`,
      );
    }
    const values = Array.isArray(value) ? value : [value];
    for (const one of values) if (!fitsText(isList(type) ? type.list : type, String(one))) throw wrong(name, type, one);
  }
}

/**
 * Reads a request's body as Google does: drops output-only fields and replaces enum numbers with their names.
 * @throws GoogleError INVALID_ARGUMENT, in Google's words, if a field is unknown or has the wrong type.
 */
export function readBody({ request, schemas }: Method, body: unknown): unknown {
  if (request === undefined) return body;
  if (!isObject(body)) {
    throw invalid('Invalid JSON payload received. Unknown name "": Root element must be a message.');
  }
  const root = request.endsWith("Request") ? "" : snakeCase(request);
  return read({ ref: request }, body, root, schemas);
}

/** How a response deviates from Google's definition, one sentence each. */
export function faultsOf({ response, schemas }: Method, body: unknown): string[] {
  if (response === undefined) return [];
  const faults: string[] = [];
  check({ ref: response }, body, response, schemas, faults);
  return faults;
}

/**
 * A response with the numbers of enums in place of their names, also in the response of an operation.
 * https://cloud.google.com/apis/docs/system-parameters, `enum-encoding=int`
 */
export function withNumbers({ response, schemas }: Method, body: unknown): unknown {
  return response === undefined ? body : numbered({ ref: response }, body, schemas);
}

function numbered(type: Type | undefined, value: unknown, schemas: Method["schemas"]): unknown {
  if (typeof type === "object" && "readOnly" in type) return numbered(type.readOnly, value, schemas);
  if (typeof type === "object" && "enum" in type) return numberOf(type, value);
  if (Array.isArray(value)) {
    const item = typeof type === "object" && "list" in type ? type.list : undefined;
    return value.map((each) => numbered(item, each, schemas));
  }
  if (!isObject(value)) return value;
  const fields = fieldsOf(type, value, schemas);
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, numbered(own(fields, name) ?? fields["*"], item, schemas)]),
  );
}

/** The fields of a message; of one in an operation by its `@type`, such as `type.googleapis.com/google.cloud.run.v2.Service`. */
function fieldsOf(
  type: Type | undefined,
  value: Readonly<Record<string, unknown>>,
  schemas: Method["schemas"],
): Schema {
  if (typeof value["@type"] === "string") {
    const name = value["@type"].slice(value["@type"].lastIndexOf(".") + 1);
    return Object.entries(schemas).find(([schema]) => shortName(schema) === name)?.[1] ?? {};
  }
  if (typeof type !== "object") return {};
  if ("map" in type) return { "*": type.map };
  return "ref" in type ? (schemas[type.ref] ?? {}) : "fields" in type ? type.fields : {};
}

function read(type: Type, value: unknown, at: string, schemas: Method["schemas"]): unknown {
  if (value === null || value === undefined) return value;
  if (typeof type === "string") {
    if (!fits(type, value)) throw wrong(at, type, value);
    return value;
  }
  if ("readOnly" in type) return read(type.readOnly, value, at, schemas);
  if ("enum" in type) {
    const name = typeof value === "number" ? nameOf(type, value) : value;
    if (typeof name !== "string" || !type.enum.includes(name)) throw wrong(at, type, value);
    return name;
  }
  if ("list" in type) {
    if (!Array.isArray(value)) throw wrong(at, type, value);
    return value.map((item, index) => read(type.list, item, `${at}[${index}]`, schemas));
  }
  if (!isObject(value)) throw wrong(at, type, value);
  if ("map" in type) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, read(type.map, item, `${at}.${key}`, schemas)]),
    );
  }
  const fields = "ref" in type ? (schemas[type.ref] ?? {}) : type.fields;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, item]) => {
      const field = own(fields, name) ?? fields["*"];
      if (field === undefined) {
        const place = at === "" ? "" : ` at '${at}'`;
        throw invalid(`Invalid JSON payload received. Unknown name "${name}"${place}: Cannot find field.`);
      }
      const inner = read(field, item, at === "" ? snakeCase(name) : `${at}.${snakeCase(name)}`, schemas);
      return typeof field === "object" && "readOnly" in field ? [] : [[name, inner]];
    }),
  );
}

function check(type: Type, value: unknown, at: string, schemas: Method["schemas"], faults: string[]): void {
  if (value === undefined) return;
  if (typeof type === "string") {
    if (!fits(type, value)) faults.push(`${at} is ${JSON.stringify(value)}, not of type ${type}`);
  } else if ("readOnly" in type) check(type.readOnly, value, at, schemas, faults);
  else if ("enum" in type) {
    if (typeof value !== "string" || !type.enum.includes(value))
      faults.push(`${at} is ${JSON.stringify(value)}, not one of ${type.enum.join(", ")}`);
  } else if ("list" in type) {
    if (!Array.isArray(value)) faults.push(`${at} is not a list`);
    else
      value.forEach((item, index) => {
        check(type.list, item, `${at}[${index}]`, schemas, faults);
      });
  } else if (!isObject(value)) faults.push(`${at} is ${JSON.stringify(value)}, not an object`);
  else if ("map" in type)
    for (const [key, item] of Object.entries(value)) check(type.map, item, `${at}.${key}`, schemas, faults);
  else {
    const fields = "ref" in type ? (schemas[type.ref] ?? {}) : type.fields;
    for (const [name, item] of Object.entries(value)) {
      const field = own(fields, name) ?? fields["*"];
      if (field === undefined) faults.push(`${at} has the unknown field ${name}`);
      else check(field, item, `${at}.${name}`, schemas, faults);
    }
  }
}

/** Whether a JSON value has a type; numbers may be written as strings. https://protobuf.dev/programming-guides/json */
function fits(type: string, value: unknown): boolean {
  switch (type) {
    case "boolean":
      return typeof value === "boolean";
    case "int32":
    case "uint32":
    case "integer":
      return Number.isInteger(typeof value === "string" ? Number(value) : value);
    case "int64":
    case "uint64":
      return typeof value === "string" ? /^-?\d+$/.test(value) : Number.isInteger(value);
    case "double":
    case "float":
    case "number":
      return typeof value === "number" || (typeof value === "string" && !Number.isNaN(Number(value)));
    case "google-datetime":
    case "date-time":
      return typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value);
    case "google-duration":
      return typeof value === "string" && /^-?\d+(\.\d{1,9})?s$/.test(value);
    case "byte":
      return typeof value === "string" && /^[\w+/-]*={0,2}$/.test(value);
    case "any":
      return true;
    default:
      return typeof value === "string";
  }
}

function fitsText(type: Type, text: string): boolean {
  if (typeof type !== "string") return !("enum" in type) || type.enum.includes(text);
  if (type === "boolean") return /^(true|false)$/i.test(text); // gcloud writes True
  return fits(type, text);
}

function isList(type: Type): type is { readonly list: Type } {
  return typeof type === "object" && "list" in type;
}

/** An own field, not one inherited from Object.prototype. */
function own<T>(fields: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A message's name without the API's prefix, as in `GoogleCloudRunV2Service`. */
function shortName(name: string): string {
  return name.replace(/^GoogleCloud[A-Za-z]+V\d(?=[A-Z])/, "");
}

function snakeCase(name: string): string {
  return shortName(name)
    .replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter}`)
    .toLowerCase();
}

/** Google's names of the protobuf types in error messages. */
const NAMES: Readonly<Record<string, string>> = {
  boolean: "TYPE_BOOL",
  byte: "TYPE_BYTES",
  double: "TYPE_DOUBLE",
  float: "TYPE_FLOAT",
  int64: "TYPE_INT64",
  integer: "TYPE_INT32",
  int32: "TYPE_INT32",
  uint32: "TYPE_UINT32",
  uint64: "TYPE_UINT64",
  "google-datetime": "type.googleapis.com/google.protobuf.Timestamp",
  "google-duration": "type.googleapis.com/google.protobuf.Duration",
};

/** The error for a value of the wrong type, in Google's words. */
function wrong(at: string, type: Type, value: unknown): GoogleError {
  const text = JSON.stringify(value);
  const name =
    typeof type !== "string" ? ("enum" in type ? "TYPE_ENUM" : "TYPE_MESSAGE") : (NAMES[type] ?? "TYPE_STRING");
  const reason =
    type === "byte"
      ? `Base64 decoding failed for ${text}`
      : type === "google-duration"
        ? `Field '${at.slice(at.lastIndexOf(".") + 1)}', Illegal duration format; duration must end with 's'`
        : text;
  return invalid(`Invalid value at '${at}' (${name}), ${reason}`);
}

function invalid(message: string): GoogleError {
  return new GoogleError("INVALID_ARGUMENT", message, "parseError");
}
