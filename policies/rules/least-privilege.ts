import { z } from "zod";
import { policy } from "../engine/policy.ts";
import { type Grant, grantForm, grants, knownMembers } from "../model/grants.ts";
import { isA, type Resource } from "../model/resource.ts";
import { lastPart, text, UNKNOWN, valuesAt } from "../model/values.ts";
import { workload } from "../model/workloads.ts";

const PUBLIC = new Set(["allUsers", "allAuthenticatedUsers"]);
const BASIC = new Set(["roles/owner", "roles/editor", "roles/viewer"]);
/** Roles that let their holder act as a service account, or make it do so. */
const IMPERSONATION = new Set([
  "roles/iam.serviceAccountUser",
  "roles/iam.serviceAccountTokenCreator",
  "roles/iam.workloadIdentityUser",
  "roles/iam.serviceAccountOpenIdTokenCreator",
  "roles/iam.serviceAccountAdmin",
  "roles/iam.serviceAccountKeyAdmin",
]);
const PRIVATE = /^gcp:(?:secretmanager|storage|sql|projects|folder|organizations|serviceaccount)\//;
const INVOKERS = /^gcp:(?:cloudrun|cloudrunv2)\//;

/** The accounts Google makes by itself, which every workload of a project shares. */
const DEFAULT_ACCOUNT = /^(?:\d+-compute@developer|[^@]+@appspot)\.gserviceaccount\.com$/;

/** The role as text; the empty text where it is not known. */
function role(grant: Grant): string {
  return text(grant.role) ?? "";
}

/** Roles that administer: they can change who may do what, or delete what others depend on. */
function isAdministrative(name: string): boolean {
  return /(?:[./]|[a-z])[aA]dmin$/.test(name);
}

export const noBasicRoles = policy({
  name: "no-basic-roles",
  sentence: "Nobody is granted owner, editor or viewer: these roles reach every service of the project.",
  level: "mandatory",
  severity: "high",
  reference: "https://cloud.google.com/iam/docs/roles-overview#basic",
  peers: ["CKV_GCP_117"],
  resource: (resource, report) => {
    for (const grant of grants(resource)) {
      if (!BASIC.has(role(grant))) continue;
      report(resource, `grants ${role(grant)}; grant the predefined role of the one service that is needed.`);
    }
  },
});

export const noAdministrativeRoles = policy({
  name: "no-administrative-roles",
  sentence: "A service account holds no administrative role: a service that is broken into must not own what it uses.",
  level: "mandatory",
  severity: "high",
  reference: "CIS 1.5",
  peers: ["CKV_GCP_42"],
  resource: (resource, report) => {
    for (const grant of grants(resource)) {
      const accounts = knownMembers(grant).filter((member) => member.startsWith("serviceAccount:"));
      const member =
        accounts[0] ??
        (grant.members.some((value) => value === UNKNOWN) ? "an account that is not known yet" : undefined);
      if (!isAdministrative(role(grant)) || member === undefined) continue;
      report(
        resource,
        `grants ${role(grant)} to ${member}; grant what the service does, such as roles/cloudsql.client.`,
      );
    }
  },
});

export const noImpersonation = policy({
  name: "no-project-wide-impersonation",
  sentence: "Nobody may act as every service account of a project, folder or organisation.",
  level: "mandatory",
  severity: "high",
  reference: "CIS 1.6",
  peers: ["CKV_GCP_41", "CKV_GCP_49"],
  resource: (resource, report) => {
    for (const grant of grants(resource)) {
      if (!grant.wide || !IMPERSONATION.has(role(grant))) continue;
      report(
        resource,
        `grants ${role(grant)} on everything; grant it on the one account, with gcp.serviceaccount.IAMMember.`,
      );
    }
  },
});

export const noDefaultAccountRoles = policy({
  name: "no-roles-for-default-accounts",
  sentence:
    "Google's default accounts are granted nothing: every workload that names no account of its own runs as one of them.",
  level: "mandatory",
  severity: "high",
  reference: "https://cloud.google.com/iam/docs/service-account-types#default",
  peers: ["CKV_GCP_46"],
  resource: (resource, report) => {
    for (const grant of grants(resource)) {
      const member = knownMembers(grant).find((name) => DEFAULT_ACCOUNT.test(name.replace(/^serviceAccount:/, "")));
      if (member)
        report(resource, `grants ${role(grant)} to ${member}; make an account for the workload and grant it there.`);
    }
  },
});

