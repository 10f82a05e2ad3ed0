import { createHash } from "node:crypto";
import { GoogleError } from "../rest/errors.ts";
import { isFields } from "../rest/fields.ts";
import { type Access, fullName, type Resource } from "./access.ts";
import { readBindings } from "./bindings.ts";
import type { Binding, Policies, Policy } from "./policies.ts";

/** Looks up service accounts. */
export interface AccountDirectory {
  /** Whether an email belongs to a project of the embedded cloud, but no such service account exists. */
  isMissing(email: string): boolean;
}

/** getIamPolicy, setIamPolicy and testIamPermissions, for every resource with a policy. */
export class PolicyRequests {
  private readonly policies: Policies;
  private readonly access: Access;
  private readonly accounts: AccountDirectory;

  constructor(policies: Policies, access: Access, accounts: AccountDirectory) {
    this.policies = policies;
    this.access = access;
    this.accounts = accounts;
  }

  /**
   * @param requestedVersion From the request; 1 by default. Below 3, conditions are replaced by a suffix of the role name:
   * https://cloud.google.com/iam/docs/troubleshooting-withcond
   */
  get(resource: Resource, requestedVersion: unknown): Policy {
    const version = readVersion(requestedVersion);
    const policy = this.policies.get(fullName(resource));
    return version >= 3 || policy.version < 3
      ? policy
      : { ...policy, version: 1, bindings: policy.bindings.map(withoutCondition) };
  }

  /**
   * @param sent The policy in the request.
   * @param updateMask The fields to update; all by default.
   * @throws GoogleError INVALID_ARGUMENT if it is not a policy; ABORTED if its etag is not the current one.
   */
  set(resource: Resource, sent: unknown, updateMask?: unknown): Policy {
    if (!isFields(sent)) throw new GoogleError("INVALID_ARGUMENT", "The policy must be set.", "invalid");
    const name = fullName(resource);
    const current = this.policies.get(name);
    const isUpdated = (field: string) => typeof updateMask !== "string" || updateMask.split(",").includes(field);
    const { etag, auditConfigs } = sent;
    const next = {
      version: readVersion(sent.version),
      bindings: isUpdated("bindings")
        ? readBindings(sent.bindings, this.access.roles, (email) => this.accounts.isMissing(email))
        : current.bindings,
      ...(typeof etag === "string" && etag !== "" && { etag }),
      ...(isUpdated("auditConfigs")
        ? Array.isArray(auditConfigs) && { auditConfigs }
        : current.auditConfigs && { auditConfigs: current.auditConfigs }),
    };
    const policy = this.policies.set(name, next);
    if (this.access.delays.bindings > 0) this.policies.keepFormer(name, current);
    return policy;
  }

  /**
   * Like {@link set}, for a project, which keeps an owner, and a caller who may be allowed to grant only some roles.
   * @param permission What the caller needs, such as `resourcemanager.projects.setIamPolicy`.
   * @throws GoogleError PERMISSION_DENIED, and the errors of {@link set}.
   */
  setFor(caller: string, permission: string, resource: Resource, sent: unknown, updateMask?: unknown): Policy {
    const before = this.policies.get(fullName(resource)).bindings;
    const isKept = typeof updateMask === "string" && !updateMask.split(",").includes("bindings");
    const wanted = isFields(sent) && Array.isArray(sent.bindings) ? (sent.bindings as Binding[]) : [];
    const after = isKept ? before : wanted;
    const roles = [...new Set([...before, ...after].map(({ role }) => role))].filter(
      (role) => grants(before, role) !== grants(after, role),
    );
    const attributes = { "iam.googleapis.com/modifiedGrantsByRole": roles };
    this.access.require(caller, permission, resource, attributes);
    const owners = roles.includes(OWNER) ? ownersIn(before).filter((member) => !ownersIn(after).includes(member)) : [];
    if (owners.length > 0 && ownersIn(after).length === 0) throw noOwner(owners);
    return this.set(resource, sent, updateMask);
  }

  /** The subset of some permissions that a member has on a resource. */
  test(member: string, resource: Resource, permissions: unknown): { permissions?: string[] } {
    const granted = [permissions]
      .flat()
      .filter((each): each is string => typeof each === "string" && this.access.has(member, each, resource));
    return granted.length > 0 ? { permissions: granted } : {};
  }
}

const OWNER = "roles/owner";

function ownersIn(bindings: readonly Binding[]): readonly string[] {
  return bindings.flatMap(({ members, role }) => (role === OWNER && Array.isArray(members) ? members : []));
}

/** https://cloud.google.com/resource-manager/reference/rest/v1/projects/setIamPolicy, "There must be at least one owner" */
function noOwner(members: readonly string[]): GoogleError {
  const type = { "@type": "type.googleapis.com/google.cloudresourcemanager.v1.ProjectIamPolicyError" };
  return new GoogleError(
    "INVALID_ARGUMENT",
    "Request contains an invalid argument.",
    "badRequest",
    members.map((member) => ({ ...type, type: "SOLO_REQUIRE_TOS_ACCEPTOR", member, role: OWNER })),
  );
}

/** The grants of a role in comparable form: clients may order a condition's keys as they like. */
function grants(bindings: readonly Binding[], role: string): string {
  const matching = bindings.filter((binding) => binding.role === role);
  const lines = matching.flatMap(({ members, condition }) =>
    (Array.isArray(members) ? members : []).map((member) =>
      JSON.stringify([member, condition?.title, condition?.expression, condition?.description ?? ""]),
    ),
  );
  return [...new Set(lines)].sort().join("\n");
}

function readVersion(sent: unknown): number {
  const version = Number(sent ?? 1);
  if (![0, 1, 3].includes(version)) {
    throw new GoogleError("INVALID_ARGUMENT", "The version of a policy must be 0, 1 or 3.", "invalid");
  }
  return version;
}

function withoutCondition({ role, members, condition }: Binding): Binding {
  if (!condition) return { role, members };
  const mark = createHash("sha256").update(JSON.stringify(condition)).digest("hex").slice(0, 20);
  return { role: `${role}_withcond_${mark}`, members };
}
