import type { Case } from "../case.ts";
import { type Declared, UNKNOWN_TEXT } from "../declare.ts";
import { ACCOUNT, account, accessor, client, grant, program, service } from "../good.ts";

const MEMBER = `serviceAccount:${ACCOUNT}`;
const OTHER = "serviceAccount:reports@fusion-prime.iam.gserviceaccount.com";
const SERVICE_MEMBER = "gcp:cloudrunv2/serviceIamMember:ServiceIamMember";

/** Another account, which the service calls for reports, and mentions in a variable. */
const REPORTS: Declared = { ...account(), name: "reports", props: { accountId: "reports", email: UNKNOWN_TEXT } };

/** The service as the official provider previews it: an account's email follows from its id. */
function mentioning(granted: string): Declared[] {
  const run = service({ serviceAccount: ACCOUNT });
  const mentions = { ...run, madeOf: { template: ["account", "reports", "instance", "secret", "version"] } };
  return program(REPORTS, mentions, { ...client(), madeOf: { member: [granted] } });
}

function customRole(name: string, permissions: unknown): Declared {
  const type = "gcp:projects/iAMCustomRole:IAMCustomRole";
  return { type, name, props: { roleId: name, title: name, permissions } };
}

/** A custom role and its grant, by the role's name or, before it is known, by the dependency. */
function customGrant(permissions: unknown, member = MEMBER): Declared[] {
  const granted = grant(UNKNOWN_TEXT, member);
  return [customRole("custom", permissions), { ...granted, madeOf: { role: ["custom"] } }];
}

function connector(permissions: unknown): Declared[] {
  return program(customRole("connector", permissions), client("projects/fusion-prime/roles/connector"));
}

function conditionalClient(expression: string): Declared[] {
  return program(client(undefined, { condition: { title: "tagged", expression } }));
}

function provider(attributeCondition: string | undefined, issuerUri: string): Declared[] {
  const type = "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider";
  const ids = { workloadIdentityPoolId: "ci", workloadIdentityPoolProviderId: "github" };
  return [{ type, name: "provider", props: { ...ids, attributeCondition, oidc: { issuerUri } } }];
}

const GITHUB = "https://token.actions.githubusercontent.com";

function administrative(title: string, role: string, sound: string, type?: string): Case {
  return {
    policy: "no-administrative-roles",
    title,
    breaks: [grant(role, MEMBER, type)],
    says: new RegExp(`grants ${role.replaceAll(".", "\\.")} to ${MEMBER.slice(0, 20)}.*with the permission `),
    passes: [grant(sound, MEMBER, type)],
  };
}

const BUCKET_MEMBER = "gcp:storage/bucketIAMMember:BucketIAMMember";

function everybody(title: string, type: string, props: Readonly<Record<string, unknown>>): Case {
  const on = (member: string): Declared[] => [{ type, name: "everybody", props: { ...props, member } }];
  return {
    policy: "no-public-members",
    title,
    breaks: on("allAuthenticatedUsers"),
    says: /is granted to allAuthenticatedUsers.*"public"/,
    passes: on(MEMBER),
  };
}

