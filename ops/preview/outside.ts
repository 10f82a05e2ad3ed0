import type { Token } from "../../infra/google.ts";
import { endpointsOf } from "../engine/endpoints.ts";
import { NotVisible, RestReader } from "../google/reader.ts";
import { leaves, type Leaves } from "../terminal/values.ts";
import { type Drift, nameOf, order, type Preview } from "./model.ts";

const SERVICE = "gcp:cloudrunv2/service:Service";

/** What was changed outside the stack, as far as it can be seen without a refresh. */
export type Outside =
  | {
      readonly drift: Drift;
      /** Whether this update puts it back: it changes the same resource, and sends all that the program declares. */
      readonly undone: boolean;
    }
  /** The name of a resource that cannot be read, and why. */
  | { readonly name: string; readonly unknown: string };

/** A service in the state. */
interface Known {
  readonly urn: string;
  readonly id?: string;
  readonly type: string;
  readonly outputs?: Readonly<Record<string, unknown>>;
}

/**
 * How live services differ from the state in their template, scaling, ingress and traffic: a change of any of these sends all
 * of them, which silently puts back an older image, or drops what was changed manually. What the update sets anyway, such as an
 * image that was deployed manually before it was configured, is no difference.
 * @param resources The resources of the state.
 * @param token The caller's, if it is not the default of {@link RestReader}.
 */
export async function changedOutside(
  { changes, config }: Preview,
  resources: readonly Known[],
  token?: Token,
): Promise<Outside[]> {
  const reader = new RestReader(endpointsOf(config), token);
  const found = resources.map(async ({ id, outputs = {}, type, urn }): Promise<Outside[]> => {
    if (type !== SERVICE || id === undefined) return [];
    const path = { api: "cloudRunV2", path: id, role: "roles/run.viewer" } as const;
    const about = { name: nameOf(urn), type };
    const live = await reader.read<Record<string, unknown>>(path).catch(unseen);
    if (live instanceof NotVisible) return [{ name: about.name, unknown: live.message }];
    const change = changes.find((one) => one.urn === urn);
    if (live === undefined) return [{ drift: { ...about, gone: true, properties: [] }, undone: false }];
    const properties = differences(watched(outputs), watched(live), change && watched(change.after));
    const undone = change?.properties.some(({ path }) => WATCHED.test(path)) ?? false;
    return properties.length === 0 ? [] : [{ drift: { ...about, gone: false, properties }, undone }];
  });
  return (await Promise.all(found)).flat();
}

function unseen(error: unknown): NotVisible {
  if (error instanceof NotVisible) return error;
  throw error;
}

const WATCHED = /^(ingress|scaling|template|traffics)\b/;

function differences(before: Leaves, live: Leaves, after: Leaves | undefined): Drift["properties"] {
  const paths = new Set([...before.keys(), ...live.keys()]);
  // The path has the name of an element.
  return [...paths]
    .filter((path) => !path.endsWith("].name"))
    .filter((path) => before.get(path) !== live.get(path) && (!after || live.get(path) !== after.get(path)))
    .sort(order)
    .map((path) => ({ path, before: before.get(path), after: live.get(path) }));
}

/** The names of lists in the state, which are plural, by those of Google. */
const PLURAL: Readonly<Record<string, string>> = {
  command: "commands",
  dependsOn: "dependsOns",
  env: "envs",
  traffic: "traffics",
};

/** What tools write, and the program ignores: {@link infra/workload.ts}. */
const OF_TOOLS = ["annotations", "labels", "revision"];

/** The watched properties of a service, from Google or from the state, which writes unset ones as empty. */
function watched({ ingress, scaling, template, traffic, traffics }: Readonly<Record<string, unknown>>): Leaves {
  const rest = Object.entries(isObject(template) ? template : {}).filter(([key]) => !OF_TOOLS.includes(key));
  const all = { ingress, scaling, template: Object.fromEntries(rest), traffics: traffics ?? traffic };
  return leaves(clean(all) as Record<string, unknown>);
}

/** Without what is unset, with the state's names, and with numbers as text, as Google writes large ones. */
function clean(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(clean);
  if (typeof value === "number") return String(value);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).flatMap(([key, inner]): [string, unknown][] => {
    // A container has one port, which the state does not write as a list.
    const cleaned = clean(key === "ports" && Array.isArray(inner) ? inner[0] : inner);
    return isUnset(cleaned) || key.startsWith("__") ? [] : [[PLURAL[key] ?? key, cleaned]];
  });
  return Object.fromEntries(entries);
}

function isUnset(value: unknown): boolean {
  if (value === undefined || value === null || value === "" || value === "0" || value === false) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
