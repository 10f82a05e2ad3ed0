import { isDeepStrictEqual } from "node:util";
import { type Fields, isFields } from "./fields.ts";
import { isKept, type Properties, type Property, type Type } from "./schema.ts";
import { isAsset, isEmpty, UNKNOWN } from "./values.ts";

/** A property that an update changes. */
export interface Difference {
  /** Such as `settings.databaseFlags[0].value`. */
  readonly path: string;
  readonly kind: "add" | "delete" | "update";
  /** Whether the change replaces the resource. */
  readonly replaces: boolean;
}

/** The compared states, without secret markers. */
interface States {
  /** What the program set at the last update. */
  readonly had: unknown;
  /** What Google last returned. */
  readonly before: unknown;
  /** What the program sets now. */
  readonly after: unknown;
}

/**
 * Compares the program with the live resource. A property that is not computed is removed if the program does not set it,
 * also if another client set it; an unknown value is a change.
 * @param had The inputs of the last update.
 * @param before The outputs of the last update or refresh.
 * @param after The new inputs.
 */
export function differences(properties: Properties, had: Fields, before: Fields, after: Fields): Difference[] {
  return inObject(properties, { had, before, after }, "", undefined);
}

function inObject(
  properties: Properties,
  states: States,
  path: string,
  inherited: Property["replaces"] | undefined,
): Difference[] {
  return Object.entries(properties).flatMap(([name, property]) => {
    if (property.output) return [];
    const inner = { had: at(states.had, name), before: at(states.before, name), after: at(states.after, name) };
    const others = isFields(states.after) ? states.after : {};
    return inProperty({ ...property, ...(inherited && { replaces: inherited }) }, inner, path + name, others);
  });
}

function inProperty(property: Property, states: States, path: string, others: Fields = {}): Difference[] {
  const { had, before, after } = states;
  const { type, replaces } = property;
  const differs = (kind: Difference["kind"]): Difference[] => [
    { path, kind, replaces: typeof replaces === "function" ? replaces(before, after) : replaces === true },
  ];
  if (after === undefined) {
    const foreign = had === undefined && (isKept(property) || (type.kind === "map" && !type.whole));
    const dropped = !isEmpty(before) && !property.computed && !foreign;
    return dropped ? differs("delete") : [];
  }
  if (after === UNKNOWN) return differs(before === undefined ? "add" : "update");
  if (before === undefined) return isEmpty(after) ? [] : differs("add");
  if (property.same?.(before, after, others)) return [];
  if (type.kind === "object") return inObject(type.properties, states, `${path}.`, replaces);
  if (type.kind === "map") return inMap(type.whole ? { ...states, had: before } : states, path, replaces);
  if (type.kind === "list" && !type.unordered && Array.isArray(before) && Array.isArray(after)) {
    if (before.length !== after.length) return differs("update");
    return after.flatMap((item: unknown, index) =>
      inProperty(
        { type: type.items, ...(replaces && { replaces }) },
        { had: Array.isArray(had) ? had[index] : undefined, before: before[index], after: item },
        `${path}[${index}]`,
      ),
    );
  }
  return sameValue(type, before, after) ? [] : differs("update");
}

function inMap(states: States, path: string, replaces: Property["replaces"] | undefined): Difference[] {
  const names = new Set([states.had, states.after].flatMap((value) => (isFields(value) ? Object.keys(value) : [])));
  return [...names].flatMap((name) =>
    inProperty(
      { type: { kind: "string" }, ...(replaces && { replaces }) },
      { had: at(states.had, name), before: at(states.before, name), after: at(states.after, name) },
      `${path}["${name}"]`,
    ),
  );
}

function sameValue(type: Type, before: unknown, after: unknown): boolean {
  if (isAsset(before) && isAsset(after)) return before.hash === after.hash;
  if (type.kind === "list" && Array.isArray(before) && Array.isArray(after)) {
    // Unordered: each item must have a match, to which Google may have added properties.
    const missing = [...(before as unknown[])];
    return (
      before.length === after.length &&
      after.every((item: unknown) => {
        const found = missing.findIndex((candidate) => {
          const states = { had: undefined, before: candidate, after: item };
          return inProperty({ type: type.items }, states, "").length === 0;
        });
        if (found >= 0) missing.splice(found, 1);
        return found >= 0;
      })
    );
  }
  return isDeepStrictEqual(before, after);
}

function at(value: unknown, name: string): unknown {
  return isFields(value) ? (value[name] ?? undefined) : undefined;
}

/**
 * The inputs after a refresh: those of the last update, with the live value of each property that has drifted.
 * @param live What Google returns.
 */
export function refreshed(properties: Properties, inputs: Fields, live: Fields): Fields {
  const drifted = new Set(differences(properties, inputs, live, inputs).map(({ path }) => topLevel(path)));
  return Object.fromEntries(
    Object.entries(inputs).flatMap(([name, value]) => {
      if (!drifted.has(name)) return [[name, value]];
      const type = properties[name]?.type;
      const now = live[name];
      if (type?.kind === "object" && isFields(value) && isFields(now)) {
        return [[name, refreshed(type.properties, value, now)]];
      }
      if (type?.kind === "map" && isFields(value) && isFields(now)) {
        return [[name, Object.fromEntries(Object.entries(now).filter(([key]) => key in value))]];
      }
      return now === undefined || now === null ? [] : [[name, now]];
    }),
  );
}

/** The top-level property of a path. */
export function topLevel(path: string): string {
  return /^[^.[]+/.exec(path)?.[0] ?? path;
}
