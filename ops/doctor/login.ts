import { existsSync } from "node:fs";
import { join } from "node:path";
import { Client, DatabaseError } from "pg";
import { directions, type Migration } from "../../infra/migrations/files.ts";
import { REPEATABLES } from "../../infra/migrations/steps.ts";
import { OWNER_ROLE, VERSIONS_TABLE } from "../../infra/names.ts";
import { DIFFERENCES } from "../migration/drift.ts";
import { NotVisible } from "../google/reader.ts";
import { rightsOn, type TableRights } from "./rights.ts";

/** The result of a login. */
export type Login = { readonly source?: string } & (
  | {
      readonly ok: true;
      /** Or why the login may not use it. */
      readonly contents: Contents | string;
    }
  | {
      readonly ok: false;
      /** PostgreSQL's code, such as `28P01`. */
      readonly code: string;
      readonly message: string;
      /** Whether the password in the password secret is accepted. */
      readonly alternative?: boolean;
    }
);

/** The contents of a database. */
export interface Contents {
  /** Tables of the migrations that do not exist. */
  readonly missing: readonly string[];
  /** Undefined without a table of versions. */
  readonly versions: ReadonlyMap<string, Recorded> | undefined;
  /** The checksum with which each repeatable file was applied, by file. */
  readonly repeatables: ReadonlyMap<string, string>;
  readonly connections: number;
  readonly maxConnections: number;
  /** Undefined before the first import. */
  readonly rights: readonly TableRights[] | undefined;
}

/** What a database records about a version; nothing if dbmate applied it. */
export interface Recorded {
  readonly checksum: string | null;
  readonly at: Date | null;
  /** Id of the backup taken before. */
  readonly backup: string | null;
}

/** A login to try. */
export interface LoginRequest {
  /** Folder of the Auth Proxy's sockets. */
  readonly socket: string;
  /** The socket is in a subfolder of this name, as the Auth Proxy creates it, or in the folder itself. */
  readonly connectionName: string;
  readonly database: string;
  readonly user: string;
  readonly password: string;
}

/** For the connection and for each statement, in milliseconds. */
const TIMEOUT = 5_000;

/**
 * Logs in, and reads what the migrations should have created.
 * @param migrations Those of the repository, in order.
 * @throws NotVisible if PostgreSQL cannot be reached.
 */
export async function logIn(request: LoginRequest, migrations: readonly Migration[]): Promise<Login> {
  try {
    const read = (client: Client) => contents(client, migrations).catch(asMessage);
    return { ok: true, contents: await withClient(request, read) };
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    const { code = "", message } = error;
    return { ok: false, code, message };
  }
}

function asMessage(error: unknown): string {
  if (!(error instanceof DatabaseError)) throw error;
  return error.message;
}

/**
 * How a database differs from a schema, in words.
 * @param request A login that PostgreSQL accepts.
 * @param wanted The schema, see `drift.ts`.
 * @throws NotVisible if PostgreSQL cannot be reached, or refuses to answer.
 */
export async function differencesByLogin(request: LoginRequest, wanted: string): Promise<string[]> {
  try {
    return await withClient(request, async (client) => {
      const { rows } = await client.query<{ difference: string }>(DIFFERENCES, [wanted]);
      return rows.map(({ difference }) => difference);
    });
  } catch (error) {
    if (error instanceof DatabaseError) throw new NotVisible(`the schema cannot be read: ${error.message}`);
    throw error;
  }
}

/**
 * The folder with an instance's socket.
 * @param socket Folder of the Auth Proxy's sockets.
 * @param connectionName The proxy creates a subfolder of this name; the socket may also be in the folder itself.
 */
export function socketFolder(socket: string, connectionName: string): string {
  const below = join(socket, connectionName);
  return existsSync(below) ? below : socket;
}

/** Runs work on a connection that can only read. @throws NotVisible if PostgreSQL cannot be reached; DatabaseError. */
async function withClient<T>(request: LoginRequest, work: (client: Client) => Promise<T>): Promise<T> {
  const { socket, connectionName, database, user, password } = request;
  const client = new Client({
    host: socketFolder(socket, connectionName),
    database,
    user,
    password,
    application_name: "doctor",
    connectionTimeoutMillis: TIMEOUT,
    statement_timeout: TIMEOUT,
    options: "-c default_transaction_read_only=on -c search_path=public",
  });
  client.on("error", () => undefined); // the running query reports it
  try {
    await client.connect();
    return await work(client);
  } catch (error) {
    if (error instanceof DatabaseError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    // A proxy that may not connect closes the accepted connection.
    const role = code === undefined ? "roles/cloudsql.client on the project" : undefined;
    throw new NotVisible(`no connection through ${socket}: ${message}`, role);
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function contents(client: Client, migrations: readonly Migration[]): Promise<Contents | string> {
  const { rows: logins } = await client.query<{ outside: string }>(
    `SELECT current_user AS outside FROM pg_roles
      WHERE rolname = '${OWNER_ROLE}' AND NOT pg_has_role(current_user, oid, 'USAGE')`,
  );
  if (logins[0]) return `the login ${logins[0].outside} is not a member of ${OWNER_ROLE}, which owns the tables`;
  const { rows: missing } = await client.query<{ name: string }>(
    "SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass('public.' || quote_ident(name)) IS NULL",
    [tablesOf(migrations)],
  );
  const { rows: limits } = await client.query<{ used: number; most: number; recorded: boolean; repeatable: boolean }>(
    `SELECT (SELECT count(*)::int FROM pg_stat_activity WHERE datid IS NOT NULL) AS used,
            current_setting('max_connections')::int AS most,
            to_regclass('public.${VERSIONS_TABLE}') IS NOT NULL AS recorded,
            to_regclass('${REPEATABLES}') IS NOT NULL AS repeatable`,
  );
  const versions = limits[0]?.recorded
    ? await client.query<Recorded & { version: string }>(
        // dbmate's own table has one column.
        `SELECT version, line ->> 'checksum' AS checksum, (line ->> 'applied_at')::timestamptz AS at,
                line ->> 'backup' AS backup
           FROM ${VERSIONS_TABLE} entry, to_jsonb(entry) line`,
      )
    : undefined;
  const { rows: repeatables } = limits[0]?.repeatable
    ? await client.query<{ file: string; checksum: string }>(`SELECT file, checksum FROM ${REPEATABLES}`)
    : { rows: [] };
  return {
    missing: missing.map(({ name }) => name),
    versions: versions && new Map(versions.rows.map(({ version, ...recorded }) => [version, recorded])),
    repeatables: new Map(repeatables.map(({ checksum, file }) => [file, checksum])),
    connections: limits[0]?.used ?? 0,
    maxConnections: limits[0]?.most ?? 0,
    rights: await rightsOn(client),
  };
}

const TABLE = String.raw`table\s+(?:if\s+(?:not\s+)?exists\s+)?(?:public\.)?"?(\w+)"?`;

/** The tables that migrations create and do not drop. */
export function tablesOf(migrations: readonly Migration[]): string[] {
  const tables = new Set<string>();
  for (const { file, text } of migrations) {
    const { up } = directions(file, text);
    for (const [, verb, name = ""] of up.matchAll(new RegExp(`\\b(create|drop)\\s+${TABLE}`, "gi"))) {
      if (verb?.toLowerCase() === "create") tables.add(name);
      else tables.delete(name);
    }
  }
  return [...tables];
}
