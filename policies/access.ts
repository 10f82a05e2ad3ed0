import { readers, refersTo, secretsOf } from "./database-url";
import { type Grant, grants } from "./grants";
import { policy } from "./policy";
import { dependsOn, ofType, type Resource, text, UNKNOWN } from "./resource";
import { lastPart, type Workload, workloads } from "./workloads";
import { z } from "zod";

/** Roles that may connect, and those that contain them. */
const CONNECT = /^roles\/(?:cloudsql\.(?:client|editor|admin)|owner|editor)$/;
/** Roles that may read a secret's value, and those that contain them. */
const READ = /^roles\/(?:secretmanager\.(?:secretAccessor|admin)|owner)$/;
/** The import of the migrations, as `infra` declares it. */
const SCHEMA = "pulumi-nodejs:dynamic/settlement:ImportedSchema";

export const mayConnect = policy({
  name: "service-account-may-connect",
  sentence: "The account of a service with a Cloud SQL socket holds the client role for that instance.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/sql/docs/postgres/roles-and-permissions",
  stack: (resources, report) => {
    const given = resources.flatMap(grants).filter((grant) => grant.wide && holdsRole(grant, CONNECT));
    for (const run of workloads(resources).filter(({ sockets }) => sockets.length > 0)) {
      if (!isKnown(run) || given.some((grant) => isGrantedTo(grant, run) && covers(grant, run))) continue;
      report(
        run.resource,
        "mounts a Cloud SQL socket and its account may not connect; grant it roles/cloudsql.client with gcp.projects.IAMMember.",
      );
    }
  },
});

export const mayReadSecret = policy({
  name: "service-account-may-read-secret",
  sentence: "The account of a service holds the accessor role on the secret that DATABASE_URL is taken from.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/secret-manager/docs/access-control",
  stack: (resources, report) => {
    const given = resources.flatMap(grants).filter((grant) => holdsRole(grant, READ));
    for (const { run, url } of readers(resources)) {
      const secrets = secretsOf(run, url, resources);
      const reaches = (grant: Grant) =>
        grant.wide || secrets.some((secret) => refersTo(grant.resource, "secretId", secret));
      if (secrets.length === 0 || !isKnown(run) || given.some((grant) => isGrantedTo(grant, run) && reaches(grant)))
        continue;
      report(
        run.resource,
        "its account may not read the secret of DATABASE_URL; grant it roles/secretmanager.secretAccessor on that secret.",
      );
    }
  },
});

export const schemaFirst = policy({
  name: "schema-before-service",
  sentence: "A service starts after the schema is applied: it depends on the import of the migrations.",
  level: "mandatory",
  severity: "high",
  reference: "https://cloud.google.com/sql/docs/postgres/import-export/import-export-sql",
  settings: {
    required: z.boolean().default(false).describe("Whether a stack with such a service must import a schema"),
  },
  stack: (resources, report, { required }) => {
    const schemas = ofType(resources, SCHEMA);
    for (const { resource, kind, sockets } of workloads(resources)) {
      if (kind !== "service" || sockets.length === 0 || schemas.some((schema) => dependsOn(resource, schema))) continue;
      if (schemas.length > 0)
        report(resource, "does not wait for the schema; add the import of the migrations to its dependsOn.");
      else if (required)
        report(
          resource,
          "needs a schema and the stack imports none; declare the import and let the service depend on it.",
        );
    }
  },
});

/** Whether a grant is of one of these roles, or may be: roles of one's own are not taken apart. */
function holdsRole({ role }: Grant, accepted: RegExp): boolean {
  const name = text(role);
  return name === undefined || accepted.test(name) || !name.startsWith("roles/");
}

/** Whether it can be said whose account a workload has. */
function isKnown(run: Workload): boolean {
  return (
    (typeof run.account === "string" && run.account !== "") ||
    (run.account === UNKNOWN && accounts(run.resource.madeOf[run.within]).length > 0)
  );
}

/** Whether a grant's members contain a workload's account: by its email or, before that is known, by its resource. */
function isGrantedTo({ resource, members }: Grant, run: Workload): boolean {
  const email = text(run.account);
  if (email !== undefined && members.includes(`serviceAccount:${email}`)) return true;
  if (email !== undefined && !members.includes(UNKNOWN)) return false;
  const granted = accounts([...(resource.madeOf.member ?? []), ...(resource.madeOf.members ?? [])]);
  const own = accounts(run.resource.madeOf[run.within]);
  return granted.some(
    (account) => own.includes(account) || email?.startsWith(`${text(account.props.accountId) ?? " "}@`),
  );
}

function accounts(resources: readonly Resource[] = []): Resource[] {
  return ofType(resources, "gcp:serviceaccount/account:Account");
}

/** Whether a condition that names instances names one of the workload's. */
function covers({ condition }: Grant, { sockets }: Workload): boolean {
  const named = [...(text(condition) ?? "").matchAll(/instances\/([a-z0-9-]+)/g)].map(([, instance]) => instance);
  const mounted = sockets.flatMap(({ value }) => text(value) ?? []).map((name) => lastPart(name.replaceAll(":", "/")));
  return named.length === 0 || mounted.length === 0 || mounted.some((instance) => named.includes(instance));
}
