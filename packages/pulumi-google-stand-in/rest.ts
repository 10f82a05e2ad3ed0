import { type Fields, isFields } from "./fields.ts";
import { isKept, type Properties, type Type } from "./schema.ts";

/**
 * Converts properties to a REST resource.
 * @param values Plain values, without secret markers.
 */
export function toRest(properties: Properties, values: Fields): Fields {
  const resource: Fields = {};
  for (const [name, property] of Object.entries(properties)) {
    const value = values[name];
    if (property.own || property.apart || property.output || value === undefined || value === null) continue;
    put(resource, (property.rest ?? name).split("."), send(property.type, value));
  }
  return resource;
}

function send(type: Type, value: unknown): unknown {
  if (type.kind === "int64") return String(value);
  if (type.kind === "list" && Array.isArray(value)) {
    const sent = value.map((item) => send(type.items, item));
    return type.single ? sent[0] : sent;
  }
  if (type.kind === "object" && isFields(value)) {
    const object = toRest(type.properties, value);
    return type.listed ? [object] : object;
  }
  return value;
}

function put(target: Fields, [step = "", ...rest]: string[], value: unknown): void {
  if (rest.length === 0) {
    target[step] = value;
    return;
  }
  const inner = target[step];
  const next = isFields(inner) ? inner : {};
  target[step] = next;
  put(next, rest, value);
}

/** Converts a REST resource to properties. */
export function fromRest(properties: Properties, resource: Fields): Fields {
  const values: Fields = {};
  for (const [name, property] of Object.entries(properties)) {
    if (isKept(property)) continue;
    const value = get(resource, (property.rest ?? name).split("."));
    if (value !== undefined && value !== null) values[name] = receive(property.type, value);
  }
  return values;
}

function receive(type: Type, value: unknown): unknown {
  if (type.kind === "int64") return Number(value);
  // Some fields are single in REST and a list in Pulumi, or vice versa.
  if (type.kind === "list") return [value].flat().map((item: unknown) => receive(type.items, item));
  if (type.kind === "object") {
    const single: unknown = Array.isArray(value) ? value[0] : value;
    return fromRest(type.properties, isFields(single) ? single : {});
  }
  return value;
}

function get(resource: unknown, [step = "", ...rest]: string[]): unknown {
  const value = isFields(resource) ? resource[step] : undefined;
  return rest.length === 0 ? value : get(value, rest);
}

/** A property's top-level field in the REST resource, for an update mask. */
export function restField(properties: Properties, name: string): string {
  return (properties[name]?.rest ?? name).split(".")[0] ?? name;
}
