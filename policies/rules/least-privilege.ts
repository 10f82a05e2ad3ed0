import { z } from "zod";
import { policy } from "../engine/policy.ts";
import { type Grant, grantForm, grants, isWide, knownMembers } from "../model/grants.ts";
import { matchesAny } from "../model/patterns.ts";
import { ADMINISTRATIVE, IMPERSONATING } from "../model/permissions.ts";
import { isA, type Resource, typeName } from "../model/resource.ts";
import { lastPart, text, UNKNOWN, valueAt, valuesAt } from "../model/values.ts";
import { administrative, heldBy, impersonating } from "../model/roles.ts";
import { referencesOf } from "../model/secret-references.ts";
import { workload } from "../model/workloads.ts";

const PUBLIC = new Set(["allUsers", "allAuthenticatedUsers"]);
const BASIC = new Set(["roles/owner", "roles/editor", "roles/viewer"]);
const PRIVATE =
  /^gcp:(?:secretmanager|storage|sql|projects|folder|organizations|serviceaccount|artifactregistry|pubsub|kms|bigquery|bigtable|spanner)\//;
const INVOKERS = /^gcp:(?:cloudrun|cloudrunv2|cloudfunctions|cloudfunctionsv2)\//;

/** The accounts that Google creates, which all workloads of a project share by default. */
const DEFAULT_ACCOUNT = /^(?:\d+-compute@developer|[^@]+@appspot)\.gserviceaccount\.com$/;

/** The role; an empty string if not known. */
function role(grant: Grant): string {
  return text(grant.role) ?? "";
}

export const noBasicRoles = policy({
  name: "no-basic-roles",
  sentence: "Owner, editor and viewer are never granted: these roles reach every service of the project.",
  level: "mandatory",
  severity: "high",
  reference: "https://cloud.google.com/iam/docs/roles-overview#basic",
  peers: ["CKV_GCP_115", "CKV_GCP_116", "CKV_GCP_117"],
  resource: (resource, report) => {
    for (const grant of grants(resource)) {
      if (!BASIC.has(role(grant))) continue;
      report(resource, `grants ${role(grant)}; grant a predefined role for the service in question.`);
    }
  },
});

export const noAdministrativeRoles = policy({
  name: "no-administrative-roles",
  sentence:
    "A service account has no role with permissions to change access, to run code with more rights, or to delete what holds data: a compromised service must not control what it uses.",
  level: "mandatory",
  severity: "high",
  reference: "CIS 1.5",
  peers: ["CKV_GCP_42", "CIS 1.5"],
  resource: (resource, report) => {
    for (const grant of grants(resource)) {
      const permission = BASIC.has(role(grant)) ? undefined : administrative(role(grant));
      const member = accountAmong(grant);
      if (permission && member) report(resource, tooMuch(role(grant), permission, member));
    }
  },
  stack: (resources, report) => {
    for (const grant of resources.flatMap(grants)) {
      const permission = heldBy(grant, grant.wide ? [...ADMINISTRATIVE, ...IMPERSONATING] : ADMINISTRATIVE, resources);
      const member = accountAmong(grant);
      const name = role(grant) === "" ? "a custom role" : role(grant);
      if (permission && member) report(grant.resource, tooMuch(name, permission, member));
    }
  },
});

/** A service account among the members, or one that may be. */
function accountAmong(grant: Grant): string | undefined {
  const account = knownMembers(grant).find((member) => member.startsWith("serviceAccount:"));
  return account ?? (grant.members.includes(UNKNOWN) ? "an account that is not known yet" : undefined);
}

function tooMuch(role: string, permission: string, member: string): string {
  return `grants ${role} to ${member}, with the permission ${permission}; grant only what it needs, such as roles/cloudsql.client.`;
}

