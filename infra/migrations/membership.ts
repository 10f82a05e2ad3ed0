import type { Google } from "../google.ts";
import { OWNER_ROLE, SUPERUSER } from "../names.ts";

/** The instance that has the logins. */
export interface Place {
  readonly project: string;
  readonly instance: string;
}

/** Runs an import with the rights of Cloud SQL's administrators, which the login keeps in no case. */
export async function asSuperuser<T>(google: Google, place: Place, login: string, run: () => Promise<T>): Promise<T> {
  try {
    await grant(google, place, login, SUPERUSER);
    return await run();
  } catch (error) {
    await reduce(google, place, login).catch((again: unknown) => {
      const kept = `The login ${login} keeps ${SUPERUSER} until an update succeeds: ${(again as Error).message}`;
      throw new Error(`${(error as Error).message}\n${kept}`, { cause: error });
    });
    throw error;
  }
}

/** Reduces a login to the owner's role: only Cloud SQL's API can revoke its administrators' role. */
export function reduce(google: Google, place: Place, login: string): Promise<void> {
  return grant(google, place, login, OWNER_ROLE, { revokeExistingRoles: "true" });
}

/** Grants a login a role. @param options Further parameters of the request. */
export async function grant(
  google: Google,
  { instance, project }: Place,
  login: string,
  role: string,
  options: Record<string, string> = {},
): Promise<void> {
  const query = new URLSearchParams({ name: login, databaseRoles: role, ...options });
  const path = `projects/${project}/instances/${instance}/users?${query.toString()}`;
  const body: gapi.client.sql.User = { name: login };
  await google.operate({ api: "sql", method: "PUT", path, body });
}
