import { isIP } from "node:net";
import { z } from "zod";
import { policy, type Report } from "../engine/policy.ts";
import { type Instance, INSTANCE } from "../model/instances.ts";
import { isA, type Resource } from "../model/resource.ts";
import { SECRETS } from "../model/secrets.ts";
import type { Path, Types } from "../model/types.ts";
import { mayBe, text, UNKNOWN, type Value, valueAt, valuesAt } from "../model/values.ts";

const BUCKET = "gcp:storage/bucket:Bucket";

/** One setting of an instance: its path, the accepted values, and the message for any other value. */
type Setting = readonly [path: Path<Types[typeof INSTANCE]>, accepted: (value: Value) => boolean, problem: string];

const isTrue = (value: Value) => value === true;
const isTrueOrDefault = (value: Value) => value === true || value === undefined;

/** Reports each setting with a known value that is not accepted. */
function expect(resource: Instance, report: Report, settings: readonly Setting[]) {
  for (const [path, accepted, problem] of settings) {
    if (!mayBe(valueAt(resource.props, path), accepted)) report(resource, `${path} ${problem}.`);
  }
}

/** Whether an instance runs PostgreSQL, or may run it because its version is not known. */
function isPostgres(resource: Resource): resource is Instance {
  return isA(resource, INSTANCE) && (text(resource.props.databaseVersion) ?? "POSTGRES").startsWith("POSTGRES");
}

/** Whether an instance is a primary; a replica follows its primary's settings. */
function isPrimary(resource: Resource): resource is Instance {
  if (!isA(resource, INSTANCE)) return false;
  const { masterInstanceName, instanceType } = resource.props;
  return (masterInstanceName ?? "") === "" && instanceType !== "READ_REPLICA_INSTANCE";
}

export const deletionProtection = policy({
  name: "database-deletion-protection",
  sentence:
    "An instance is protected from deletion twice: by the provider, and by Google against any tool. A replica has nothing that its primary lacks.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/sql/docs/postgres/deletion-protection",
  resource: (resource, report) => {
    if (!isPrimary(resource)) return;
    expect(resource, report, [
      ["deletionProtection", isTrueOrDefault, "is off; set it to true, so that Pulumi does not delete the instance"],
      ["settings.deletionProtectionEnabled", isTrue, "is off; set it to true, so that no tool deletes the instance"],
    ]);
  },
});

export const backups = policy({
  name: "database-backups",
  sentence: "An instance is backed up daily and keeps enough backups.",
  level: "mandatory",
  severity: "critical",
  reference: "CIS 6.7",
  peers: ["CKV_GCP_14", "CIS 6.7"],
  settings: { retained: z.int().min(1).max(365).default(7).describe("Minimum number of backups to keep") },
  resource: (resource, report, { retained }) => {
    if (!isPrimary(resource)) return;
    const at = "settings.backupConfiguration";
    expect(resource, report, [
      [`${at}.enabled`, isTrue, "is off; set it to true"],
      // Google's default is 7.
      [
        `${at}.backupRetentionSettings.retainedBackups`,
        (kept) => Number(kept ?? 7) >= retained,
        `keeps too few; keep ${retained} or more`,
      ],
    ]);
  },
});

export const pointInTimeRecovery = policy({
  name: "database-point-in-time-recovery",
  sentence: "An instance can be restored to any point in time in the last days.",
  level: "mandatory",
  severity: "high",
  reference: "https://cloud.google.com/sql/docs/postgres/backup-recovery/pitr",
  settings: { days: z.int().min(1).max(35).default(7).describe("Minimum number of days of transaction logs") },
  resource: (resource, report, { days }) => {
    if (!isPrimary(resource) || !isPostgres(resource)) return;
    const at = "settings.backupConfiguration";
    expect(resource, report, [
      [`${at}.pointInTimeRecoveryEnabled`, isTrue, "is off; set it to true"],
      [
        `${at}.transactionLogRetentionDays`,
        (kept) => Number(kept ?? 7) >= days,
        `is too short; keep ${days} days or more`,
      ],
    ]);
  },
});

