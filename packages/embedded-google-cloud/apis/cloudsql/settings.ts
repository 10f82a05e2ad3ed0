import { regionOfZone } from "../../rest/places.ts";
import { type Fields, isFields, mergePatch } from "../../rest/fields.ts";
import { checkFlags, type Flag } from "./flags.ts";
import { checkLimits } from "./limits.ts";
import { invalid } from "./invalid.ts";
import { checkPooling } from "./pooling.ts";

/** An instance's settings: what the client sent, and Cloud SQL's defaults for the rest. */
export interface InstanceSettings extends Fields {
  readonly tier: string;
  readonly edition: Edition;
  readonly activationPolicy: string;
  readonly settingsVersion: string;
  /** Only of a replica: whether it replays what it receives. */
  readonly databaseReplicationEnabled?: boolean;
  readonly deletionProtectionEnabled: boolean;
  /** A number, as text. */
  readonly dataDiskSizeGb: string;
  readonly databaseFlags?: readonly Flag[];
  readonly backupConfiguration: BackupConfiguration;
  readonly ipConfiguration: Fields & { readonly ipv4Enabled: boolean };
  readonly locationPreference: Fields & { readonly zone: string };
}

type Edition = "ENTERPRISE" | "ENTERPRISE_PLUS";

interface BackupConfiguration extends Fields {
  readonly enabled: boolean;
  readonly pointInTimeRecoveryEnabled: boolean;
  readonly transactionLogRetentionDays: number;
  readonly backupRetentionSettings?: { readonly retainedBackups?: number };
}

/**
 * How many days transaction logs can be kept, and are by default.
 * https://cloud.google.com/sql/docs/postgres/backup-recovery/configure-pitr
 */
const LOG_RETENTION = {
  ENTERPRISE: { most: 7, usual: 7 },
  ENTERPRISE_PLUS: { most: 35, usual: 14 },
} as const;

/** https://cloud.google.com/sql/docs/postgres/backup-recovery/backups#retention */
const MOST_BACKUPS = 365;

/**
 * Adds the defaults to settings and checks them.
 * @param sent What the client sent, or for PATCH the current settings merged with it.
 * @param major PostgreSQL's major version: from 16 the default edition is Enterprise Plus.
 * @param version The new `settingsVersion`.
 * @param role What the instance is; an independent one by default.
 * @throws GoogleError INVALID_ARGUMENT for what Cloud SQL refuses.
 */
export function completeSettings(
  sent: unknown,
  major: number,
  region: string,
  version: number,
  role: "primary" | "replica" = "primary",
): InstanceSettings {
  if (!isFields(sent)) throw invalid("settings are missing");
  const edition = sent.edition ?? (major >= 16 ? "ENTERPRISE_PLUS" : "ENTERPRISE");
  if (edition !== "ENTERPRISE" && edition !== "ENTERPRISE_PLUS") throw invalid(`Invalid edition (${show(edition)})`);
  const settings = mergePatch<Fields>(
    { ...defaults(edition, region), ...(role === "replica" && { databaseReplicationEnabled: true }) },
    sent,
  ) as InstanceSettings;
  if (role === "primary" && settings.databaseReplicationEnabled !== undefined) {
    throw invalid("databaseReplicationEnabled is a setting of read replicas only");
  }
  for (const part of ["backupConfiguration", "ipConfiguration", "locationPreference"] as const) {
    if (!isFields(settings[part])) throw invalid(`settings.${part} must be an object`);
  }
  const { ipv4Enabled, privateNetwork } = settings.ipConfiguration;
  if (!ipv4Enabled && typeof privateNetwork !== "string") {
    throw invalid("at least one of Public IP or Private IP connectivity must be enabled");
  }
  checkTier(settings.tier, edition);
  checkBackups(settings.backupConfiguration, edition);
  checkChoice("activationPolicy", settings.activationPolicy, ["ALWAYS", "NEVER", "ON_DEMAND"]);
  checkChoice("availabilityType", settings.availabilityType, ["ZONAL", "REGIONAL"]);
  checkChoice("connectorEnforcement", settings.connectorEnforcement, ["NOT_REQUIRED", "REQUIRED"]);
  checkFlags(settings.databaseFlags ?? []);
  checkLimits(settings, role);
  checkPooling(settings);
  const { zone } = settings.locationPreference;
  if (regionOfZone(zone) !== region) throw invalid(`the zone ${show(zone)} is not in the region ${region}`);
  return { ...settings, settingsVersion: String(version) };
}

/** @throws GoogleError INVALID_ARGUMENT if a change removes the private network or shrinks the disk. */
export function checkKept(before: InstanceSettings, after: InstanceSettings): void {
  const [network, next] = [before, after].map(({ ipConfiguration }) => ipConfiguration.privateNetwork);
  // "This setting can be updated, but it cannot be removed after it is set": IpConfiguration.privateNetwork in
  // https://cloud.google.com/sql/docs/postgres/admin-api/rest/v1beta4/instances
  if (network && !next) throw invalid("the private network of an instance cannot be removed");
  const [had, wanted] = [before.dataDiskSizeGb, after.dataDiskSizeGb];
  if (Number(wanted) < Number(had)) {
    throw invalid(`the disk of an instance cannot shrink from ${had} to ${wanted} GB`);
  }
}

/**
 * The settings of a promoted replica.
 * @param former Those of the primary whose place it takes, which has its backups then; none if it stands alone.
 */
