import { SERVICE_ACCOUNT, serviceAccountEmail } from "../../infra/names.ts";
import { APIS, FRONTEND_APIS, NETWORK_APIS } from "../../infra/api-names.ts";
import { command } from "../terminal/command.ts";
import { UserError } from "../terminal/user-error.ts";
import type { Call, Google } from "../../infra/google.ts";
import { enabledApis } from "../google/apis.ts";
import { differenceOf, type Membership, repair, type Wanted } from "../google/policy.ts";
import {
  attributeCondition,
  ATTRIBUTES,
  CUSTOM_ROLES,
  type CustomRole,
  type Grant,
  grantsOf,
  type Holder,
  principalOf,
} from "./roles.ts";
import { requireOutliving, stateLocation } from "./beyond-region.ts";
import { imageReaders, serviceAgent } from "./images.ts";
import { type PolicyAccess, policyAt, projectPolicy, type Step } from "./step.ts";
import { BRANCH, emailOf, IDENTITIES, type Identity, type Target } from "./target.ts";

/** The APIs that are enabled, and what for; those of the stack too, because they answer only minutes later. */
const ENABLED = ({ config: { frontend, network } }: Target): Readonly<Record<string, string>> => ({
  ...Object.fromEntries(APIS.map((api) => [`${api}.googleapis.com`, "the stack"])),
  ...Object.fromEntries((frontend ? FRONTEND_APIS : []).map((api) => [`${api}.googleapis.com`, "the load balancer"])),
  ...Object.fromEntries((network ? NETWORK_APIS : []).map((api) => [`${api}.googleapis.com`, "the stack's network"])),
  "cloudkms.googleapis.com": "the key",
  "cloudresourcemanager.googleapis.com": "the project's policy",
  "iam.googleapis.com": "the accounts and the workload identity pool",
  "iamcredentials.googleapis.com": "tokens of the accounts",
  "serviceusage.googleapis.com": "enabling the others",
  "storage.googleapis.com": "the state's bucket",
  "sts.googleapis.com": "exchanging GitHub's tokens",
});

/** A list of each API that bootstrap or the first update needs at once: it is refused until the API answers. */
const LISTS = ({ config: { frontend, network, project, region } }: Target): readonly Call[] => [
  { api: "cloudRunV2", path: `projects/${project}/locations/${region}/services` },
  { api: "secretManager", path: `projects/${project}/secrets` },
  { api: "sql", path: `projects/${project}/instances` },
  { api: "storage", path: `b?project=${project}` },
  { api: "kms", path: `projects/${project}/locations/${region}/keyRings` },
  { api: "iamBeta", path: `projects/${project}/serviceAccounts` },
  ...(network ? [{ api: "compute", path: `projects/${project}/global/networks` } as const] : []),
  ...(frontend ? [{ api: "compute", path: `projects/${project}/global/urlMaps` } as const] : []),
];

const DAY = 24 * 3600;
/** How long a key version is scheduled for destruction: the longest that Cloud KMS allows. */
const DESTROY_AFTER_DAYS = 120;
const ROTATION_DAYS = 90;
/** How long a deleted state can be restored. */
const SOFT_DELETE_DAYS = 30;
/** Replaced states are deleted after a year if ten newer versions exist. */
const LIFECYCLE = {
  rule: [{ action: { type: "Delete" }, condition: { daysSinceNoncurrentTime: 365, numNewerVersions: 10 } }],
};

/** Id of the workload identity pool and of its provider. */
export const POOL = "github";
const ISSUER = "https://token.actions.githubusercontent.com";

/**
 * All steps, in the order in which they are applied.
 * @param number The project's number.
 */
export function stepsOf(target: Target, google: Google, number: string): readonly Step[] {
  return [
    apis(target, google),
    serviceAgent(target, google, number),
    stateBucket(target, google, number),
    keyRing(target, google),
    key(target, google),
    pool(target, google),
    provider(target, google),
    ...accounts(target, google),
    ...CUSTOM_ROLES.map((role) => customRole(role, target, google)),
    ...policies(target, google, number),
    ...imageReaders(target, google, number),
  ];
}

