import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type EmbeddedCloud, startCloud } from "../../../packages/embedded-google-cloud/index.ts";
import { endpointEnv } from "../../../ops/engine/endpoints.ts";
import type { Call, Google } from "../../../infra/google.ts";
import { requireOutliving, stateLocation } from "../../../ops/bootstrap/beyond-region.ts";
import { projectNumber, stepsOf } from "../../../ops/bootstrap/steps.ts";
import { type Target, targetOf } from "../../../ops/bootstrap/target.ts";
import { ROOT } from "../../../ops/engine/stack-file.ts";

const PROJECTS = { staging: "fusion-prime-staging", prod: "fusion-prime" } as const;
type Stack = keyof typeof PROJECTS;

let folder: string;
let cloud: EmbeddedCloud;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "bootstrap-"));
  const images = {
    "us-central1-docker.pkg.dev/fusion-prime/settlement/settlement-service": { command: "true", args: [] },
  };
  cloud = await startCloud({ folder, projects: Object.values(PROJECTS), images });
});

afterAll(async () => {
  await cloud.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the command against the embedded cloud, through the provider's endpoint variables. */
async function bootstrap(
  stack: Stack,
  args: string[],
  token = cloud.identities.ownerToken,
): Promise<{ code: number; text: string }> {
  const { HOME, PATH } = process.env;
  const env = { HOME, PATH, GOOGLE_OAUTH_ACCESS_TOKEN: token, ...endpointEnv(cloud.url) };
  const words = ["ops/bootstrap.ts", "--stack", stack];
  try {
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      [...words, "--repository", "acme/settlement", ...args],
      { cwd: ROOT, env },
    );
    return { code: 0, text: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, text: stdout + stderr };
  }
}

interface Policy {
  readonly etag: string;
  readonly version?: number;
  readonly bindings: { role: string; members: string[]; condition?: { title: string; expression: string } }[];
}

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

async function ask(method: string, path: string, body?: object, token = cloud.identities.ownerToken): Promise<Answer> {
  const response = await fetch(cloud.url + path, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json().catch(() => ({}))) as Answer["body"] };
}

const get = async (path: string): Promise<object> => (await ask("GET", path)).body;
const projectPolicy = async (stack: Stack): Promise<Policy> => {
  const options = { requestedPolicyVersion: 3 };
  const { body } = await ask("POST", `/v1/projects/${PROJECTS[stack]}:getIamPolicy`, { options });
  return body as unknown as Policy;
};
const key = (stack: Stack) =>
  `/v1/projects/${PROJECTS[stack]}/locations/us-central1/keyRings/pulumi/cryptoKeys/${stack}`;
const bucket = (stack: Stack) => `/storage/v1/b/${PROJECTS[stack]}-pulumi-state`;
const email = (account: string, stack: Stack) => `${account}@${PROJECTS[stack]}.iam.gserviceaccount.com`;
const account = (name: string, stack: Stack) => `/v1/projects/${PROJECTS[stack]}/serviceAccounts/${email(name, stack)}`;
const provider = `/v1/projects/${PROJECTS.prod}/locations/global/workloadIdentityPools/github/providers/github`;

/** Those of some permissions that an account has on a resource. */
async function granted(name: string, stack: Stack, resource: string, permissions: string[]): Promise<string[]> {
  const token = cloud.identities.tokenFor(`serviceAccount:${email(name, stack)}`);
  const { body } = await ask("POST", `${resource}:testIamPermissions`, { permissions }, token);
  return (body.permissions ?? []) as string[];
}

test("--dry-run prints the commands and changes nothing", async () => {
  const enabled = () => get(`/v1/projects/${PROJECTS.prod}/services`);
  const before = await enabled();
  const nowhere = await bootstrap("prod", ["--dry-run"]);
  expect(nowhere.code).toBe(0);
  const lines = nowhere.text.split("\n").filter((line) => line.startsWith("gcloud "));
  expect(lines.length).toBeGreaterThan(25);
  for (const line of lines) expect(line).toContain(PROJECTS.prod);
  expect(nowhere.text).toContain("hasOnly(['roles/cloudsql.client'])");
  expect(nowhere.text).toContain(
    '--member="principalSet://iam.googleapis.com/projects/$NUMBER/locations/global/workloadIdentityPools/github/attribute.deployment/prod/refs/heads/main"',
  );
  expect(nowhere.text).not.toContain("roles/cloudkms.cryptoKeyDecrypter");
  expect(await enabled()).toEqual(before);
  expect((await ask("GET", bucket("prod"))).status).toBe(404);
});

