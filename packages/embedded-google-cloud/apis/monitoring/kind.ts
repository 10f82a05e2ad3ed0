import { GoogleError } from "../../rest/errors.ts";
import { applyMask, type Fields, isFields, settableFields, without } from "../../rest/fields.ts";

/** A resource of Cloud Monitoring; what a client sets beyond `name` is kept as it came. */
export type MonitoringResource = Fields & { name: string };

/** What Cloud Monitoring keeps, and how. */
export interface Kind {
  readonly version: "v1" | "v3";
  /** As it stands in paths, permissions and lists, such as `alertPolicies`. */
  readonly collection: "alertPolicies" | "dashboards" | "notificationChannels" | "uptimeCheckConfigs";
  readonly settable: readonly string[];
  readonly required: readonly string[];
  /** What the server adds to a resource that was created or changed, in a copy. */
  complete(resource: MonitoringResource, member: string): MonitoringResource;
}

/**
 * Makes a resource.
 * @param name Its name, given by the server.
 * @throws GoogleError INVALID_ARGUMENT for unknown and for missing fields.
 */
export function create(kind: Kind, name: string, body: unknown, member: string): MonitoringResource {
  return checked(kind, kind.complete({ ...read(kind, body), name }, member));
}

/**
 * Changes a resource.
 * @param mask The fields to change; where there is none, all that can be set.
 * @throws GoogleError as {@link create}; ABORTED where the client sends another etag than the current one.
 */
export function update(
  kind: Kind,
  current: MonitoringResource,
  body: unknown,
  mask: string | undefined,
  member: string,
): MonitoringResource {
  const change = read(kind, body);
  if (isFields(body) && body.etag !== undefined && body.etag !== current.etag) {
    throw new GoogleError("ABORTED", `${current.name} was changed by somebody else; read it again.`);
  }
  const next = mask
    ? applyMask(current, change, mask, kind.settable)
    : { ...without(current, ...kind.settable), ...change, name: current.name };
  return checked(kind, kind.complete(next, member));
}

/** When something was changed, and by whom. */
export function mutation(member: string): Fields {
  return { mutateTime: new Date().toISOString(), mutatedBy: member.replace(/^[^:]*:/, "") };
}

function read({ settable }: Kind, body: unknown): Fields {
  return settableFields<Fields>(body, settable, [
    "name",
    "etag",
    "creationRecord",
    "mutationRecord",
    "mutationRecords",
    "validity",
    "verificationStatus",
  ]);
}

function checked({ required }: Kind, resource: MonitoringResource): MonitoringResource {
  const missing = required.find((field) => resource[field] === undefined || resource[field] === "");
  if (missing === undefined) return resource;
  throw new GoogleError("INVALID_ARGUMENT", `Field ${missing} of ${resource.name} must be set.`);
}
