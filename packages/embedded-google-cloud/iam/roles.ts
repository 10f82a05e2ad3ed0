import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Collection, Store } from "../state/store.ts";

/** A custom role of a project. */
export interface CustomRole {
  /** `projects/PROJECT/roles/ID`. */
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly includedPermissions?: readonly string[];
  readonly stage?: string;
  readonly etag: string;
  /** A deleted role grants nothing, and can be restored. */
  readonly deleted?: boolean;
}

/** The verbs of each role by what they act on: `{"run.services": "get list"}`. `contract/take-over.mjs` takes them over. */
const PREDEFINED = JSON.parse(
  readFileSync(join(import.meta.dirname, "..", "contract", "roles.json"), "utf8"),
) as Record<string, Readonly<Record<string, string>>>;

/** The permissions of those predefined roles that were asked for: each request asks. */
const asked = new Map<string, ReadonlySet<string>>();

/** Google's predefined roles, and the custom roles of all projects. */
export class Roles {
  /** By name. */
  readonly custom: Collection<CustomRole>;

  constructor(store: Store) {
    this.custom = store.collection("custom-roles");
  }

  /** Whether a role exists. @param role Such as `roles/run.viewer` or `projects/PROJECT/roles/ID`. */
  exists(role: string): boolean {
    return isPredefined(role) || this.custom.get(role) !== undefined;
  }

  /** Whether a role holds a permission, such as `run.services.get`; a role that does not exist holds none. */
  allows(role: string, permission: string): boolean {
    if (isPredefined(role)) return permissionsOf(role).has(permission);
    const { deleted, includedPermissions = [], stage } = this.custom.get(role) ?? {};
    return !deleted && stage !== "DISABLED" && includedPermissions.includes(permission);
  }
}

/** Whether a role is one of Google's own. */
export function isPredefined(role: string): boolean {
  return Object.hasOwn(PREDEFINED, role);
}

/** Whether a permission can be part of a custom role. */
export function permissionExists(permission: string): boolean {
  return Object.keys(PREDEFINED).some((role) => permissionsOf(role).has(permission));
}

/** The permissions that can be part of a custom role, in alphabetical order. */
export function allPermissions(): string[] {
  return [...new Set(Object.keys(PREDEFINED).flatMap((role) => [...permissionsOf(role)]))].sort();
}

function permissionsOf(role: string): ReadonlySet<string> {
  const known = asked.get(role);
  if (known) return known;
  const verbs = Object.entries(PREDEFINED[role] ?? {});
  const permissions = new Set(verbs.flatMap(([on, each]) => each.split(" ").map((verb) => `${on}.${verb}`)));
  asked.set(role, permissions);
  return permissions;
}
