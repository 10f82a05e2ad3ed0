import { SOCKET_ROOT } from "../../infra/connection.ts";
import { isPlaceholder } from "./connection-strings.ts";
import type { Reference } from "./secret-references.ts";
import { text, type Value } from "./values.ts";
import type { Container, Env } from "./workloads.ts";

/** A container's login at a database, in variables of their own, such as `DB_HOST`, `DB_USER`, `DB_NAME` and `DB_PASS`. */
export interface Login {
  /** The connection name of the instance, from the path of its socket, its own variable, or the container's only socket. */
  readonly instance?: string;
  readonly user?: string;
  readonly database?: string;
  /** The variables that say so. */
  readonly variables: { readonly user?: Env; readonly database?: Env };
}

const DATABASE = "(?:\\w+_)?(?:DB|DATABASE|PG|POSTGRES(?:QL)?|MYSQL|SQL|DATASOURCE|CLOUD_?SQL)_?";
const USER = new RegExp(`^${DATABASE}(?:USER|USERNAME|USER_NAME|LOGIN)$`, "i");
const NAME = new RegExp(`^${DATABASE}(?:NAME|DATABASE|DBNAME)$|^(?:PGDATABASE|POSTGRES_DB|MYSQL_DB)$`, "i");
const HOST = new RegExp(`^${DATABASE}(?:HOST|HOSTNAME|SOCKET|SOCKET_PATH)$|^INSTANCE_UNIX_SOCKET$`, "i");
const INSTANCE = /^(?:\w+_)?(?:INSTANCE|CLOUD_?SQL|SQL|DB|DATABASE)(?:_INSTANCE)?_CONNECTION_NAME$/i;
const PASSWORD = new RegExp(`^${DATABASE}(?:PASS|PASSWORD|PASSWD|PWD)$`, "i");

/** The login in a container's variables; undefined if it has none, or connects by TCP to a host that may be anything. */
export function loginOf(container: Container): Login | undefined {
  const find = (names: RegExp) => {
    const found = container.env.filter(({ name, secret }) => !secret && names.test(text(name) ?? ""));
    const known = found.filter(({ value }) => typeof value === "string" && value !== "" && !isPlaceholder(value));
    return known.length === 1 && found.length === 1 ? known[0] : undefined;
  };
  const [user, database, host] = [find(USER), find(NAME), find(HOST)];
  if (!user && !database) return undefined;
  const socket = text(host?.value);
  const mounted = container.sockets.length === 1 ? text(container.sockets[0]?.value) : undefined;
  const instance = socket?.startsWith(`${SOCKET_ROOT}/`)
    ? socket.slice(SOCKET_ROOT.length + 1).replace(/\/.*/s, "")
    : (text(find(INSTANCE)?.value) ?? (socket === undefined ? mounted : undefined));
  return {
    ...(instance !== undefined && { instance }),
    ...(user && { user: text(user.value) }),
    ...(database && { database: text(database.value) }),
    variables: { ...(user && { user }), ...(database && { database }) },
  } as Login;
}

/**
 * The connection name by which a connector in the program reaches the instance, over no socket and no proxy; undefined if a
 * variable names a host.
 */
export function connectorOf({ env }: Container): string | undefined {
  if (env.some(({ name }) => HOST.test(text(name) ?? ""))) return undefined;
  return text(env.find(({ name, secret }) => !secret && INSTANCE.test(text(name) ?? ""))?.value);
}

/** The variables that by their name hold the host of a database, or its socket. */
export function hostVariables({ env }: Container): Env[] {
  return env.filter(({ name, secret }) => !secret && HOST.test(text(name) ?? ""));
}

/** Whether a reference is to the database's password alone, judging by the variable's name. */
export function isPassword({ variable }: Pick<Reference, "variable">): boolean {
  return PASSWORD.test(variable ?? "");
}

const SETTINGS =
  /^(?:\w+_)?(?:DB|DATABASE|POSTGRES(?:QL)?|MYSQL|SQL|DATASOURCE|CLOUD_?SQL|JDBC|DSN)(?:_|$)|^INSTANCE_(?:CONNECTION_NAME|UNIX_SOCKET)$/i;
/** https://www.postgresql.org/docs/current/libpq-envars.html, and the same without underscores. */
const SHORT = /^(?:PG|DB)(?:HOST|HOSTADDR|PORT|DATABASE|NAME|USER|PASS|PASSWORD|PASSFILE|SERVICE|SERVICEFILE)$/i;

/** Whether a variable's name belongs to the settings of a database. */
export function isDatabaseVariable(name: Value): boolean {
  return typeof name === "string" && (SETTINGS.test(name) || SHORT.test(name));
}
