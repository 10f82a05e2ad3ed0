import { channel } from "node:diagnostics_channel";
import { errorInfo, GoogleError } from "../rest/errors.ts";
import { type ApiAttributes, conditionHolds } from "./conditions.ts";
import type { Delays } from "../server/faults.ts";
import type { Policies } from "./policies.ts";
import type { Roles } from "./roles.ts";

/** The resource of a request, as IAM conditions see it. */
export interface Resource {
  /** The project that contains it; the project's policy applies to everything in it. */
  readonly project: string;
  /** The API's host, `resource.service` in conditions, such as `sqladmin.googleapis.com`. */
  readonly service: string;
  /** `resource.type` in conditions, such as `sqladmin.googleapis.com/Instance`. */
  readonly type: string;
  /** `resource.name` in conditions, such as `projects/P/instances/I`. */
  readonly name: string;
}

/** The full resource name, the key of the resource's own policy. */
export function fullName(resource: Resource): string {
  return `//${resource.service}/${resource.name}`;
}

/** A project, as a resource. */
export function projectResource(project: string): Resource {
  return {
    project,
    service: "cloudresourcemanager.googleapis.com",
    type: "cloudresourcemanager.googleapis.com/Project",
    name: `projects/${project}`,
  };
}

/** A permission that a call needed and its caller had. */
export interface Used {
  readonly member: string;
  readonly permission: string;
}

/** Publishes every {@link Used} permission; the tests compare them with the roles that the pipelines' identities have. */
const USED = channel("embedded-google-cloud:permission");

/** Evaluates the policies of the project, the resource and the resource's parents. */
export class Access {
  private readonly policies: Policies;
  readonly roles: Roles;
  readonly delays: Delays;

  constructor(policies: Policies, roles: Roles, delays: Delays) {
    this.delays = delays;
    this.policies = policies;
    this.roles = roles;
  }

  /**
   * Whether a member may do what it asks for.
   * @param member Such as `serviceAccount:EMAIL` or `user:EMAIL`; `allUsers` for an anonymous caller.
   * @param permission Such as `secretmanager.versions.access`.
   * @param attributes API attributes of the request, for conditions; none by default.
   */
  allows(member: string, permission: string, resource: Resource, attributes: ApiAttributes = {}): boolean {
    const allowed = this.has(member, permission, resource, attributes);
    if (allowed && USED.hasSubscribers) USED.publish({ member, permission } satisfies Used);
    return allowed;
  }

  /** Whether a member has a permission, which it does not use. The arguments are those of {@link allows}. */
  has(member: string, permission: string, resource: Resource, attributes: ApiAttributes = {}): boolean {
    const grants = (name: string) =>
      this.policies
        .deciding(name, this.delays.bindings)
        .bindings.some(
          (binding) =>
            binding.members.some((granted) => this.includes(granted, member)) &&
            this.roles.allows(binding.role, permission) &&
            (!binding.condition || conditionHolds(binding.condition.expression, resource, attributes)),
        );
    return grants(fullName(projectResource(resource.project))) || containers(fullName(resource)).some(grants);
  }

  /** Whether a member of a binding includes the caller. */
  private includes(granted: string, member: string): boolean {
    const [, role, project = ""] = /^project(Owner|Editor|Viewer):(.+)$/.exec(granted) ?? [];
    if (role === undefined) return includes(granted, member);
    const { bindings } = this.policies.deciding(fullName(projectResource(project)), this.delays.bindings);
    const ofRole = bindings.filter((binding) => binding.role === `roles/${role.toLowerCase()}`);
    return ofRole.some((binding) => binding.members.some((each) => includes(each, member)));
  }

  /** @throws GoogleError PERMISSION_DENIED if {@link allows} is false; the message names the permission. */
  require(member: string, permission: string, resource: Resource, attributes: ApiAttributes = {}): void {
    if (!this.allows(member, permission, resource, attributes)) {
      throw denial(member, permission, resource);
    }
  }
}

/** The full names of a resource and its parents, such as the secret of a version or the bucket of an object. */
function containers(name: string): string[] {
  const parts = name.split("/");
  return parts.map((_part, index) => parts.slice(0, index + 1).join("/"));
}

function denial(member: string, permission: string, resource: Resource): GoogleError {
  if (resource.service !== "storage.googleapis.com") {
    const isProject = resource.service === "cloudresourcemanager.googleapis.com";
    const domain = isProject ? resource.service : "iam.googleapis.com";
    return new GoogleError(
      "PERMISSION_DENIED",
      `Permission '${permission}' denied on resource '${fullName(resource)}' (or it may not exist).`,
      "forbidden",
      [errorInfo("IAM_PERMISSION_DENIED", domain, { permission, resource: resource.name })],
    );
  }
  const caller = member === "allUsers" ? "Anonymous caller" : member.replace(/^[^:]*:/, "");
  const kind = resource.type.endsWith("/Object") ? "object" : "bucket";
  const message =
    `${caller} does not have ${permission} access to the Google Cloud Storage ${kind}. ` +
    `Permission '${permission}' denied on resource (or it may not exist).`;
  return member === "allUsers"
    ? new GoogleError("UNAUTHENTICATED", message, "required")
    : new GoogleError("PERMISSION_DENIED", message, "forbidden");
}

function includes(granted: string, member: string): boolean {
  return granted === member || granted === "allUsers" || (granted === "allAuthenticatedUsers" && member !== "allUsers");
}
