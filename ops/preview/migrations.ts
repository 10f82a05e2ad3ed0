import { directions, type Migration } from "../../infra/migrations/files.ts";
import type { Change } from "./model.ts";

/** A version of the schema that an update applies or goes back from. */
export interface MigrationStep {
  readonly version: string;
  readonly file: string;
  readonly direction: "up" | "down";
  /** The SQL of that direction; undefined where this checkout has no such file. */
  readonly sql: string | undefined;
}

/** Whether a resource is a schema that is brought to its version by imports. */
export function isSchema({ type }: Pick<Change, "type">): boolean {
  return type.endsWith(":ImportedSchema");
}

/**
 * What a change of the schema applies, in the order it happens: versions that go, newest first, then versions that come.
 * @param change The schema's change.
 * @param files The migrations of this checkout.
 */
export function migrationSteps(change: Change, files: readonly Migration[]): MigrationStep[] {
  if (change.op === "delete" || change.op === "forget") return [];
  // A schema that is replaced begins from nothing, in another database.
  const before = change.op === "update" ? planned(change.before) : [];
  const after = planned(change.after);
  const missingIn = (list: readonly Planned[]) => (one: Planned) =>
    !list.some(({ version }) => version === one.version);
  const step = (direction: "up" | "down") => (one: Planned) => {
    const text = files.find(({ file }) => file === one.file)?.text;
    return { ...one, direction, sql: text === undefined ? undefined : directions(one.file, text)[direction].trim() };
  };
  return [
    ...before.filter(missingIn(after)).reverse().map(step("down")),
    ...after.filter(missingIn(before)).map(step("up")),
  ];
}

interface Planned {
  readonly version: string;
  readonly file: string;
}

function planned({ migrations }: Readonly<Record<string, unknown>>): readonly Planned[] {
  return Array.isArray(migrations) ? migrations.map(({ version, file }: Planned) => ({ version, file })) : [];
}
