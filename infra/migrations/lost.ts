import { type Google, GoogleError } from "../google.ts";
import { OWNER_ROLE } from "../names.ts";
import type { Place } from "./membership.ts";

/** What a schema needs of its instance. */
interface Needs extends Place {
  readonly bucket: string;
  readonly database: string;
}

/** A login that is not a member of the owner's role, or a database that an import has not filled. */
export interface Lost {
  /** Such as `login settlement_user`. */
  readonly what: string;
  /** Whether it exists. */
  readonly exists: boolean;
}

/**
 * What was deleted manually and created again since the last import, so that the state is wrong about it: a new login is a member
 * of Google's administrators' role only, and a new database is empty. Google names neither in its operations, and need not say
 * which roles a login has, so that another login or database may cause an import that changes nothing. What does not exist
 * counts too, because an update creates it.
 * @returns The first; undefined also if Google does not answer, as for an instance that was stopped: others report that.
 */
export async function lostSinceImport(
  google: Google,
  { bucket, database, instance, project }: Needs,
  logins: readonly string[],
): Promise<Lost | undefined> {
  const read = <T>(path: string) => google.call<T>({ api: "sql", path: `projects/${project}/${path}` });
  try {
    const [{ items: users = [] }, existing, { items: operations = [] }] = await Promise.all([
      read<gapi.client.sql.UsersListResponse>(`instances/${instance}/users`),
      google.find({ api: "sql", path: `projects/${project}/instances/${instance}/databases/${database}` }),
      read<gapi.client.sql.OperationsListResponse>(`operations?instance=${instance}&maxResults=500`),
    ]);
    const done = operations.filter(({ error }) => !error);
    const imported = newest(done.filter((operation) => isImport(operation, bucket)));
    const since = (type: string) => newest(done.filter(({ operationType }) => operationType === type)) > imported;
    if (!existing || since("CREATE_DATABASE")) return { what: `database ${database}`, exists: existing !== undefined };
    for (const name of logins) {
      const user = users.find((one) => one.name === name);
      const member = user?.databaseRoles?.includes(OWNER_ROLE) ?? (user && !since("CREATE_USER"));
      if (member !== true) return { what: `login ${name}`, exists: user !== undefined };
    }
    return undefined;
  } catch (error) {
    if (error instanceof GoogleError) return undefined;
    throw error;
  }
}

/** Whether an operation was an import of this project, which makes the logins members. */
function isImport({ importContext, operationType }: gapi.client.sql.Operation, bucket: string): boolean {
  return operationType === "IMPORT" && importContext?.uri?.startsWith(`gs://${bucket}/imports/`) === true;
}

/** When the newest operation began, in milliseconds since 1970; 0 without one. */
function newest(operations: readonly gapi.client.sql.Operation[]): number {
  return Math.max(0, ...operations.map(({ insertTime = "" }) => Date.parse(insertTime) || 0));
}
