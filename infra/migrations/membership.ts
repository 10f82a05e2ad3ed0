import { type Google, GoogleError } from "../google.ts";
import { OWNER_ROLE, SUPERUSER } from "../names.ts";

/** The instance that has the logins. */
export interface Place {
  readonly project: string;
  readonly instance: string;
}

/** A login that is not a member of the owner's role. */
export interface Outsider {
  readonly name: string;
  /** Whether the login exists. */
  readonly exists: boolean;
}

/**
 * The logins that are not members of the owner's role, such as one that was deleted and created again: Google then makes it a
 * member of its administrators' role only. Google need not say which roles a login has; then one that was created after the
 * last import counts, because only an import makes it a member. A login that does not exist counts too: an update creates it.
 * @returns None if Google does not answer, as for an instance that was stopped: others report that.
 */
export async function withoutMembership(
  google: Google,
  { bucket, instance, project }: Place & { readonly bucket: string },
  logins: readonly string[],
): Promise<readonly Outsider[]> {
  const read = <T>(path: string) => google.call<T>({ api: "sql", path: `projects/${project}/${path}` });
  try {
    const [{ items: users = [] }, { items: operations = [] }] = await Promise.all([
      read<gapi.client.sql.UsersListResponse>(`instances/${instance}/users`),
      read<gapi.client.sql.OperationsListResponse>(`operations?instance=${instance}&maxResults=500`),
    ]);
    const last = operations
      .filter((one) => !one.error && (one.operationType === "CREATE_USER" || makesMembers(one, bucket)))
      .reduce<gapi.client.sql.Operation>((one, other) => (began(one) < began(other) ? other : one), {});
    return logins.flatMap((name) => {
      const user = users.find((one) => one.name === name);
      const member = user?.databaseRoles?.includes(OWNER_ROLE) ?? (user && last.operationType !== "CREATE_USER");
      return member === true ? [] : [{ name, exists: user !== undefined }];
    });
  } catch (error) {
    if (error instanceof GoogleError) return [];
    throw error;
  }
}

/** Whether an operation was an import that makes the logins members. */
function makesMembers({ importContext, operationType }: gapi.client.sql.Operation, bucket: string): boolean {
  return operationType === "IMPORT" && importContext?.uri?.startsWith(`gs://${bucket}/imports/`) === true;
}

/** In milliseconds since 1970; 0 if unknown. */
function began({ insertTime = "" }: gapi.client.sql.Operation): number {
  return Date.parse(insertTime) || 0;
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
