import { parseConnectionName, parseConnectionString } from "../../infra/connection.ts";
import { z } from "zod";
import { policy, type Report } from "../engine/policy.ts";
import { type ConnectionString, isPlaceholder, readConnectionString } from "../model/connection-strings.ts";
import { type Instance, instances } from "../model/instances.ts";
import { isDatabaseVariable, isPassword, type Login, loginOf } from "../model/logins.ts";
import { generatedPasswords } from "../model/passwords.ts";
import { ofType, type Resource } from "../model/resource.ts";
import {
  connectionStrings,
  isMeant,
  isUrlName,
  meanings,
  type Reference,
  references,
  secretsOf,
  versionsRead,
} from "../model/secret-references.ts";
import { dataOf, originsOf, refersTo, SECRETS, VERSIONS, versionsOf } from "../model/secrets.ts";
import { lastPart, type Located, text, UNKNOWN } from "../model/values.ts";
import { wiring } from "../model/wiring.ts";
import { type Container, isProxy, type Workload, wordsOf, workload, workloads } from "../model/workloads.ts";

/** What to do instead, in the words of the API's version. */
function instead({ type }: Resource): string {
  return `refer to a secret version with ${type.startsWith("gcp:cloudrun/") ? "valueFrom" : "valueSource"}.secretKeyRef`;
}

export const fromSecretManager = policy({
  name: "database-url-from-secret-manager",
  sentence:
    "A service with a Cloud SQL socket gets its login from Secret Manager, or uses IAM: without it, it does not start, or uses another database.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/run/docs/configuring/services/secrets",
  settings: {
    variable: z
      .string()
      .optional()
      .describe(
        "The variable that must hold the connection string, such as DATABASE_URL; by default any convention will do",
      ),
  },
  resource: (resource, report, { variable }) => {
    const run = workload(resource);
    if (!run || run.env.some(({ name }) => name === UNKNOWN)) return;
    for (const container of run.containers) {
      for (const { path, name, value, secret } of container.env) {
        const isPlain =
          variable === undefined ? isUrlName(name) && lacksLogin(value, container, run) : name === variable;
        if (!secret && isPlain)
          report(resource, `${path} (${text(name) ?? ""}) is in plain text; ${instead(resource)}.`);
      }
    }
    if (run.kind !== "service" || run.sockets.length === 0) return;
    const isTold = variable === undefined ? namesDatabase(run) : run.env.some(({ name }) => name === variable);
    if (!isTold)
      report(resource, `mounts a Cloud SQL socket but has no ${variable ?? "DATABASE_URL"}; ${instead(run.resource)}.`);
  },
  stack: (resources, report) => {
    if (ofType(resources, "gcp:sql/user:User").some(({ props }) => (text(props.type) ?? "").startsWith("CLOUD_IAM")))
      return;
    for (const run of workloads(resources)) {
      for (const container of run.containers.filter((one) => !readsSecret(one, run))) {
        for (const { path, name, value, secret } of container.env) {
          if (secret || value !== UNKNOWN || !isUrlName(name)) continue;
          report(run.resource, `${path} (${text(name) ?? ""}) is in plain text; ${instead(run.resource)}.`);
        }
      }
    }
  },
});

/** Whether a connection string in plain text brings a password, or leaves the container without one. */
function lacksLogin(value: unknown, container: Container, run: Workload): boolean {
  const parsed = typeof value === "string" ? readConnectionString(value) : undefined;
  if (!parsed) return false;
  const { password, user = "" } = parsed;
  const [, variable] = /^\$\((\w+)\)$/.exec(password ?? "") ?? [];
  if (variable !== undefined) return !container.env.some(({ name, secret }) => secret && name === variable);
  if (password !== undefined) return !isPlaceholder(password);
  // An IAM login has the email of an account as its name.
  return !readsSecret(container, run) && !user.includes("@") && !isIamProxy(run);
}

