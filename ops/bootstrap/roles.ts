import { RESOURCE_TYPES, typeName } from "../engine/resource-types.ts";
import { BRANCH, type Identity, type Target } from "./target.ts";

/** What a role is bound on. */
export type Holder = "project" | "state bucket" | "key" | "settlement account" | "deployer account";

/** A role that an identity gets. */
export interface Grant {
  readonly identity: Identity;
  readonly role: string;
  readonly on: Holder;
  /** What needs it: types of the stack's resources, or a part of the work in words. */
  readonly for: readonly string[];
  readonly condition?: { readonly title: string; readonly description: string; readonly expression: string };
  /** For which stacks, in words too; all by default. */
  readonly where?: { readonly words: string; readonly holds: (target: Target) => boolean };
}

/** The roles whose members the stack's own bindings on the project change; a test compares them with test/inventory. */
export const GRANTED_BY_STACK = ["roles/cloudsql.client"] as const;

/** https://cloud.google.com/iam/docs/setting-limits-on-granting-roles */
const ONLY_THESE = {
  title: "settlement-grants",
  description: "Grant the roles that the settlement stack grants, and no other",
  expression: `api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly([${GRANTED_BY_STACK.map((role) => `'${role}'`).join(", ")}])`,
};

/** Staging's state holds nothing that a reader of its pull requests may not see; prod's does. */
const decrypts = { words: "not in prod", holds: ({ config }: Target) => config.environment !== "prod" };

/** What comes with a role of {@link RESOURCE_TYPES}, beside the types themselves; `for` is added to them. */
const DETAILS: Readonly<Record<string, Partial<Pick<Grant, "condition" | "for" | "where">>>> = {
  "roles/cloudsql.admin": { for: ["the schema's backups and imports"] },
  "roles/compute.networkAdmin": {
    where: { words: "with settlement:network", holds: ({ config }) => config.network !== undefined },
  },
  "roles/resourcemanager.projectIamAdmin": { condition: ONLY_THESE },
  "roles/secretmanager.secretAccessor": { where: decrypts },
};

/** The roles that an identity needs for the stack's types, a grant a role, in the order of the table. */
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

/** Every role of both identities, the smallest predefined one that does. docs/DEPLOYMENT.md shows the same table. */
export const GRANTS: readonly Grant[] = [
  { identity: "previewer", role: "roles/viewer", on: "project", for: ["reading what is there, for --refresh"] },
  {
    identity: "previewer",
    role: "roles/iam.securityReviewer",
    on: "project",
    for: ["reading the policies that bindings are part of"],
  },
  { identity: "previewer", role: "roles/logging.logWriter", on: "project", for: ["what the nightly doctor found"] },
  ...grantsForTypes("previewer", (type) => `reading ${type}, for --refresh`),
  { identity: "previewer", role: "roles/storage.objectViewer", on: "state bucket", for: ["reading the state"] },
  {
    identity: "previewer",
    role: "roles/cloudkms.cryptoKeyDecrypter",
    on: "key",
    for: ["reading the secrets in the state"],
    where: decrypts,
  },
  ...grantsForTypes("deployer"),
  {
    identity: "deployer",
    role: "roles/artifactregistry.reader",
    on: "project",
    for: ["the image of gcp.cloudrunv2.Service"],
  },
  {
    identity: "deployer",
    role: "roles/iam.serviceAccountUser",
    on: "settlement account",
    for: ["running gcp.cloudrunv2.Service and gcp.cloudrunv2.Job as it"],
  },
  {
    identity: "deployer",
    role: "roles/iam.serviceAccountOpenIdTokenCreator",
    on: "deployer account",
    for: ["calling a new revision, before users do"],
  },
  { identity: "deployer", role: "roles/storage.objectUser", on: "state bucket", for: ["writing the state"] },
  {
    identity: "deployer",
    role: "roles/cloudkms.cryptoKeyEncrypterDecrypter",
    on: "key",
    for: ["the secrets in the state"],
  },
];

/** The grants of a stack. */
export function grantsOf(target: Target): readonly Grant[] {
  return GRANTS.filter(({ where }) => where?.holds(target) ?? true);
}

/** Google's attributes of a GitHub token, by CEL over its claims. A job outside any environment has no such claim. */
export const ATTRIBUTES = {
  "google.subject": "assertion.sub",
  "attribute.repository": "assertion.repository",
  "attribute.ref": "assertion.ref",
  // Both in one, because a principal set looks at one attribute only.
  "attribute.deployment": 'has(assertion.environment) ? assertion.environment + "/" + assertion.ref : "none"',
} as const;

/** Whose tokens are accepted at all. */
export function attributeCondition({ repository }: Target): string {
  return `assertion.repository == "${repository}"`;
}

/**
 * Who may act as an identity: every workflow of the repository previews, and deploys only a job of the main branch that
 * the environment has let in.
 * @param pool Full name of the pool, with the project's number.
 */
export function principalOf(identity: Identity, pool: string, { repository, stack }: Target): string {
  const attribute =
    identity === "previewer"
      ? `attribute.repository/${repository}`
      : `attribute.deployment/${stack}/refs/heads/${BRANCH}`;
  return `principalSet://iam.googleapis.com/${pool}/${attribute}`;
}