export const noImpersonation = policy({
  name: "no-project-wide-impersonation",
  sentence: "No member may act as every service account of a project, folder or organization.",
  level: "mandatory",
  severity: "high",
  reference: "CIS 1.6",
  peers: ["CKV_GCP_41", "CKV_GCP_44", "CKV_GCP_45", "CKV_GCP_49", "CIS 1.6"],
  resource: (resource, report) => {
    for (const grant of grants(resource)) {
      if (!grant.wide || BASIC.has(role(grant)) || impersonating(role(grant)) === undefined) continue;
      report(resource, `grants ${role(grant)} on all accounts; grant it on one, with gcp.serviceaccount.IAMMember.`);
    }
  },
});

/** The issuers whose tokens anybody can get, for a repository, a project or an account of their own. */
const SHARED_ISSUER =
  /^https:\/\/(?:token\.actions\.githubusercontent\.com|gitlab\.com|app\.terraform\.io|api\.pulumi\.com\/oidc|accounts\.google\.com|oidc\.circleci\.com|agent\.buildkite\.com|vstoken\.dev\.azure\.com)(?:\/|$)/;

export const federationRestricted = policy({
  name: "workload-identity-restricted",
  sentence:
    "A workload identity provider for a shared issuer, such as GitHub, has an attribute condition: without one, everybody's workflows can log in.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/iam/docs/workload-identity-federation-with-deployment-pipelines#conditions",
  resource: (resource, report) => {
    if (!isA(resource, "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider")) return;
    const { attributeCondition = "" } = resource.props;
    const issuer = text(valueAt(resource.props, "oidc.issuerUri")) ?? "";
    if (attributeCondition !== "" || !SHARED_ISSUER.test(issuer)) return;
    report(
      resource,
      `accepts all tokens of ${issuer}; set attributeCondition, such as assertion.repository_owner == 'YOUR-ORGANIZATION'.`,
    );
  },
});

export const noDefaultAccountRoles = policy({
  name: "no-roles-for-default-accounts",
  sentence: "Google's default accounts have no roles: every workload without its own account runs as one of them.",
  level: "mandatory",
  severity: "high",
  reference: "https://cloud.google.com/iam/docs/service-account-types#default",
  peers: ["CKV_GCP_46", "CKV_GCP_47", "CKV_GCP_48"],
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
  sentence:
    "Secrets, keys, buckets, databases, data sets, topics, image repositories and projects are never public, except those listed in the configuration.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/storage/docs/access-control/making-data-public",
  peers: ["CKV_GCP_28", "CIS 1.9", "CIS 5.1"],
  settings: {
    public: z.array(z.string()).default([]).describe("Names of what is public, with * for any text, such as site-*"),
  },
  resource: (resource, report, settings) => {
    if (!PRIVATE.test(resource.type)) return;
    const members = grants(resource)
      .flatMap(knownMembers)
      .filter((member) => PUBLIC.has(member));
    const found = [...members, ...entities(resource)];
    if (found.length === 0 || isPublic(resource, settings.public)) return;
    report(
      resource,
      `is granted to ${found[0] ?? ""}; name the accounts that need it; ${listed("no-public-members", "public")}.`,
    );
  },
});

/** The properties that name what a grant or an access list is for. */
const TARGETS = [
  "service",
  "cloudFunction",
  "bucket",
  "repository",
  "topic",
  "subscription",
  "datasetId",
  "tableId",
  "name",
];

/** Whether a resource, or the one it grants access to, matches a pattern; if its name is not known yet, it may. */
function isPublic({ props }: Resource, patterns: readonly string[]): boolean {
  const names = TARGETS.flatMap((property) => props[property] ?? []);
  if (!names.some((name) => typeof name === "string")) return patterns.length > 0;
  return names.some((name) => typeof name === "string" && matchesAny(lastPart(name), patterns));
}

function listed(policy: string, setting: string): string {
  return `if it is meant to be public, list it in { "${policy}": { "${setting}": […] } } of --policy-pack-config`;
}

