import { GoogleError } from "../../rest/errors.ts";
import { etagOf } from "../../rest/etag.ts";
import { faultOfLabels } from "../../rest/labels.ts";
import { type Fields, settableFields } from "../../rest/fields.ts";

/** A secret, as Secret Manager returns it. */
export interface Secret {
  /** `projects/NUMBER/secrets/ID`. */
  name: string;
  createTime: string;
  etag: string;
  replication: { automatic?: Fields; userManaged?: Fields };
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  topics?: unknown[];
  expireTime?: string;
  rotation?: Fields;
  versionDestroyTtl?: string;
  tags?: Record<string, string>;
  customerManagedEncryption?: Fields;
}

/** The fields that a client may change after creation. */
export const CHANGEABLE = [
  "labels",
  "annotations",
  "topics",
  "expireTime",
  "rotation",
  "versionDestroyTtl",
  "customerManagedEncryption",
] as const;

/** @throws GoogleError INVALID_ARGUMENT for a field that cannot be set. */
export function readSecret(body: unknown): Partial<Secret> {
  const settable = [...CHANGEABLE, "replication", "tags", "ttl"] as const;
  const ignored = ["name", "etag", "versionAliases"];
  const { ttl, ...fields } = settableFields<Secret & { ttl: string }>(body, settable, ignored);
  const fault = faultOfLabels(fields.labels);
  if (fault !== undefined) throw new GoogleError("INVALID_ARGUMENT", `Secret.labels: ${fault}`);
  if (fields.versionDestroyTtl !== undefined) seconds(fields.versionDestroyTtl);
  return ttl === undefined ? fields : { ...fields, expireTime: after(seconds(ttl)) };
}

/** @throws GoogleError INVALID_ARGUMENT for an id that Google refuses, or without a replication. */
export function newSecret(project: string, id: string | undefined, fields: Partial<Secret>): Secret {
  // https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets/create: up to 255 characters.
  if (!/^[A-Za-z0-9_-]{1,255}$/.test(id ?? "")) {
    throw new GoogleError(
      "INVALID_ARGUMENT",
      `The provided Secret ID [${id ?? ""}] does not match the expected format [[a-zA-Z_0-9]+].`,
    );
  }
  const { replication } = fields;
  if (!replication?.automatic === !replication?.userManaged) {
    throw new GoogleError("INVALID_ARGUMENT", "Secret.replication must be set to one of automatic and userManaged.");
  }
  return sealed({
    ...fields,
    replication: replication ?? {},
    name: `projects/${project}/secrets/${id ?? ""}`,
    createTime: new Date().toISOString(),
    etag: "",
  });
}

/** The secret with a fresh etag. */
export function sealed(secret: Secret): Secret {
  return { ...secret, etag: etagOf({ ...secret, etag: "" }) };
}

/**
 * Refuses a change based on an outdated version.
 * @param sent The etag that the client sends, if any.
 * @throws GoogleError FAILED_PRECONDITION.
 */
export function checkEtag(current: { name: string; etag: string }, sent: unknown): void {
  if (typeof sent !== "string" || sent === "" || sent === current.etag) return;
  throw new GoogleError(
    "FAILED_PRECONDITION",
    `The etag provided [${sent}] does not match the current etag [${current.etag}] of [${current.name}].`,
  );
}

/** The time a number of seconds from now. */
export function after(duration: number): string {
  return new Date(Date.now() + duration * 1000).toISOString();
}

/** @throws GoogleError INVALID_ARGUMENT for anything but a duration such as `86400s`. */
export function seconds(duration: string): number {
  const number = /^(\d+(?:\.\d+)?)s$/.exec(duration)?.[1];
  if (number === undefined) {
    throw new GoogleError("INVALID_ARGUMENT", `Invalid duration "${duration}": expected seconds such as "86400s".`);
  }
  return Number(number);
}
