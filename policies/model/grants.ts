import type { Resource } from "./resource.ts";
import { type Value, valueAt, valuesAt } from "./values.ts";

/** A role that an IAM resource grants to members, on any kind of resource. */
export interface Grant {
  readonly resource: Resource;
  /** `Member` adds to existing grants; the others replace them. */
  readonly form: "Member" | "Binding" | "Policy";
  readonly role: Value;
  readonly members: readonly Value[];
  /** Whether it is granted on a whole project, folder or organization. */
  readonly wide: boolean;
  /** The condition's expression; undefined if unconditional. */
  readonly condition: Value;
}

/** The roles with `cloudsql.instances.connect`, the smallest first; https://cloud.google.com/sql/docs/postgres/iam-roles */
export const CONNECT = [
  "roles/cloudsql.client",
  "roles/cloudsql.editor",
  "roles/cloudsql.admin",
  "roles/editor",
  "roles/owner",
] as const;

/** The roles with `secretmanager.versions.access`; https://cloud.google.com/iam/docs/roles-permissions/secretmanager */
export const READ_SECRET = ["roles/secretmanager.secretAccessor", "roles/secretmanager.admin", "roles/owner"] as const;

const TYPE = /I(?:am|AM)(Member|Binding|Policy)$/;
const WIDE = /^gcp:(?:projects|folder|organizations)\//;

/** The form of an IAM resource; undefined for any other resource. */
export function grantForm({ type }: Resource): Grant["form"] | undefined {
  return TYPE.exec(type)?.[1] as Grant["form"] | undefined;
}

/** Whether an IAM resource is for a whole project, folder or organization. */
export function isWide({ type }: Resource): boolean {
  return WIDE.test(type);
}

/** What a resource grants; a known policy is split into its bindings. */
export function grants(resource: Resource): Grant[] {
  const form = grantForm(resource);
  if (!form) return [];
  const wide = isWide(resource);
  return bindings(resource, form).map((binding) => ({ resource, form, wide, ...binding }));
}

type Binding = Pick<Grant, "role" | "members" | "condition">;

function bindings({ props }: Resource, form: Grant["form"]): Binding[] {
  if (form !== "Policy") return [binding(props)];
  const data = props.policyData;
  if (typeof data !== "string") return [];
  try {
    const policy = JSON.parse(data, (_key, value: unknown) => value ?? undefined) as Value;
    return valuesAt(policy, "bindings.*").map(({ value }) => binding(value));
  } catch {
    return []; // Google rejects a policy that is not JSON.
  }
}

function binding(value: Value): Binding {
  const members = [...valuesAt(value, "member"), ...valuesAt(value, "members.*")].map((member) => member.value);
  return { role: valueAt(value, "role"), members, condition: valueAt(value, "condition.expression") };
}

/** The members whose value is known. */
export function knownMembers({ members }: Grant): string[] {
  return members.filter((member) => typeof member === "string");
}
