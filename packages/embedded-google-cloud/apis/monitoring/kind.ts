import { GoogleError } from "../../rest/errors.ts";
import { applyMask, type Fields, isFields, settableFields, without } from "../../rest/fields.ts";

/** A resource of Cloud Monitoring; all fields but `name` are stored as sent. */
export type MonitoringResource = Fields & { name: string };

/** A type of Cloud Monitoring resource. */
export interface Kind {
  readonly version: "v1" | "v3";
  /** Its name in paths, permissions and lists. */
  readonly collection: "alertPolicies" | "dashboards" | "notificationChannels" | "uptimeCheckConfigs";
  readonly settable: readonly string[];
  readonly required: readonly string[];
  /** A copy of a created or changed resource with the fields that the server adds. */
  complete(resource: MonitoringResource, member: string): MonitoringResource;
}

/**
 * Creates a resource.
 * @param name Its name, chosen by the server.
 * @throws GoogleError INVALID_ARGUMENT for fields that cannot be set and for missing ones.
 */
export function create(kind: Kind, name: string, body: unknown, member: string): MonitoringResource {
  return checked(kind, kind.complete({ ...read(kind, body), name }, member));
}

/**
 * Changes a resource.
 * @param mask The fields to change; without it, all that can be set.
 * @throws GoogleError as {@link create}; ABORTED if the etag that the client sends is not the current one.
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
    throw new GoogleError("ABORTED", `${current.name} has changed since you read it; read it again.`);
  }
  const next = mask
    ? applyMask(current, change, mask, kind.settable)
    : { ...without(current, ...kind.settable), ...change, name: current.name };
  return checked(kind, kind.complete(next, member));
}

/** The record of a change: when, and by which member. */
export function mutation(member: string): Fields {
  return { mutateTime: new Date().toISOString(), mutatedBy: member.replace(/^[^:]*:/, "") };
}

function read({ settable }: Kind, body: unknown): Fields {
  const ignored = "name etag creationRecord mutationRecord mutationRecords validity verificationStatus".split(" ");
  return settableFields<Fields>(body, settable, ignored);
}

function checked({ required }: Kind, resource: MonitoringResource): MonitoringResource {
  const missing = required.find((field) => resource[field] === undefined || resource[field] === "");
  if (missing === undefined) return resource;
  throw new GoogleError("INVALID_ARGUMENT", `Field ${missing} of ${resource.name} must be set.`);
}