export const noOpenNetworks = policy({
  name: "database-no-open-networks",
  sentence: "No instance is open to the Internet or to a large part of it.",
  level: "mandatory",
  severity: "critical",
  reference: "CIS 6.5",
  peers: ["CKV_GCP_11", "CIS 6.5"],
  settings: {
    ipv4: z.int().min(0).max(32).default(24).describe("Minimum prefix length of an authorized IPv4 network"),
    ipv6: z.int().min(0).max(128).default(64).describe("Minimum prefix length of an authorized IPv6 network"),
  },
  resource: (resource, report, shortest) => {
    if (!isA(resource, INSTANCE)) return;
    for (const { path, value } of valuesAt(resource.props, "settings.ipConfiguration.authorizedNetworks.*.value")) {
      const network = text(value);
      if (network === undefined || isNarrow(network, shortest)) continue;
      const size = `/${shortest.ipv4} (IPv6: /${shortest.ipv6})`;
      report(resource, `${path} "${network}" is too large; use the Cloud SQL connectors, or narrow it to ${size}.`);
    }
  },
});

function isNarrow(network: string, shortest: { readonly ipv4: number; readonly ipv6: number }): boolean {
  const [address = "", prefix] = network.trim().split("/");
  const version = isIP(address);
  if (version === 0) return false;
  return prefix === undefined || Number(prefix) >= (version === 4 ? shortest.ipv4 : shortest.ipv6);
}

export const tlsOnly = policy({
  name: "database-tls-only",
  sentence: "An instance accepts only encrypted connections.",
  level: "mandatory",
  severity: "high",
  reference: "CIS 6.4",
  peers: ["CKV_GCP_6", "CIS 6.4"],
  resource: (resource, report) => {
    if (!isA(resource, INSTANCE)) return;
    // A setting of the provider before version 8.
    if (valueAt<unknown>(resource.props, "settings.ipConfiguration.requireSsl") === true) return;
    const modes = ["ENCRYPTED_ONLY", "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"];
    expect(resource, report, [
      [
        "settings.ipConfiguration.sslMode",
        (mode) => modes.includes(text(mode) ?? ""),
        "allows unencrypted connections; set it to ENCRYPTED_ONLY",
      ],
    ]);
  },
});

export const publicAddress = policy({
  name: "database-public-address",
  sentence: "An instance has no public address, or one that only the Cloud SQL connectors can use, which check IAM.",
  level: "mandatory",
  severity: "high",
  reference: "CIS 6.6",
  peers: ["CKV_GCP_60", "CIS 6.6"],
  resource: (resource, report) => {
    if (!isA(resource, INSTANCE) || valueAt(resource.props, "settings.connectorEnforcement") === "REQUIRED") return;
    if (valueAt(resource.props, "settings.connectorEnforcement") === UNKNOWN) return;
    expect(resource, report, [
      // Google's default is true.
      [
        "settings.ipConfiguration.ipv4Enabled",
        (enabled) => enabled === false,
        "gives a public address; set it to false, or settings.connectorEnforcement to REQUIRED",
      ],
    ]);
  },
});

export const supportedVersion = policy({
  name: "database-version",
  sentence: "PostgreSQL runs a major version that is supported and was tested with the schema.",
  level: "advisory",
  severity: "medium",
  reference: "https://cloud.google.com/sql/docs/postgres/db-versions",
  peers: ["CKV_GCP_79"],
  settings: {
    versions: z
      .array(z.string())
      .default(["POSTGRES_15", "POSTGRES_16", "POSTGRES_17", "POSTGRES_18"])
      .describe("Allowed versions"),
  },
  resource: (resource, report, { versions }) => {
    if (!isPostgres(resource)) return;
    expect(resource, report, [
      [
        "databaseVersion",
        (version) => versions.includes(text(version) ?? ""),
        `is not supported; use one of ${versions.join(", ")}`,
      ],
    ]);
  },
});

const DEBUG = ["debug1", "debug2", "debug3", "debug4", "debug5"];

/** The flags of CIS 6.2 with the accepted values, the recommended one first; a flag that is not required has a good default. */
const FLAGS: Readonly<Record<string, { readonly accepted: readonly string[]; readonly required: boolean }>> = {
  "cloudsql.enable_pgaudit": { accepted: ["on"], required: true },
  log_connections: { accepted: ["on"], required: true },
  log_disconnections: { accepted: ["on"], required: true },
  log_error_verbosity: { accepted: ["default", "terse"], required: true },
  log_min_duration_statement: { accepted: ["-1"], required: true },
  log_min_error_statement: { accepted: ["error", "warning", "notice", "info", ...DEBUG], required: true },
  log_min_messages: { accepted: ["warning", "error", "notice", "info", "log"], required: true },
  log_statement: { accepted: ["ddl", "mod", "all"], required: true },
  // On since PostgreSQL 15.
  log_checkpoints: { accepted: ["on"], required: false },
  log_executor_stats: { accepted: ["off"], required: false },
  log_parser_stats: { accepted: ["off"], required: false },
  log_planner_stats: { accepted: ["off"], required: false },
  log_statement_stats: { accepted: ["off"], required: false },
};

