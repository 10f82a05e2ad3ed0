import { z } from "zod";
import { parseConnectionName } from "../../infra/connection.ts";
import { policy } from "../engine/policy.ts";
import { isPlaceholder, readConnectionString } from "../model/connection-strings.ts";
import { isDatabaseVariable } from "../model/logins.ts";
import { ofType, type Resource } from "../model/resource.ts";
import { isMeant, isUrlName, meanings, type Reference } from "../model/secret-references.ts";
import { versionsOf } from "../model/secrets.ts";
import { lastPart, type Located, text, UNKNOWN } from "../model/values.ts";
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
    env.some(({ name, value }) => isUrlName(name) || isDatabaseVariable(name) || tells(value)) ||
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
