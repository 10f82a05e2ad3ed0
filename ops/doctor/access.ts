import { type Asked, ask } from "../../policies/model/conditions.ts";
import type { Binding, Policy } from "../google/policy.ts";
import { NotVisible } from "../google/reader.ts";

/** The predefined roles that allow something, the smallest first. */
export type Right = readonly [smallest: string, ...larger: string[]];

/** `storage.objects.get`; https://cloud.google.com/storage/docs/access-control/iam-roles */
export const READ_OBJECT: Right = [
  "roles/storage.objectViewer",
  "roles/storage.objectUser",
  "roles/storage.objectAdmin",
  "roles/storage.admin",
  "roles/storage.legacyObjectReader",
  "roles/storage.legacyObjectOwner",
];

/** Whether an account has a right, and by which role or why not. */
export interface Grant {
  readonly granted: boolean;
  readonly why: string;
}

/**
 * Whether a member has a right on a resource. Bindings on folders and the organization are not checked.
 * @param policies Of the project, and of the resource if it has one.
 * @throws NotVisible if a policy that cannot be read, a group or a custom role may grant it.
 */
export async function grant(
  right: Right,
  member: string,
  resource: Required<Asked>,
  policies: readonly Promise<Policy | undefined>[],
  now: Date,
): Promise<Grant> {
  const hidden: NotVisible[] = [];
  const seen = await Promise.all(
    policies.map((policy) =>
      policy.catch((error: unknown): undefined => {
        if (!(error instanceof NotVisible)) throw error;
        hidden.push(error);
      }),
    ),
  );
  const bindings = seen.flatMap((policy) => policy?.bindings ?? []);
  const matching = bindings.filter((binding) => right.includes(binding.role) && includes(binding, member));
  const failures = matching.map((binding) => ({ binding, failure: conditionFailure(binding, resource, now) }));
  const valid = failures.find(({ failure }) => failure === undefined);
  if (valid) return { granted: true, why: valid.binding.role };
  if (hidden[0]) throw hidden[0];
  const failing = failures[0];
  if (failing) return { granted: false, why: `has ${failing.binding.role}, but ${failing.failure ?? ""}` };
  const indirect = bindings.find((binding) => mayInclude(binding, member, right));
  if (indirect) throw new NotVisible(`${indirect.role} for ${(indirect.members ?? []).join(", ")} may allow it`);
  return { granted: false, why: `lacks ${right[0]}` };
}

function includes({ members = [] }: Binding, member: string): boolean {
  return members.some((each) => [member, "allUsers", "allAuthenticatedUsers"].includes(each));
}

/** The members of a group and the permissions of a custom role are not read. */
function mayInclude(binding: Binding, member: string, right: Right): boolean {
  if (!binding.role.startsWith("roles/")) return includes(binding, member);
  return (
    right.includes(binding.role) && (binding.members ?? []).some((each) => /^(group|domain|principalSet):/.test(each))
  );
}

/** Why a binding's condition is false: https://cloud.google.com/iam/docs/conditions-attribute-reference */
function conditionFailure({ condition }: Binding, resource: Required<Asked>, now: Date): string | undefined {
  if (!condition) return undefined;
  const { title = "untitled", expression } = condition;
  const answer = ask(expression, resource, now);
  if (answer === "holds") return undefined;
  if (answer === "unreadable") return `its condition "${title}" cannot be evaluated: ${expression}`;
  const times = [...expression.matchAll(/timestamp\(\s*["']([^"']+)["']\s*\)/g)].map(([, time = ""]) => new Date(time));
  const expiry = times.find(
    (time) => time <= now && ask(expression, resource, new Date(time.getTime() - 1)) === "holds",
  );
  return expiry
    ? `its condition "${title}" expired on ${expiry.toISOString()}`
    : `its condition "${title}" is false for ${resource.name}: ${expression}`;
}