describe("an empty project", () => {
  let first: { code: number; text: string };

  beforeAll(async () => {
    // This bucket has a default binding of Google's to revoke.
    const { body } = await ask("POST", `/v1/projects/${PROJECTS.prod}/services:batchEnable`, {
      serviceIds: ["storage.googleapis.com"],
    });
    expect(body.name).toContain("operations/");
    await ask("POST", `/storage/v1/b?project=${PROJECTS.prod}`, { name: `${PROJECTS.prod}-pulumi-state` });
    cloud.faults.delay({ services: 1_000 });
    first = await bootstrap("prod", ["--yes"]);
  });

  test("has the stack's APIs, which answer already", async () => {
    const place = `projects/${PROJECTS.prod}`;
    for (const path of [
      `/sql/v1beta4/${place}/instances`,
      `/v1/${place}/secrets`,
      `/v2/${place}/locations/us-central1/services`,
    ]) {
      expect((await ask("GET", path)).status).toBe(200);
    }
    cloud.faults.clear();
  });

  test("gets everything, and the command prints the settings for pipelines and plain pulumi", () => {
    expect(first).toMatchObject({ code: 0 });
    for (const line of [
      "create key prod, rotated every 90 days",
      "update gs://fusion-prime-pulumi-state: versioning",
      `revoke roles/storage.legacyObjectReader from projectViewer:${PROJECTS.prod}`,
      "PULUMI_BACKEND_URL=gs://fusion-prime-pulumi-state pulumi stack init prod --secrets-provider=gcpkms://projects/fusion-prime/",
      "service_account: settlement-deployer@fusion-prime.iam.gserviceaccount.com, to update from main",
    ]) {
      expect(first.text).toContain(line);
    }
  });

  test("gets a versioned state bucket without public access, for the two identities only", async () => {
    expect(await get(bucket("prod"))).toMatchObject({
      iamConfiguration: { uniformBucketLevelAccess: { enabled: true }, publicAccessPrevention: "enforced" },
      versioning: { enabled: true },
      softDeletePolicy: { retentionDurationSeconds: "2592000" },
      lifecycle: { rule: [{ action: { type: "Delete" } }] },
    });
    // An owner of the project can still look after the bucket.
    const owners = [`projectOwner:${PROJECTS.prod}`];
    expect((await ask("GET", `${bucket("prod")}/iam`)).body.bindings).toEqual([
      { role: "roles/storage.legacyBucketOwner", members: owners },
      { role: "roles/storage.legacyObjectOwner", members: owners },
      { role: "roles/storage.objectViewer", members: [`serviceAccount:${email("settlement-previewer", "prod")}`] },
      { role: "roles/storage.objectUser", members: [`serviceAccount:${email("settlement-deployer", "prod")}`] },
    ]);
  });

  test("lets the deployer have alerts on log entries, and configure nothing else of Logging", async () => {
    const permissions = ["create", "update", "delete"].map((verb) => `logging.notificationRules.${verb}`);
    const asked = [...permissions, "logging.sinks.delete", "logging.buckets.delete"];
    expect(await granted("settlement-deployer", "prod", `/v1/projects/${PROJECTS.prod}`, asked)).toEqual(permissions);
  });

  test("gets a rotating key with delayed destruction, which prod's previewer cannot use", async () => {
    expect(await get(key("prod"))).toMatchObject({ rotationPeriod: "7776000s", destroyScheduledDuration: "10368000s" });
    const permissions = ["cloudkms.cryptoKeyVersions.useToDecrypt", "cloudkms.cryptoKeyVersions.useToEncrypt"];
    expect(await granted("settlement-previewer", "prod", key("prod"), permissions)).toEqual([]);
    expect(await granted("settlement-deployer", "prod", key("prod"), permissions)).toEqual(permissions);
  });

  test("lets the deployer act as, update and delete only the settlement account, and let nobody else do so", async () => {
    const permissions = ["actAs", "delete", "update"].map((verb) => `iam.serviceAccounts.${verb}`);
    const asked = [...permissions, "iam.serviceAccounts.setIamPolicy"];
    const acts = (name: string) => granted("settlement-deployer", "prod", account(name, "prod"), asked);
    expect(await acts("settlement-service")).toEqual(permissions);
    expect(await acts("settlement-previewer")).toEqual([]);
    expect(await acts("settlement-deployer")).toEqual([]);
  });

  test("lets the deployer grant only the roles that the stack grants", async () => {
    const token = cloud.identities.tokenFor(`serviceAccount:${email("settlement-deployer", "prod")}`);
    const grant = async (role: string) => {
      const policy = await projectPolicy("prod");
      const member = `serviceAccount:${email("settlement-service", "prod")}`;
      const changed = { ...policy, version: 3, bindings: [...policy.bindings, { role, members: [member] }] };
      return (await ask("POST", `/v1/projects/${PROJECTS.prod}:setIamPolicy`, { policy: changed }, token)).status;
    };
    expect(await grant("roles/editor")).toBe(403);
    expect(await grant("roles/cloudsql.client")).toBe(200);
  });

  test("needs no changes in a second run", async () => {
    const before = await projectPolicy("prod");
    const { code, text } = await bootstrap("prod", ["--yes"]);
    expect({ code, text }).toMatchObject({ code: 0, text: expect.stringContaining("nothing to do") as string });
    expect(text).not.toContain("  - ");
    expect(await projectPolicy("prod")).toEqual(before);
  });

  test("gets what is missing, and loses the identities' excess roles", async () => {
    const deployer = `serviceAccount:${email("settlement-deployer", "prod")}`;
    const before = await projectPolicy("prod");
    const without = before.bindings.filter(({ role }) => role !== "roles/run.admin");
    const wider = without.map((each) =>
      each.role === "roles/resourcemanager.projectIamAdmin" ? { role: each.role, members: each.members } : each,
    );
    const others = { role: "roles/viewer", members: ["user:auditor@example.com"] };
    const bindings = [...wider, { role: "roles/owner", members: [deployer] }, others];
    await ask("POST", `/v1/projects/${PROJECTS.prod}:setIamPolicy`, { policy: { ...before, version: 3, bindings } });
    await ask("PATCH", bucket("prod"), { versioning: { enabled: false } });
    await ask("DELETE", account("settlement-service", "prod"));
    await ask("PATCH", `${provider}?updateMask=attributeCondition`, { attributeCondition: "true" });
    await ask("DELETE", provider);

    // The policy is changed concurrently, and Google is busy.
    const policy = /^\/v1\/projects\/fusion-prime:setIamPolicy$/;
    cloud.faults.inject({ path: policy, times: 1 }, { kind: "stale" });
    cloud.faults.inject(
      { path: /keyRings|serviceAccounts$/, method: "POST", times: 1 },
      { kind: "error", status: 503 },
    );
    const { code, text } = await bootstrap("prod", ["--yes"]);
    expect(text).toContain("grant roles/run.admin to settlement-deployer on project fusion-prime, for gcp.cloudrunv2");
    expect(text).toContain("revoke roles/owner from settlement-deployer on project fusion-prime");
    expect(text).toContain("revoke roles/resourcemanager.projectIamAdmin from settlement-deployer on project");
    expect(text).toContain("restore the deleted provider github");
    expect(text).toContain("(now: true)");
    expect(text).toContain("create service account settlement-service");
    expect(code).toBe(0);

    const after = await projectPolicy("prod");
    expect(after.bindings.find(({ role }) => role === others.role)?.members).toContain("user:auditor@example.com");
    const own = after.bindings.filter(({ members }) => members.includes(deployer));
    expect(own.map(({ role }) => role)).toEqual(expect.arrayContaining(["roles/run.admin"]));
    expect(own.map(({ role }) => role)).not.toContain("roles/owner");
    const admins = own.filter(({ role }) => role === "roles/resourcemanager.projectIamAdmin");
    expect(admins).toMatchObject([{ condition: { title: "settlement-grants" } }]);
    expect((await bootstrap("prod", ["--yes"])).text).toContain("nothing to do");
  });
});

