/**
 * Parses and formats connection names and connection strings of Cloud SQL. Pure and without imports, so that the program,
 * the policies, the embedded cloud and the commands can all use it.
 */

/** The parts of a connection name, `PROJECT:REGION:INSTANCE`. */
export interface ConnectionName {
  /** Project id, possibly domain-scoped, as in `example.com:project`. */
  readonly project: string;
  /** Region, such as `us-central1`; never a zone. */
  readonly region: string;
  readonly instance: string;
}

/**
 * The parsed value, or a sentence that says what is wrong and what is expected. The text may be a secret, so the sentence
 * quotes only what is certainly a connection name.
 */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };

const REGION = /^[a-z]+(?:-[a-z]+)+[0-9]+$/;
const ZONE = /^([a-z]+(?:-[a-z]+)+[0-9]+)-[a-z]$/;
// https://cloud.google.com/resource-manager/docs/creating-managing-projects: 6 to 30 characters.
const PROJECT = /^(?:[a-z0-9.-]+\.[a-z]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$/;
// https://cloud.google.com/sql/docs/postgres/instance-settings: at most 98 characters together with the project id.
const INSTANCE = /^[a-z](?:[a-z0-9-]*[a-z0-9])?$/;

/** The region of a zone: `us-central1` for `us-central1-a`; undefined if the text is not a zone. */
export function regionOfZone(location: string): string | undefined {
  return ZONE.exec(location)?.[1];
}

/** Whether a text has the form of a region, such as `us-central1`; a zone does not. */
export function isRegion(location: string): boolean {
  return REGION.test(location);
}

/** Parses a connection name, such as `fusion-prime:us-central1:fusion-prime-db-a504713e`. */
export function parseConnectionName(text: string): Parsed<ConnectionName> {
  const wrong = (what: string): Parsed<never> => ({
    ok: false,
    problem: `the connection name ${what}; expected PROJECT:REGION:INSTANCE`,
  });
  if (/\s/.test(text)) return wrong("contains blanks");
  if (text !== text.toLowerCase()) return wrong("contains upper case letters");
  const parts = text.split(":");
  // A domain-scoped project id contains a colon.
  const scoped = parts.length === 4 && (parts[0] ?? "").includes(".");
  if (parts.length !== 3 && !scoped) return wrong(`has ${parts.length} ${parts.length === 1 ? "part" : "parts"}`);
  const instance = parts.at(-1) ?? "";
  const region = parts.at(-2) ?? "";
  const project = parts.slice(0, -2).join(":");
  for (const [name, value] of Object.entries({ project, region, instance })) {
    if (value === "" || value.startsWith(":") || value.endsWith(":")) return wrong(`has an empty ${name}`);
  }
  const isProject = PROJECT.test(project);
  const isInstance = INSTANCE.test(instance) && project.length + instance.length <= 98;
  const home = regionOfZone(region);
  if (home !== undefined) {
    const zone = isProject && isInstance ? `the zone "${region}"` : "a zone";
    const instead = isProject && isInstance ? `: use "${[project, home, instance].join(":")}"` : "";
    return wrong(`carries ${zone} where the region belongs${instead}`);
  }
  if (!REGION.test(region)) return wrong("has a middle part that is not a region");
  if (!isProject) return wrong("begins with something that is not a project id");
  if (!isInstance) return wrong("ends with something that is not an instance name");
  return { ok: true, value: { project, region, instance } };
}

/** Formats a connection name. @throws Error if the parts are invalid, for example with a zone in place of the region. */
export function formatConnectionName(name: ConnectionName): string {
  const text = `${name.project}:${name.region}:${name.instance}`;
  const parsed = parseConnectionName(text);
  if (!parsed.ok) throw new Error(`"${text}" is invalid: ${parsed.problem}`);
  return text;
}

/** The parts of a connection string in SQLAlchemy's format. */
export interface ConnectionString {
  /** Dialect and driver, such as `postgresql+asyncpg`. */
  readonly driver: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** The instance whose socket it points to. */
  readonly instance: ConnectionName;
}

/** The folder in which Cloud Run mounts Cloud SQL sockets. */
export const SOCKET_ROOT = "/cloudsql";

/** Schemes that a message may quote; any other text before the colon may be a secret. */
const OTHER_DATABASES = /^(?:sqlite|mysql|mariadb|mssql|oracle|redis|mongodb)(?:\+[a-z0-9]+)?$/;

const CONNECTION_STRING = /^([a-z0-9+]+):\/\/([^:@/?#]+):([^@/?#]+)@\/([^?/#]+)\?host=([^&#]+)$/;

/**
 * Parses a connection string of the form
 * `postgresql+asyncpg://USER:PASSWORD@/DATABASE?host=/cloudsql/PROJECT:REGION:INSTANCE`. A problem never quotes it.
 */
export function parseConnectionString(text: string): Parsed<ConnectionString> {
  const wrong = (what: string): Parsed<never> => ({
    ok: false,
    problem: `the connection string ${what}; expected postgresql+asyncpg://USER:PASSWORD@/DATABASE?host=${SOCKET_ROOT}/PROJECT:REGION:INSTANCE`,
  });
  const scheme = /^([a-z0-9+]+):/.exec(text)?.[1];
  if (scheme !== undefined && !/^postgres(ql)?(\+[a-z0-9]+)?$/.test(scheme)) {
    const driver = OTHER_DATABASES.test(scheme) ? `the driver "${scheme}"` : "a driver";
    return wrong(`uses ${driver}, which is not PostgreSQL`);
  }
  const match = CONNECTION_STRING.exec(text);
  if (!match) return wrong("does not have the expected form");
  const [, driver = "", user = "", password = "", database = "", host = ""] = match;
  let decoded: string[];
  try {
    decoded = [user, password, database, host].map(decodeURIComponent);
  } catch {
    return wrong("contains an invalid percent-encoding");
  }
  const [plainUser = "", plainPassword = "", plainDatabase = "", socket = ""] = decoded;
  if (!socket.startsWith(`${SOCKET_ROOT}/`)) return wrong(`has a host that is not below ${SOCKET_ROOT}`);
  const instance = parseConnectionName(socket.slice(SOCKET_ROOT.length + 1));
  if (!instance.ok) return instance;
  return {
    ok: true,
    value: { driver, user: plainUser, password: plainPassword, database: plainDatabase, instance: instance.value },
  };
}

/** Formats a connection string. @throws Error if the connection name is invalid; the message quotes no credential. */
export function formatConnectionString(parts: ConnectionString): string {
  const [user, password, database] = [parts.user, parts.password, parts.database].map(encodeURIComponent);
  return `${parts.driver}://${user}:${password}@/${database}?host=${SOCKET_ROOT}/${formatConnectionName(parts.instance)}`;
}
