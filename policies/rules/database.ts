import { isIP } from "node:net";
import { z } from "zod";
import { policy, type Report } from "../engine/policy.ts";
import { type Instance, INSTANCE } from "../model/instances.ts";
import { isA, type Resource } from "../model/resource.ts";
import type { Path, Types } from "../model/types.ts";
import { mayBe, text, UNKNOWN, type Value, valueAt, valuesAt } from "../model/values.ts";

/** Where a policy on instances looks: one value, what it may be, and what to do where it is something else. */
type Setting = readonly [path: Path<Types[typeof INSTANCE]>, accepted: (value: Value) => boolean, problem: string];

const isTrue = (value: Value) => value === true;
const isTrueOrDefault = (value: Value) => value === true || value === undefined;

/** Reports each setting that is known to be something else. */
function expect(resource: Instance, report: Report, settings: readonly Setting[]) {
  for (const [path, accepted, problem] of settings) {
    if (!mayBe(valueAt(resource.props, path), accepted)) report(resource, `${path} ${problem}.`);
  }
}

/** Whether PostgreSQL runs on it, or may run on it where the version is not known. */
function isPostgres(resource: Resource): resource is Instance {
  return isA(resource, INSTANCE) && (text(resource.props.databaseVersion) ?? "POSTGRES").startsWith("POSTGRES");
}

/** Whether it is the one that holds the data; a replica follows its primary. */
function isPrimary(resource: Resource): resource is Instance {
  if (!isA(resource, INSTANCE)) return false;
  const { masterInstanceName, instanceType } = resource.props;
  return (masterInstanceName ?? "") === "" && instanceType !== "READ_REPLICA_INSTANCE";
}

export const deletionProtection = policy({
  name: "database-deletion-protection",
  sentence: "An instance is protected from deletion twice: in the provider, and by Google against every tool.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/sql/docs/postgres/deletion-protection",
  resource: (resource, report) => {
    if (!isA(resource, INSTANCE)) return;
    expect(resource, report, [
      ["deletionProtection", isTrueOrDefault, "is off; set it to true, so that Pulumi does not delete the instance"],
      ["settings.deletionProtectionEnabled", isTrue, "is off; set it to true, so that nothing deletes the instance"],
    ]);
  },
});

