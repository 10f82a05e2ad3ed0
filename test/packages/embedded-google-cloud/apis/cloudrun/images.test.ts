import { Embedded, message, OTHER_PROJECT, PROJECT } from "../../embedded.ts";
import { ECHO } from "./programs.ts";

jest.setTimeout(60_000);

const REPOSITORY = `projects/${PROJECT}/locations/us-central1/repositories/settlement`;
const IMAGE = `us-central1-docker.pkg.dev/${PROJECT}/settlement/echo:1`;
const FORMER = `gcr.io/${PROJECT}/echo:1`;
const RUN = { command: process.execPath, args: ["-e", ECHO] };
const embedded = new Embedded({ [IMAGE]: RUN, [FORMER]: RUN, "library/echo": RUN });
const DEPLOYER = `deployer@${OTHER_PROJECT}.iam.gserviceaccount.com`;

beforeAll(() => embedded.start("run.googleapis.com", "iam.googleapis.com", "artifactregistry.googleapis.com"));
afterAll(() => embedded.remove());

const agentOf = async (project: string): Promise<string> => {
  const path = `/v1beta1/projects/${project}/services/run.googleapis.com:generateServiceIdentity`;
  const { body } = await embedded.post(path);
  return (body.response as { email: string }).email;
};

let count = 0;

/** Creates a service or a job of the image, and returns the refusal or the end of the operation. */
async function deploy(project: string, image: string, kind: "services" | "jobs", token?: string) {
  const template = { containers: [{ image }] };
  const body = kind === "services" ? { template } : { template: { template } };
  const parent = `/v2/projects/${project}/locations/us-central1`;
  const id = `${kind === "services" ? "serviceId" : "jobId"}=one-${++count}`;
  const asked = await embedded.post(`${parent}/${kind}?${id}`, body, token === undefined ? {} : { token });
  return asked.status === 200 ? ended(asked.body.name as string) : { refused: [asked.status, message(asked)] };
}

async function ended(operation: string) {
  for (;;) {
    const { body } = await embedded.post(`/v2/${operation}:wait`, { timeout: "30s" });
    if (body.done) return body as { error?: { code: number; message: string }; response?: { conditions: object[] } };
  }
}

/** @param read How the resource's policy is read. */
async function grant(resource: string, role: string, member: string, read: "GET" | "POST" = "GET") {
  const { body } = await embedded.ask(read, `/v1/${resource}:getIamPolicy`, read === "GET" ? undefined : {});
  const bindings = [...((body.bindings ?? []) as object[]), { role, members: [`serviceAccount:${member}`] }];
  return embedded.post(`/v1/${resource}:setIamPolicy`, { policy: { ...body, bindings } });
}

test("enabling Cloud Run creates its service agent, with its role on the project", async () => {
  const agent = await agentOf(PROJECT);
  expect(agent).toMatch(/^service-\d+@serverless-robot-prod\.iam\.gserviceaccount\.com$/);
  const { body } = await embedded.post(`/v1/projects/${PROJECT}:getIamPolicy`);
  const role = { role: "roles/run.serviceAgent", members: [`serviceAccount:${agent}`] };
  expect((body.bindings as object[]).filter((binding) => JSON.stringify(binding).includes(agent))).toEqual([role]);
});

test.each([IMAGE, FORMER, "library/echo"])("the agent of the image's own project reads %s", async (image) => {
  expect(await deploy(PROJECT, image, "services")).toMatchObject({ response: {} });
  expect(await deploy(PROJECT, image, "jobs")).toMatchObject({ response: {} });
});

test.each(["services", "jobs"] as const)("%s of another project fail, in Google's words", async (kind) => {
  const agent = await agentOf(OTHER_PROJECT);
  for (const image of [IMAGE, FORMER]) {
    const { error } = (await deploy(OTHER_PROJECT, image, kind)) as { error: { code: number; message: string } };
    expect(error.code).toBe(7);
    expect(error.message).toContain(
      `Google Cloud Run Service Agent ${agent} must have permission to read the image, ${image}. Ensure that the provided ` +
        "container image URL is correct and that the above account has permission to access the image. If you just " +
        "enabled the Cloud Run API, the permissions might take a few minutes to propagate. Note that the image is from " +
        `project [${PROJECT}], which is not the same as this project [${OTHER_PROJECT}].`,
    );
  }
  const failed = await embedded.get(`/v2/projects/${OTHER_PROJECT}/locations/us-central1/${kind}/one-${count}`);
  expect(JSON.stringify(failed.body)).toContain("CONTAINER_PERMISSION_DENIED");
});

test("the caller must be able to read the image too, and the agent may on the repository alone", async () => {
  await embedded.post(`/v1/projects/${OTHER_PROJECT}/serviceAccounts`, { accountId: "deployer" });
  for (const role of ["roles/run.admin", "roles/artifactregistry.reader", "roles/iam.serviceAccountUser"]) {
    await grant(`projects/${OTHER_PROJECT}`, role, DEPLOYER, "POST");
  }
  const token = embedded.cloud.identities.tokenFor(`serviceAccount:${DEPLOYER}`);
  await grant(REPOSITORY, "roles/artifactregistry.reader", await agentOf(OTHER_PROJECT));
  expect(await deploy(OTHER_PROJECT, IMAGE, "services")).toMatchObject({ response: {} });
  expect(await deploy(OTHER_PROJECT, IMAGE, "services", token)).toEqual({
    refused: [403, expect.stringContaining(`User must have permission to read the image, ${IMAGE}.`)],
  });
  await grant(REPOSITORY, "roles/artifactregistry.reader", DEPLOYER);
  expect(await deploy(OTHER_PROJECT, IMAGE, "services", token)).toMatchObject({ response: {} });
  expect(await deploy(OTHER_PROJECT, FORMER, "jobs")).toMatchObject({ error: { code: 7 } });
});

test("repositories are those of the images that exist, and have policies", async () => {
  const { body } = await embedded.get(`/v1/projects/${PROJECT}/locations/us-central1/repositories`);
  expect(body.repositories).toEqual([{ name: REPOSITORY, format: "DOCKER", mode: "STANDARD_REPOSITORY" }]);
  expect((await embedded.get(`/v1/${REPOSITORY}`)).body).toMatchObject({ name: REPOSITORY });
  expect(await embedded.get(`/v1/${REPOSITORY}s`)).toMatchObject({ status: 404 });
  const permissions = ["artifactregistry.repositories.downloadArtifacts"];
  expect((await embedded.post(`/v1/${REPOSITORY}:testIamPermissions`, { permissions })).body).toEqual({ permissions });
});

test("a service agent gets roles only once it exists", async () => {
  const agent = (await agentOf(PROJECT)).replace("serverless-robot-prod", "gcp-sa-monitoring-notification");
  const refused = await grant(REPOSITORY, "roles/artifactregistry.reader", agent);
  expect([refused.status, message(refused)]).toEqual([400, `Service account ${agent} does not exist.`]);
  await embedded.post(`/v1/projects/${PROJECT}/services/monitoring.googleapis.com:generateServiceIdentity`);
  expect(await grant(REPOSITORY, "roles/artifactregistry.reader", agent)).toMatchObject({ status: 200 });
});