function readsSecret(container: Container, run: Workload): boolean {
  return container.env.some(({ secret }) => secret) || run.secretVolumes.length > 0;
}

function isIamProxy(run: Workload): boolean {
  const words = run.containers.filter(({ value }) => isProxy(value)).flatMap(({ value }) => wordsOf(value));
  return words.some(({ value }) => /auto-iam-authn|enable_iam_login/.test(text(value) ?? ""));
}

/** Whether a workload's variables, files or arguments name its database, in any convention. */
function namesDatabase({ env, secretVolumes, containers }: Workload): boolean {
  const tells = (value: unknown) =>
    typeof value === "string" && (value.includes("/cloudsql/") || parseConnectionName(value).ok);
  return (
    secretVolumes.length > 0 ||
    env.some(({ name, value }) => isUrlName(name) || isDatabaseVariable(name) || value === UNKNOWN || tells(value)) ||
    containers.some(({ value }) => wordsOf(value).some((word) => word.value === UNKNOWN || tells(word.value)))
  );
}

export const noSqlite = policy({
  name: "no-sqlite",
  sentence: "No service falls back to SQLite: it would start without its database, unnoticed.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/run/docs/container-contract#filesystem",
  resource: (resource, report) => {
    const plain: Located[] = workload(resource)?.env.map(({ path, value }) => ({ path, value })) ?? [];
    const secret: Located[] = Object.entries(resource.props).map(([path, value]) => ({ path, value }));
    for (const { path, value } of resource.type.startsWith("gcp:secretmanager/") ? secret : plain) {
      if (!/^sqlite[a-z0-9+]*:/i.test((text(value) ?? "").trim())) continue;
      report(resource, `${path} is an SQLite database; use the connection string of the Cloud SQL database.`);
    }
  },
});

export const secretInStack = policy({
  name: "database-url-secret-in-stack",
  sentence:
    "A secret of the stack that a workload reads has a version, and the secret of DATABASE_URL is in the workload's stack.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/secret-manager/docs/add-secret-version",
  stack: (resources, report) => {
    for (const run of workloads(resources)) {
      for (const { reference, secrets } of meanings(run, resources)) {
        const name = `the secret ${called(reference, secrets)}`;
        if (secrets.length === 0) {
          if (isUrlName(reference.variable) && !isElsewhere(reference))
            report(run.resource, `${name} is not in the stack; declare it there, with a version.`);
          continue;
        }
        const versions = versionsOf(secrets, resources);
        if (versions.length === 0)
          report(run.resource, `${name} has no version; declare one, or the ${run.kind} cannot start.`);
        else if (!versions.some((version) => isMeant(version, reference))) {
          const wanted = reference.versions.flatMap((version) => text(version) ?? []).join(" or ");
          report(
            run.resource,
            `${name} has no enabled version ${wanted}; refer to the version that the stack declares.`,
          );
        }
      }
    }
  },
});

function called({ id, variable, path }: Reference, [secret, ...others]: readonly Resource[]): string {
  if (typeof id === "string") return `"${lastPart(id)}"`;
  const declared = secret && others.length === 0 ? ` (${secret.name})` : "";
  return `of ${variable ?? path}${declared}`;
}

/** Whether a reference is to a secret of another project, or of one whose id is not known. */
function isElsewhere({ id, run }: Reference): boolean {
  const [, project] = /^projects\/([^/]+)\//.exec(text(id) ?? "") ?? [];
  return project !== undefined && project !== (run.resource.props.project ?? run.resource.provider.project);
}

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

/** Whether a secret version holds the database's credential, judging by its dependencies or the name of its secret. */
function isForDatabase(version: Resource, secret: Resource | undefined): boolean {
  if (originsOf(version).some(({ type }) => type === "gcp:sql/user:User")) return true;
  return /(?:^|[-_])(?:db|database|sql|postgres(?:ql)?)(?:[-_]\w+)*[-_]password/.test(
    text(secret?.props.secretId) ?? "",
  );
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
