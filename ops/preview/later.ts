import type { Change, Preview, PropertyChange } from "./model.ts";

/** What a change of a setting does to whoever uses the instance. */
export type Effect = "restarts the instance" | "refuses clients";

/** A setting of a live instance that adoption leaves as it is, and that changes when adoption has ended. */
export type LaterSetting = PropertyChange & { readonly effect: Effect | undefined };

/**
 * The settings that are felt, by their path; the first that matches counts. The comment says who says so. Of what Google
 * does not say that it goes unnoticed, such as a second zone, a restart is expected.
 */
const EFFECTS: readonly (readonly [RegExp, Effect])[] = [
  // gcloud sql instances patch --tier asks before it does so.
  [/^settings\.(tier|edition)$/, "restarts the instance"],
  [/^settings\.availabilityType$/, "restarts the instance"],
  // https://cloud.google.com/sql/docs/postgres/backup-recovery/restore
  [/^settings\.backupConfiguration\.pointInTimeRecoveryEnabled$/, "restarts the instance"],
  // https://cloud.google.com/sql/docs/postgres/flags: of those that are logged with, none; of the others, most. What
  // pgAudit records can be set at any time, but PostgreSQL loads it only at its start.
  [/^settings\.databaseFlags\[(?!log_|pgaudit\.)/, "restarts the instance"],
  // https://cloud.google.com/sql/docs/postgres/configure-private-ip
  [/^settings\.ipConfiguration\.privateNetwork$/, "restarts the instance"],
  // Whoever comes without TLS, or without a connector, also from an authorized network:
  // https://cloud.google.com/sql/docs/postgres/admin-api/rest/v1beta4/instances
  [/^settings\.(connectorEnforcement$|ipConfiguration\.(sslMode$|authorizedNetworks\b))/, "refuses clients"],
  // https://cloud.google.com/sql/docs/postgres/configure-ip
  [/^settings\.ipConfiguration\.ipv4Enabled$/, "refuses clients"],
];

/** Whether an update takes over an instance, so that whoever agrees has to know what adoption will change later. */
export function takesOver({ changes }: Preview): boolean {
  return changes.some((change) => change.imported && isInstance(change));
}

/**
 * The settings of the instance that an update would change.
 * @param changes Those of a preview of the stack as it is once adoption has ended.
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

/** A flag's name is in its path; and a single setting of which the program says nothing stays as it is. */
function isChanged({ after, path }: PropertyChange): boolean {
  return path.startsWith("settings.") && !path.endsWith("].name") && (after !== undefined || path.includes("["));
}
