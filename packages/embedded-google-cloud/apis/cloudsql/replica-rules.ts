import { GoogleError } from "../../rest/errors.ts";
import { type Fields, isFields } from "../../rest/fields.ts";
import type { Instance } from "./instance.ts";
import { ownName } from "./instance-name.ts";
import { invalid } from "./invalid.ts";
import type { InstanceSettings } from "./settings.ts";

/** How many replicas an instance can have: https://cloud.google.com/sql/docs/postgres/replication/create-replica */
const MOST = 10;

/** Memory of machine types with a shared core, in megabytes. */
const SHARED: Readonly<Record<string, number>> = { "db-f1-micro": 614, "db-g1-small": 1740 };

/** Whether an instance is a read replica. */
export function isReplica({ masterInstanceName }: Instance): boolean {
  return masterInstanceName !== undefined;
}

/** @throws GoogleError INVALID_ARGUMENT if the instance is a replica, whose data come from its primary. */
export function refuseOnReplica(instance: Instance): void {
  if (isReplica(instance)) throw invalidOperation("a read replica takes its data from its primary");
}

/** An operation that the instance's role forbids: https://cloud.google.com/sql/docs/postgres/admin-api-error-messages */
export function invalidOperation(why: string): GoogleError {
  return new GoogleError(
    "INVALID_ARGUMENT",
    `This operation isn't valid for this instance: ${why}.`,
    "invalidOperation",
  );
}

/**
 * Holds a requested replica against its primary: https://cloud.google.com/sql/docs/postgres/replication#requirements
 * @param replica Its version, region and settings, with their defaults.
 * @param siblings The replicas that the primary has.
 * @throws GoogleError INVALID_ARGUMENT.
 */
export function checkReplica(
  primary: Instance,
  replica: Pick<Instance, "databaseVersion" | "settings">,
  siblings: readonly Instance[],
): void {
  if (isReplica(primary)) throw invalid("a replica of a replica is not supported here");
  if (siblings.length >= MOST) throw invalid(`an instance cannot have more than ${MOST} replicas`);
  const { enabled, pointInTimeRecoveryEnabled } = primary.settings.backupConfiguration;
  if (!enabled || !pointInTimeRecoveryEnabled) {
    throw invalid(`the primary ${primary.name} of a replica needs automated backups and point-in-time recovery`);
  }
  if (replica.databaseVersion !== primary.databaseVersion) {
    throw invalid(`a replica has the database version of its primary, ${primary.databaseVersion}`);
  }
  checkPair(primary.settings, replica.settings);
}

/** @throws GoogleError INVALID_ARGUMENT if the settings of a primary and of its replica do not go together. */
export function checkPair(primary: InstanceSettings, replica: InstanceSettings): void {
  if (replica.edition !== primary.edition)
    throw invalid(`a replica has the edition of its primary, ${primary.edition}`);
  const { enabled, pointInTimeRecoveryEnabled } = replica.backupConfiguration;
  if (enabled || pointInTimeRecoveryEnabled) throw invalid("backups cannot be enabled on a read replica");
  // A standby does not start with less, and by default it follows from the memory: https://cloud.google.com/sql/docs/postgres/flags
  const [most, least] = [replica, primary].map(connectionsOf);
  if (most === undefined && least === undefined) {
    if (memoryOf(replica.tier) < memoryOf(primary.tier)) {
      throw invalid(`the tier ${replica.tier} of a replica has less memory than that of its primary, ${primary.tier}`);
    }
  } else if (most !== least && !(most !== undefined && least !== undefined && most > least)) {
    throw invalid("the database flag max_connections of a replica must be at least that of its primary");
  }
  if (Number(replica.dataDiskSizeGb) < Number(primary.dataDiskSizeGb)) {
    throw invalid(`the disk of a replica has at least the ${primary.dataDiskSizeGb} GB of its primary`);
  }
}

/**
 * Holds a primary's new settings against its replicas.
 * @throws GoogleError INVALID_ARGUMENT if replication needs what they remove.
 */
export function checkPrimary(next: InstanceSettings, replicas: readonly Instance[]): void {
  if (replicas.length === 0) return;
  const { enabled, pointInTimeRecoveryEnabled } = next.backupConfiguration;
  if (!enabled || !pointInTimeRecoveryEnabled) {
    throw invalid("automated backups and point-in-time recovery cannot be disabled while the instance has replicas");
  }
  for (const replica of replicas) checkPair({ ...next, dataDiskSizeGb: "0" }, replica.settings);
}

/**
 * Designates the DR replica of a primary, or removes the designation:
 * https://cloud.google.com/sql/docs/postgres/use-advanced-disaster-recovery
 * @param sent The request's `replicationCluster`.
 * @param replicas Those of the primary.
 * @throws GoogleError INVALID_ARGUMENT if the replica cannot be a DR replica.
 */
export function designate(primary: Instance, sent: unknown, replicas: readonly Instance[]): Instance {
  const { replicationCluster: _former, ...rest } = primary;
  const wanted = isFields(sent) ? sent.failoverDrReplicaName : undefined;
  if (wanted === undefined || wanted === null || wanted === "") return rest;
  if (primary.settings.edition !== "ENTERPRISE_PLUS") {
    throw invalid("a DR replica can be designated only in the ENTERPRISE_PLUS edition");
  }
  const found = replicas.find(({ name }) => name === ownName(primary.project, wanted));
  if (!found) throw invalid(`${JSON.stringify(wanted)} is not a replica of ${primary.name}`);
  if (found.region === primary.region) throw invalid("a DR replica is in another region than its primary");
  return { ...primary, replicationCluster: { failoverDrReplicaName: `${primary.project}:${found.name}` } };
}

/** Whether a request says which DR replica there is. */
export function designates({ replicationCluster }: Fields): boolean {
  return isFields(replicationCluster) && "failoverDrReplicaName" in replicationCluster;
}

function connectionsOf({ databaseFlags = [] }: InstanceSettings): number | undefined {
  const flag = databaseFlags.find(({ name }) => name === "max_connections");
  return flag && Number(flag.value);
}

/** In megabytes: https://cloud.google.com/sql/docs/postgres/instance-settings */
function memoryOf(tier: string): number {
  const megabytes = /^db-custom-\d+-(\d+)$/.exec(tier)?.[1];
  if (megabytes !== undefined) return Number(megabytes);
  return SHARED[tier] ?? Number(/-(\d+)(-lssd)?$/.exec(tier)?.[1]) * 8192;
}
