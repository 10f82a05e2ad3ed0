import { z } from "zod";
import { policy } from "../engine/policy.ts";
import { type Grant, grantForm, grants, knownMembers } from "../model/grants.ts";
import { isA, type Resource, typeName } from "../model/resource.ts";
import { lastPart, text, UNKNOWN, valuesAt } from "../model/values.ts";
import { referencesOf } from "../model/secret-references.ts";
import { workload } from "../model/workloads.ts";

const PUBLIC = new Set(["allUsers", "allAuthenticatedUsers"]);
const BASIC = new Set(["roles/owner", "roles/editor", "roles/viewer"]);
/** Roles that allow acting as a service account, or creating a way to do so. */
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

/** The accounts that Google creates, which all workloads of a project share by default. */
const DEFAULT_ACCOUNT = /^(?:\d+-compute@developer|[^@]+@appspot)\.gserviceaccount\.com$/;

/** The role; an empty string if not known. */
function role(grant: Grant): string {
  return text(grant.role) ?? "";
}

/** Whether a role can change access, or delete what others depend on. */
function isAdministrative(name: string): boolean {
  return /[./a-z][aA]dmin$/.test(name);
}

export const noBasicRoles = policy({
  name: "no-basic-roles",
  sentence: "Owner, editor and viewer are never granted: these roles reach every service of the project.",
  level: "mandatory",
  severity: "high",
  reference: "https://cloud.google.com/iam/docs/roles-overview#basic",
  peers: ["CKV_GCP_117"],
  resource: (resource, report) => {
    for (const grant of grants(resource)) {
      if (!BASIC.has(role(grant))) continue;
      report(resource, `grants ${role(grant)}; grant a predefined role for the service in question.`);
    }
  },
});

export const noAdministrativeRoles = policy({
  name: "no-administrative-roles",
  sentence: "A service account has no administrative role: a compromised service must not control what it uses.",
  level: "mandatory",
  severity: "high",
  reference: "CIS 1.5",
  peers: ["CKV_GCP_42"],
  resource: (resource, report) => {
    for (const grant of grants(resource)) {
      const accounts = knownMembers(grant).filter((member) => member.startsWith("serviceAccount:"));
      const member = accounts[0] ?? (grant.members.includes(UNKNOWN) ? "an account that is not known yet" : undefined);
      if (!isAdministrative(role(grant)) || member === undefined) continue;
      report(resource, `grants ${role(grant)} to ${member}; grant only what it needs, such as roles/cloudsql.client.`);
    }
  },
});

export const noImpersonation = policy({
  name: "no-project-wide-impersonation",
  sentence: "No member may act as every service account of a project, folder or organization.",
  level: "mandatory",
  severity: "high",
  reference: "CIS 1.6",
  peers: ["CKV_GCP_41", "CKV_GCP_49"],
  resource: (resource, report) => {
    for (const grant of grants(resource)) {
      if (!grant.wide || !IMPERSONATION.has(role(grant))) continue;
      report(resource, `grants ${role(grant)} on all accounts; grant it on one, with gcp.serviceaccount.IAMMember.`);
    }
  },
});

export const noDefaultAccountRoles = policy({
  name: "no-roles-for-default-accounts",
  sentence: "Google's default accounts have no roles: every workload without its own account runs as one of them.",
  level: "mandatory",
  severity: "high",
  reference: "https://cloud.google.com/iam/docs/service-account-types#default",
  peers: ["CKV_GCP_46"],
  resource: (resource, report) => {
    for (const grant of grants(resource)) {
      const member = knownMembers(grant).find((name) => DEFAULT_ACCOUNT.test(name.replace(/^serviceAccount:/, "")));
      if (member)
        report(
          resource,
          `grants ${role(grant)} to ${member}; create an account for the workload and grant the role to that.`,
        );
    }
  },
});

