import { policy } from "../engine/policy.ts";
import { type Answer, ask, type Asked } from "../model/conditions.ts";
import { CONNECT, type Grant, grants, READ_SECRET } from "../model/grants.ts";
import { instances } from "../model/instances.ts";
import { needsDatabase, readers, secretsOf } from "../model/database-url.ts";
import { ofType, type Resource } from "../model/resource.ts";
import { refersTo } from "../model/secrets.ts";
import { connections, type Target } from "../model/connections.ts";
import { text, UNKNOWN, type Value } from "../model/values.ts";
import { type Workload, workloads } from "../model/workloads.ts";

export const mayConnect = policy({
  name: "service-account-may-connect",
  sentence:
    "The account of a service with a Cloud SQL socket or a DATABASE_URL holds the client role for that instance.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/sql/docs/postgres/roles-and-permissions",
  stack: (resources, report) => {
    const given = resources.flatMap(grants).filter((grant) => grant.wide && holdsRole(grant, CONNECT));
    for (const run of workloads(resources).filter((one) => needsDatabase(one) && isKnown(one))) {
      const own = given.filter((grant) => isGrantedTo(grant, run));
      const answers = connections(run, resources).map((targets) =>
        own.flatMap((grant) => targets.map((target) => mayReach(grant, target))),
      );
      const missed = answers.find((said) => !said.some(isEnough));
      if (missed)
        report(
          run.resource,
          `its account may not connect${reason(missed, own, "roles/cloudsql.client with gcp.projects.IAMMember")}`,
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
    const given = resources.flatMap(grants).filter((grant) => holdsRole(grant, READ_SECRET));
    for (const reader of readers(resources).filter(({ run }) => isKnown(run))) {
      const secrets = secretsOf(reader, resources);
      const reaches = (grant: Grant) =>
        grant.wide || secrets.some((secret) => refersTo(grant.resource, "secretId", secret));
      const own = given.filter((grant) => isGrantedTo(grant, reader.run) && reaches(grant));
      // The name of a secret in a condition has the number of its project, which no resource tells.
      const answers = own.map(({ condition }) => judged(condition, { service: "secretmanager.googleapis.com" }));
      if (secrets.length > 0 && !answers.some(isEnough))
        report(
          reader.run.resource,
          `its account may not read the secret of DATABASE_URL${reason(answers, own, "roles/secretmanager.secretAccessor on that secret")}`,
        );
    }
  },
});

/** Whether a grant is of one of these roles, or may be: roles of one's own are not taken apart. */
function holdsRole({ role }: Grant, accepted: readonly string[]): boolean {
  const name = text(role);
  return name === undefined || accepted.includes(name) || !name.startsWith("roles/");
}

/** Whether it can be said whose account a workload has. */
function isKnown(run: Workload): boolean {
  return (
    (typeof run.account === "string" && run.account !== "") ||
    (run.account === UNKNOWN && accounts(run.resource.madeOf.template).length > 0)
  );
}

/** Whether a grant's members contain a workload's account: by its email or, before that is known, by its resource. */
function isGrantedTo({ resource, members }: Grant, run: Workload): boolean {
  const email = text(run.account);
  if (email !== undefined && members.includes(`serviceAccount:${email}`)) return true;
  if (email !== undefined && !members.includes(UNKNOWN)) return false;
  const granted = accounts([...(resource.madeOf.member ?? []), ...(resource.madeOf.members ?? [])]);
  const own = accounts(run.resource.madeOf.template);
  return granted.some(
    (account) => own.includes(account) || email?.startsWith(`${text(account.props.accountId) ?? " "}@`),
  );
}

function accounts(resources: readonly Resource[] = []): Resource[] {
  return ofType(resources, "gcp:serviceaccount/account:Account");
}

/** What a grant's condition says of an instance. */
function mayReach(grant: Grant, { name, instance }: Target): Answer {
  const { condition, resource } = grant;
  if (condition === UNKNOWN) {
    const named = instances([...(resource.madeOf.condition ?? []), ...(resource.madeOf.policyData ?? [])]);
    return instance === undefined || named.length === 0 || named.includes(instance) ? "unknown" : "fails";
  }
  return judged(condition, {
    service: "sqladmin.googleapis.com",
    type: "sqladmin.googleapis.com/Instance",
    // https://cloud.google.com/sql/docs/postgres/iam-conditions
    ...(name && { name: `projects/${name.project}/instances/${name.instance}` }),
  });
}

/** What a condition says, if there is one. */
function judged(condition: Value, asked: Asked): Answer {
  if (condition === UNKNOWN) return "unknown";
  return typeof condition === "string" && condition !== "" ? ask(condition, asked) : "holds";
}

function isEnough(answer: Answer): boolean {
  return answer === "holds" || answer === "unknown";
}

/** Why an account may not do something, and what to do, after what the conditions of its grants say. */
function reason(said: readonly Answer[], grants: readonly Grant[], remedy: string): string {
  if (grants.length === 0) return `; grant it ${remedy}.`;
  const condition = `: the condition of ${grants.map(({ resource }) => resource.name).join(", ")}`;
  return said.includes("unreadable")
    ? `${condition} cannot be read; write it with resource.name, resource.type, resource.service and request.time.`
    : `${condition} does not hold; write it for what the workload uses, with the project's id, and for the time that it runs.`;
}
