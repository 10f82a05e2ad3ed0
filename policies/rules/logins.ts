import { z } from "zod";
import { parseConnectionName, parseConnectionString } from "../../infra/connection.ts";
import { policy, type Report } from "../engine/policy.ts";
import { type ConnectionString, isPlaceholder, readConnectionString } from "../model/connection-strings.ts";
import { type Instance, instances } from "../model/instances.ts";
import { isPassword, type Login, loginOf } from "../model/logins.ts";
import { generatedPasswords } from "../model/passwords.ts";
import { ofType, type Resource } from "../model/resource.ts";
import {
  connectionStrings,
  isUrlName,
  type Reference,
  references,
  secretsOf,
  versionsRead,
} from "../model/secret-references.ts";
import { dataOf, originsOf, refersTo, SECRETS, VERSIONS } from "../model/secrets.ts";
import { lastPart, text, UNKNOWN } from "../model/values.ts";
import { wiring } from "../model/wiring.ts";
import { workloads } from "../model/workloads.ts";

export const matchesDatabase = policy({
  name: "database-url-matches-stack",
  sentence:
    "A login, in a connection string or in variables, is for the database, the user and the instance of the stack.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/sql/docs/postgres/connect-run",
  settings: {
    strict: z
      .boolean()
      .default(false)
      .describe(
        "Whether only postgresql+asyncpg://USER:PASSWORD@/DATABASE?host=/cloudsql/PROJECT:REGION:INSTANCE is accepted",
      ),
  },
  contradictions: {
    names: wiring,
    find: (resources, report, { strict }) => {
      for (const { version, value, parsed, reference } of connectionStrings(resources)) {
        const problem = strict && isUrlName(reference.variable) ? misformed(value) : undefined;
        if (problem !== undefined) report(version, `${problem}.`);
        if (problem !== undefined || parsed?.system === undefined) continue;
        const { instance } = placeOf(parsed, resources) ?? {};
        const [runs] = (text(instance?.props.databaseVersion) ?? "").split("_");
        if (runs === undefined || !(runs in SYSTEMS) || SYSTEMS[runs] === parsed.system) continue;
        report(
          version,
          `the connection string uses the driver "${parsed.driver ?? parsed.system}", which is not ${SYSTEMS[runs] ?? ""}, but its instance is; use a driver for ${SYSTEMS[runs] ?? ""}.`,
        );
      }
    },
  },
  stack: (resources, report) => {
    for (const { version, parsed } of connectionStrings(resources)) {
      if (parsed) judgeLogin(parsed, resources, version, report);
    }
    for (const run of workloads(resources)) {
      for (const container of run.containers) {
        const login = loginOf(container);
        if (login) judgeLogin(login, resources, run.resource, report, login.variables);
      }
    }
  },
});

const SYSTEMS: Readonly<Record<string, ConnectionString["system"]>> = {
  POSTGRES: "PostgreSQL",
  MYSQL: "MySQL",
  SQLSERVER: "SQL Server",
};

/** Why a connection string does not have this project's own form; a wrong connection name is reported by `connection-name-format`. */
function misformed(value: string): string | undefined {
  const parsed = parseConnectionString(value);
  return parsed.ok || parsed.problem.startsWith("the connection name") ? undefined : parsed.problem;
}

