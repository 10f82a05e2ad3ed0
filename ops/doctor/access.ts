import { type Asked, ask } from "../../policies/model/conditions.ts";
import type { Binding, Policy } from "../google/policy.ts";
import { NotVisible } from "../google/reader.ts";

/** Something an account must be allowed, and the predefined roles that allow it, the smallest first. */
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

/** Whether an account has a right, with the sentence that says by what, or why not. */
export interface Grant {
  readonly granted: boolean;
  readonly why: string;
}

/**
 * Whether a member has a right on a resource. Bindings of folders and of the organization are not looked at.
 * @param policies Of the project, and of the resource where it has one of its own.
 * @throws NotVisible where a policy that was not seen, a group or a custom role may grant it.
 */
export async function grant(
  right: Right,
  member: string,
  resource: Required<Asked>,
  policies: readonly Promise<Policy | undefined>[],
  now: Date,
): Promise<Grant> {
  const unseen: NotVisible[] = [];
  const seen = await Promise.all(
    policies.map((policy) =>
      policy.catch((error: unknown): undefined => {
        if (!(error instanceof NotVisible)) throw error;
        unseen.push(error);
      }),
    ),
  );
  const bindings = seen.flatMap((policy) => policy?.bindings ?? []);
  const held = bindings.filter((binding) => right.includes(binding.role) && includes(binding, member));
  const failures = held.map((binding) => ({ binding, failure: conditionFailure(binding, resource, now) }));
  const holding = failures.find(({ failure }) => failure === undefined);
  if (holding) return { granted: true, why: holding.binding.role };
  if (unseen[0]) throw unseen[0];
  const failing = failures[0];
  if (failing) return { granted: false, why: `has ${failing.binding.role}, but ${failing.failure ?? ""}` };
  const indirect = bindings.find((binding) => mayInclude(binding, member, right));
  if (indirect) throw new NotVisible(`${indirect.role} for ${(indirect.members ?? []).join(", ")} may allow it`);
  return { granted: false, why: `lacks ${right[0]}` };
}

function includes({ members = [] }: Binding, member: string): boolean {
  return members.some((held) => [member, "allUsers", "allAuthenticatedUsers"].includes(held));
}

/** Who belongs to a group, and what a custom role allows, stands elsewhere. */
function mayInclude(binding: Binding, member: string, right: Right): boolean {
  if (!binding.role.startsWith("roles/")) return includes(binding, member);
  return (
    right.includes(binding.role) && (binding.members ?? []).some((held) => /^(group|domain|principalSet):/.test(held))
  );
}

/**
 * Why a binding's condition does not hold; undefined where it does, or there is none.
 * https://cloud.google.com/iam/docs/conditions-attribute-reference
 */
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
    ? `its condition "${title}" has expired on ${expiry.toISOString()}`
    : `its condition "${title}" is false for ${resource.name}: ${expression}`;
}
