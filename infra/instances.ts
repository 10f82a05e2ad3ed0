import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import type { Apis } from "./apis.ts";
import type { StackConfig } from "./config.ts";
import type { Network } from "./network.ts";

/** What the instances of a stack are declared with. */
export interface InstancesArgs {
  readonly apis: Apis;
  readonly config: StackConfig;
  readonly labels: Readonly<Record<string, string>>;
  readonly network: Network | undefined;
  /** Their names: in the stack's region, and in that of the replica. */
  readonly names: { readonly home: pulumi.Output<string>; readonly away: pulumi.Output<string> | undefined };
  readonly options: pulumi.CustomResourceOptions;
}

/** The instances of a stack. */
export interface Instances {
  /** The instance in the stack's region. */
  readonly home: gcp.sql.DatabaseInstance;
  /** The instance in the second region; undefined without one. */
  readonly away: gcp.sql.DatabaseInstance | undefined;
  /** The one of them that takes writes. */
  readonly primary: gcp.sql.DatabaseInstance;
  /** The one that follows it; undefined if none does. */
  readonly replica: gcp.sql.DatabaseInstance | undefined;
}

/**
 * PostgreSQL logs connections, schema changes, and errors with their statements, as section 6.2 of the CIS Google Cloud
 * benchmark requires. The first import that finds pgAudit loaded creates its extension: https://cloud.google.com/sql/docs/postgres/pg-audit
 */
const FLAGS: Readonly<Record<string, string>> = {
  "cloudsql.enable_pgaudit": "on",
  log_connections: "on",
  log_disconnections: "on",
  log_error_verbosity: "default",
  log_min_duration_statement: "-1",
  log_min_error_statement: "error",
  log_min_messages: "warning",
  log_statement: "ddl",
  "pgaudit.log": "ddl,role",
};

/** Where an instance is, and how large. */
interface Place {
  readonly name: pulumi.Input<string>;
  readonly region: string;
  readonly tier: string;
  /** `ZONAL` or `REGIONAL`. */
  readonly availability: string;
}

/** What an instance is to another. */
interface InstanceRole {
  readonly isReplica: boolean;
  readonly replication: Pick<
    gcp.sql.DatabaseInstanceArgs,
    "instanceType" | "masterInstanceName" | "replicationCluster"
  >;
  /** By default the instance runs. */
  readonly activationPolicy?: "NEVER";
}

/**
 * Declares the instance of a stack, and its replica in a second region if it has one. After a failover the replica is declared
 * as the primary, and the former primary as its replica or, if it may hold what was not replicated, as a stopped instance of its
 * own.
 */
export function declareInstances(name: string, args: InstancesArgs): Instances {
  const { config, names } = args;
  const { availability, replica, tier } = config.database;
  const home = { name: names.home, region: config.region, tier, availability };
  if (!replica || names.away === undefined) {
    const only = declare(`${name}-instance`, home, PRIMARY, args);
    return { home: only, away: undefined, primary: only, replica: undefined };
  }
  const away = { name: names.away, region: replica.region, tier: replica.tier, availability: "ZONAL" };
  const designated = (other: pulumi.Output<string>) =>
    replica.disasterRecovery && {
      // In the form that Google stores.
      replicationCluster: { failoverDrReplicaName: pulumi.interpolate`${config.project}:${other}` },
    };
  const replicaOf = ({ name: masterInstanceName }: gcp.sql.DatabaseInstance): InstanceRole => ({
    isReplica: true,
    replication: { instanceType: "READ_REPLICA_INSTANCE", masterInstanceName },
  });
  if (!replica.promoted) {
    const role = { isReplica: false, replication: { ...designated(away.name) } };
    const primary = declare(`${name}-instance`, home, role, args);
    const follower = declare(`${name}-replica`, away, replicaOf(primary), args);
    return { home: primary, away: follower, primary, replica: follower };
  }
  const role = { isReplica: false, replication: { instanceType: "CLOUD_SQL_INSTANCE", ...designated(home.name) } };
  const primary = declare(`${name}-replica`, away, role, args);
  const isRetired = hasRetired(config.database);
  const former = declare(`${name}-instance`, home, isRetired ? RETIRED : replicaOf(primary), args);
  return { home: former, away: primary, primary, replica: isRetired ? undefined : former };
}

/** An instance that neither follows another nor designates one. */
const PRIMARY: InstanceRole = { isReplica: false, replication: {} };

/** A former primary, which is stopped, so that there is one instance that takes writes. */
const RETIRED: InstanceRole = { ...PRIMARY, activationPolicy: "NEVER" };

/** Whether a failover left the instance in the stack's region on its own, because Cloud SQL does not make it a replica. */
export function hasRetired({ replica }: StackConfig["database"]): boolean {
  return replica !== undefined && replica.promoted && !replica.disasterRecovery;
}

function declare(logicalName: string, place: Place, role: InstanceRole, args: InstancesArgs): gcp.sql.DatabaseInstance {
  const { apis, config, labels, network, options } = args;
  const { database, protect } = config;
  return new gcp.sql.DatabaseInstance(
    logicalName,
    {
      name: place.name,
      region: place.region,
      databaseVersion: database.version,
      deletionProtection: protect,
      ...role.replication,
      settings: {
        tier: place.tier,
        edition: database.edition,
        availabilityType: place.availability,
        diskAutoresize: true,
        ...(role.activationPolicy && { activationPolicy: role.activationPolicy }),
        deletionProtectionEnabled: protect,
        connectorEnforcement: "REQUIRED",
        ipConfiguration: {
          ipv4Enabled: !network,
          ...(network && { privateNetwork: network.peered }),
          sslMode: "ENCRYPTED_ONLY",
        },
        ...(!role.isReplica && backups(config)),
        ...(database.pooling && { connectionPoolConfigs: [poolers(database.pooling)] }),
        insightsConfig: { queryInsightsEnabled: true, recordApplicationTags: true },
        databaseFlags: Object.entries(FLAGS).map(([flag, value]) => ({ name: flag, value })),
        ...(database.maintenance && { maintenanceWindow: { ...database.maintenance, updateTrack: "stable" } }),
        userLabels: labels,
      },
    },
    { ...options, dependsOn: apis.enabled.sqladmin },
  );
}

/**
 * The poolers of an instance, in front of a replica too: it may become the primary. Both limits are always set, so that the
 * connections are counted by what the instance has. https://cloud.google.com/sql/docs/postgres/configure-mcp
 */
function poolers({ clients, enabled, poolSize }: NonNullable<StackConfig["database"]["pooling"]>) {
  const flags = [
    { name: "max_client_connections", value: String(clients) },
    { name: "max_pool_size", value: String(poolSize) },
  ];
  return { connectionPoolingEnabled: enabled, ...(enabled && { flags }) };
}

/** The backups of a primary; a replica has none. */
function backups({ database }: StackConfig) {
  return {
    backupConfiguration: {
      enabled: true,
      startTime: "03:00",
      pointInTimeRecoveryEnabled: true,
      transactionLogRetentionDays: database.transactionLogDays,
      backupRetentionSettings: { retentionUnit: "COUNT", retainedBackups: database.retainedBackups },
    },
    ...(database.finalBackupDays > 0 && {
      retainBackupsOnDelete: true,
      finalBackupConfig: { enabled: true, retentionDays: database.finalBackupDays },
    }),
  };
}