function apis(target: Target, google: Google): Step {
  const { project } = target.config;
  const wanted = ENABLED(target);
  const missing = async () => {
    const enabled = await enabledApis(project, (path) => google.find({ api: "serviceUsage", path }));
    return Object.entries(wanted).filter(([service]) => !enabled.includes(service));
  };
  return {
    title: "APIs",
    commands: [command("gcloud", "services", "enable", ...Object.keys(wanted), `--project=${project}`)],
    plan: async () => (await missing()).map(([service, why]) => `enable ${service}, for ${why}`),
    apply: async () => {
      const body: gapi.client.serviceusage.BatchEnableServicesRequest = {
        serviceIds: (await missing()).map(([service]) => service),
      };
      const path = `projects/${project}/services:batchEnable`;
      await google.operate({ api: "serviceUsage", path, body });
      for (const list of LISTS(target)) await google.call(list);
    },
  };
}

function stateBucket(target: Target, google: Google, number: string): Step {
  const { bucket } = target;
  const { project } = target.config;
  const location = stateLocation(target);
  const wanted = {
    iamConfiguration: { uniformBucketLevelAccess: { enabled: true }, publicAccessPrevention: "enforced" },
    versioning: { enabled: true },
    softDeletePolicy: { retentionDurationSeconds: String(SOFT_DELETE_DAYS * DAY) },
    lifecycle: LIFECYCLE,
  } satisfies gapi.client.storage.Bucket;
  const read = () => google.find<gapi.client.storage.Bucket>({ api: "storage", path: `b/${bucket}` });
  /** The settings to change, with a description. */
  const wrong = (found: gapi.client.storage.Bucket): [keyof typeof wanted, string][] => {
    const { iamConfiguration: access, lifecycle, softDeletePolicy, versioning } = found;
    const locked = access?.uniformBucketLevelAccess?.enabled && access.publicAccessPrevention === "enforced";
    const kept = Number(softDeletePolicy?.retentionDurationSeconds ?? 0) >= SOFT_DELETE_DAYS * DAY;
    const parts: [boolean | undefined, keyof typeof wanted, string][] = [
      [locked, "iamConfiguration", "uniform access, no public access"],
      [versioning?.enabled, "versioning", "versioning, to restore earlier states"],
      [kept, "softDeletePolicy", `${SOFT_DELETE_DAYS} days of soft delete, to restore deleted states`],
      [(lifecycle?.rule ?? []).length > 0, "lifecycle", "a lifecycle rule, to delete old versions"],
    ];
    return parts.flatMap(([good, part, what]) => (good ? [] : [[part, what]]));
  };
  return {
    title: "State",
    commands: [
      command(
        ...[
          "gcloud",
          "storage",
          "buckets",
          "create",
          `gs://${bucket}`,
          `--project=${project}`,
          `--location=${location}`,
        ],
        ...["--uniform-bucket-level-access", "--public-access-prevention"],
        `--soft-delete-duration=${SOFT_DELETE_DAYS}d`,
      ),
      // gcloud resolves the path first, so that /dev/stdin is no file to it.
      `cat >lifecycle.json <<'END'\n${JSON.stringify(LIFECYCLE)}\nEND`,
      command(
        "gcloud",
        "storage",
        "buckets",
        "update",
        `gs://${bucket}`,
        "--versioning",
        "--lifecycle-file=lifecycle.json",
      ),
    ],
    plan: async () => {
      const found = await read();
      // Names are global: another project may have taken this one, and must not get the state.
      if (found && found.projectNumber !== number) {
        throw new UserError(
          `gs://${bucket} belongs to another project, number ${found.projectNumber ?? "unknown"}: name another bucket in BACKENDS in ops/engine/stack-file.ts.`,
        );
      }
      requireOutliving(target, found?.location);
      if (!found) return [`create bucket gs://${bucket} in ${location}`];
      return wrong(found).map(([, what]) => `update gs://${bucket}: ${what}`);
    },
    apply: async () => {
      const found = await read();
      if (!found) {
        const body = { name: bucket, location: location.toUpperCase(), ...wanted };
        await google.operate({ api: "storage", path: `b?project=${project}`, body });
        return;
      }
      const body = Object.fromEntries(wrong(found).map(([part]) => [part, wanted[part]]));
      await google.operate({ method: "PATCH", api: "storage", path: `b/${bucket}`, body });
    },
  };
}