export function settingsAfterPromotion(
  replica: InstanceSettings,
  former: InstanceSettings | undefined,
): InstanceSettings {
  const { databaseReplicationEnabled: _enabled, ...settings } = replica;
  const settingsVersion = String(Number(replica.settingsVersion) + 1);
  const backupConfiguration = former?.backupConfiguration ?? replica.backupConfiguration;
  return { ...(settings as InstanceSettings), backupConfiguration, settingsVersion };
}

/** The settings of a primary that has become a replica, which has no backups. */
export function settingsAfterDemotion(primary: InstanceSettings): InstanceSettings {
  const settingsVersion = String(Number(primary.settingsVersion) + 1);
  const backupConfiguration = { ...primary.backupConfiguration, enabled: false, pointInTimeRecoveryEnabled: false };
  return { ...primary, backupConfiguration, databaseReplicationEnabled: true, settingsVersion };
}

function defaults(edition: Edition, region: string) {
  return {
    activationPolicy: "ALWAYS",
    authorizedGaeApplications: [],
    availabilityType: "ZONAL",
    backupConfiguration: {
      backupRetentionSettings: { retainedBackups: 7, retentionUnit: "COUNT" },
      enabled: false,
      kind: "sql#backupConfiguration",
      pointInTimeRecoveryEnabled: false,
      replicationLogArchivingEnabled: false,
      startTime: "12:00",
      transactionLogRetentionDays: LOG_RETENTION[edition].usual,
      transactionalLogStorageState: "TRANSACTIONAL_LOG_STORAGE_STATE_UNSPECIFIED",
    },
    connectorEnforcement: "NOT_REQUIRED",
    dataDiskSizeGb: "10",
    dataDiskType: "PD_SSD",
    deletionProtectionEnabled: false,
    edition,
    ipConfiguration: {
      authorizedNetworks: [],
      ipv4Enabled: true,
      requireSsl: false,
      sslMode: "ALLOW_UNENCRYPTED_AND_ENCRYPTED",
    },
    kind: "sql#settings",
    locationPreference: { kind: "sql#locationPreference", zone: `${region}-a` },
    pricingPlan: "PER_USE",
    replicationType: "SYNCHRONOUS",
    storageAutoResize: true,
    storageAutoResizeLimit: "0",
  };
}

/** https://cloud.google.com/sql/docs/postgres/create-instance#machine-types */
function checkTier(tier: string | undefined, edition: Edition): void {
  if (!tier) throw invalid("settings.tier is missing");
  const plus = /^db-(perf-optimized-N-(2|4|8|16|32|48|64|80|96|128)|memory-optimized-N-\d+|c4a-highmem-\d+(-lssd)?)$/;
  if (edition === "ENTERPRISE_PLUS") {
    if (plus.test(tier)) return;
    throw invalid(
      `Invalid Tier (${tier}) for (ENTERPRISE_PLUS) Edition. Use a predefined Tier like db-perf-optimized-N-* instead`,
    );
  }
  const custom = /^db-custom-(\d+)-(\d+)$/.exec(tier);
  if (custom) checkMachine(tier, Number(custom[1]), Number(custom[2]));
  else if (!["db-f1-micro", "db-g1-small"].includes(tier)) {
    throw invalid(`Invalid Tier (${tier}) for (ENTERPRISE) Edition. Use a Tier like db-custom-1-3840 instead`);
  }
}

/** One or an even number of processors up to 96; 0.9 to 6.5 GB for each, at least 3.75 GB, in steps of 256 MB. */
function checkMachine(tier: string, processors: number, megabytes: number): void {
  const fits =
    (processors === 1 || (processors % 2 === 0 && processors >= 2 && processors <= 96)) &&
    megabytes % 256 === 0 &&
    megabytes >= Math.max(3840, processors * 0.9 * 1024) &&
    megabytes <= processors * 6.5 * 1024;
  if (!fits)
    throw invalid(`Invalid Tier (${tier}): no machine type combines that many processors with that much memory`);
}

function checkBackups(backups: BackupConfiguration, edition: Edition): void {
  const { enabled, pointInTimeRecoveryEnabled, transactionLogRetentionDays: days, startTime } = backups;
  if (pointInTimeRecoveryEnabled && !enabled) {
    throw invalid("point-in-time recovery can be enabled only together with backups");
  }
  const { most } = LOG_RETENTION[edition];
  if (!Number.isInteger(days) || days < 1 || days > most) {
    throw invalid(`transactionLogRetentionDays must be between 1 and ${most} for the ${edition} edition`);
  }
  const retained = backups.backupRetentionSettings?.retainedBackups ?? 0;
  if (!Number.isInteger(retained) || retained < 1 || retained > MOST_BACKUPS) {
    throw invalid(`retainedBackups must be between 1 and ${MOST_BACKUPS}`);
  }
  if (typeof startTime !== "string" || !/^([01]\d|2[0-3]):[0-5]\d$/.test(startTime)) {
    throw invalid(`the backup start time ${show(startTime)} is not of the form HH:MM`);
  }
}

function checkChoice(name: string, value: unknown, choices: readonly string[]): void {
  if (!choices.includes(String(value))) {
    throw invalid(`${name} is ${show(value)}; expected ${choices.join(" or ")}`);
  }
}

function show(value: unknown): string {
  return typeof value === "string" ? `"${value}"` : JSON.stringify(value);
}
