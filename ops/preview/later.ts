import type { Change, Preview, PropertyChange } from "./model.ts";

/** How a change of a setting affects clients of the instance. */
export type Effect = "restarts the instance" | "refuses clients";

/** A setting of a live instance that adoption keeps and the update after it changes. */
export type LaterSetting = PropertyChange & { readonly effect: Effect | undefined };

/**
 * Effects of settings by path; the first match counts. Each has its source; if Google's documentation does not rule out a
 * restart, such as for a second zone, we expect one.
 */
const EFFECTS: readonly (readonly [RegExp, Effect])[] = [
  // gcloud sql instances patch --tier asks for confirmation because of the restart.
  [/^settings\.(tier|edition)$/, "restarts the instance"],
  [/^settings\.availabilityType$/, "restarts the instance"],
  // https://cloud.google.com/sql/docs/postgres/backup-recovery/restore
  [/^settings\.backupConfiguration\.pointInTimeRecoveryEnabled$/, "restarts the instance"],
  // https://cloud.google.com/sql/docs/postgres/flags: most flags restart it, those of logging do not. pgAudit's settings
  // can change at any time, but PostgreSQL loads pgAudit only at startup.
  [/^settings\.databaseFlags\[(?!log_|pgaudit\.)/, "restarts the instance"],
  // https://cloud.google.com/sql/docs/postgres/configure-private-ip
  [/^settings\.ipConfiguration\.privateNetwork$/, "restarts the instance"],
  // Clients without TLS or a connector, even in an authorized network:
  // https://cloud.google.com/sql/docs/postgres/admin-api/rest/v1beta4/instances
  [/^settings\.(connectorEnforcement$|ipConfiguration\.(sslMode$|authorizedNetworks\b))/, "refuses clients"],
  // https://cloud.google.com/sql/docs/postgres/configure-ip
  [/^settings\.ipConfiguration\.ipv4Enabled$/, "refuses clients"],
];

/** Whether an update imports an instance, so that the preview must list what changes after adoption. */
export function takesOver({ changes }: Preview): boolean {
  return changes.some((change) => change.imported && isInstance(change));
}

/**
 * The instance's settings that change after adoption.
 * @param changes From a preview of the stack without adoption.
 */
export function laterSettings(changes: readonly Change[]): LaterSetting[] {
  return changes.filter(isInstance).flatMap(({ properties }) =>
    properties.filter(isChanged).map((property) => ({
      ...property,
      effect: EFFECTS.find(([path]) => path.test(property.path))?.[1],
    })),
  );
}

function isInstance({ type }: Change): boolean {
  return type === "gcp:sql/databaseInstance:DatabaseInstance";
}

/** Leaves out flag names, which are in the path, and plain settings that the program does not set, which stay. */
function isChanged({ after, path }: PropertyChange): boolean {
  return path.startsWith("settings.") && !path.endsWith("].name") && (after !== undefined || path.includes("["));
}
