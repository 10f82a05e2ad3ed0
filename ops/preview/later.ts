import { type Effect, effectOf } from "./effects.ts";
import type { Change, Preview, PropertyChange } from "./model.ts";

/** A setting of a live instance that adoption keeps and the update after it changes. */
export type LaterSetting = PropertyChange & { readonly effect: Effect | undefined };

/** Whether an update imports an instance, so that the preview must list what changes after adoption. */
export function takesOver({ changes }: Preview): boolean {
  return changes.some((change) => change.imported && isInstance(change));
}

/**
 * The instance's settings that change after adoption.
 * @param changes From a preview of the stack without adoption.
 */
export function laterSettings(changes: readonly Change[]): LaterSetting[] {
  return changes
    .filter(isInstance)
    .flatMap(({ properties, type }) =>
      properties.filter(isChanged).map((property) => ({ ...property, effect: effectOf(type, property) })),
    );
}

function isInstance({ type }: Change): boolean {
  return type === "gcp:sql/databaseInstance:DatabaseInstance";
}

/** Leaves out flag names, which are in the path, and plain settings that the program does not set, which stay. */
function isChanged({ after, path }: PropertyChange): boolean {
  return path.startsWith("settings.") && !path.endsWith("].name") && (after !== undefined || path.includes("["));
}
