import { isDeepStrictEqual } from "node:util";
import type { Exchange } from "./exchange.ts";

/** How two recordings of one step differ. */
export interface Difference {
  /** Such as `GET https://run.googleapis.com/v2/…`. */
  readonly request: string;
  /** A sentence for each deviation. */
  readonly lines: readonly string[];
}

/**
 * Compares two recordings of one step, whatever the order of their requests, and of the members that are added to a policy or
 * removed from it.
 * @param recorded The recording to hold to.
 * @param now The new one.
 */
export function differences(recorded: readonly Exchange[], now: readonly Exchange[]): Difference[] {
  const before = Map.groupBy(withAllMembers(recorded), requestOf);
  const after = Map.groupBy(withAllMembers(now), requestOf);
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((request) => {
    const lines = linesFor(before.get(request), after.get(request));
    return lines.length === 0 ? [] : [{ request, lines }];
  });
}

function requestOf({ method, url }: Exchange): string {
  return `${method} ${url}`;
}

/**
 * The different exchanges of a step, in which each policy has all members that it has in any of them: the engine deletes in no
 * fixed order.
 */
function withAllMembers(exchanges: readonly Exchange[]): Exchange[] {
  const members = new Map<string, string[]>();
  const keyOf = ({ url }: Exchange, { role }: Binding) => `${url.replace(/(:[gs]etIamPolicy)?(\?.*)?$/, "")} ${role}`;
  const replace = (exchange: Exchange, by: (binding: Binding, key: string) => Binding) =>
    JSON.stringify(exchange, (_name, value: unknown) => (isBinding(value) ? by(value, keyOf(exchange, value)) : value));
  for (const exchange of exchanges)
    replace(exchange, (binding, key) => {
      members.set(key, [...(members.get(key) ?? []), ...binding.members]);
      return binding;
    });
  const texts = exchanges.map((exchange) =>
    replace(exchange, (binding, key) => ({ ...binding, members: [...new Set(members.get(key))].sort() })),
  );
  return [...new Set(texts)].map((text) => JSON.parse(text) as Exchange);
}

interface Binding {
  readonly role: string;
  readonly members: readonly string[];
}

function isBinding(value: unknown): value is Binding {
  return isObject(value) && typeof value.role === "string" && Array.isArray(value.members);
}

function linesFor(recorded: readonly Exchange[] = [], now: readonly Exchange[] = []): string[] {
  if (now.length === 0) return ["is in the recording, and was not sent"];
  if (recorded.length === 0) return ["was sent, and is not in the recording"];
  const gone = recorded.filter((one) => !now.some((other) => isDeepStrictEqual(one, other)));
  const more = now.filter((one) => !recorded.some((other) => isDeepStrictEqual(one, other)));
  return more.flatMap((one, index) => {
    // Of several answers to one request, the next that has no equal.
    const other = gone[index] ?? recorded.at(-1);
    return other === undefined ? [] : unequal("", other, one);
  });
}

/** @param at Path of the values, such as `answer.body.settings`. */
function unequal(at: string, recorded: unknown, now: unknown): string[] {
  if (isDeepStrictEqual(recorded, now)) return [];
  if (isObject(recorded) && isObject(now)) {
    const names = [...new Set([...Object.keys(recorded), ...Object.keys(now)])];
    return names.flatMap((name) => unequal(at === "" ? name : `${at}.${name}`, recorded[name], now[name]));
  }
  return [`${at}: recorded ${shown(recorded)}, now ${shown(now)}`];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function shown(value: unknown): string {
  const text = value === undefined ? "nothing" : JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)} …` : text;
}