describe("staging, whose image is in prod's project", () => {
  const repository = `/v1/projects/${PROJECTS.prod}/locations/us-central1/repositories/settlement`;
  const readers = async () => (await ask("GET", `${repository}:getIamPolicy`)).body.bindings;
  let agent: string;

  beforeAll(async () => {
    await ask("POST", `/v1/projects/${PROJECTS.staging}:setIamPolicy`, {
      policy: { bindings: [{ role: "roles/owner", members: ["user:owner@local.test", "user:admin@example.com"] }] },
    });
    const { projectNumber } = (await get(`/v1/projects/${PROJECTS.staging}`)) as { projectNumber: string };
    agent = `serviceAccount:service-${projectNumber}@serverless-robot-prod.iam.gserviceaccount.com`;
  });
  const commands = () =>
    [agent, `serviceAccount:${email("settlement-deployer", "staging")}`].map(
      (member) =>
        "gcloud artifacts repositories add-iam-policy-binding settlement --location=us-central1 " +
        `--project=fusion-prime --role=roles/artifactregistry.reader --member="${member}"`,
    );

  test("does not use a bucket that another project has taken", async () => {
    await ask("POST", `/storage/v1/b?project=${PROJECTS.prod}`, { name: `${PROJECTS.staging}-pulumi-state` });
    const { code, text } = await bootstrap("staging", ["--yes"]);
    expect({ code, text }).toMatchObject({ code: 1, text: expect.stringContaining("another project") as string });
    await ask("DELETE", bucket("staging"));
  });

  test("says where it stopped if Google refuses a step", async () => {
    const pools = { path: /workloadIdentityPools$/, method: "POST", times: 1 };
    cloud.faults.inject(pools, { kind: "error", status: 403 });
    const { code, text } = await bootstrap("staging", ["--yes"]);
    expect({ code, text }).toMatchObject({
      code: 1,
      text: expect.stringMatching(
        /^Workload identity pool: Google refused POST .*\nThe steps before it are done/m,
      ) as string,
    });
  });

  test("is told that the image's repository does not exist; two runs at once do not disturb each other", async () => {
    for (const { code, text } of await Promise.all([
      bootstrap("staging", ["--yes"]),
      bootstrap("staging", ["--yes"]),
    ])) {
      expect({ code, text }).toMatchObject({
        code: 0,
        text: expect.stringContaining("push the first image") as string,
      });
      for (const command of commands()) expect(text).toContain(`  ${command}\n`);
    }
  });

  test("gets Cloud Run's service agent, with its role on the project, even after someone removed it", async () => {
    const { bindings } = await projectPolicy("staging");
    expect(bindings).toContainEqual({ role: "roles/run.serviceAgent", members: [agent] });
    const without = { ...(await projectPolicy("staging")), version: 3 };
    const policy = { ...without, bindings: without.bindings.filter(({ role }) => role !== "roles/run.serviceAgent") };
    await ask("POST", `/v1/projects/${PROJECTS.staging}:setIamPolicy`, { policy });
    expect((await bootstrap("staging", ["--yes"])).text).toContain("create Cloud Run's service agent");
    expect((await projectPolicy("staging")).bindings).toContainEqual({
      role: "roles/run.serviceAgent",
      members: [agent],
    });
  });

  test("is told which commands to run by a caller without rights on the image's project", async () => {
    await ask("POST", `/v1/projects/${PROJECTS.prod}/services:batchEnable`, {
      serviceIds: ["artifactregistry.googleapis.com"],
    });
    const { code, text } = await bootstrap("staging", ["--yes"], cloud.identities.tokenFor("user:admin@example.com"));
    expect({ code, text }).toMatchObject({ code: 0, text: expect.stringContaining("You may not read") as string });
    for (const command of commands()) expect(text).toContain(`  ${command}\n`);
    expect(await readers()).toEqual([]);
    const printed = await bootstrap("staging", ["--dry-run"]);
    expect(printed.text).toContain('--member="serviceAccount:service-$NUMBER@serverless-robot-prod.iam');
    expect(printed.text).toContain("gcloud beta services identity create --service=run.googleapis.com");
  });

  test("gets both readers of the image by a caller with rights, and the deployer nothing that it does not need", async () => {
    const { code, text } = await bootstrap("staging", ["--yes"]);
    expect({ code, text }).toMatchObject({ code: 0, text: expect.stringContaining("to deploy its images") as string });
    const deployer = `serviceAccount:${email("settlement-deployer", "staging")}`;
    const bindings = (await readers()) as { role: string; members: string[] }[];
    expect(bindings.flatMap(({ role, members }) => members.map((member) => [role, member]))).toEqual(
      [agent, deployer].map((member) => ["roles/artifactregistry.reader", member]),
    );
    expect((await projectPolicy("staging")).bindings.map(({ role }) => role)).not.toContain(
      "roles/artifactregistry.reader",
    );
    expect((await bootstrap("staging", ["--yes"])).text).toContain("nothing to do");
  });
});

