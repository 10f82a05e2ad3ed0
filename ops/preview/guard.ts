import { createHash } from "node:crypto";
import { isSchema, migrationSteps } from "./migrations.ts";
import { RESOURCE_TYPES, typeName } from "../engine/resource-types.ts";
import type { StateResource } from "../engine/state.ts";
import type { Change, Preview } from "./model.ts";

/** What is read of a resource in the state. */
export type Kept = Pick<StateResource, "urn" | "id" | "created" | "modified"> & {
  readonly inputs?: Readonly<Record<string, unknown>>;
};

/** Data that an update would take away. */
export interface Loss {
  readonly change: Change;
  /** What is lost, as the end of a sentence that begins with "lost is". */
  readonly what: string;
  /** What names exactly this change in `settlement:allowDestructive`. */
  readonly entry: string;
  /** Whether the configuration names it. */
  readonly allowed: boolean;
}

/** The key of the stack's configuration that names what may be lost. */
export const ALLOW_KEY = "settlement:allowDestructive";

/**
 * Finds what an update would take away for good: a resource that holds data and is replaced or deleted, unless it stays
 * in the cloud, and versions of the schema that are gone back from.
 * @param preview What the engine would do.
 * @param state The resources of the stack's state.
 */
export function findLosses({ changes, config }: Preview, state: readonly Kept[]): Loss[] {
  const allowed = allowedEntries(config);
  return changes.flatMap((change) => {
    const what = whatIsLost(change, state);
    if (what === undefined) return [];
    const entry = `${change.name}@${fingerprint(change, state)}`;
    return [{ change, what, entry, allowed: allowed.includes(entry) }];
  });
}

/** What the configuration names; the engine hands a list over as JSON. */
export function allowedEntries(config: Readonly<Record<string, string>>): readonly unknown[] {
  try {
    const entries: unknown = JSON.parse(config[ALLOW_KEY] ?? "[]");
    return Array.isArray(entries) ? entries : [];
  } catch {
    return []; // the program says that it is no list
  }
}

function whatIsLost(change: Change, state: readonly Kept[]): string | undefined {
  if (isSchema(change)) {
    const down = migrationSteps(change, []).filter(({ direction }) => direction === "down");
    const files = down.map(({ file }) => file).join(", ");
    return down.length === 0 ? undefined : `what the down scripts of ${files} remove`;
  }
  if (change.kept || (change.op !== "delete" && change.op !== "replace")) return undefined;
  const type = RESOURCE_TYPES[change.type];
  // A type that the program no longer declares has left the table; what it holds is not known.
  const data = type ? type.data : `whatever ${typeName(change.type)} holds`;
  return data && data + postponed(change, state);
}

/** How long a secret's version can still be brought back, where its secret says so. */
function postponed({ before }: Change, state: readonly Kept[]): string {
  const secret = state.find(({ id, inputs }) => id === before.secret && inputs?.versionDestroyTtl !== undefined);
  const days = Number.parseInt(String(secret?.inputs?.versionDestroyTtl)) / 86_400;
  return secret ? `, which is disabled now and destroyed ${days === 1 ? "a day" : `${days} days`} later` : "";
}

/**
 * Twelve hex digits that no other change has: they cover what is done, and the moment the state of the resource last
 * changed. A line that is left behind after the update therefore allows nothing any more.
 */
function fingerprint({ op, urn, id, after }: Change, state: readonly Kept[]): string {
  const current = state.find((resource) => resource.urn === urn && (resource.id ?? "") === id);
  const identity = [op, urn, id, current?.created, current?.modified, op === "update" ? after.version : null];
  return createHash("sha256").update(JSON.stringify(identity)).digest("hex").slice(0, 12);
}