export const ownServiceAccount = policy({
  name: "service-account-is-own",
  sentence: "A workload on Cloud Run runs as an account of its own, never as the default compute account.",
  level: "mandatory",
  severity: "high",
  reference: "https://cloud.google.com/run/docs/securing/service-identity",
  resource: (resource, report) => {
    const run = workload(resource);
    if (!run || run.account === UNKNOWN) return;
    const account = text(run.account) ?? "";
    if (account === "")
      report(resource, "names no service account and would run as the default compute account; make one and name it.");
    else if (DEFAULT_ACCOUNT.test(account))
      report(resource, `runs as ${account}, which every workload of the project shares; make an account of its own.`);
  },
});

export const noPublicMembers = policy({
  name: "no-public-members",
  sentence: "Secrets, buckets, databases and projects are never granted to everybody.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/storage/docs/access-control/making-data-public",
  peers: ["CKV_GCP_28"],
  resource: (resource, report) => {
    if (!PRIVATE.test(resource.type)) return;
    const members = grants(resource)
      .flatMap(knownMembers)
      .filter((member) => PUBLIC.has(member));
    const entities = resource.type.startsWith("gcp:storage/") ? accessList(resource.props) : [];
    for (const member of [...members, ...entities]) {
      report(resource, `is granted to ${member}; name the accounts that need it.`);
    }
  },
});

/** The entities of Cloud Storage's access control lists, the way before IAM, such as `READER:allUsers`. */
function accessList(props: Resource["props"]): string[] {
  const entities = ["entity", "roleEntities.*", "predefinedAcl", "defaultAcl"].flatMap((path) => valuesAt(props, path));
  return entities.flatMap(
    ({ value }) => /allUsers|allAuthenticatedUsers|publicRead|authenticatedRead/.exec(text(value) ?? "")?.[0] ?? [],
  );
}

export const publicInvoker = policy({
  name: "public-invoker",
  sentence: "Only the services that the configuration lists may be called by everybody.",
  level: "mandatory",
  severity: "high",
  reference: "https://cloud.google.com/run/docs/authenticating/public",
  peers: ["CKV_GCP_102"],
  settings: {
    services: z.array(z.string()).default([]).describe("Names of the Cloud Run services that anybody may call"),
  },
  resource: (resource, report, { services }) => {
    if (!INVOKERS.test(resource.type)) return;
    const { props } = resource;
    const name = props.service ?? props.name;
    if (typeof name === "string" ? services.includes(lastPart(name)) : services.length > 0) return;
    const members = grants(resource)
      .flatMap(knownMembers)
      .filter((member) => PUBLIC.has(member));
    const what = "list it in the policy's services if everybody shall call it";
    if (members[0]) report(resource, `lets ${members[0]} call the service; name the caller, or ${what}.`);
    if (props.invokerIamDisabled === true) report(resource, `turns the invoker check off; leave it on, or ${what}.`);
  },
});

export const noProjectWideSecretAccess = policy({
  name: "no-project-wide-secret-access",
  sentence: "Secrets are read one by one: no accessor role reaches all secrets of a project.",
  level: "mandatory",
  severity: "high",
  reference: "https://cloud.google.com/secret-manager/docs/access-control",
  resource: (resource, report) => {
    for (const grant of grants(resource)) {
      if (!grant.wide || !/^roles\/secretmanager\.(?:secretAccessor|admin)$/.test(role(grant))) continue;
      report(
        resource,
        `grants ${role(grant)} on all secrets; grant it on the secret, with gcp.secretmanager.SecretIamMember.`,
      );
    }
  },
});

export const noAuthoritativeGrants = policy({
  name: "no-authoritative-grants",
  sentence:
    "Access is added member by member: a Policy or Binding resource silently drops the members it does not list.",
  level: "mandatory",
  severity: "high",
  reference: "https://cloud.google.com/iam/docs/granting-changing-revoking-access",
  resource: (resource, report) => {
    const form = grantForm(resource);
    if (form === "Policy" || form === "Binding") {
      report(
        resource,
        `is authoritative and drops members that it does not list; use the ${form === "Policy" ? "IAMMember" : "Member"} resource instead.`,
      );
    }
  },
});

export const noServiceAccountKeys = policy({
  name: "no-service-account-keys",
  sentence:
    "No keys of service accounts are made: they do not expire and are copied; use an attached account or workload identity.",
  level: "mandatory",
  severity: "high",
  reference: "CIS 1.4",
  resource: (resource, report) => {
    if (isA(resource, "gcp:serviceaccount/key:Key")) {
      report(resource, "makes a key; attach the account to what runs, or federate with workload identity.");
    }
  },
});
