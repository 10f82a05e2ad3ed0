import { parseConnectionString } from "../../infra/connection.ts";
import { DATABASE_URL } from "../../infra/names.ts";
import { policy } from "../engine/policy.ts";
import { instances } from "../model/instances.ts";
import { generatedPasswords } from "../model/passwords.ts";
import { databaseUrls, isMeant, readers, secretsOf, versionsRead } from "../model/database-url.ts";
import { ofType, type Resource } from "../model/resource.ts";
import { dataOf, originsOf, refersTo, SECRETS, VERSIONS, versionsOf } from "../model/secrets.ts";
import { lastPart, type Located, text, UNKNOWN } from "../model/values.ts";
import { wiring } from "../model/wiring.ts";
import { workload } from "../model/workloads.ts";

export const fromSecretManager = policy({
  name: "database-url-from-secret-manager",
  sentence:
    "A service with a Cloud SQL socket gets DATABASE_URL from Secret Manager: without it, it does not start, or uses another database.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/run/docs/configuring/services/secrets",
  resource: (resource, report) => {
    const run = workload(resource);
    if (!run || run.env.some(({ name }) => name === UNKNOWN)) return;
    const instead = "refer to a secret version with secretKeyRef";
    const urls = databaseUrls(run);
    for (const { path } of urls.filter(({ secret }) => !secret))
      report(resource, `${path} (${DATABASE_URL}) is in plain text; ${instead}.`);
    if (urls.length === 0 && run.kind === "service" && run.sockets.length > 0) {
      report(resource, `mounts a Cloud SQL socket but has no ${DATABASE_URL}; ${instead}.`);
    }
  },
});

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
  sentence: "The secret that DATABASE_URL refers to is in the service's stack and has a version.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/secret-manager/docs/add-secret-version",
  stack: (resources, report) => {
    for (const reader of readers(resources)) {
      const { run, url } = reader;
      const secrets = secretsOf(reader, resources);
      const name = `the secret ${typeof url.secret.id === "string" ? `"${lastPart(url.secret.id)}"` : `of ${DATABASE_URL}`}`;
      if (secrets.length === 0) {
        report(run.resource, `${name} is not in the stack; declare it there, with a version.`);
        continue;
      }
      const versions = versionsOf(secrets, resources);
      if (versions.length === 0)
        report(run.resource, `${name} has no version; declare one, or the service cannot start.`);
      else if (!versions.some((version) => isMeant(version, url))) {
        const wanted = text(url.secret.version) ?? "";
        report(run.resource, `${name} has no enabled version ${wanted}; refer to the version that the stack declares.`);
      }
    }
  },
});

export const matchesDatabase = policy({
  name: "database-url-matches-stack",
  sentence: "The connection string is for PostgreSQL and names the database, user and instance of the stack.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/sql/docs/postgres/connect-run",
  contradictions: {
    names: wiring,
    find: (resources, report) => {
      for (const { version, value } of connectionStrings(resources)) {
        const parsed = parseConnectionString(value);
        // `connection-name-format` reports a wrong connection name.
        if (parsed.ok || parsed.problem.startsWith("the connection name")) continue;
        report(version, `${parsed.problem}.`);
      }
    },
  },
  stack: (resources, report) => {
    for (const { version, value } of connectionStrings(resources)) {
      const parsed = parseConnectionString(value);
      if (!parsed.ok) continue;
      const { database, instance, user } = parsed.value;
      const missing = (what: string) => {
        report(
          version,
          `the connection string names ${what} that is not in the stack; build it from the stack's resources.`,
        );
      };
      const here = instances(resources);
      if (here.length === 0) continue;
      // `connection-name-matches-instance` reports another project or region.
      if (here.every((one) => isAnother(one, instance.instance))) missing("an instance");
      else {
        if (lacks(resources, "gcp:sql/database:Database", database, instance.instance)) missing("a database");
        if (lacks(resources, "gcp:sql/user:User", user, instance.instance)) missing("a user");
      }
    }
  },
});

export const onePassword = policy({
  name: "one-password",
  sentence: "The database user and its secrets have the same generated password.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/sql/docs/postgres/create-manage-users",
  contradictions: {
    names: wiring,
    find: (resources, report) => {
      const versions = ofType(resources, ...VERSIONS);
      for (const version of versions) {
        const parsed = parseConnectionString(text(dataOf(version)) ?? "");
        if (!parsed.ok) continue;
        const { user, password, instance } = parsed.value;
        const passwords = usersOf(resources, instance.instance)
          .filter(({ props }) => props.name === user)
          .map(({ props }) => text(props.password));
        if (passwords.length === 0 || passwords.includes(undefined) || passwords.includes(password)) continue;
        report(
          version,
          `the connection string has a different password than the user ${user}; use the same generated password for both.`,
        );
      }
    },
  },
  stack: (resources, report) => {
    const theirs = usersOf(resources).flatMap((user) => generatedPasswords(user));
    const read = new Set(readers(resources).flatMap((reader) => secretsOf(reader, resources)));
    const secrets = ofType(resources, ...SECRETS);
    for (const version of ofType(resources, ...VERSIONS)) {
      const its = secrets.filter((secret) => refersTo(version, "secret", secret));
      if (!its.some((secret) => read.has(secret)) && !isForDatabase(version, its[0])) continue;
      const data = dataOf(version);
      if (typeof data === "string" && parseConnectionString(data).ok) continue; // `contradictions` compares its value.
      const own = generatedPasswords(version);
      if (theirs.length === 0 || own.some((password) => theirs.includes(password))) continue;
      report(version, "is not derived from the database user's password; use the same RandomPassword.");
    }
  },
});

/** The known connection strings that workloads read from secrets. */
function connectionStrings(resources: readonly Resource[]): { version: Resource; value: string }[] {
  const versions = new Set(readers(resources).flatMap((reader) => versionsRead(reader, resources)));
  return [...versions].flatMap((version) => {
    const value = text(dataOf(version));
    return value === undefined ? [] : [{ version, value }];
  });
}

/** Whether a secret version holds the database's credential, judging by its dependencies or the name of its secret. */
function isForDatabase(version: Resource, secret: Resource | undefined): boolean {
  if (originsOf(version).some(({ type }) => type.startsWith("gcp:sql/"))) return true;
  return /(?:db|database|sql|postgres).*password/.test(text(secret?.props.secretId) ?? "");
}

/** The database users, or only those that may belong to an instance. */
function usersOf(resources: readonly Resource[], instance?: string): Resource[] {
  return ofType(resources, "gcp:sql/user:User").filter(
    ({ props }) =>
      instance === undefined || typeof props.instance !== "string" || lastPart(props.instance) === instance,
  );
}

/** Whether an instance certainly has another name. */
function isAnother({ props }: Resource, name: string): boolean {
  return typeof props.name === "string" && props.name !== name;
}

/** Whether certainly no resource of a type has a name. */
function lacks(
  resources: readonly Resource[],
  type: "gcp:sql/database:Database" | "gcp:sql/user:User",
  name: string,
  instance: string,
): boolean {
  return ofType(resources, type)
    .filter(({ props }) => props.instance === UNKNOWN || lastPart(text(props.instance) ?? "") === instance)
    .every(({ props }) => props.name !== UNKNOWN && props.name !== name);
}
