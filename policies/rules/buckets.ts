import { policy } from "../engine/policy.ts";
import { isA } from "../model/resource.ts";
import { mayBe, text, valueAt } from "../model/values.ts";

const BUCKET = "gcp:storage/bucket:Bucket";

export const uniformAccess = policy({
  name: "bucket-uniform-access",
  sentence: "Only IAM controls access to a bucket, not access lists on each object.",
  level: "advisory",
  severity: "high",
  reference: "CIS 5.2",
  peers: ["CKV_GCP_29", "CIS 5.2"],
  resource: (resource, report) => {
    if (!isA(resource, BUCKET) || mayBe(resource.props.uniformBucketLevelAccess, (on) => on === true)) return;
    report(resource, "uniformBucketLevelAccess is off; set it to true.");
  },
});

export const publicAccessPrevention = policy({
  name: "bucket-public-access-prevention",
  sentence: "A bucket cannot be made public, even by a later grant.",
  level: "advisory",
  severity: "high",
  reference: "CIS 5.1",
  peers: ["CKV_GCP_114"],
  resource: (resource, report) => {
    if (!isA(resource, BUCKET) || mayBe(resource.props.publicAccessPrevention, (mode) => mode === "enforced")) return;
    report(resource, 'publicAccessPrevention is not enforced; set it to "enforced".');
  },
});

export const versioning = policy({
  name: "bucket-versioning",
  sentence: "A bucket keeps overwritten and deleted objects, so that migrations that already ran can still be read.",
  level: "advisory",
  severity: "medium",
  reference: "https://cloud.google.com/storage/docs/object-versioning",
  peers: ["CKV_GCP_78"],
  resource: (resource, report) => {
    if (!isA(resource, BUCKET) || mayBe(valueAt(resource.props, "versioning.enabled"), (on) => on === true)) return;
    report(resource, "versioning.enabled is off; set it to true, with a lifecycle rule that deletes old versions.");
  },
});

export const noSelfLogging = policy({
  name: "bucket-not-its-own-log",
  sentence: "A bucket does not log access to itself: every log entry would cause another.",
  level: "advisory",
  severity: "low",
  reference: "https://cloud.google.com/storage/docs/access-logs",
  peers: ["CKV_GCP_63"],
  resource: (resource, report) => {
    if (!isA(resource, BUCKET)) return;
    const log = text(valueAt(resource.props, "logging.logBucket"));
    if (log === undefined || log !== resource.props.name) return;
    report(resource, "logging.logBucket is the bucket itself; use another bucket.");
  },
});
