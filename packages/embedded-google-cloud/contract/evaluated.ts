import { GoogleError } from "../rest/errors.ts";
import type { Method } from "./contract.ts";

const ALL = /^/;

/** The query parameters that the embedded cloud evaluates, and in which methods. */
const EVALUATED: Readonly<Record<string, RegExp>> = {
  ...everywhere("cryptoKeyId databaseRoles jobId keyRingId secretId serviceId"),
  ...everywhere("workloadIdentityPoolId workloadIdentityPoolProviderId"),
  ...everywhere("enableFinalBackup finalBackupDescription finalBackupExpiryTime finalBackupTtlDays"),
  ...everywhere("ifGenerationMatch ifGenerationNotMatch ifMetagenerationMatch ifMetagenerationNotMatch"),
  ...everywhere("instance interval.endTime interval.startTime name network project"),
  ...everywhere("options.requestedPolicyVersion optionsRequestedPolicyVersion permissions"),
  ...everywhere("delimiter fields prefix revokeExistingRoles sourceGeneration updateMask upload_id versions"),
  allowMissing: /services\.patch$/,
  etag: /\.(secrets|services|jobs)\.delete$/,
  failover: /^sql\.instances\.promoteReplica$/,
  filter: /^serviceusage|timeSeries|^secretmanager\.projects\.secrets\.(versions\.)?list$|^sql\.backups\./,
  force: /^monitoring/,
  generation: /^storage\.objects/,
  maxResults: /^storage|^sql\.(operations|instances|backupRuns)/,
  pageSize: /^(?!run.*(revisions|executions)|.*timeSeries)/,
  pageToken: /^(?!run.*(revisions|executions)|.*timeSeries)/,
  showDeleted: /^iam\.projects\.roles/,
  uploadType: /^storage\.objects\.insert/,
  validateOnly: /^run.*(services|jobs)\.(create|patch|delete)$/,
  view: /^iam\.projects\.roles/,
};

/** The form of an answer that asks for the numbers of enums. */
const NUMBERS = "json;enum-encoding=int";

/** The methods and the forms of the answer that are supported; Compute Engine and Cloud Storage know no numbers of enums. */
const FORMS: Readonly<Record<string, RegExp>> = {
  $alt: /^(?!compute|storage).* json;enum-encoding=int$| json$/,
  alt: / json$|^storage\.objects\.get media$/,
};

/** Parameters that make no difference here, with the reason. */
export const WITHOUT_EFFECT = {
  "$.xgafv": "Errors have one form.",
  force: "A connection's ranges are always replaced, as with force=true.",
  includeFoldersAsPrefixes: "No bucket has a hierarchical namespace, and so none has folders.",
  maxBytesRewrittenPerCall: "Every copy is complete in one call, and is as fast.",
  key: "Names the project whose quota is used, and there are no quotas.",
  prettyPrint: "JSON may be laid out in any way.",
  projection: "Access is uniform: there are no access control lists to include or omit.",
  quotaUser: "There are no quotas.",
  requestId: "No request is executed twice, since none is lost.",
  userIp: "There are no quotas.",
  userProject: "Nobody is billed.",
};

function everywhere(names: string): Record<string, RegExp> {
  return Object.fromEntries(names.split(" ").map((name) => [name, ALL]));
}

/** Whether a request asks for the numbers of enums in place of their names. */
export function asksForNumbers({ $alt }: Readonly<Record<string, unknown>>): boolean {
  return $alt === NUMBERS;
}

/** Whether a parameter's value is the same as none: https://protobuf.dev/programming-guides/proto3/#default */
export function isZero(value: unknown): boolean {
  return ["", "false", "0"].includes(String(value).toLowerCase());
}

/**
 * Refuses parameters that Google would evaluate and the embedded cloud does not.
 * @throws GoogleError INVALID_ARGUMENT.
 */
export function refuseUnevaluated({ id }: Method, query: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(query)) {
    if (name in WITHOUT_EFFECT || EVALUATED[name]?.test(id)) continue;
    if (isZero(value)) continue;
    const text = String(value);
    if (FORMS[name]?.test(`${id} ${text}`)) continue;
    throw new GoogleError(
      "INVALID_ARGUMENT",
      `The embedded cloud does not evaluate ${name}=${text}.`,
      "invalidParameter",
    );
  }
}