function ringOf({ key: { location, project, ring } }: Target): string {
  return `projects/${project}/locations/${location}/keyRings/${ring}`;
}

function keyRing(target: Target, google: Google): Step {
  const { location, project, ring } = target.key;
  const path = ringOf(target);
  return {
    title: "Key ring",
    commands: [command("gcloud", "kms", "keyrings", "create", ring, `--location=${location}`, `--project=${project}`)],
    plan: async () => ((await google.find({ api: "kms", path })) ? [] : [`create key ring ${ring} in ${location}`]),
    apply: async () => {
      const path = `projects/${project}/locations/${location}/keyRings?keyRingId=${ring}`;
      await google.operate({ api: "kms", path, body: {} });
    },
  };
}

function key(target: Target, google: Google): Step {
  const { location, name, project, ring } = target.key;
  const path = `${ringOf(target)}/cryptoKeys/${name}`;
  const read = () => google.find<gapi.client.cloudkms.CryptoKey>({ api: "kms", path });
  const schedule = () => ({
    rotationPeriod: `${ROTATION_DAYS * DAY}s`,
    nextRotationTime: new Date(Date.now() + ROTATION_DAYS * DAY * 1000).toISOString(),
  });
  return {
    title: "Key",
    commands: [
      `${command(
        ...["gcloud", "kms", "keys", "create", name, `--keyring=${ring}`, `--location=${location}`],
        ...[`--project=${project}`, "--purpose=encryption", `--destroy-scheduled-duration=${DESTROY_AFTER_DAYS}d`],
        `--rotation-period=${ROTATION_DAYS}d`,
      )} --next-rotation-time=$(date -u -d +${ROTATION_DAYS}days +%FT%TZ)`,
    ],
    plan: async () => {
      const found = await read();
      if (!found) return [`create key ${name}, rotated every ${ROTATION_DAYS} days`];
      return found.rotationPeriod === undefined ? [`rotate key ${name} every ${ROTATION_DAYS} days`] : [];
    },
    apply: async () => {
      if (await read()) {
        const query = "updateMask=rotationPeriod,nextRotationTime";
        await google.operate({ method: "PATCH", api: "kms", path: `${path}?${query}`, body: schedule() });
        return;
      }
      const body: gapi.client.cloudkms.CryptoKey = {
        purpose: "ENCRYPT_DECRYPT",
        destroyScheduledDuration: `${DESTROY_AFTER_DAYS * DAY}s`,
        ...schedule(),
      };
      const create = `${ringOf(target)}/cryptoKeys?cryptoKeyId=${name}`;
      await google.operate({ api: "kms", path: create, body });
    },
  };
}

const POOLS = (project: string) => `projects/${project}/locations/global/workloadIdentityPools`;

/** Restores a resource that was deleted less than thirty days ago: its name cannot be reused before. */
async function undelete(google: Google, path: string): Promise<void> {
  await google.operate({ api: "iamBeta", path: `${path}:undelete`, body: {} });
}

function pool({ config: { project } }: Target, google: Google): Step {
  const path = `${POOLS(project)}/${POOL}`;
  const read = () => google.find<gapi.client.iam.WorkloadIdentityPool>({ api: "iamBeta", path });
  const body = { displayName: "GitHub" } satisfies gapi.client.iam.WorkloadIdentityPool;
  return {
    title: "Workload identity pool",
    commands: [
      command(
        ...["gcloud", "iam", "workload-identity-pools", "create", POOL, "--location=global"],
        ...[`--display-name=${body.displayName}`, `--project=${project}`],
      ),
    ],
    plan: async () => {
      const found = await read();
      if (!found) return [`create workload identity pool ${POOL}`];
      return found.state === "DELETED" ? [`restore the deleted workload identity pool ${POOL}`] : [];
    },
    apply: async () => {
      if (await read()) await undelete(google, path);
      else {
        const create = `${POOLS(project)}?workloadIdentityPoolId=${POOL}`;
        await google.operate({ api: "iamBeta", path: create, body });
      }
    },
  };
}

