import { directions, type Migration } from "../../infra/migrations/files.ts";
import type { Applied } from "../lint/applied.ts";
import { hasSql } from "../lint/form.ts";
import { squashedBy } from "../../infra/migrations/importer.ts";
import type { PlannedMigration } from "../../infra/migrations/resource.ts";
import type { Change } from "./model.ts";

/** A schema version that an update applies or rolls back, or a repeatable file that it applies. */
export interface MigrationStep {
  /** Empty for a repeatable file. */
  readonly version: string;
  readonly file: string;
  readonly direction: "up" | "down";
  /** The SQL of that direction; undefined if this checkout does not have the file. */
  readonly sql: string | undefined;
  /** Whether a newer version is applied already, as after merging an old branch. */
  readonly outOfOrder?: true;
  /** Whether it is a repeatable file that was applied with another text. */
  readonly again?: true;
}

/** Whether a resource is the schema, which imports migrate. */
export function isSchema({ type }: Pick<Change, "type">): boolean {
  return type.endsWith(":ImportedSchema");
}

/**
 * The steps of a schema change in order: versions rolled back, newest first, then versions and repeatable files applied.
 * @param change The schema's change.
 * @param files The migrations and repeatable files of this checkout.
 */
export function migrationSteps(change: Change, files: readonly Migration[]): MigrationStep[] {
  if (change.op === "delete" || change.op === "forget") return [];
  // A replacement starts in an empty database.
  const before = change.op === "update" ? planned(change.before) : [];
  const after = planned(change.after);
  const squashed = squashedBy(change.after.migrations as readonly PlannedMigration[] | undefined);
  const missingIn = (list: readonly Planned[]) => (one: Planned) =>
    !list.some(({ version }) => version === one.version);
  const textOf = (one: Planned) => files.find(({ file }) => file === one.file)?.text;
  const step = (direction: "up" | "down") => (one: Planned) => {
    const text = textOf(one);
    const sql = text === undefined ? undefined : directions(one.file, text)[direction].trim();
    const late = direction === "up" && before.some(({ version }) => version > one.version);
    return { ...one, direction, sql, ...(late && { outOfOrder: true as const }) };
  };
  return [
    ...before
      .filter(missingIn(after))
      .filter(({ version }) => !squashed.has(version))
      .reverse()
      .map(step("down")),
    ...after.filter(missingIn(before)).map(step("up")),
    ...repeatableSteps(change).map((one) => ({ ...one, sql: textOf(one)?.trim() })),
  ];
}

function repeatableSteps({ after, before, op }: Change): Omit<MigrationStep, "sql">[] {
  const former = new Map((op === "update" ? repeatables(before) : []).map(({ checksum, file }) => [file, checksum]));
  return repeatables(after)
    .filter(({ checksum, file }) => former.get(file) !== checksum)
    .map(({ file }) => ({
      ...{ version: "", file, direction: "up" },
      ...(former.has(file) && { again: true }),
    }));
}

/** Whether a step rolls back a version by an empty down script, so that the schema stays as it is. */
export function removesOnlyRecord({ direction, sql }: MigrationStep): boolean {
  return direction === "down" && sql !== undefined && !hasSql(sql);
}

/** The files that a stack has applied, by its state; undefined for a new database, for which the main branch decides. */
export function appliedBefore(change: Change): Applied | undefined {
  const { after, before, op } = change;
  if (op !== "update") return undefined;
  const changed = repeatableSteps(change).map(({ file }) => file);
  const unchanged = repeatables(after).filter(({ file }) => !changed.includes(file));
  return { source: "the stack's state", files: new Set([...planned(before), ...unchanged].map(({ file }) => file)) };
}

/**
 * The files that an update leaves out, because `settlement:schema.version` names a version, as after a rollback: newer versions,
 * and the repeatable files.
 * @param config The stack's configuration.
 * @param files The migrations and repeatable files of this checkout.
 */
export function heldBack(config: Readonly<Record<string, string>>, files: readonly Migration[]): HeldBack | undefined {
  const version = pinned(config);
  const held =
    version === undefined
      ? []
      : files.filter((one) => one.version === "" || one.version > version).map(({ file }) => file);
  return version === undefined || held.length === 0 ? undefined : { version, files: held };
}

/** The version that the configuration names; the program reports an invalid configuration. */
function pinned(config: Readonly<Record<string, string>>): string | undefined {
  try {
    const schema = JSON.parse(config["settlement:schema"] ?? "{}") as { version?: unknown } | null;
    return typeof schema?.version === "string" ? schema.version : undefined;
  } catch {
    return undefined;
  }
}

/** Files that are left out because of the version that the configuration names. */
export interface HeldBack {
  readonly version: string;
  readonly files: readonly string[];
}

interface Planned {
  readonly version: string;
  readonly file: string;
}

function planned({ migrations }: Readonly<Record<string, unknown>>): readonly Planned[] {
  return Array.isArray(migrations) ? migrations.map(({ version, file }: Planned) => ({ version, file })) : [];
}

function repeatables({ repeatables: list }: Readonly<Record<string, unknown>>): readonly PlannedMigration[] {
  return Array.isArray(list) ? (list as readonly PlannedMigration[]) : [];
}