test("staging's previewer reads the secrets in staging's state", async () => {
  expect(await bootstrap("staging", ["--yes"])).toMatchObject({ code: 0 });
  const permissions = ["cloudkms.cryptoKeyVersions.useToDecrypt"];
  expect(await granted("settlement-previewer", "staging", key("staging"), permissions)).toEqual(permissions);
});

test("prints Google's message to a caller without access, without a stack trace", async () => {
  const { code, text } = await bootstrap("prod", ["--yes"], cloud.identities.tokenFor("user:stranger@example.com"));
  expect({ code, text }).toMatchObject({ code: 1, text: expect.stringContaining("Google refused GET") as string });
  expect(text).not.toMatch(/^\s+at /m);
});

test("finds the number of a new project, which has only Service Usage enabled", async () => {
  const answers = (service?: object) =>
    ({ find: ({ api }: Call) => Promise.resolve(api === "serviceUsage" ? service : undefined) }) as unknown as Google;
  const target = targetOf("prod", "acme/settlement");
  const name = "projects/123456789012/services/cloudresourcemanager.googleapis.com";
  expect(await projectNumber(target, answers({ name }))).toBe("123456789012");
  await expect(projectNumber(target, answers())).rejects.toThrow("Project fusion-prime does not exist");
});

test("keeps state and key of a stack with a replica outside its region, whose loss they must outlive", () => {
  const target = targetOf("staging", "acme/settlement");
  const replica = {
    ...{ region: "us-east1", tier: "db-custom-1-3840" },
    disasterRecovery: false,
    promoted: false,
    underway: false,
  };
  const config = { ...target.config, database: { ...target.config.database, replica } };
  const outside = { ...target, config, key: { ...target.key, location: "us" } };
  expect([stateLocation(target), stateLocation(outside)]).toEqual(["us-central1", "us"]);
  const check = (each: Target, location?: string) => () => {
    requireOutliving(each, location);
  };
  expect(check(target, "US-CENTRAL1")).not.toThrow();
  expect(check(outside, "US")).not.toThrow();
  expect(check(outside, "US-CENTRAL1")).toThrow(
    "gcloud storage buckets relocate gs://fusion-prime-staging-pulumi-state --location=us --project=fusion-prime-staging",
  );
  expect(check({ ...target, config })).toThrow(
    "gcpkms://projects/fusion-prime-staging/locations/us/keyRings/pulumi/cryptoKeys/staging in Pulumi.staging.yaml",
  );
});

test("enables the APIs of a private network where the stack has one", () => {
  const nowhere = {} as Google;
  const target = targetOf("staging", "acme/settlement");
  const network = { subnet: "10.8.0.0/24", services: "10.9.0.0/20" };
  const commands = (config: Target["config"]) => stepsOf({ ...target, config }, nowhere, "1")[0]?.commands.join() ?? "";
  expect(commands({ ...target.config, network })).toContain("compute.googleapis.com servicenetworking.googleapis.com");
  expect(commands(target.config)).not.toMatch(/compute|servicenetworking/);
});
