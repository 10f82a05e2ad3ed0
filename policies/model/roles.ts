import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ADMINISTRATIVE, IMPERSONATING, isPermission } from "./permissions.ts";
import { type Grant } from "./grants.ts";
import { ofType, type Resource } from "./resource.ts";
import { lastPart, text, UNKNOWN, valuesAt } from "./values.ts";

/** The predefined roles that hold each permission of permissions.ts; `take-over.mjs` writes it. */
const HOLDERS = JSON.parse(readFileSync(join(import.meta.dirname, "roles.json"), "utf8")) as Record<string, string[]>;

/** The permission by which a predefined role controls more than it uses, if any. */
export const administrative = byRole(ADMINISTRATIVE);

/** The permission by which a predefined role acts as service accounts, if any. */
export const impersonating = byRole(IMPERSONATING);

function byRole(permissions: readonly string[]): (role: string) => string | undefined {
  const found = new Map<string, string>();
  for (const permission of permissions.toReversed())
    for (const role of HOLDERS[permission] ?? []) found.set(role, permission);
  return (role) => found.get(role);
}

/** The stack's own role that a grant is of: by name or, if that is not known, by the grant's dependencies. */
export function customRole({ role, resource }: Grant, resources: readonly Resource[]): Resource | undefined {
  const name = text(role);
  const all = ofType(
    resources,
    "gcp:projects/iAMCustomRole:IAMCustomRole",
    "gcp:organizations/iAMCustomRole:IAMCustomRole",
  );
  if (name === undefined) return all.find((one) => role === UNKNOWN && resource.madeOf.role?.includes(one));
  return name.startsWith("roles/") ? undefined : all.find(({ props }) => props.roleId === lastPart(name));
}

/** The permissions of a custom role; undefined if one of them is not known. */
export function permissionsOf({ props }: Resource): string[] | undefined {
  if (props.permissions === UNKNOWN) return undefined;
  const values = valuesAt(props, "permissions.*").map(({ value }) => value);
  return values.includes(UNKNOWN) ? undefined : values.flatMap((value) => text(value) ?? []);
}

/** The first of a custom role's permissions that is one of these; undefined if the grant is not of a role of the stack. */
export function heldBy(
  grant: Grant,
  permissions: readonly string[],
  resources: readonly Resource[],
): string | undefined {
  const custom = customRole(grant, resources);
  const held = custom && permissionsOf(custom);
  return held?.find((one) => permissions.some((permission) => isPermission(one, permission)));
}