function provider(target: Target, google: Google): Step {
  const { project } = target.config;
  const path = `${POOLS(project)}/${POOL}/providers/${POOL}`;
  const condition = attributeCondition(target);
  type Provider = gapi.client.iam.WorkloadIdentityPoolProvider;
  const wanted = {
    attributeMapping: ATTRIBUTES,
    attributeCondition: condition,
    oidc: { issuerUri: ISSUER },
  } satisfies Provider;
  const read = () => google.find<Provider>({ api: "iamBeta", path });
  const isAsWanted = ({ attributeMapping = {}, attributeCondition, oidc }: Provider) =>
    Object.entries(ATTRIBUTES).every(([name, expression]) => attributeMapping[name] === expression) &&
    Object.keys(attributeMapping).length === Object.keys(ATTRIBUTES).length &&
    attributeCondition === condition &&
    oidc?.issuerUri === ISSUER;
  const mapping = Object.entries(ATTRIBUTES).map(([name, expression]) => `${name}=${expression}`);
  return {
    title: "GitHub",
    commands: [
      command(
        ...["gcloud", "iam", "workload-identity-pools", "providers", "create-oidc", POOL, "--location=global"],
        ...[`--workload-identity-pool=${POOL}`, `--project=${project}`, `--issuer-uri=${ISSUER}`],
        ...[`--attribute-mapping=${mapping.join(",")}`, `--attribute-condition=${condition}`],
      ),
    ],
    plan: async () => {
      const found = await read();
      if (!found) return [`accept GitHub's tokens if ${condition}`];
      return [
        ...(found.state === "DELETED" ? [`restore the deleted provider ${POOL}`] : []),
        ...(isAsWanted(found)
          ? []
          : [`accept GitHub's tokens if ${condition} (now: ${found.attributeCondition ?? "always"})`]),
      ];
    },
    apply: async () => {
      const found = await read();
      if (!found) {
        const create = `${POOLS(project)}/${POOL}/providers?workloadIdentityPoolProviderId=${POOL}`;
        await google.operate({ api: "iamBeta", path: create, body: wanted });
        return;
      }
      if (found.state === "DELETED") await undelete(google, path);
      if (isAsWanted(found)) return;
      const query = `updateMask=${Object.keys(wanted).join(",")}`;
      await google.operate({ method: "PATCH", api: "iamBeta", path: `${path}?${query}`, body: wanted });
    },
  };
}

function accounts(target: Target, google: Google): Step[] {
  const { project } = target.config;
  const one = (accountId: string, displayName: string, why: string): Step => {
    const path = `projects/${project}/serviceAccounts/${accountId}@${project}.iam.gserviceaccount.com`;
    const body: gapi.client.iam.CreateServiceAccountRequest = { accountId, serviceAccount: { displayName } };
    return {
      title: displayName,
      commands: [
        command(
          ...["gcloud", "iam", "service-accounts", "create", accountId],
          ...[`--display-name=${displayName}`, `--project=${project}`],
        ),
      ],
      plan: async () =>
        (await google.find({ api: "iamBeta", path })) ? [] : [`create service account ${accountId}, ${why}`],
      apply: async () => {
        await google.operate({ api: "iamBeta", path: `projects/${project}/serviceAccounts`, body });
      },
    };
  };
  return [
    one(IDENTITIES.previewer, "Settlement previewer", "for previews"),
    one(IDENTITIES.deployer, "Settlement deployer", "for updates"),
    // Created here because the deployer gets a role on it.
    one(SERVICE_ACCOUNT.accountId, SERVICE_ACCOUNT.displayName, "for the service"),
  ];
}

function customRole({ id, permissions, title }: CustomRole, { config: { project } }: Target, google: Google): Step {
  const path = `projects/${project}/roles/${id}`;
  const read = () => google.find<gapi.client.iam.Role>({ api: "iamBeta", path });
  const differs = ({ includedPermissions = [] }: gapi.client.iam.Role) =>
    [...includedPermissions].sort().join() !== permissions.join();
  return {
    title,
    commands: [
      command(
        ...["gcloud", "iam", "roles", "create", id, `--project=${project}`, `--title=${title}`, "--stage=GA"],
        `--permissions=${permissions.join(",")}`,
      ),
    ],
    plan: async () => {
      const found = await read();
      if (!found) return [`create role ${id} with ${permissions.join(", ")}`];
      return [
        ...(found.deleted ? [`restore the deleted role ${id}`] : []),
        ...(differs(found) ? [`limit role ${id} to ${permissions.join(", ")}`] : []),
      ];
    },
    apply: async () => {
      const found = await read();
      if (!found) {
        const role: gapi.client.iam.Role = { title, includedPermissions: [...permissions], stage: "GA" };
        const body: gapi.client.iam.CreateRoleRequest = { roleId: id, role };
        await google.operate({ api: "iamBeta", path: `projects/${project}/roles`, body });
        return;
      }
      if (found.deleted) await undelete(google, path);
      if (!differs(found)) return;
      const body: gapi.client.iam.Role = { includedPermissions: [...permissions] };
      await google.operate({ method: "PATCH", api: "iamBeta", path: `${path}?updateMask=includedPermissions`, body });
    },
  };
}

