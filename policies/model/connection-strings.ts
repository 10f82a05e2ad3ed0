import { SOCKET_ROOT } from "../../infra/connection.ts";

/** What a connection string says for certain; a missing part is not said, or not in a form that is read here. */
export interface ConnectionString {
  /** The scheme, such as `postgresql+asyncpg`; undefined for a list of keys and values. */
  readonly driver?: string | undefined;
  readonly system?: "PostgreSQL" | "MySQL" | "SQL Server" | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly database?: string | undefined;
  /** The connection name of the instance: the name of its socket below `/cloudsql`, or an option of Google's connectors. */
  readonly instance?: string | undefined;
  /** Whether the driver opens the socket that Cloud Run mounts; Google's connectors inside a driver do not need it. */
  readonly socket: boolean;
  /** The host of a TCP connection. */
  readonly host?: string | undefined;
}

const SYSTEMS: Readonly<Record<string, ConnectionString["system"]>> = {
  postgres: "PostgreSQL",
  postgresql: "PostgreSQL",
  postgis: "PostgreSQL",
  mysql: "MySQL",
  mysql2: "MySQL",
  mariadb: "MySQL",
  mssql: "SQL Server",
  sqlserver: "SQL Server",
};

/** The names of each part among a URL's parameters and in lists of keys and values, in lower case. */
const KEYS = {
  user: ["user", "username", "user id", "userid", "uid"],
  password: ["password", "pwd"],
  database: ["dbname", "database", "db", "initial catalog"],
  host: ["host", "hostaddr", "server", "data source"],
  socket: ["unix_sock", "unix_socket", "unixsocket", "unixsocketpath", "socket", "socketpath"],
  instance: ["cloudsqlinstance"],
} as const;

/**
 * Reads a connection string in the forms of the drivers for PostgreSQL and MySQL: libpq's and SQLAlchemy's URLs, Prisma's,
 * Django's, JDBC's, node-postgres's `socket:`, keys and values of libpq, pgx and .NET, and Go's `user:password@unix(…)/db`.
 * Undefined if it is none, such as the URL of another product or a password alone.
 */
export function readConnectionString(text: string): ConnectionString | undefined {
  const plain = text.trim();
  return readUrl(plain) ?? readGo(plain) ?? readPairs(plain);
}

