import { crc32c } from "../../rest/crc32c.ts";
import { GoogleError } from "../../rest/errors.ts";
import { etagOf } from "../../rest/etag.ts";
import { type Fields, isFields, without } from "../../rest/fields.ts";
import { after, type Secret, seconds } from "./secret.ts";

/** A version of a secret; destroying it removes the payload. */
export interface Version {
  readonly number: number;
  readonly createTime: string;
  readonly state: "ENABLED" | "DISABLED" | "DESTROYED";
  readonly destroyTime?: string;
  /** When the version will be destroyed, if the secret has a `versionDestroyTtl`. */
  readonly scheduledDestroyTime?: string;
  readonly clientSpecifiedPayloadChecksum?: true;
  /** Base64. */
  readonly data?: string;
}

/** A secret and its versions, oldest first. */
export interface StoredSecret {
  readonly secret: Secret;
  readonly versions: readonly Version[];
}

/** https://cloud.google.com/secret-manager/quotas: 64 KiB. */
const PAYLOAD_LIMIT = 65_536;

/**
 * Reads the body of addVersion.
 * @throws GoogleError INVALID_ARGUMENT if the payload is missing, too large or differs from its checksum.
 */
export function newVersion({ payload }: Fields, number: number): Version {
  const { data, dataCrc32c } = isFields(payload) ? payload : {};
  if (typeof data !== "string" || data === "") throw invalid("Secret Payload cannot be empty.");
  const bytes = Buffer.from(data, "base64");
  if (bytes.length > PAYLOAD_LIMIT) {
    throw invalid(`The payload has ${bytes.length} bytes; at most ${PAYLOAD_LIMIT} are allowed.`);
  }
  if (dataCrc32c !== undefined && Number(dataCrc32c) !== crc32c(bytes)) {
    throw invalid("The payload does not match the CRC32C checksum that was sent with it.");
  }
  return {
    number,
    createTime: new Date().toISOString(),
    state: "ENABLED",
    data: bytes.toString("base64"),
    ...(dataCrc32c !== undefined && { clientSpecifiedPayloadChecksum: true }),
  };
}

/** A version's name, `projects/NUMBER/secrets/ID/versions/N`. */
export function versionName(secret: Secret, version: Version): string {
  return `${secret.name}/versions/${version.number}`;
}

/** A version as clients see it, without its payload. */
export function describe(secret: Secret, version: Version) {
  const { automatic, userManaged } = secret.replication;
  return {
    name: versionName(secret, version),
    ...without(version, "number", "data"),
    replicationStatus: automatic ? { automatic: {} } : { userManaged: replicas(userManaged) },
    etag: etagOf(without(version, "data")),
  };
}

function replicas(userManaged: Fields | undefined): Fields {
  const list = Array.isArray(userManaged?.replicas) ? (userManaged.replicas as Fields[]) : [];
  return { replicas: list.map(({ location }) => ({ location })) };
}

/** The versions that are to be destroyed by now. */
export function due({ versions }: StoredSecret): Version[] {
  return versions.filter(
    ({ scheduledDestroyTime }) => scheduledDestroyTime !== undefined && Date.parse(scheduledDestroyTime) <= Date.now(),
  );
}

/**
 * @param id A version's number, or `latest` for the newest.
 * @throws GoogleError NOT_FOUND.
 */
export function findVersion({ secret, versions }: StoredSecret, id: string): Version {
  const newest = versions.at(-1);
  if (id === "latest" && !newest) throw notFound(`Secret [${secret.name}] not found or has no versions.`);
  const found = id === "latest" ? newest : versions.find((version) => String(version.number) === id);
  if (!found) throw notFound(`Secret Version [${secret.name}/versions/${id}] not found.`);
  return found;
}

/**
 * The version in another state.
 * @throws GoogleError FAILED_PRECONDITION for a destroyed version.
 */
export function moved(secret: Secret, version: Version, to: "enable" | "disable" | "destroy"): Version {
  if (version.state === "DESTROYED") {
    throw new GoogleError("FAILED_PRECONDITION", "SecretVersion.state is already DESTROYED.");
  }
  if (to === "destroy" && secret.versionDestroyTtl !== undefined) {
    return { ...version, state: "DISABLED", scheduledDestroyTime: after(seconds(secret.versionDestroyTtl)) };
  }
  if (to === "destroy") return destroyed(version);
  return to === "enable"
    ? { ...without(version, "scheduledDestroyTime"), state: "ENABLED" }
    : { ...version, state: "DISABLED" };
}

/**
 * The payload of a version.
 * @throws GoogleError FAILED_PRECONDITION for a disabled or destroyed version.
 */
export function payload(secret: Secret, version: Version): Buffer {
  if (version.state !== "ENABLED" || version.data === undefined) {
    throw new GoogleError(
      "FAILED_PRECONDITION",
      `Secret Version [${versionName(secret, version)}] is in ${version.state} state.`,
    );
  }
  return Buffer.from(version.data, "base64");
}

/** The version without its payload. */
export function destroyed(version: Version): Version {
  const destroyTime = version.scheduledDestroyTime ?? new Date().toISOString();
  return { ...without(version, "data", "scheduledDestroyTime"), state: "DESTROYED", destroyTime };
}

function invalid(message: string): GoogleError {
  return new GoogleError("INVALID_ARGUMENT", message);
}

function notFound(message: string): GoogleError {
  return new GoogleError("NOT_FOUND", message);
}