/** Reports a database, user or instance of a login that is certainly not in the stack. */
function judgeLogin(
  login: Pick<ConnectionString, "instance" | "user" | "database">,
  resources: readonly Resource[],
  resource: Resource,
  report: Report,
  variables?: Login["variables"],
) {
  const missing = (what: string, part: "user" | "database" | "instance") => {
    const at = part === "instance" ? undefined : variables?.[part];
    const where = at ? `${at.path} (${text(at.name) ?? ""})` : "the connection string";
    report(resource, `${where} names ${what} that is not in the stack; build it from the stack's resources.`);
  };
  const place = placeOf(login, resources);
  if (!place) return;
  const { instance, names } = place;
  if (!instance) {
    // Another instance may be meant, unless the password is one of this stack's.
    const names = instances(resources).flatMap(({ props }) => text(props.name) ?? []);
    const theirs = usersOf(resources, names).flatMap((user) => generatedPasswords(user));
    if (!variables && generatedPasswords(resource).some((password) => theirs.includes(password)))
      missing("an instance", "instance");
    return;
  }
  if (names === undefined) return;
  const { user, database } = login;
  const isOwn = (name: string | undefined): name is string => name !== undefined && !isPlaceholder(name);
  // These databases exist in every instance.
  const always = ["postgres", "template1", "mysql", "master"];
  if (isOwn(database) && !always.includes(database) && lacks(resources, "gcp:sql/database:Database", [database], names))
    missing("a database", "database");
  const isRoot = ["postgres", "root", "sqlserver"].includes(user ?? "") && instance.props.rootPassword !== undefined;
  if (isOwn(user) && !isRoot && lacks(resources, "gcp:sql/user:User", spellings(user), names))
    missing("a user", "user");
}

/** A user's name as Cloud SQL has it: an account's email, in PostgreSQL without the domain of service accounts, in MySQL without any. */
function spellings(user: string): string[] {
  const email = user.toLowerCase();
  return [user, email, `${email}.gserviceaccount.com`, email.replace(/\.gserviceaccount\.com$/, "")];
}

interface Place {
  /** Undefined if the stack has instances, but certainly not this one. */
  readonly instance: Instance | undefined;
  /** The names of the instance and, for a replica, of its primary, which has its users and databases; undefined if not known. */
  readonly names: readonly string[] | undefined;
}

/** The stack's instance that a login is for; undefined if it may be another stack's. */
function placeOf(
  { instance: name }: Pick<ConnectionString, "instance">,
  resources: readonly Resource[],
): Place | undefined {
  const parsed = parseConnectionName(name ?? "");
  const here = instances(resources);
  if (!parsed.ok || here.length === 0) return undefined;
  // `connection-name-matches-instance` reports another project or region.
  const own = parsed.value.instance;
  const instance =
    here.find(({ props }) => props.name === own) ?? here.find(({ props }) => typeof props.name !== "string");
  if (!instance) return { instance, names: undefined };
  const primary = instance.props.masterInstanceName;
  if (primary === undefined || primary === "") return { instance, names: [own] };
  return { instance, names: typeof primary === "string" ? [own, primary.replace(/^.*[:/]/, "")] : undefined };
}

export const onePassword = policy({
  name: "one-password",
  sentence: "The database user and its secrets have the same generated password.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/sql/docs/postgres/create-manage-users",
  contradictions: {
    names: wiring,
    find: (resources, report) => {
      const differs = (login: Pick<ConnectionString, "instance" | "user" | "password">) => {
        const { user, password } = login;
        const { names } = placeOf(login, resources) ?? {};
        if (names === undefined || user === undefined || password === undefined || isPlaceholder(password))
          return false;
        const passwords = usersOf(resources, names)
          .filter(({ props }) => props.name === user)
          .map(({ props }) => text(props.password));
        return passwords.length > 0 && !passwords.includes(undefined) && !passwords.includes(password);
      };
      for (const version of ofType(resources, ...VERSIONS)) {
        const parsed = readConnectionString(text(dataOf(version)) ?? "");
        if (!parsed || !differs(parsed)) continue;
        report(
          version,
          `the connection string has a different password than the user ${parsed.user ?? ""}; use the same generated password for both.`,
        );
      }
      for (const reference of references(resources).filter(isPassword)) {
        const login = reference.container && loginOf(reference.container);
        for (const version of login ? versionsRead(reference, resources) : []) {
          const password = text(dataOf(version));
          if (!login || password === undefined || !differs({ ...login, password })) continue;
          report(
            version,
            `is not the password of the user ${login.user ?? ""}, which ${reference.path} needs; use the same generated password for both.`,
          );
        }
      }
    },
  },
  stack: (resources, report) => {
    const users = usersOf(resources);
    const theirs = users.flatMap((user) => generatedPasswords(user));
    if (theirs.length === 0) return;
    const all = references(resources);
    const read = new Map<Resource, Reference>();
    for (const reference of all.filter((one) => isUrlName(one.variable) || isPassword(one)))
      for (const secret of secretsOf(reference, resources)) read.set(secret, reference);
    const secrets = ofType(resources, ...SECRETS);
    for (const version of ofType(resources, ...VERSIONS)) {
      const its = secrets.filter((secret) => refersTo(version, "secret", secret));
      const reference = its.map((secret) => read.get(secret)).find((one) => one !== undefined);
      if (!reference && !isForDatabase(version, its[0])) continue;
      // `contradictions` compares a known value.
      if (typeof dataOf(version) === "string" && readConnectionString(text(dataOf(version)) ?? "")) continue;
      const own = generatedPasswords(version);
      if (own.some((password) => theirs.includes(password))) continue;
      // A string for another database, or without a password: it comes from another secret, or IAM replaces it.
      const isElsewhere =
        isUrlName(reference?.variable) && !originsOf(version).some(({ type }) => type.startsWith("gcp:sql/"));
      if (own.length === 0 && reference && (isElsewhere || hasOtherLogin(reference, users, all, resources))) continue;
      const generated = [...new Set(theirs.map(({ name }) => `"${name}"`))].join(" or ");
      report(version, `is not derived from the database user's password; use the same RandomPassword, ${generated}.`);
    }
  },
});

