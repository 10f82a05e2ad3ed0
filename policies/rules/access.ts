import { policy } from "../engine/policy.ts";
import { type Answer, ask, type Asked } from "../model/conditions.ts";
import { CONNECT, type Grant, grants, READ_SECRET } from "../model/grants.ts";
import { instances } from "../model/instances.ts";
import { ofType, type Resource } from "../model/resource.ts";
import { connections, type Target } from "../model/connections.ts";
import { meanings } from "../model/secret-references.ts";
import { refersTo } from "../model/secrets.ts";
import { text, UNKNOWN, type Value } from "../model/values.ts";
import { type Workload, workloads } from "../model/workloads.ts";

export const mayConnect = policy({
  name: "service-account-may-connect",
  sentence:
    "The account of a workload with a Cloud SQL socket, the proxy or a connector has the client role on that instance.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/sql/docs/postgres/roles-and-permissions",
  stack: (resources, report) => {
    const candidates = resources.flatMap(grants).filter((grant) => grant.wide && holdsRole(grant, CONNECT));
    for (const run of workloads(resources).filter(isKnown)) {
      const own = candidates.filter((grant) => isGrantedTo(grant, run));
      const answers = connections(run, resources).map((targets) =>
        own.flatMap((grant) => targets.map((target) => mayReach(grant, target))),
      );
      const missed = answers.find((given) => !given.some(isEnough));
      const remedy = "roles/cloudsql.client with gcp.projects.IAMMember";
      if (missed) report(run.resource, `its account may not connect${reason(missed, own, remedy)}`);
    }
  },
});

export const mayReadSecret = policy({
  name: "service-account-may-read-secret",
  sentence: "The account of a workload has the accessor role on every secret of the stack that it reads.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/secret-manager/docs/access-control",
  stack: (resources, report) => {
    const candidates = resources.flatMap(grants).filter((grant) => holdsRole(grant, READ_SECRET));
    for (const run of workloads(resources).filter(isKnown)) {
      const granted = candidates.filter((grant) => isGrantedTo(grant, run));
      for (const { reference, secrets } of meanings(run, resources)) {
        const reaches = (grant: Grant) =>
          grant.wide || secrets.some((secret) => refersTo(grant.resource, "secretId", secret));
        const own = granted.filter(reaches);
        // In a condition, the secret's name has the project number, which no resource shows.
        const answers = own.map(({ condition }) => evaluated(condition, { service: "secretmanager.googleapis.com" }));
        if (secrets.length === 0 || answers.some(isEnough)) continue;
        const why = reason(
          answers,
          own,
          "roles/secretmanager.secretAccessor on it with gcp.secretmanager.SecretIamMember",
        );
        const called = secrets.length === 1 ? ` (${secrets[0]?.name ?? ""})` : "";
        report(
          run.resource,
          `its account may not read the secret of ${reference.variable ?? reference.path}${called}${why}`,
        );
      }
    }
  },
});

/** Whether a grant's role is, or may be, one of these: custom roles are not inspected. */
function holdsRole({ role }: Grant, accepted: readonly string[]): boolean {
  const name = text(role);
  return name === undefined || accepted.includes(name) || !name.startsWith("roles/");
}

/** Whether the workload's account can be identified. */
function isKnown(run: Workload): boolean {
  return (
    (typeof run.account === "string" && run.account !== "") ||
    (run.account === UNKNOWN && accounts(run.resource.madeOf.template).length > 0)
  );
}

/** Whether a grant's members include a workload's account: by email or, if that is not known, by resource. */
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

/** The result of a grant's condition for an instance. */
function mayReach(grant: Grant, { name, instance }: Target): Answer {
  const { condition, resource } = grant;
  if (condition === UNKNOWN) {
    const named = instances([...(resource.madeOf.condition ?? []), ...(resource.madeOf.policyData ?? [])]);
    return instance === undefined || named.length === 0 || named.includes(instance) ? "unknown" : "fails";
  }
  return evaluated(condition, {
    service: "sqladmin.googleapis.com",
    type: "sqladmin.googleapis.com/Instance",
    // https://cloud.google.com/sql/docs/postgres/iam-conditions
    ...(name && { name: `projects/${name.project}/instances/${name.instance}` }),
  });
}

/** The result of a condition; a missing condition holds. */
function evaluated(condition: Value, asked: Asked): Answer {
  if (condition === UNKNOWN) return "unknown";
  return typeof condition === "string" && condition !== "" ? ask(condition, asked) : "holds";
}

function isEnough(answer: Answer): boolean {
  return answer === "holds" || answer === "unknown";
}

/** Why an account lacks access, judging by the conditions of its grants, and what to do. */
function reason(answers: readonly Answer[], grants: readonly Grant[], remedy: string): string {
  if (grants.length === 0) return `; grant it ${remedy}.`;
  const condition = `: the condition of ${grants.map(({ resource }) => resource.name).join(", ")}`;
  return answers.includes("unreadable")
    ? `${condition} cannot be evaluated; use only resource.name, resource.type, resource.service and request.time.`
    : `${condition} does not hold; it must match the resource that the workload uses, with the project id, and must not expire.`;
}