/** Full name of the pool. */
export function poolName(number: string): string {
  return `${POOLS(number)}/${POOL}`;
}

function policies(target: Target, google: Google, number: string): Step[] {
  const { bucket, config, key } = target;
  const { project } = config;
  const members = Object.keys(IDENTITIES).map((identity) => memberOf(identity as Identity, target));
  const isIdentity = (member: string) => members.includes(member);
  // A new bucket grants access to the project's viewers and editors, who must not all see the state.
  const isDefaultMember = (member: string) => [`projectViewer:${project}`, `projectEditor:${project}`].includes(member);
  const isFederated = (member: string) => member.includes(`/${POOLS(number)}/`);

  const settlement = serviceAccountEmail(project);
  const holders: [Holder, string, PolicyAccess, string[], (member: string) => boolean][] = [
    [
      "project",
      `project ${project}`,
      projectPolicy(project),
      ["gcloud", "projects", "add-iam-policy-binding", project],
      isIdentity,
    ],
    [
      "state bucket",
      `gs://${bucket}`,
      {
        read: { api: "storage", path: `b/${bucket}/iam?optionsRequestedPolicyVersion=3` },
        write: (body) => ({ method: "PUT", api: "storage", path: `b/${bucket}/iam`, body }),
      },
      ["gcloud", "storage", "buckets", "add-iam-policy-binding", `gs://${bucket}`],
      (member) => isIdentity(member) || isDefaultMember(member),
    ],
    [
      "key",
      `key ${key.name}`,
      policyAt({ api: "kms", path: `${ringOf(target)}/cryptoKeys/${key.name}` }),
      [
        ...["gcloud", "kms", "keys", "add-iam-policy-binding", key.name, `--keyring=${key.ring}`],
        ...[`--location=${key.location}`, `--project=${project}`],
      ],
      isIdentity,
    ],
    [
      "settlement account",
      settlement,
      accountPolicy(project, settlement),
      ["gcloud", "iam", "service-accounts", "add-iam-policy-binding", settlement, `--project=${project}`],
      isIdentity,
    ],
  ];
  const grantSteps = holders.map(([on, where, holder, words, isOurs]): Step => {
    const grants = grantsOf(target).filter((grant) => grant.on === on);
    const step = policyStep(
      google,
      where,
      { ...holder, isOurs, memberships: grants.map((grant) => membershipOf(grant, target)) },
      whyOf(grants),
    );
    const removed = on === "state bucket" ? revokeDefaults(bucket, project) : [];
    return { ...step, commands: [...grants.map((grant) => grantCommand(grant, target, words)), ...removed] };
  });
  const identitySteps = (Object.keys(IDENTITIES) as Identity[]).map((identity): Step => {
    const email = emailOf(identity, target);
    const grants = grantsOf(target).filter(({ on }) => on === `${identity} account`);
    const role = "roles/iam.workloadIdentityUser";
    const who =
      identity === "deployer" ? `deployments from ${BRANCH} that ${target.stack} has approved` : "any workflow";
    const step = policyStep(
      google,
      email,
      {
        ...accountPolicy(project, email),
        isOurs: (member) => isFederated(member) || isIdentity(member),
        memberships: [
          { role, member: principalOf(identity, poolName(number), target) },
          ...grants.map((grant) => membershipOf(grant, target)),
        ],
      },
      whyOf(grants, who),
    );
    const words = ["gcloud", "iam", "service-accounts", "add-iam-policy-binding", email, `--project=${project}`];
    // In double quotes, so that the shell expands $NUMBER.
    const member = principalOf(identity, poolName("$NUMBER"), target);
    const federated = `# ${who}\n${command(...words, `--role=${role}`)} --member="${member}"`;
    return { ...step, commands: [federated, ...grants.map((grant) => grantCommand(grant, target, words))] };
  });
  return [...grantSteps, ...identitySteps];
}