/** Whether a workload logs in by IAM, or reads the password of a user from another secret. */
function hasOtherLogin(
  { run, path }: Reference,
  users: readonly Resource[],
  all: readonly Reference[],
  resources: readonly Resource[],
): boolean {
  if (users.some(({ props }) => (text(props.type) ?? "").startsWith("CLOUD_IAM"))) return true;
  const theirs = users.flatMap((user) => generatedPasswords(user));
  return all
    .filter((other) => other.run === run && other.path !== path)
    .flatMap((other) => versionsRead(other, resources))
    .some((version) => generatedPasswords(version).some((password) => theirs.includes(password)));
}

/** Names of other products' credentials, such as `mongodb-cache-db-password`. */
const OTHER_PRODUCT =
  /mongo|redis|valkey|memcache|elastic|opensearch|rabbitmq|kafka|cassandra|couch|neo4j|influx|clickhouse|snowflake|bigquery|dynamo|firebase|atlas/;

/** Whether a secret version holds the database's credential, judging by its dependencies or the name of its secret. */
function isForDatabase(version: Resource, secret: Resource | undefined): boolean {
  if (originsOf(version).some(({ type }) => type === "gcp:sql/user:User")) return true;
  const id = text(secret?.props.secretId) ?? "";
  return !OTHER_PRODUCT.test(id) && /(?:^|[-_])(?:db|database|sql|postgres(?:ql)?)(?:[-_]\w+)*[-_]password/.test(id);
}

/** The database users, or only those that may belong to one of these instances. */
function usersOf(resources: readonly Resource[], names?: readonly string[]): Resource[] {
  return ofType(resources, "gcp:sql/user:User").filter(
    ({ props }) =>
      names === undefined || typeof props.instance !== "string" || names.includes(lastPart(props.instance)),
  );
}

/** Whether certainly no resource of a type has one of these names, in one of these instances. */
function lacks(
  resources: readonly Resource[],
  type: "gcp:sql/database:Database" | "gcp:sql/user:User",
  accepted: readonly string[],
  instances: readonly string[],
): boolean {
  return ofType(resources, type)
    .filter(({ props }) => props.instance === UNKNOWN || instances.includes(lastPart(text(props.instance) ?? "")))
    .every((one) => one.props.name !== UNKNOWN && !namesOf(one).some((name) => accepted.includes(name)));
}

/** The name, and for an account in MySQL the part before the "@", by which it logs in. */
function namesOf({ props }: Resource): string[] {
  const name = text(props.name) ?? "";
  return (text(props.type) ?? "").startsWith("CLOUD_IAM") ? [name, name.replace(/@.*/, "")] : [name];
}