/** The public entities in access lists: those of Cloud Storage, such as `allUsers` in `READER:allUsers`, and BigQuery's. */
function entities({ type, props }: Resource): string[] {
  const paths = type.startsWith("gcp:storage/")
    ? ["entity", "roleEntities.*", "predefinedAcl", "defaultAcl"]
    : type.startsWith("gcp:bigquery/")
      ? ["specialGroup", "iamMember", "accesses.*.specialGroup", "accesses.*.iamMember"]
      : [];
  const found = paths.flatMap((path) => valuesAt<unknown>(props, path));
  return found.flatMap(
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
    services: z
      .array(z.string())
      .default([])
      .describe("Names of the public services and functions, with * for any text"),
  },
  resource: (resource, report, { services }) => {
    if (!INVOKERS.test(resource.type)) return;
    const { props } = resource;
    if (isPublic(resource, services)) return;
    const members = grants(resource)
      .flatMap(knownMembers)
      .filter((member) => PUBLIC.has(member));
    const otherwise = listed("public-invoker", "services");
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
  sentence:
    "Access to what exists already is granted per member: a Policy or Binding resource silently removes the members it does not list.",
  level: "mandatory",
  severity: "high",
  reference: "https://cloud.google.com/iam/docs/granting-changing-revoking-access",
  resource: (resource, report) => {
    if (isAuthoritative(resource) && isWide(resource)) report(resource, authoritative(resource));
  },
  stack: (resources, report) => {
    const others = resources.filter((resource) => isAuthoritative(resource) && !isWide(resource));
    if (others.length === 0) return;
    const own = namesOf(resources);
    for (const resource of others) if (!isForOwn(resource, own)) report(resource, authoritative(resource));
  },
});

function isAuthoritative(resource: Resource): boolean {
  const form = grantForm(resource);
  return form === "Policy" || form === "Binding";
}

function authoritative(resource: Resource): string {
  const instead = typeName(resource).replace(/(?:Binding|Policy)$/, "Member");
  return `is authoritative and removes members that it does not list; use ${instead} instead.`;
}

/** The properties of a grant that do not name what it is for. */
const NOT_TARGETS = new Set(["role", "members", "policyData", "condition", "project", "location", "region", "etag"]);

/** The services and names of everything in the stack, such as `secretmanager shop-key`. */
function namesOf(resources: readonly Resource[]): Set<string> {
  const names = resources
    .filter((resource) => grantForm(resource) === undefined)
    .flatMap(({ type, props }) =>
      ["name", "secretId", "repositoryId", "datasetId", "accountId"].flatMap((property) => {
        const name = text(props[property]);
        return name === undefined ? [] : [`${serviceOf(type)} ${lastPart(name)}`];
      }),
    );
  return new Set(names);
}

/** Whether a grant is for a resource that the stack creates, which has no other members. */
function isForOwn({ type, props, madeOf }: Resource, own: ReadonlySet<string>): boolean {
  return Object.keys(props).some((property) => {
    if (NOT_TARGETS.has(property)) return false;
    const name = lastPart(text(props[property]) ?? "").replace(/@.*/, "");
    return (madeOf[property]?.length ?? 0) > 0 || own.has(`${serviceOf(type)} ${name}`);
  });
}

/** The service in a type, whatever the version of its API: `cloudrun` for `gcp:cloudrunv2/service:Service`. */
function serviceOf(type: string): string {
  return (type.split(":")[1] ?? "").replace(/(?:v2)?\/.*/, "");
}

export const noServiceAccountKeys = policy({
  name: "no-service-account-keys",
  sentence:
    "No service account has keys, which do not expire and get copied: use attached accounts or workload identity.",
  level: "mandatory",
  severity: "high",
  reference: "CIS 1.4",
  peers: ["CIS 1.4"],
  resource: (resource, report) => {
    if (isA(resource, "gcp:serviceaccount/key:Key")) {
      report(resource, "creates a key; attach the account to the workload, or use workload identity federation.");
    }
  },
});
