import { policy } from "../engine/policy.ts";
import { type Answer, ask, type Asked } from "../model/conditions.ts";
import { CONNECT, type Grant, grants, READ_SECRET } from "../model/grants.ts";
import { instances } from "../model/instances.ts";
import { ofType, type Resource } from "../model/resource.ts";
import { connections, type Target } from "../model/connections.ts";
import { customRole, permissionsOf } from "../model/roles.ts";
import { meanings } from "../model/secret-references.ts";
import { refersTo } from "../model/secrets.ts";
import { lastPart, text, UNKNOWN, type Value } from "../model/values.ts";
import { type Workload, workloads } from "../model/workloads.ts";

export const mayConnect = policy({
  name: "service-account-may-connect",
  sentence:
    "The account of a workload with a Cloud SQL socket, the proxy or a connector has the client role on that instance.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/sql/docs/postgres/roles-and-permissions",
  stack: (resources, report) => {
    const isOfRole = (grant: Grant) => holdsRole(grant, CONNECT, "cloudsql.instances.connect", resources);
    const candidates = resources.flatMap(grants).filter((grant) => grant.wide && isOfRole(grant));
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
    const isOfRole = (grant: Grant) => holdsRole(grant, READ_SECRET, "secretmanager.versions.access", resources);
    const candidates = resources.flatMap(grants).filter(isOfRole);
    for (const run of workloads(resources).filter(isKnown)) {
      const granted = candidates.filter((grant) => isGrantedTo(grant, run));
      for (const { reference, secrets } of meanings(run, resources)) {
        const reaches = (grant: Grant) =>
          grant.wide
            ? secrets.some(({ props, provider }) => mayReachProject(grant, props.project ?? provider.project))
            : secrets.some((secret) => refersTo(grant.resource, "secretId", secret));
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

/** Whether a grant's role has, or may have, a permission: one of these roles, or a custom role with it. */
function holdsRole(
  grant: Grant,
  accepted: readonly string[],
  permission: string,
  resources: readonly Resource[],
): boolean {
  const name = text(grant.role);
  if (name?.startsWith("roles/")) return accepted.includes(name);
  const custom = customRole(grant, resources);
  return custom === undefined || (permissionsOf(custom)?.includes(permission) ?? true);
}

/** Whether a grant on a project reaches another project's resources: not if both ids are known and differ. */
function mayReachProject({ resource }: Grant, project: Value): boolean {
  if (!resource.type.startsWith("gcp:projects/")) return true;
  const own = lastPart(text(resource.props.project ?? resource.provider.project) ?? "");
  // A number may be that of either.
  return typeof project !== "string" || own === "" || /^\d+$/.test(own) || own === project;
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
  // The template may also mention accounts that the workload does not run as.
  const own = accounts(run.resource.madeOf.template).filter((account) => mayHave(account, email));
  return granted.some((account) => own.includes(account) || (email !== undefined && isCalled(account, email)));
}

function isCalled({ props }: Resource, email: string): boolean {
  return email.startsWith(`${text(props.accountId) ?? " "}@`);
}

function mayHave(account: Resource, email: string | undefined): boolean {
  return email === undefined || typeof account.props.accountId !== "string" || isCalled(account, email);
}

function accounts(resources: readonly Resource[] = []): Resource[] {
  return ofType(resources, "gcp:serviceaccount/account:Account");
}

/** The result of a grant's condition for an instance. */
function mayReach(grant: Grant, { name, instance }: Target): Answer | "elsewhere" {
  const { condition, resource } = grant;
  if (name && !mayReachProject(grant, name.project)) return "elsewhere";
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

function isEnough(answer: Answer | "elsewhere"): boolean {
  return answer === "holds" || answer === "unknown";
}

/** Why an account lacks access, judging by the conditions of its grants, and what to do. */
function reason(answers: readonly (Answer | "elsewhere")[], grants: readonly Grant[], remedy: string): string {
  const names = grants.map(({ resource }) => resource.name).join(", ");
  if (grants.length === 0) return `; grant it ${remedy}.`;
  if (answers.length > 0 && answers.every((answer) => answer === "elsewhere"))
    return `: ${names} is for another project; grant it ${remedy}, on the instance's project.`;
  const condition = `: the condition of ${names}`;
  return answers.includes("unreadable")
    ? `${condition} cannot be evaluated; use only resource.name, resource.type, resource.service and request.time.`
    : `${condition} does not hold; it must match the resource that the workload uses, with the project id, and must not expire.`;
}
