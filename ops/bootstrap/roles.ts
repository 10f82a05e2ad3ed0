import { RESOURCE_TYPES, typeName } from "../engine/resource-types.ts";
import { READER, repositoriesOf } from "../google/images.ts";
import { BRANCH, type Identity, type Target } from "./target.ts";

/** What a role is bound on. */
export type Holder = "project" | "state bucket" | "key" | "settlement account" | "deployer account";

/** A role that an identity gets. */
export interface Grant {
  readonly identity: Identity;
  readonly role: string;
  readonly on: Holder;
  /** What needs it: types of the stack's resources, or a task. */
  readonly for: readonly string[];
  readonly condition?: { readonly title: string; readonly description: string; readonly expression: string };
  /** The stacks that need it, also in words; all by default. */
  readonly where?: { readonly words: string; readonly holds: (target: Target) => boolean };
}

/** The project roles that the stack itself grants; a test compares them with test/inventory. */
export const GRANTED_BY_STACK = ["roles/cloudsql.client"] as const;

/** https://cloud.google.com/iam/docs/setting-limits-on-granting-roles */
const ONLY_THESE = {
  title: "settlement-grants",
  description: "Grant the roles that the settlement stack grants, and no other",
  expression: `api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly([${GRANTED_BY_STACK.map((role) => `'${role}'`).join(", ")}])`,
};

/** Readers of pull requests may see everything in staging's state, but not in prod's. */
const decrypts = { words: "not in prod", holds: ({ config }: Target) => config.environment !== "prod" };

/** Additions to the grants that follow from {@link RESOURCE_TYPES}. */
const DETAILS: Readonly<Record<string, Partial<Pick<Grant, "condition" | "for" | "where">>>> = {
  "roles/cloudsql.admin": { for: ["the schema's backups and imports"] },
  "roles/compute.loadBalancerAdmin": {
    for: ["the address of the load balancer"],
    where: { words: "with settlement:frontend", holds: ({ config }) => config.frontend !== undefined },
  },
  "roles/compute.networkAdmin": {
    where: { words: "with settlement:network", holds: ({ config }) => config.network !== undefined },
  },
  "roles/resourcemanager.projectIamAdmin": { condition: ONLY_THESE },
  "roles/secretmanager.secretAccessor": { where: decrypts },
};

/** A role of the project's own, where no predefined role is small enough. */
export interface CustomRole {
  readonly id: string;
  readonly title: string;
  /** In alphabetical order. */
  readonly permissions: readonly string[];
}

/**
 * Monitoring also checks these permissions for alerts on log entries, and the smallest predefined role that has them,
 * `roles/logging.configWriter`, can delete sinks and log buckets.
 * https://cloud.google.com/logging/docs/alerting/log-based-alerts
 */
const LOG_ALERTS: CustomRole = {
  id: "settlementLogAlerts",
  title: "Settlement log alerts",
  permissions: ["create", "delete", "update"].map((verb) => `logging.notificationRules.${verb}`),
};

/** The smallest predefined role that can update an account, `roles/iam.serviceAccountAdmin`, also decides who acts as it. */
const ACCOUNT: CustomRole = {
  id: "settlementAccount",
  title: "Settlement account",
  permissions: ["iam.serviceAccounts.delete", "iam.serviceAccounts.update"],
};

export const CUSTOM_ROLES: readonly CustomRole[] = [LOG_ALERTS, ACCOUNT];

/** A grant for each role that an identity needs for the stack's types. */
function grantsForTypes(identity: Identity, need = (type: string) => type): Grant[] {
  const types = Object.entries(RESOURCE_TYPES).flatMap(([token, { [identity]: role }]) =>
    role === undefined ? [] : [{ role, need: need(typeName(token)) }],
  );
  return Array.from(
    Map.groupBy(types, ({ role }) => role),
    ([role, needs]) => ({
      identity,
      role,
      on: "project",
      ...DETAILS[role],
      for: [...needs.map((each) => each.need), ...(DETAILS[role]?.for ?? [])],
    }),
  );
}

