import { isIP } from "node:net";
import { z } from "zod";
import { policy, type Report } from "../engine/policy.ts";
import { type Instance, INSTANCE, instances, isReplica } from "../model/instances.ts";
import { isA, ofType, type Resource } from "../model/resource.ts";
import { SECRETS } from "../model/secrets.ts";
import type { Path, Types } from "../model/types.ts";
import { lastPart, mayBe, text, UNKNOWN, type Value, valueAt, valuesAt } from "../model/values.ts";

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

/** The database system of an instance: `POSTGRES`, `MYSQL` or `SQLSERVER`; PostgreSQL if its version is not known. */
function systemOf({ props }: Instance): string {
  return (text(props.databaseVersion) ?? "POSTGRES").replace(/_.*/, "");
}

/** Whether an instance is a primary; a replica follows its primary's settings. */
function isPrimary(resource: Resource): resource is Instance {
  return isA(resource, INSTANCE) && !isReplica(resource);
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

export const keptBackups = policy({
  name: "database-kept-backups",
  sentence: "Backups outlive a deleted instance, so that it can be restored.",
  level: "advisory",
  severity: "high",
  reference: "https://cloud.google.com/sql/docs/postgres/backup-recovery/backups#retained-backups",
  resource: (resource, report) => {
    if (!isPrimary(resource)) return;
    expect(resource, report, [
      ["settings.retainBackupsOnDelete", isTrue, "is off; set it to true"],
      ["settings.finalBackupConfig.enabled", isTrue, "is off; set it to true, with the days to keep the backup"],
    ]);
  },
});

export const pointInTimeRecovery = policy({
  name: "database-point-in-time-recovery",
  sentence: "An instance can be restored to any point in time in the last days.",
  level: "advisory",
  severity: "high",
  reference: "https://cloud.google.com/sql/docs/postgres/backup-recovery/pitr",
  peers: ["CKV2_GCP_20"],
  settings: { days: z.int().min(1).max(35).default(7).describe("Minimum number of days of transaction logs") },
  resource: (resource, report, { days }) => {
    if (!isPrimary(resource)) return;
    const at = "settings.backupConfiguration";
    // In MySQL the binary log is what a restoration replays.
    const enabled = systemOf(resource) === "MYSQL" ? "binaryLogEnabled" : "pointInTimeRecoveryEnabled";
    expect(resource, report, [
      [`${at}.${enabled}`, isTrue, "is off; set it to true"],
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
  sentence: "An instance runs a major version that is supported and, in this project, was tested with the schema.",
  level: "advisory",
  severity: "medium",
  reference: "https://cloud.google.com/sql/docs/postgres/db-versions",
  peers: ["CKV_GCP_79"],
  settings: {
    versions: z
      .array(z.string())
      .default([
        ...["POSTGRES_15", "POSTGRES_16", "POSTGRES_17", "POSTGRES_18"],
        ...["MYSQL_8_0", "MYSQL_8_4", "SQLSERVER_2019", "SQLSERVER_2022"],
      ])
      .describe("Allowed versions; those of SQL Server stand for every edition"),
  },
  resource: (resource, report, { versions }) => {
    if (!isA(resource, INSTANCE)) return;
    const system = systemOf(resource);
    const own = versions.filter((version) => version.startsWith(`${system}_`));
    const isAllowed = (version: string) => own.some((one) => version === one || version.startsWith(`${one}_`));
    const instead = own.length > 0 ? `use one of ${own.join(", ")}` : `no version of ${system} is allowed`;
    expect(resource, report, [
      ["databaseVersion", (version) => isAllowed(text(version) ?? ""), `is not supported; ${instead}`],
    ]);
  },
});

const DEBUG = ["debug1", "debug2", "debug3", "debug4", "debug5"];

/** The accepted values of a flag, the recommended one first; empty if it must not be set. One that is not required has a good default. */
interface Flag {
  readonly accepted: readonly string[];
  readonly required: boolean;
}

/** The flags of CIS 6.1 to 6.3, by database system. */
const FLAGS: Readonly<Record<string, Readonly<Record<string, Flag>>>> = {
  POSTGRES: {
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
  },
  MYSQL: {
    local_infile: { accepted: ["off"], required: true },
    skip_show_database: { accepted: ["on"], required: true },
  },
  SQLSERVER: {
    "contained database authentication": { accepted: ["off"], required: false },
    "cross db ownership chaining": { accepted: ["off"], required: false },
    "external scripts enabled": { accepted: ["off"], required: false },
    "remote access": { accepted: ["off"], required: true },
    "user connections": { accepted: ["0"], required: false },
    "user options": { accepted: [], required: false },
    "3625": { accepted: ["on"], required: true },
  },
};

export const flags = policy({
  name: "database-flags",
  sentence:
    "PostgreSQL logs connections, schema changes and errors with their statements, but no data; MySQL and SQL Server read no local files and keep databases apart.",
  level: "advisory",
  severity: "medium",
  reference: "CIS 6.1, 6.2 and 6.3",
  peers: [
    ...[50, 51, 52, 53, 55, 57, 58, 59, 109, 110, 111].map((number) => `CKV_GCP_${number}`),
    ...[14, 15, 16, 17].map((number) => `CKV2_GCP_${number}`),
    ...[2, 3].map((number) => `CIS 6.1.${number}`),
    ...[1, 2, 3, 4, 5, 6, 7, 8].map((number) => `CIS 6.2.${number}`),
    ...[1, 2, 3, 4, 5, 6, 7].map((number) => `CIS 6.3.${number}`),
  ],
  resource: (resource, report) => {
    if (!isA(resource, INSTANCE)) return;
    const set = valuesAt(resource.props, "settings.databaseFlags.*").map(({ value }) => value);
    if (set.some((flag) => valueAt(flag, "name") === UNKNOWN)) return;
    for (const [name, { accepted, required }] of Object.entries(FLAGS[systemOf(resource)] ?? {})) {
      const flag = set.find((one) => valueAt(one, "name") === name);
      const value = valueAt(flag, "value");
      const known = text(value);
      if (value === undefined ? !required : value === UNKNOWN || accepted.includes((known ?? "").toLowerCase()))
        continue;
      const found = known === undefined ? "not set" : `"${known}"`;
      const instead = accepted[0] === undefined ? "leave it out" : `set it to "${accepted[0]}"`;
      report(resource, `flag ${name} is ${found}; ${instead}.`);
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

const USER = "gcp:sql/user:User";

export const loginHasPassword = policy({
  name: "database-login-has-password",
  sentence:
    "A built-in login of MySQL or SQL Server has a password: otherwise everybody who reaches the instance may use it.",
  level: "mandatory",
  severity: "critical",
  reference: "CIS 6.1.1",
  peers: ["CKV2_GCP_7", "CIS 6.1.1"],
  stack: (resources, report) => {
    for (const user of ofType(resources, USER)) {
      const { type = "", password, passwordWo, host } = user.props;
      const system = instanceOf(user, resources).map(systemOf)[0] ?? (host === undefined ? "POSTGRES" : "MYSQL");
      const isSet = [password, passwordWo].some((value) => value !== undefined && value !== "");
      // Cloud SQL refuses a login of PostgreSQL without a password.
      if (system === "POSTGRES" || isSet || (type !== "" && type !== "BUILT_IN")) continue;
      report(user, "has no password; derive one from a random.RandomPassword.");
    }
  },
});

export const rootLogin = policy({
  name: "database-root-by-proxy-only",
  sentence: "The login root of MySQL is only for connections by the Cloud SQL proxy, not from every host.",
  level: "advisory",
  severity: "high",
  reference: "https://cloud.google.com/sql/docs/mysql/users",
  stack: (resources, report) => {
    for (const user of ofType(resources, USER)) {
      const { name, host = "%" } = user.props;
      const isMySql = instanceOf(user, resources).some((instance) => systemOf(instance) === "MYSQL");
      if (name !== "root" || !(isMySql || user.props.host !== undefined) || !mayBeAnywhere(host)) continue;
      report(
        user,
        'may log in from every host; set host to "cloudsqlproxy~%", and give programs a login of their own.',
      );
    }
  },
});

function mayBeAnywhere(host: Value): boolean {
  return host === "%" || host === "";
}

export const iamLogin = policy({
  name: "database-iam-login-enabled",
  sentence: "An instance with logins of IAM has the flag for them: otherwise these logins are refused.",
  level: "mandatory",
  severity: "high",
  reference: "https://cloud.google.com/sql/docs/postgres/iam-authentication",
  stack: (resources, report) => {
    for (const user of ofType(resources, USER)) {
      if (!(text(user.props.type) ?? "").startsWith("CLOUD_IAM")) continue;
      for (const instance of instanceOf(user, resources)) {
        const system = systemOf(instance);
        const flag = system === "MYSQL" ? "cloudsql_iam_authentication" : "cloudsql.iam_authentication";
        if (system === "SQLSERVER" || hasFlag(instance, flag)) continue;
        report(user, `logs in by IAM, which the instance ${instance.name} refuses; set its flag ${flag} to "on".`);
      }
    }
  },
});

/** The instance of a user, if it is the only one that it may be in. */
function instanceOf(user: Resource, resources: readonly Resource[]): Instance[] {
  const name = text(user.props.instance);
  const all = name === undefined ? instances(user.madeOf.instance ?? []) : instances(resources);
  const found = name === undefined ? all : all.filter(({ props }) => props.name === lastPart(name));
  return found.length === 1 ? found : [];
}

function hasFlag({ props }: Instance, flag: string): boolean {
  return valuesAt(props, "settings.databaseFlags.*").some(
    ({ value }) =>
      mayBe(valueAt(value, "name"), (name) => name === flag) &&
      mayBe(valueAt(value, "value"), (on) => /^(?:on|1|true)$/i.test(text(on) ?? "")),
  );
}