export const backups = policy({
  name: "database-backups",
  sentence: "An instance is backed up every day, and enough backups are kept.",
  level: "mandatory",
  severity: "critical",
  reference: "CIS 6.7",
  peers: ["CKV_GCP_14", "CIS 6.7"],
  settings: { retained: z.int().min(1).max(365).default(7).describe("Backups that are kept at least") },
  resource: (resource, report, { retained }) => {
    if (!isPrimary(resource)) return;
    const at = "settings.backupConfiguration";
    expect(resource, report, [
      [`${at}.enabled`, isTrue, "is off; set it to true"],
      // Google keeps seven where nothing is said.
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
  sentence: "An instance can be set back to any moment of the last days.",
  level: "mandatory",
  severity: "high",
  reference: "https://cloud.google.com/sql/docs/postgres/backup-recovery/pitr",
  settings: { days: z.int().min(1).max(35).default(7).describe("Days of transaction log at least") },
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
  sentence: "No instance is open to the world, nor to a large part of it.",
  level: "mandatory",
  severity: "critical",
  reference: "CIS 6.5",
  peers: ["CKV_GCP_11", "CIS 6.5"],
  settings: {
    ipv4: z.int().min(0).max(32).default(24).describe("Shortest prefix of an authorized IPv4 network"),
    ipv6: z.int().min(0).max(128).default(64).describe("Shortest prefix of an authorized IPv6 network"),
  },
  resource: (resource, report, shortest) => {
    if (!isA(resource, INSTANCE)) return;
    for (const { path, value } of valuesAt(resource.props, "settings.ipConfiguration.authorizedNetworks.*.value")) {
      const network = text(value);
      if (network === undefined || isNarrow(network, shortest)) continue;
      report(
        resource,
        `${path} "${network}" is open to too many; connect through the Cloud SQL connectors, or name a /${shortest.ipv4} (IPv6: /${shortest.ipv6}) or smaller.`,
      );
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
  sentence: "An instance accepts encrypted connections only.",
  level: "mandatory",
  severity: "high",
  reference: "CIS 6.4",
  peers: ["CKV_GCP_6", "CIS 6.4"],
  resource: (resource, report) => {
    if (!isA(resource, INSTANCE)) return;
    // The provider had it until its version 8.
    if (valueAt<unknown>(resource.props, "settings.ipConfiguration.requireSsl") === true) return;
    const modes = ["ENCRYPTED_ONLY", "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"];
    expect(resource, report, [
      [
        "settings.ipConfiguration.sslMode",
        (mode) => modes.includes(text(mode) ?? ""),
        "lets clear text in; set it to ENCRYPTED_ONLY",
      ],
    ]);
  },
});

export const publicAddress = policy({
  name: "database-public-address",
  sentence: "An instance has no public address, or one that only Cloud SQL's connectors, which ask IAM, can use.",
  level: "mandatory",
  severity: "high",
  reference: "CIS 6.6",
  peers: ["CKV_GCP_60", "CIS 6.6"],
  resource: (resource, report) => {
    if (!isA(resource, INSTANCE) || valueAt(resource.props, "settings.connectorEnforcement") === "REQUIRED") return;
    if (valueAt(resource.props, "settings.connectorEnforcement") === UNKNOWN) return;
    expect(resource, report, [
      // Google gives an address where nothing is said.
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
  sentence: "PostgreSQL runs in a major version that is still supported and was tested with the schema.",
  level: "mandatory",
  severity: "medium",
  reference: "https://cloud.google.com/sql/docs/postgres/db-versions",
  peers: ["CKV_GCP_79"],
  settings: {
    versions: z
      .array(z.string())
      .default(["POSTGRES_15", "POSTGRES_16", "POSTGRES_17", "POSTGRES_18"])
      .describe("Versions an instance may have"),
  },
  resource: (resource, report, { versions }) => {
    if (!isPostgres(resource)) return;
    expect(resource, report, [
      [
        "databaseVersion",
        (version) => versions.includes(text(version) ?? ""),
        `is not supported; take one of ${versions.join(", ")}`,
      ],
    ]);
  },
});

const DEBUG = ["debug1", "debug2", "debug3", "debug4", "debug5"];

/** The flags of CIS 6.2 with the values it accepts, the one to take first; and flags that are right unless they are set. */
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
  sentence:
    "PostgreSQL records who connects, every change of the schema and every error with its statement, and nothing that holds data.",
  level: "mandatory",
  severity: "medium",
  reference: "CIS 6.2",
  peers: [
    ...[
      "CKV_GCP_51",
      "CKV_GCP_52",
      "CKV_GCP_53",
      "CKV_GCP_55",
      "CKV_GCP_57",
      "CKV_GCP_109",
      "CKV_GCP_110",
      "CKV_GCP_111",
    ],
    ...["CKV2_GCP_14", "CKV2_GCP_15", "CKV2_GCP_16", "CKV2_GCP_17"],
    ...["CIS 6.2.1", "CIS 6.2.2", "CIS 6.2.3", "CIS 6.2.4", "CIS 6.2.5", "CIS 6.2.6", "CIS 6.2.7", "CIS 6.2.8"],
  ],
  resource: (resource, report) => {
    if (!isPostgres(resource)) return;
    const set = valuesAt(resource.props, "settings.databaseFlags.*").map(({ value }) => value);
    if (set.some((flag) => valueAt(flag, "name") === UNKNOWN)) return;
    for (const [name, { accepted, required }] of Object.entries(FLAGS)) {
      const value = valueAt(
        set.find((flag) => valueAt(flag, "name") === name),
        "value",
      );
      if (
        mayBe(value, (known) =>
          known === undefined ? !required : accepted.includes((text(known) ?? "").toLowerCase()),
        )
      )
        continue;
      report(
        resource,
        `flag ${name} is ${text(value) === undefined ? "not set" : `"${text(value) ?? ""}"`}; set it to "${accepted[0] ?? ""}".`,
      );
    }
  },
});

export const regional = policy({
  name: "database-regional",
  sentence: "An instance keeps a standby in a second zone, so that the loss of a zone is not the loss of the service.",
  level: "mandatory",
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
  sentence: "Maintenance, which restarts an instance, happens at a time that was chosen.",
  level: "mandatory",
  severity: "medium",
  reference: "https://cloud.google.com/sql/docs/postgres/maintenance",
  resource: (resource, report) => {
    if (!isPrimary(resource)) return;
    const problem = "is not set; choose the day and hour with the least traffic";
    expect(resource, report, [
      [
        "settings.maintenanceWindow",
        (window) => window !== undefined && mayBe(valueAt(window, "day"), (day) => typeof day === "number"),
        problem,
      ],
    ]);
  },
});

export const diskAutoresize = policy({
  name: "database-disk-autoresize",
  sentence: "An instance's disk grows before it is full: a full disk stops PostgreSQL.",
  level: "mandatory",
  severity: "medium",
  reference: "https://cloud.google.com/sql/docs/postgres/instance-settings#automatic-storage-increase-2ndgen",
  resource: (resource, report) => {
    if (!isA(resource, INSTANCE)) return;
    expect(resource, report, [
      ["settings.diskAutoresize", isTrueOrDefault, "is off; leave it on, and bound it with diskAutoresizeLimit"],
    ]);
  },
});

const DATA = [
  INSTANCE,
  "gcp:sql/database:Database",
  "gcp:secretmanager/secret:Secret",
  "gcp:storage/bucket:Bucket",
] as const;

export const dataProtected = policy({
  name: "data-protected",
  sentence: "What holds data is protected in Pulumi: a careless destroy or replacement stops before it begins.",
  level: "mandatory",
  severity: "high",
  reference: "https://www.pulumi.com/docs/iac/concepts/options/protect/",
  resource: (resource, report) => {
    if (isA(resource, ...DATA) && !resource.protect)
      report(resource, "holds data and is not protected; set the resource option protect to true.");
  },
});
