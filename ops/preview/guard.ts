import { createHash } from "node:crypto";
import type { Migration } from "../../infra/migrations/files.ts";
import { isSchema, type MigrationStep, migrationSteps, removesOnlyRecord } from "./migrations.ts";
import { RESOURCE_TYPES, typeName } from "../engine/resource-types.ts";
import type { StateResource } from "../engine/state.ts";
import type { Change, Preview } from "./model.ts";

/** The parts of a resource in the state used here. */
export type Kept = Pick<StateResource, "urn" | "id" | "created" | "modified"> & {
  readonly inputs?: Readonly<Record<string, unknown>>;
};

/** Data that an update would take away. */
export interface Loss {
  readonly change: Change;
  /** What is lost, as the object of "this loses". */
  readonly what: string;
  /** The entry in `settlement:allowDestructive` that allows exactly this change. */
  readonly entry: string;
  /** Whether the configuration allows it. */
  readonly allowed: boolean;
}

/** The configuration key that allows losses. */
export const ALLOW_KEY = "settlement:allowDestructive";

/**
 * Finds the data that an update would delete: resources with data that are replaced or deleted, unless they stay in the
 * cloud, schema versions that are rolled back, and what creations replace.
 * @param preview What the engine would do.
 * @param state The resources of the stack's state.
 * @param replaced What creations replace, by URN; see `audit-logs.ts`. Nothing by default.
 * @param files The migrations of this checkout, to tell which down scripts are empty; none by default.
 */
export function findLosses(
  { changes, config }: Preview,
  state: readonly Kept[],
  replaced: ReadonlyMap<string, string> = new Map(),
  files: readonly Migration[] = [],
): Loss[] {
  const allowed = allowedEntries(config);
  return changes.flatMap((change) => {
    const what = change.op === "create" ? replaced.get(change.urn) : whatIsLost(change, state, files);
    if (what === undefined) return [];
    const entry = `${change.name}@${fingerprint(change, state, what)}`;
    return [{ change, what, entry, allowed: allowed.includes(entry) }];
  });
}

/** The entries of {@link ALLOW_KEY}; the engine passes a list as JSON. */
export function allowedEntries(config: Readonly<Record<string, string>>): readonly unknown[] {
  try {
    const entries: unknown = JSON.parse(config[ALLOW_KEY] ?? "[]");
    return Array.isArray(entries) ? entries : [];
  } catch {
    return []; // the program reports that it is not a list
  }
}

function whatIsLost(change: Change, state: readonly Kept[], files: readonly Migration[]): string | undefined {
  if (isSchema(change)) {
    const down = migrationSteps(change, files).filter(({ direction }) => direction === "down");
    const removing = down.filter((step) => !removesOnlyRecord(step));
    const names = (steps: readonly MigrationStep[]) => steps.map(({ file }) => file).join(", ");
    if (removing.length > 0) return `what the down scripts of ${names(removing)} remove`;
    return down.length === 0 ? undefined : `only the record of ${names(down)}`;
  }
  if (change.kept || (change.op !== "delete" && change.op !== "replace")) return undefined;
  const type = RESOURCE_TYPES[change.type];
  // The table has no types that the program no longer declares.
  const data = type ? type.data : `any data in ${typeName(change.type)}`;
  return data && data + postponed(change, state);
}

/** How long a deleted secret version can still be restored, if its secret delays destruction. */
function postponed({ before }: Change, state: readonly Kept[]): string {
  const secret = state.find(({ id, inputs }) => id === before.secret && inputs?.versionDestroyTtl !== undefined);
  const days = Number.parseInt(String(secret?.inputs?.versionDestroyTtl)) / 86_400;
  return secret ? `, which is disabled now and destroyed ${days === 1 ? "a day" : `${days} days`} later` : "";
}

/**
 * Twelve hex digits that identify the change and the time of the resource's last change in the state, so that an entry left
 * in the configuration allows nothing after the update. A creation has no such time, so what it replaces identifies it.
 */
function fingerprint({ op, urn, id, after }: Change, state: readonly Kept[], what: string): string {
  const current = state.find((resource) => resource.urn === urn && (resource.id ?? "") === id);
  const detail = op === "update" ? after.version : op === "create" ? what : null;
  const identity = [op, urn, id, current?.created, current?.modified, detail];
  return createHash("sha256").update(JSON.stringify(identity)).digest("hex").slice(0, 12);
}
