import { directions, type Migration } from "../../infra/migrations/files.ts";
import type { Applied } from "../lint/applied.ts";
import { squashedBy } from "../../infra/migrations/importer.ts";
import type { PlannedMigration } from "../../infra/migrations/resource.ts";
import type { Change } from "./model.ts";

/** A schema version that an update applies or rolls back. */
export interface MigrationStep {
  readonly version: string;
  readonly file: string;
  readonly direction: "up" | "down";
  /** The SQL of that direction; undefined if this checkout does not have the file. */
  readonly sql: string | undefined;
}

/** Whether a resource is the schema, which imports migrate. */
export function isSchema({ type }: Pick<Change, "type">): boolean {
  return type.endsWith(":ImportedSchema");
}

/**
 * The steps of a schema change in order: versions rolled back, newest first, then versions applied.
 * @param change The schema's change.
 * @param files The migrations of this checkout.
 */
export function migrationSteps(change: Change, files: readonly Migration[]): MigrationStep[] {
  if (change.op === "delete" || change.op === "forget") return [];
  // A replacement starts in an empty database.
  const before = change.op === "update" ? planned(change.before) : [];
  const after = planned(change.after);
  const squashed = squashedBy(change.after.migrations as readonly PlannedMigration[] | undefined);
  const missingIn = (list: readonly Planned[]) => (one: Planned) =>
    !list.some(({ version }) => version === one.version);
  const step = (direction: "up" | "down") => (one: Planned) => {
    const text = files.find(({ file }) => file === one.file)?.text;
    return { ...one, direction, sql: text === undefined ? undefined : directions(one.file, text)[direction].trim() };
  };
  return [
    ...before
      .filter(missingIn(after))
      .filter(({ version }) => !squashed.has(version))
      .reverse()
      .map(step("down")),
    ...after.filter(missingIn(before)).map(step("up")),
  ];
}

/** The files that a stack has applied, by its state; undefined for a new database, for which the main branch decides. */
export function appliedBefore({ before, op }: Change): Applied | undefined {
  if (op !== "update") return undefined;
  return { source: "the stack's state", files: new Set(planned(before).map(({ file }) => file)) };
}

interface Planned {
  readonly version: string;
  readonly file: string;
}

function planned({ migrations }: Readonly<Record<string, unknown>>): readonly Planned[] {
  return Array.isArray(migrations) ? migrations.map(({ version, file }: Planned) => ({ version, file })) : [];
}
