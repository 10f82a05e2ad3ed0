import { GoogleError } from "../../rest/errors.ts";
import { etagOf } from "../../rest/etag.ts";
import { faultOfLabels } from "../../rest/labels.ts";
import { isRegion } from "../../rest/places.ts";
import { type Fields, isFields, mergePatch, settableFields } from "../../rest/fields.ts";
import { withoutRetention } from "./retention.ts";

/** A bucket, as Cloud Storage returns it; settings without effect here are stored as sent. */
export interface Bucket extends Fields {
  kind: "storage#bucket";
  id: string;
  selfLink: string;
  name: string;
  projectNumber: string;
  generation: string;
  metageneration: string;
  etag: string;
  timeCreated: string;
  updated: string;
  location: string;
  locationType: string;
  storageClass: string;
  rpo?: string;
  iamConfiguration: Fields;
  softDeletePolicy?: Fields;
  versioning?: { enabled?: boolean };
  labels?: Record<string, string>;
  lifecycle?: { rule?: unknown[] };
}

const SETTABLE = [
  ..."acl autoclass billing cors customPlacementConfig defaultEventBasedHold defaultObjectAcl encryption".split(" "),
  ..."hierarchicalNamespace iamConfiguration ipFilter labels lifecycle location logging name".split(" "),
  ..."objectRetention retentionPolicy rpo softDeletePolicy storageClass versioning website".split(" "),
];
const IGNORED = [
  ..."kind id selfLink projectNumber generation metageneration etag timeCreated updated".split(" "),
  ..."locationType owner".split(" "),
];

/** https://cloud.google.com/storage/docs/locations */
const MULTI_REGIONS = ["US", "EU", "ASIA"];
const DUAL_REGIONS = ["ASIA1", "EUR4", "EUR5", "EUR7", "EUR8", "NAM4"];
/** https://cloud.google.com/storage/docs/storage-classes, with the names of before */
const CLASSES = "STANDARD NEARLINE COLDLINE ARCHIVE MULTI_REGIONAL REGIONAL DURABLE_REDUCED_AVAILABILITY".split(" ");
/** https://cloud.google.com/storage/docs/soft-delete: seven days by default. */
const SOFT_DELETE_SECONDS = "604800";
/** https://cloud.google.com/storage/docs/uniform-bucket-level-access: it can be disabled for 90 days. */
const UNIFORM_ACCESS_LOCK = 90 * 24 * 3600 * 1000;

/** @throws GoogleError INVALID_ARGUMENT for a field that cannot be set, or a name that Google refuses. */
export function newBucket(projectNumber: string, body: unknown): Bucket {
  const fields = withoutRetention(settableFields<Bucket>(body, SETTABLE, IGNORED));
  const { name } = fields;
  // https://cloud.google.com/storage/docs/buckets#naming: 3 to 63 characters, up to 222 with dots.
  if (typeof name !== "string" || !isBucketName(name)) {
    throw new GoogleError("INVALID_ARGUMENT", `Invalid bucket name: '${String(name)}'`, "invalid");
  }
  const now = new Date().toISOString();
  const location = (fields.location ?? "US").toUpperCase();
  if (!isRegion(location.toLowerCase()) && ![...MULTI_REGIONS, ...DUAL_REGIONS].includes(location)) {
    throw new GoogleError("INVALID_ARGUMENT", "The specified location constraint is not valid.", "invalid");
  }
  const locationType = MULTI_REGIONS.includes(location)
    ? "multi-region"
    : location.includes("-")
      ? "region"
      : "dual-region";
  return completed({
    ...(locationType !== "region" && { rpo: "DEFAULT" }),
    storageClass: "STANDARD",
    iamConfiguration: {},
    softDeletePolicy: { retentionDurationSeconds: SOFT_DELETE_SECONDS },
    ...fields,
    kind: "storage#bucket",
    id: name,
    selfLink: `https://www.googleapis.com/storage/v1/b/${name}`,
    name,
    projectNumber,
    generation: String(Date.now() * 1000),
    metageneration: "1",
    etag: "",
    timeCreated: now,
    updated: now,
    location,
    locationType,
  });
}

/** https://cloud.google.com/storage/docs/buckets#naming */
function isBucketName(name: string): boolean {
  return (
    /^(?=.{3,222}$)[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?)*$/.test(name) &&
    !/^\d+\.\d+\.\d+\.\d+$/.test(name) &&
    !/^goog|g[o0][o0]g[l1]e/.test(name)
  );
}

/** The bucket after PATCH: the body is merged into it, null removes. */
export function patchedBucket(bucket: Bucket, body: unknown): Bucket {
  return changed(bucket, mergePatch(bucket, withoutRetention(settableFields<Bucket>(body, SETTABLE, IGNORED))));
}

/** The bucket after PUT: fields that were not sent get the defaults of a new bucket. */
export function replacedBucket(bucket: Bucket, body: unknown): Bucket {
  const { name, location, projectNumber, generation, timeCreated } = bucket;
  const fields = withoutRetention(settableFields<Bucket>(body, SETTABLE, IGNORED));
  return changed(bucket, { ...newBucket(projectNumber, { name, location, ...fields }), generation, timeCreated });
}

function changed(before: Bucket, after: Bucket): Bucket {
  for (const field of ["name", "location"] as const) {
    if (after[field].toUpperCase() !== before[field].toUpperCase()) {
      throw new GoogleError("INVALID_ARGUMENT", `The ${field} of a bucket cannot be changed.`, "invalid");
    }
  }
  return completed({
    ...after,
    location: before.location,
    metageneration: String(Number(before.metageneration) + 1),
    updated: new Date().toISOString(),
  });
}

/** The bucket with the settings that Google adds, and with a fresh etag. */
function completed(bucket: Bucket): Bucket {
  const { lifecycle, softDeletePolicy, iamConfiguration, ...rest } = bucket;
  if (!CLASSES.includes(rest.storageClass)) {
    throw new GoogleError("INVALID_ARGUMENT", `Invalid storage class: '${rest.storageClass}'`, "invalid");
  }
  const fault = faultOfLabels(rest.labels);
  if (fault !== undefined) throw new GoogleError("INVALID_ARGUMENT", `Invalid labels: ${fault}`, "invalid");
  const result = {
    ...rest,
    iamConfiguration: completedAccess(iamConfiguration),
    ...(lifecycle?.rule?.length && { lifecycle }),
    ...(softDeletePolicy && { softDeletePolicy: completedSoftDelete(softDeletePolicy) }),
  };
  return { ...result, etag: etagOf({ ...result, etag: "" }) };
}

function completedAccess(sent: Fields): Fields {
  const wanted = sent.uniformBucketLevelAccess ?? sent.bucketPolicyOnly;
  const { enabled, lockedTime } = isFields(wanted) ? wanted : {};
  const uniform =
    enabled === true
      ? { enabled, lockedTime: lockedTime ?? new Date(Date.now() + UNIFORM_ACCESS_LOCK).toISOString() }
      : { enabled: false };
  const both = { uniformBucketLevelAccess: uniform, bucketPolicyOnly: uniform };
  return { publicAccessPrevention: "inherited", ...sent, ...both };
}

function completedSoftDelete({ retentionDurationSeconds, effectiveTime }: Fields): Fields {
  const seconds =
    typeof retentionDurationSeconds === "number" ? String(retentionDurationSeconds) : retentionDurationSeconds;
  return seconds === "0"
    ? { retentionDurationSeconds: seconds }
    : { retentionDurationSeconds: seconds, effectiveTime: effectiveTime ?? new Date().toISOString() };
}
