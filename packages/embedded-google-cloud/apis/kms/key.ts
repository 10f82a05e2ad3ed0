import { GoogleError } from "../../rest/errors.ts";
import { settableFields } from "../../rest/fields.ts";
import { seconds } from "../secretmanager/secret.ts";

/** A key ring, as Cloud KMS answers it. It can never be deleted. */
export interface KeyRing {
  /** `projects/P/locations/L/keyRings/R`. */
  readonly name: string;
  readonly createTime: string;
}

/** A key, as Cloud KMS answers it. It can never be deleted; its versions can, and are not here. */
export interface CryptoKey {
  /** `KEY_RING/cryptoKeys/K`. */
  readonly name: string;
  readonly primary: object;
  readonly purpose: string;
  readonly createTime: string;
  readonly rotationPeriod?: string;
  readonly nextRotationTime?: string;
  readonly versionTemplate: object;
  /** How long a version waits before it is destroyed; never changed. */
  readonly destroyScheduledDuration: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** What a client may change later. */
export const CHANGEABLE = ["labels", "nextRotationTime", "rotationPeriod"] as const;

const DAY = 24 * 3600;
/** https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys */
const DESTROY_AFTER = { shortest: DAY, usual: 30 * DAY, longest: 120 * DAY };
/** The same page: a day at least. */
const SHORTEST_ROTATION = DAY;
const TEMPLATE = { protectionLevel: "SOFTWARE", algorithm: "GOOGLE_SYMMETRIC_ENCRYPTION" };

/**
 * Reads a key that a client sends.
 * @throws GoogleError INVALID_ARGUMENT for unknown fields.
 */
export function readKey(body: unknown): Partial<CryptoKey> {
  return settableFields<CryptoKey>(
    body,
    [...CHANGEABLE, "purpose", "versionTemplate", "destroyScheduledDuration"],
    ["name", "primary", "createTime"],
  );
}

/**
 * @param name Its full name.
 * @throws GoogleError INVALID_ARGUMENT for what Cloud KMS refuses, and for purposes that are not here.
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

/** @throws GoogleError INVALID_ARGUMENT where the key's schedule is not one that Cloud KMS takes. */
export function checked(key: CryptoKey): CryptoKey {
  const { nextRotationTime, rotationPeriod } = key;
  if (rotationPeriod === undefined) return key;
  if (seconds(rotationPeriod) < SHORTEST_ROTATION) {
    throw invalid("CryptoKey.rotation_period must be at least 24 hours.");
  }
  if (nextRotationTime === undefined || !(Date.parse(nextRotationTime) > Date.now())) {
    throw invalid("CryptoKey.next_rotation_time must be set, and in the future, where there is a rotation_period.");
  }
  return key;
}

/** @throws GoogleError INVALID_ARGUMENT for an id that Cloud KMS would not take. */
export function checkId(id: string | undefined, what: string): string {
  if (id !== undefined && /^[a-zA-Z0-9_-]{1,63}$/.test(id)) return id;
  throw invalid(`${what} "${id ?? ""}" must match [a-zA-Z0-9_-]{1,63}.`);
}

function invalid(message: string): GoogleError {
  return new GoogleError("INVALID_ARGUMENT", message);
}