/** Grants: who has which role, and where. */
export const access: readonly Case[] = [
  {
    policy: "service-account-may-connect",
    title: "the role of another account that the template mentions",
    breaks: mentioning("reports"),
    says: /its account may not connect; grant it/,
    passes: mentioning("account"),
  },
  {
    policy: "service-account-may-connect",
    title: "the role in another project than the instance's",
    breaks: program(client(undefined, { project: "fusion-labs" })),
    says: /client is for another project; grant it roles\/cloudsql.client.* on the instance's project/,
    passes: program(client(undefined, { project: "123456789" })),
  },
  {
    policy: "service-account-may-connect",
    title: "a custom role without the permission",
    breaks: connector(["cloudsql.instances.get"]),
    says: /its account may not connect/,
    passes: connector(["cloudsql.instances.get", "cloudsql.instances.connect"]),
  },
  {
    policy: "service-account-may-connect",
    title: "a condition on a tag, beside a name that does not match",
    breaks: conditionalClient('resource.matchTag("1/env", "prod") && resource.name.endsWith("/old-db")'),
    says: /the condition of client does not hold/,
    passes: conditionalClient('resource.matchTag("1/env", "prod")'),
  },
  {
    policy: "service-account-may-read-secret",
    title: "the role on all secrets of another project",
    breaks: program(
      grant("roles/secretmanager.secretAccessor", MEMBER, undefined, { project: "fusion-labs" }),
      service({ serviceAccount: ACCOUNT }),
    ).filter(({ name }) => name !== "accessor"),
    says: /its account may not read the secret of DATABASE_URL/,
    passes: program(service({ serviceAccount: ACCOUNT })),
  },
  {
    policy: "service-account-may-read-secret",
    title: "a custom role without the permission",
    breaks: program(
      customRole("reader", ["secretmanager.secrets.get"]),
      accessor("projects/fusion-prime/roles/reader"),
    ),
    says: /its account may not read the secret of DATABASE_URL/,
    passes: program(
      customRole("reader", ["secretmanager.versions.access"]),
      accessor("projects/fusion-prime/roles/reader"),
    ),
  },
  administrative("virtual machines", "roles/compute.instanceAdmin.v1", "roles/compute.viewer"),
  administrative("settings of instances", "roles/cloudsql.editor", "roles/cloudsql.viewer"),
  administrative("builds", "roles/cloudbuild.builds.editor", "roles/cloudbuild.builds.builder"),
  administrative("access to services", "roles/run.admin", "roles/run.developer"),
  administrative("access to a data set", "roles/bigquery.dataOwner", "roles/bigquery.dataEditor"),
  administrative("a role that only has the name", "roles/firebase.admin", "roles/firebasecloudmessaging.admin"),
  administrative(
    "the objects of a bucket",
    "roles/storage.legacyBucketOwner",
    "roles/storage.objectAdmin",
    BUCKET_MEMBER,
  ),
  {
    policy: "no-administrative-roles",
    title: "a custom role that changes access",
    breaks: customGrant(["run.services.get", "run.services.setIamPolicy"]),
    says: /grants a custom role to serviceAccount:shop@.*with the permission run.services.setIamPolicy/,
    passes: customGrant(["run.services.get", "storage.objects.setIamPolicy"]),
  },
  {
    policy: "no-administrative-roles",
    title: "a custom role that acts as accounts",
    breaks: customGrant(["iam.serviceAccounts.actAs"]),
    says: /with the permission iam.serviceAccounts.actAs/,
    passes: customGrant(["iam.serviceAccounts.get"]),
  },
  {
    policy: "no-project-wide-impersonation",
    title: "a role that includes acting as accounts",
    breaks: [grant("roles/iam.devOps", "group:team@example.com")],
    says: /grants roles\/iam.devOps on all accounts/,
    passes: [grant("roles/iam.serviceAccountUser", "group:team@example.com", "gcp:serviceaccount/iAMMember:IAMMember")],
  },
  {
    policy: "workload-identity-restricted",
    title: "all workflows of GitHub",
    breaks: provider(undefined, GITHUB),
    says: /accepts all tokens of https:\/\/token.actions.githubusercontent.com; set attributeCondition/,
    passes: provider("assertion.repository_owner == 'fusion'", GITHUB),
  },
  {
    policy: "workload-identity-restricted",
    title: "all users of GitLab",
    breaks: provider("", "https://gitlab.com/"),
    says: /accepts all tokens of https:\/\/gitlab.com/,
    passes: provider(undefined, "https://gitlab.example.com"),
  },
  everybody("a repository of images", "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember", {
    repository: "images",
    role: "roles/artifactregistry.reader",
  }),
  everybody("a topic", "gcp:pubsub/topicIAMMember:TopicIAMMember", { topic: "orders", role: "roles/pubsub.publisher" }),
  everybody("a key", "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember", {
    cryptoKeyId: "key",
    role: "roles/cloudkms.cryptoKeyDecrypter",
  }),
  everybody("a data set", "gcp:bigquery/datasetIamMember:DatasetIamMember", {
    datasetId: "sales",
    role: "roles/bigquery.dataViewer",
  }),
  {
    policy: "no-public-members",
    title: "a data set, by its access list",
    breaks: [
      {
        type: "gcp:bigquery/dataset:Dataset",
        name: "sales",
        props: { datasetId: "sales", accesses: [{ role: "READER", specialGroup: "allAuthenticatedUsers" }] },
      },
    ],
    says: /is granted to allAuthenticatedUsers/,
    passes: [
      {
        type: "gcp:bigquery/dataset:Dataset",
        name: "sales",
        props: { datasetId: "sales", accesses: [{ role: "READER", specialGroup: "projectReaders" }] },
      },
    ],
  },
  {
    policy: "public-invoker",
    title: "a public function",
    breaks: [
      {
        type: "gcp:cloudfunctions/functionIamMember:FunctionIamMember",
        name: "caller",
        props: { cloudFunction: "hook", role: "roles/cloudfunctions.invoker", member: "allUsers" },
      },
    ],
    says: /lets allUsers call the service.*"services"/,
    passes: [
      {
        type: "gcp:cloudfunctions/functionIamMember:FunctionIamMember",
        name: "caller",
        props: { cloudFunction: "hook", role: "roles/cloudfunctions.invoker", member: OTHER },
      },
    ],
  },
  {
    policy: "no-authoritative-grants",
    title: "a binding on a secret of another stack",
    breaks: [{ ...binding("stripe-key"), madeOf: {} }],
    says: /is authoritative.*use gcp.secretmanager.SecretIamMember instead/,
    passes: [ownKey(), binding("stripe-key")],
  },
  {
    policy: "no-authoritative-grants",
    title: "a binding on a service whose name is not known yet",
    breaks: [serviceBinding([])],
    says: /use gcp.cloudrunv2.ServiceIamMember instead/,
    passes: program({ ...serviceBinding(["service"]) }),
  },
];

function ownKey(): Declared {
  return { type: "gcp:secretmanager/secret:Secret", name: "key", props: { secretId: "stripe-key" } };
}

function binding(secretId: string): Declared {
  const props = { secretId, role: "roles/secretmanager.secretAccessor", members: [MEMBER] };
  return { type: "gcp:secretmanager/secretIamBinding:SecretIamBinding", name: "binding", props };
}

function serviceBinding(origins: readonly string[]): Declared {
  const props = { name: UNKNOWN_TEXT, location: "us-central1", role: "roles/run.invoker", members: [OTHER] };
  const type = SERVICE_MEMBER.replaceAll("Member", "Binding");
  return { type, name: "binding", props, madeOf: { name: origins } };
}