function grant(identity: Identity, role: string, on: Holder, need: string): Grant {
  return { identity, role, on, for: [need] };
}

/** The full name of a custom role, with `{project}` in place of the project. */
function nameOf({ id }: CustomRole): string {
  return `projects/{project}/roles/${id}`;
}

/** Every role of both identities, the smallest one each. docs/DEPLOYMENT.md shows the same table. */
export const GRANTS: readonly Grant[] = [
  grant("previewer", "roles/viewer", "project", "reading resources, for --refresh"),
  grant("previewer", "roles/iam.securityReviewer", "project", "reading IAM policies"),
  grant("previewer", "roles/logging.logWriter", "project", "logging the findings of the nightly doctor"),
  ...grantsForTypes("previewer", (type) => `reading ${type}, for --refresh`),
  grant("previewer", "roles/storage.objectViewer", "state bucket", "reading the state"),
  {
    ...grant("previewer", "roles/cloudkms.cryptoKeyDecrypter", "key", "decrypting the secrets in the state"),
    where: decrypts,
  },
  ...grantsForTypes("deployer"),
  grant("deployer", nameOf(LOG_ALERTS), "project", "gcp.monitoring.AlertPolicy on a log entry"),
  grant("deployer", "roles/logging.logWriter", "project", "the logs of Cloud Build"),
  {
    ...grant("deployer", READER, "project", "the image of gcp.cloudrunv2.Service"),
    where: {
      words: "with an image of its own",
      holds: ({ config }) => repositoriesOf(config).some(({ project }) => project === config.project),
    },
  },
  grant("deployer", nameOf(ACCOUNT), "settlement account", "changing and deleting gcp.serviceaccount.Account"),
  grant(
    "deployer",
    "roles/iam.serviceAccountUser",
    "settlement account",
    "running gcp.cloudrunv2.Service and gcp.cloudrunv2.Job as it",
  ),
  grant(
    "deployer",
    "roles/iam.serviceAccountOpenIdTokenCreator",
    "deployer account",
    "calling a new revision before users do",
  ),
  grant("deployer", "roles/storage.objectUser", "state bucket", "writing the state"),
  grant("deployer", "roles/cloudkms.cryptoKeyEncrypterDecrypter", "key", "the secrets in the state"),
];

/** The grants of a stack, with its project in the names of custom roles. */
export function grantsOf(target: Target): readonly Grant[] {
  const { project } = target.config;
  return GRANTS.filter(({ where }) => where?.holds(target) ?? true).map((grant) => ({
    ...grant,
    role: grant.role.replace("{project}", project),
  }));
}

/** The attribute mapping of GitHub's tokens, in CEL. A job outside any environment has no environment claim. */
export const ATTRIBUTES = {
  "google.subject": "assertion.sub",
  "attribute.repository": "assertion.repository",
  "attribute.ref": "assertion.ref",
  // Both in one, because a principal set matches a single attribute.
  "attribute.deployment": 'has(assertion.environment) ? assertion.environment + "/" + assertion.ref : "none"',
} as const;

/** The condition on which a token is accepted at all. */
export function attributeCondition({ repository }: Target): string {
  return `assertion.repository == "${repository}"`;
}

/**
 * The principal that may act as an identity: any workflow of the repository may preview; only a job that runs on the main
 * branch in the stack's environment may deploy.
 * @param pool Full name of the pool, with the project's number.
 */
export function principalOf(identity: Identity, pool: string, { repository, stack }: Target): string {
  const attribute =
    identity === "previewer"
      ? `attribute.repository/${repository}`
      : `attribute.deployment/${stack}/refs/heads/${BRANCH}`;
  return `principalSet://iam.googleapis.com/${pool}/${attribute}`;
}