export const ownServiceAccount = policy({
  name: "service-account-is-own",
  sentence:
    "A Cloud Run workload that reads secrets or a database has its own service account, never the default compute account, whose access every workload of the project has.",
  level: "mandatory",
  severity: "high",
  reference: "https://cloud.google.com/run/docs/securing/service-identity",
  resource: (resource, report) => {
    const run = workload(resource);
    if (!run || run.account === UNKNOWN || (referencesOf(run).length === 0 && run.sockets.length === 0)) return;
    const account = text(run.account) ?? "";
    if (account === "")
      report(resource, "names no service account and would run as the default compute account; create one and set it.");
    else if (DEFAULT_ACCOUNT.test(account))
      report(resource, `runs as ${account}, which all workloads of the project share; create an account for it.`);
  },
});

export const noPublicMembers = policy({
  name: "no-public-members",
  sentence: "Secrets, buckets, databases and projects are never public.",
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

/** The public entities in Cloud Storage's access control lists, such as `allUsers` in `READER:allUsers`. */
function accessList(props: Resource["props"]): string[] {
  const entities = ["entity", "roleEntities.*", "predefinedAcl", "defaultAcl"].flatMap((path) => valuesAt(props, path));
  return entities.flatMap(
    ({ value }) => /allUsers|allAuthenticatedUsers|publicRead|authenticatedRead/.exec(text(value) ?? "")?.[0] ?? [],
  );
}

export const publicInvoker = policy({
  name: "public-invoker",
  sentence: "Only the services listed in the configuration may be public.",
  level: "mandatory",
  severity: "high",
  reference: "https://cloud.google.com/run/docs/authenticating/public",
  peers: ["CKV_GCP_102"],
  settings: {
    services: z.array(z.string()).default([]).describe("Names of the public Cloud Run services"),
  },
  resource: (resource, report, { services }) => {
    if (!INVOKERS.test(resource.type)) return;
    const { props } = resource;
    const name = props.service ?? props.name;
    if (typeof name === "string" ? services.includes(lastPart(name)) : services.length > 0) return;
    const members = grants(resource)
      .flatMap(knownMembers)
      .filter((member) => PUBLIC.has(member));
    const otherwise =
      'if it is meant to be public, list it in { "public-invoker": { "services": […] } } of --policy-pack-config';
    if (members[0]) report(resource, `lets ${members[0]} call the service; grant it to its callers; ${otherwise}.`);
    if (props.invokerIamDisabled === true) report(resource, `disables the invoker check; leave it on; ${otherwise}.`);
  },
});

export const noProjectWideSecretAccess = policy({
  name: "no-project-wide-secret-access",
  sentence: "Access is granted per secret: no accessor role reaches all secrets of a project.",
  level: "mandatory",
  severity: "high",
  reference: "https://cloud.google.com/secret-manager/docs/access-control",
  resource: (resource, report) => {
    for (const grant of grants(resource)) {
      if (!grant.wide || !/^roles\/secretmanager\.(?:secretAccessor|admin)$/.test(role(grant))) continue;
      report(
        resource,
        `grants ${role(grant)} on all secrets; grant it on one, with gcp.secretmanager.SecretIamMember.`,
      );
    }
  },
});

export const noAuthoritativeGrants = policy({
  name: "no-authoritative-grants",
  sentence: "Access is granted per member: a Policy or Binding resource silently removes the members it does not list.",
  level: "mandatory",
  severity: "high",
  reference: "https://cloud.google.com/iam/docs/granting-changing-revoking-access",
  resource: (resource, report) => {
    const form = grantForm(resource);
    if (form !== "Policy" && form !== "Binding") return;
    const instead = typeName(resource).replace(/(?:Binding|Policy)$/, "Member");
    report(resource, `is authoritative and removes members that it does not list; use ${instead} instead.`);
  },
});

export const noServiceAccountKeys = policy({
  name: "no-service-account-keys",
  sentence:
    "No service account has keys, which do not expire and get copied: use attached accounts or workload identity.",
  level: "mandatory",
  severity: "high",
  reference: "CIS 1.4",
  resource: (resource, report) => {
    if (isA(resource, "gcp:serviceaccount/key:Key")) {
      report(resource, "creates a key; attach the account to the workload, or use workload identity federation.");
    }
  },
});
