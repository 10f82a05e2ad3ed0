import { GoogleError } from "../../rest/errors.ts";
import { settableFields } from "../../rest/fields.ts";
import { seconds } from "../secretmanager/secret.ts";

/** A key ring, as Cloud KMS returns it. It cannot be deleted. */
export interface KeyRing {
  /** `projects/P/locations/L/keyRings/R`. */
  readonly name: string;
  readonly createTime: string;
}

/** A key, as Cloud KMS returns it. It cannot be deleted; it has one version. */
export interface CryptoKey {
  /** `KEY_RING/cryptoKeys/K`. */
  readonly name: string;
  readonly primary: object;
  readonly purpose: string;
  readonly createTime: string;
  readonly rotationPeriod?: string;
  readonly nextRotationTime?: string;
  readonly versionTemplate: object;
  /** How long a version waits before it is destroyed; immutable. */
  readonly destroyScheduledDuration: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** The fields that a client may change after creation. */
export const CHANGEABLE = ["labels", "nextRotationTime", "rotationPeriod"] as const;

const DAY = 24 * 3600;
/** https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys */
const DESTROY_AFTER = { shortest: DAY, usual: 30 * DAY, longest: 120 * DAY };
/** The same page: at least one day. */
const SHORTEST_ROTATION = DAY;
const TEMPLATE = { protectionLevel: "SOFTWARE", algorithm: "GOOGLE_SYMMETRIC_ENCRYPTION" };

/** @throws GoogleError INVALID_ARGUMENT for a field that cannot be set. */
export function readKey(body: unknown): Partial<CryptoKey> {
  return settableFields<CryptoKey>(body, [...CHANGEABLE, "purpose", "versionTemplate", "destroyScheduledDuration"]);
}

/**
 * @param name Its full name.
 * @throws GoogleError INVALID_ARGUMENT for what Cloud KMS refuses and for purposes that are not implemented.
 */
export function newKey(name: string, fields: Partial<CryptoKey>): CryptoKey {
  const { purpose, destroyScheduledDuration = `${DESTROY_AFTER.usual}s` } = fields;
  if (purpose !== "ENCRYPT_DECRYPT") {
    throw invalid(`The embedded cloud has no keys of purpose ${purpose ?? "CRYPTO_KEY_PURPOSE_UNSPECIFIED"}.`);
  }
  const wait = seconds(destroyScheduledDuration);
  if (wait < DESTROY_AFTER.shortest || wait > DESTROY_AFTER.longest) {
    throw invalid("CryptoKey.destroy_scheduled_duration must be between 1 day and 120 days.");
  }
  const createTime = new Date().toISOString();
  return checked({
    versionTemplate: TEMPLATE,
    ...fields,
    name,
    purpose,
    createTime,
    destroyScheduledDuration,
    primary: {
      name: `${name}/cryptoKeyVersions/1`,
      state: "ENABLED",
      createTime,
      generateTime: createTime,
      ...TEMPLATE,
    },
  });
}

/** @throws GoogleError INVALID_ARGUMENT for a rotation schedule that Cloud KMS refuses. */
export function checked(key: CryptoKey): CryptoKey {
  const { nextRotationTime, rotationPeriod } = key;
  if (rotationPeriod === undefined) return key;
  if (seconds(rotationPeriod) < SHORTEST_ROTATION) {
    throw invalid("CryptoKey.rotation_period must be at least 24 hours.");
  }
  if (nextRotationTime === undefined || !(Date.parse(nextRotationTime) > Date.now())) {
    throw invalid("CryptoKey.next_rotation_time must be a future time if rotation_period is set.");
  }
  return key;
}

/** @throws GoogleError INVALID_ARGUMENT for an id that Cloud KMS refuses. */
export function checkId(id: string | undefined, what: string): string {
  if (id !== undefined && /^[a-zA-Z0-9_-]{1,63}$/.test(id)) return id;
  throw invalid(`${what} "${id ?? ""}" must match [a-zA-Z0-9_-]{1,63}.`);
}

function invalid(message: string): GoogleError {
  return new GoogleError("INVALID_ARGUMENT", message);
}
