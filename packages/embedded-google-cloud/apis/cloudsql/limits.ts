import { type Fields, isFields } from "../../rest/fields.ts";
import { faultOfLabels } from "../../rest/labels.ts";
import { isRange } from "../../rest/places.ts";
import { invalid } from "./invalid.ts";
import type { InstanceSettings } from "./settings.ts";

/** Gigabytes of a disk, at least and at most: https://cloud.google.com/sql/docs/quotas#storage_limits */
const DISK = { least: 10, most: 65_536, mostOnSharedCore: 3_054 };

/** Ranges that no client on the internet has: https://cloud.google.com/sql/docs/postgres/configure-ip#limitations */
const PRIVATE = /^(10|127|0)\.(?!0\.0\.0\/0$)|^192\.168\.|^172\.(1[6-9]|2\d|3[01])\.|^169\.254\./;

/** Numbers of settings, at least and at most: https://cloud.google.com/sql/docs/postgres/admin-api/rest/v1beta4/instances */
const NUMBERS: Readonly<Record<string, Readonly<Record<string, readonly [least: number, most: number]>>>> = {
  finalBackupConfig: { retentionDays: [1, 365] },
  maintenanceWindow: { day: [1, 7], hour: [0, 23] },
  insightsConfig: { queryStringLength: [256, 4500], queryPlansPerMinute: [0, 20] },
};

/** @throws GoogleError INVALID_ARGUMENT for settings that Cloud SQL refuses for such an instance of any tier and edition. */
export function checkLimits(settings: InstanceSettings, role: "primary" | "replica"): void {
  checkDisk(settings);
  if (role === "primary") checkAvailability(settings); // a replica has no backups, which its primary has
  checkNetworks(settings.ipConfiguration);
  for (const [part, numbers] of Object.entries(NUMBERS)) {
    const sent = settings[part];
    for (const [name, [least, most]] of Object.entries(numbers)) {
      const value = isFields(sent) ? sent[name] : undefined;
      if (value === undefined || value === null || isWhole(value, least, most)) continue;
      throw invalid(`settings.${part}.${name} must be between ${least} and ${most}`);
    }
  }
  const fault = faultOfLabels(settings.userLabels);
  if (fault !== undefined) throw invalid(`settings.userLabels: ${fault}`);
}

function checkDisk({ dataDiskSizeGb, tier }: InstanceSettings): void {
  const most = /^db-(f1-micro|g1-small)$/.test(tier) ? DISK.mostOnSharedCore : DISK.most;
  if (isWhole(dataDiskSizeGb, DISK.least, most)) return;
  throw invalid(`the disk of a ${tier} has between ${DISK.least} and ${most} GB, and not ${dataDiskSizeGb}`);
}

/** https://cloud.google.com/sql/docs/postgres/high-availability */
function checkAvailability({ availabilityType, backupConfiguration }: InstanceSettings): void {
  const { enabled, pointInTimeRecoveryEnabled } = backupConfiguration;
  if (availabilityType !== "REGIONAL" || (enabled && pointInTimeRecoveryEnabled)) return;
  throw invalid("a REGIONAL instance needs automated backups and point-in-time recovery");
}

function checkNetworks({ authorizedNetworks, requireSsl, sslMode }: Fields): void {
  for (const network of Array.isArray(authorizedNetworks) ? (authorizedNetworks as Fields[]) : []) {
    const { value } = network;
    const range = typeof value === "string" && !value.includes("/") ? `${value}/32` : String(value);
    if (!isRange(range)) throw invalid(`Invalid authorized network (${String(value)}): expected IPv4 in CIDR notation`);
    if (PRIVATE.test(range)) throw invalid(`Non-routable or private authorized network (${String(value)})`);
  }
  // https://cloud.google.com/sql/docs/postgres/admin-api/rest/v1beta4/instances#ipconfiguration: the pairs that agree
  if (requireSsl === true && sslMode === "ALLOW_UNENCRYPTED_AND_ENCRYPTED") {
    throw invalid("requireSsl=true conflicts with sslMode=ALLOW_UNENCRYPTED_AND_ENCRYPTED");
  }
}

function isWhole(value: unknown, least: number, most: number): boolean {
  const number = Number(value);
  return Number.isInteger(number) && number >= least && number <= most;
}