/** What a membership is for. */
function whyOf(grants: readonly Grant[], otherwise = ""): (each: Membership) => string {
  return ({ member, role }) =>
    grants
      .find((grant) => grant.role === role && member.startsWith(`serviceAccount:${IDENTITIES[grant.identity]}@`))
      ?.for.join(", ") ?? otherwise;
}

function policyStep(google: Google, where: string, wanted: Wanted, why: (missing: Membership) => string): Step {
  return {
    title: `Access to ${where}`,
    commands: [],
    plan: async () => {
      const { extra, missing } = await differenceOf(google, wanted);
      return [
        ...missing.map((each) => `grant ${described(each, "to")} on ${where}, for ${why(each)}`),
        ...extra.map((each) => `revoke ${described(each, "from")} on ${where}: nothing needs it`),
      ];
    },
    apply: () => repair(google, wanted),
  };
}

function accountPolicy(project: string, email: string): PolicyAccess {
  return policyAt({ api: "iamBeta", path: `projects/${project}/serviceAccounts/${email}`, body: {} });
}

function memberOf(identity: Identity, target: Target): string {
  return `serviceAccount:${emailOf(identity, target)}`;
}

function membershipOf({ condition, identity, role }: Grant, target: Target): Membership {
  return { role, member: memberOf(identity, target), ...(condition && { condition }) };
}

function described({ condition, member, role }: Membership, preposition: "to" | "from"): string {
  const who = member.replace(/^serviceAccount:([^@]+)@.*/, "$1");
  return `${role} ${preposition} ${who}${condition ? `, with the condition ${condition.title ?? condition.expression}` : ""}`;
}

function grantCommand(grant: Grant, target: Target, words: readonly string[]): string {
  const line = command(...words, `--member=${memberOf(grant.identity, target)}`, `--role=${grant.role}`);
  const comment = `# ${grant.for.join(", ")}\n`;
  if (grant.condition) {
    return `${comment}${line} --condition-from-file=/dev/stdin <<'END'\n${JSON.stringify(grant.condition)}\nEND`;
  }
  // If a policy has conditions, gcloud prompts for one unless given --condition=None.
  return comment + (grant.on === "project" ? `${line} --condition=None` : line);
}

/** Revokes the default roles of a new bucket: https://cloud.google.com/storage/docs/access-control/iam */
function revokeDefaults(bucket: string, project: string): string[] {
  const bindings = [
    ["projectViewer", "legacyBucketReader"],
    ["projectViewer", "legacyObjectReader"],
    ["projectEditor", "legacyBucketOwner"],
    ["projectEditor", "legacyObjectOwner"],
  ];
  return bindings.map(([member = "", role = ""]) =>
    command(
      ...["gcloud", "storage", "buckets", "remove-iam-policy-binding", `gs://${bucket}`],
      ...[`--member=${member}:${project}`, `--role=roles/storage.${role}`],
    ),
  );
}

/**
 * The project's number, which principals contain. In a new project only Service Usage is enabled.
 * @throws UserError if the project does not exist.
 */
export async function projectNumber({ config: { project } }: Target, google: Google): Promise<string> {
  type Project = gapi.client.cloudresourcemanager.Project;
  const found = await google.find<Project>({ api: "resourceManager", path: `projects/${project}` });
  if (found?.projectNumber !== undefined) return found.projectNumber;
  const api = "cloudresourcemanager.googleapis.com";
  const path = `projects/${project}/services/${api}`;
  const service = await google.find<gapi.client.serviceusage.GoogleApiServiceusageV1Service>({
    api: "serviceUsage",
    path,
  });
  const number = /^projects\/(\d+)\//.exec(service?.name ?? "")?.[1];
  if (number !== undefined) return number;
  const enable = command("gcloud", "services", "enable", api, `--project=${project}`);
  throw new UserError(`Project ${project} does not exist, or does not have ${api} enabled: ${enable}`);
}