export const flags = policy({
  name: "database-flags",
  sentence: "PostgreSQL logs connections, schema changes and errors with their statements, but no data.",
  level: "advisory",
  severity: "medium",
  reference: "CIS 6.2",
  peers: [
    ...[51, 52, 53, 55, 57, 109, 110, 111].map((number) => `CKV_GCP_${number}`),
    ...[14, 15, 16, 17].map((number) => `CKV2_GCP_${number}`),
    ...[1, 2, 3, 4, 5, 6, 7, 8].map((number) => `CIS 6.2.${number}`),
  ],
  resource: (resource, report) => {
    if (!isPostgres(resource)) return;
    const set = valuesAt(resource.props, "settings.databaseFlags.*").map(({ value }) => value);
    if (set.some((flag) => valueAt(flag, "name") === UNKNOWN)) return;
    for (const [name, { accepted, required }] of Object.entries(FLAGS)) {
      const flag = set.find((one) => valueAt(one, "name") === name);
      const value = valueAt(flag, "value");
      const known = text(value);
      if (value === undefined ? !required : value === UNKNOWN || accepted.includes((known ?? "").toLowerCase()))
        continue;
      const found = known === undefined ? "not set" : `"${known}"`;
      report(resource, `flag ${name} is ${found}; set it to "${accepted[0] ?? ""}".`);
    }
  },
});

export const regional = policy({
  name: "database-regional",
  sentence: "An instance has a standby in a second zone, so that the service survives the loss of a zone.",
  level: "advisory",
  severity: "high",
  reference: "https://cloud.google.com/sql/docs/postgres/high-availability",
  resource: (resource, report) => {
    if (!isPrimary(resource)) return;
    expect(resource, report, [
      ["settings.availabilityType", (type) => type === "REGIONAL", "is not REGIONAL; set it to REGIONAL"],
    ]);
  },
});

export const maintenanceWindow = policy({
  name: "database-maintenance-window",
  sentence: "Maintenance, which restarts an instance, happens at a chosen time.",
  level: "advisory",
  severity: "medium",
  reference: "https://cloud.google.com/sql/docs/postgres/maintenance",
  resource: (resource, report) => {
    if (!isPrimary(resource)) return;
    expect(resource, report, [
      [
        "settings.maintenanceWindow",
        (window) => window !== undefined && mayBe(valueAt(window, "day"), (day) => typeof day === "number"),
        "is not set; choose the day and hour with the least traffic",
      ],
    ]);
  },
});

export const diskAutoresize = policy({
  name: "database-disk-autoresize",
  sentence: "An instance's disk grows automatically: a full disk stops PostgreSQL.",
  level: "advisory",
  severity: "medium",
  reference: "https://cloud.google.com/sql/docs/postgres/instance-settings#automatic-storage-increase-2ndgen",
  resource: (resource, report) => {
    if (!isA(resource, INSTANCE)) return;
    expect(resource, report, [
      ["settings.diskAutoresize", isTrueOrDefault, "is off; leave it on, and limit it with diskAutoresizeLimit"],
    ]);
  },
});

export const dataProtected = policy({
  name: "data-protected",
  sentence: "Resources with data are protected in Pulumi: a careless destroy or replacement stops before it begins.",
  level: "mandatory",
  severity: "high",
  reference: "https://www.pulumi.com/docs/iac/concepts/options/protect/",
  resource: (resource, report) => {
    // Google does not delete a bucket that is not empty, unless the provider empties it first.
    const isDeletedWithData =
      isPrimary(resource) ||
      isA(resource, "gcp:sql/database:Database") ||
      (isA(resource, BUCKET) && resource.props.forceDestroy === true);
    if (isDeletedWithData && !resource.protect)
      report(resource, "holds data but is not protected; set the resource option protect to true.");
  },
});

export const othersProtected = policy({
  name: "secrets-and-buckets-protected",
  sentence: "Secrets and buckets are protected in Pulumi: a careless destroy stops before it begins.",
  level: "advisory",
  severity: "medium",
  reference: "https://www.pulumi.com/docs/iac/concepts/options/protect/",
  resource: (resource, report) => {
    if (isA(resource, ...SECRETS, BUCKET) && !resource.protect)
      report(resource, "is not protected; set the resource option protect to true.");
  },
});
