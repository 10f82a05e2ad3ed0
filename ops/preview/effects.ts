import type { Change, PropertyChange } from "./model.ts";

/** What users and clients notice of a change. */
export type Effect =
  | "restarts the instance"
  | "starts the instance"
  | "stops the instance"
  | "takes the instance down for minutes"
  | "refuses clients"
  | "refuses clients with the former password"
  | "replaces it: users get errors until the new one is ready";

/** An effect of a resource's change. */
export interface Noticed {
  readonly change: Change;
  readonly effect: Effect;
  /** The properties that cause it; empty if the operation itself does. */
  readonly paths: readonly string[];
}

const INSTANCE = "gcp:sql/databaseInstance:DatabaseInstance";
const SERVICE = "gcp:cloudrunv2/service:Service";
const LOGIN = "gcp:sql/user:User";
const INVOKER = "gcp:cloudrunv2/serviceIamMember:ServiceIamMember";

/** Whether a change of a property has the effect; always by default. */
type When = (property: PropertyChange) => boolean;

type Rule = readonly [path: RegExp, effect: Effect, when?: When];

/** From the least to the most that clients must do: https://cloud.google.com/sql/docs/postgres/admin-api/rest/v1beta4/instances */
const SSL_MODES = ["ALLOW_UNENCRYPTED_AND_ENCRYPTED", "ENCRYPTED_ONLY", "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"];

const becomes =
  (value: string): When =>
  ({ after }) =>
    after === value;

/** A mode that is not set, or not known, may be the other end. */
const isStricter: When = ({ after = "", before = "" }) => {
  const [from, to] = [before, after].map((mode) => SSL_MODES.indexOf(mode.replaceAll('"', "")));
  return !(from !== undefined && to !== undefined && to >= 0 && to <= from);
};

/**
 * Effects by property; the first match counts. Each has its source; if Google's documentation does not rule out a restart,
 * such as for a second zone, we expect one.
 */
const RULES: Readonly<Record<string, readonly Rule[]>> = {
  [INSTANCE]: [
    // https://cloud.google.com/sql/docs/postgres/upgrade-major-db-version-inplace
    [/^databaseVersion$/, "takes the instance down for minutes"],
    // https://cloud.google.com/sql/docs/postgres/start-stop-restart-instance
    [/^settings\.activationPolicy$/, "stops the instance", becomes('"NEVER"')],
    [/^settings\.activationPolicy$/, "starts the instance"],
    // gcloud sql instances patch --tier asks for confirmation because of the restart.
    [/^settings\.(tier|edition)$/, "restarts the instance"],
    [/^settings\.availabilityType$/, "restarts the instance"],
    // https://cloud.google.com/sql/docs/postgres/self-service-maintenance
    [/^maintenanceVersion$/, "restarts the instance"],
    // https://cloud.google.com/sql/docs/postgres/data-cache
    [/^settings\.dataCacheConfig\b/, "restarts the instance"],
    // https://cloud.google.com/sql/docs/mysql/managed-connection-pooling says so of an instance that exists.
    [/^settings\.connectionPoolConfigs\b/, "restarts the instance"],
    // https://cloud.google.com/sql/docs/postgres/backup-recovery/restore
    [/^settings\.backupConfiguration\.pointInTimeRecoveryEnabled$/, "restarts the instance"],
    [
      /^settings\.databaseFlags\[/,
      "restarts the instance",
      ({ path }) => restarts(/\[([\w.]+)\]/.exec(path)?.[1] ?? ""),
    ],
    // https://cloud.google.com/sql/docs/postgres/configure-private-ip
    [/^settings\.ipConfiguration\.privateNetwork$/, "restarts the instance"],
    // Clients without TLS or a connector, even in an authorized network:
    // https://cloud.google.com/sql/docs/postgres/admin-api/rest/v1beta4/instances
    [/^settings\.connectorEnforcement$/, "refuses clients", ({ after }) => after !== '"NOT_REQUIRED"'],
    [/^settings\.ipConfiguration\.sslMode$/, "refuses clients", isStricter],
    [/^settings\.ipConfiguration\.authorizedNetworks\b/, "refuses clients", ({ before }) => before !== undefined],
    // https://cloud.google.com/sql/docs/postgres/configure-ip
    [/^settings\.ipConfiguration\.ipv4Enabled$/, "refuses clients", ({ after }) => after !== "true"],
  ],
  // https://cloud.google.com/run/docs/securing/ingress
  [SERVICE]: [[/^ingress$/, "refuses clients", ({ after }) => after !== '"INGRESS_TRAFFIC_ALL"']],
  [LOGIN]: [[/^password$/, "refuses clients with the former password"]],
};

/**
 * Flags that PostgreSQL reads only when it starts: those of context `postmaster` in `postgres --describe-config`, of the flags
 * that Cloud SQL supports. https://cloud.google.com/sql/docs/postgres/flags#list-flags-postgres says the same per flag.
 */
const AT_START: ReadonlySet<string> = new Set(
  `
  autovacuum_freeze_max_age autovacuum_max_workers autovacuum_multixact_freeze_max_age huge_pages max_connections
  max_locks_per_transaction max_logical_replication_workers max_pred_locks_per_transaction max_prepared_transactions
  max_replication_slots max_wal_senders max_worker_processes old_snapshot_threshold shared_buffers
  track_activity_query_size track_commit_timestamp wal_buffers
  `
    .trim()
    .split(/\s+/),
);

/**
 * Whether a change of a database flag restarts the instance. pgAudit's settings can change at any time, but PostgreSQL loads
 * pgAudit, as `cloudsql.enable_pgaudit` asks for, only at startup; of other extensions we expect a restart.
 */
export function restarts(flag: string): boolean {
  return flag.includes(".") ? !flag.startsWith("pgaudit.") : AT_START.has(flag);
}

/** The effect of a changed property of a resource; undefined if nobody notices it. */
export function effectOf(type: string, property: PropertyChange): Effect | undefined {
  const rules = RULES[type] ?? [];
  return rules.find(([path, , when]) => path.test(property.path) && (when?.(property) ?? true))?.[1];
}

/** What users and clients notice of an update, in the order of its changes. */
export function noticed(changes: readonly Change[]): Noticed[] {
  return changes.flatMap((change): Noticed[] => {
    const { forcedBy, op, properties, type } = change;
    if (op === "replace" && [INSTANCE, SERVICE].includes(type)) {
      return [{ change, effect: "replaces it: users get errors until the new one is ready", paths: forcedBy }];
    }
    if (type === INVOKER && (op === "delete" || op === "replace"))
      return [{ change, effect: "refuses clients", paths: [] }];
    if (op !== "update" && op !== "import") return [];
    const paths = new Map<Effect, string[]>();
    for (const property of properties) {
      const effect = effectOf(type, property);
      if (effect !== undefined) paths.set(effect, [...(paths.get(effect) ?? []), property.path]);
    }
    return [...paths].map(([effect, found]) => ({ change, effect, paths: found }));
  });
}