function readUrl(text: string): ConnectionString | undefined {
  const [, scheme = "", rest = ""] = /^(?:jdbc:)?([a-z][a-z0-9+]*):(?:\/\/)?(.*)$/is.exec(text) ?? [];
  const driver = scheme.toLowerCase();
  const system = SYSTEMS[driver.split("+")[0] ?? ""];
  if (system === undefined && driver !== "socket") return undefined;
  const [, before = "", query = ""] = /^([^?#]*)(?:\?([^#]*))?/s.exec(rest) ?? [];
  // Only a user and a password end with "@"; they may contain "/", which Google's passwords do.
  const at = before.lastIndexOf("@");
  const [user, password] = at < 0 ? [] : separated(before.slice(0, at));
  const place = before.slice(at + 1);
  const parameters = new Map(
    query.split("&").map((pair) => [pair.replace(/=.*/s, "").toLowerCase(), decoded(pair.replace(/^[^=]*=?/s, ""))]),
  );
  const parameter = (part: keyof typeof KEYS) => KEYS[part].map((key) => parameters.get(key)).find((value) => value);
  const inPlace = placed(place);
  if (!inPlace) return undefined;
  const where = located({
    socket: parameter("socket") ?? inPlace.socket,
    host: parameter("host") ?? inPlace.host,
    instance: parameter("instance"),
  });
  return {
    driver,
    system: system ?? "PostgreSQL",
    user: decoded(user) ?? parameter("user"),
    password: decoded(password) ?? parameter("password"),
    database: inPlace.database ?? parameter("database"),
    ...where,
  };
}

/** The host, or the socket in its place or in the path, and the database: `host:port/db`, `%2Fcloudsql%2F…/db`, `//cloudsql/…/db`. */
function placed(place: string): { host?: string; socket?: string; database?: string } | undefined {
  const plain = decoded(place) ?? place;
  const [, socket, below = ""] = /^(\/?\/cloudsql\/[^/]+)(?:\/\.s\.[^/]*)?(?:\/(.*))?$/s.exec(plain) ?? [];
  if (socket !== undefined) return { socket: socket.replace(/^\/\//, "/"), ...(below && { database: below }) };
  const [authority = "", database = ""] = place.split(/\/(.*)/s);
  if (!/^(?:[\w.,:%-]|\[[0-9a-f:]+\])*$/i.test(authority)) return undefined;
  const host = authority.replace(/:\d*$/, "");
  const name = decoded(database);
  return { ...(host && { host }), ...(name && !name.includes("/") && { database: name }) };
}

/** `user:password@unix(/cloudsql/…)/db` or `…@tcp(host:port)/db` of Go's MySQL driver, and `…@cloudsql-mysql(…)/db` of Google's connector. */
function readGo(text: string): ConnectionString | undefined {
  const [, user = "", password, net = "", address = "", database = ""] =
    /^([^:@/\s]+)(?::(.*))?@([a-z-]+)\(([^()]*)\)\/([^?\s]*)(?:\?\S*)?$/s.exec(text) ?? [];
  if (net === "") return undefined;
  const where =
    net === "unix"
      ? located({ socket: address })
      : net.startsWith("cloudsql")
        ? located({ instance: address })
        : located({ host: address.replace(/:\d*$/, "") });
  return { system: "MySQL", user, password, ...(database && { database }), ...where };
}

/** `host=… user=…` of libpq and pgx, and `Host=…;Username=…` of .NET. */
function readPairs(text: string): ConnectionString | undefined {
  const separator = /^[^=\s]+( [^=\s]+)?\s*=[^;]*;/.test(text) ? ";" : " ";
  const form =
    separator === ";"
      ? /\s*([^=;]+?)\s*=\s*("[^"]*"|'[^']*'|[^;]*)\s*(?:;|$)/gy
      : /\s*(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|\S*)/gy;
  const pairs = new Map<string, string>();
  let end = 0;
  for (const match of text.matchAll(form)) {
    const [whole, key = "", value = ""] = match;
    pairs.set(key.toLowerCase(), value.replace(/^(['"])(.*)\1$/s, "$2"));
    end = match.index + whole.length;
  }
  if (text.slice(end).trim() !== "") return undefined;
  const pair = (part: keyof typeof KEYS) => KEYS[part].map((key) => pairs.get(key)).find((value) => value);
  const where = located({ socket: pair("socket"), host: pair("host"), instance: pair("instance") });
  // Other products have hosts and users too, but no database.
  if (where.host === undefined && where.instance === undefined) return undefined;
  if (pair("database") === undefined || pair("user") === undefined) return undefined;
  return { user: pair("user"), password: pair("password"), database: pair("database"), ...where };
}

function located(given: {
  readonly socket?: string | undefined;
  readonly host?: string | undefined;
  readonly instance?: string | undefined;
}): Pick<ConnectionString, "instance" | "socket" | "host"> {
  const path = [given.socket, given.host].find((value) => value?.startsWith(`${SOCKET_ROOT}/`));
  if (given.instance !== undefined) return { instance: given.instance, socket: path !== undefined };
  if (path === undefined) return { socket: false, ...(given.host !== undefined && { host: given.host }) };
  return { instance: path.slice(SOCKET_ROOT.length + 1).replace(/\/.*/s, ""), socket: true };
}

function separated(user: string): [string, string | undefined] {
  const colon = user.indexOf(":");
  return colon < 0 ? [user, undefined] : [user.slice(0, colon), user.slice(colon + 1)];
}

/** The text without percent-encoding; undefined if it is empty or wrongly encoded. */
function decoded(text: string | undefined): string | undefined {
  try {
    return text === undefined || text === "" ? undefined : decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** Whether a part of a connection string is filled in when the container starts, such as `$(DB_PASS)`. */
export function isPlaceholder(text: string): boolean {
  return /^(?:\$\(\w+\)|\$\{?\w+\}?|<[^<>]*>|\{\{?\s*[\w.]*\s*\}?\}|%[a-z]|\*+|x{3,}|\.\.\.)$/i.test(text);
}
