import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { execFile } from "node:child_process";
import { type EmbeddedCloud, startCloud } from "../../packages/embedded-google-cloud/index.ts";
import { readConfiguration } from "../../packages/pulumi-google-stand-in/endpoints.ts";
import { Google as StandIn } from "../../packages/pulumi-google-stand-in/google.ts";
import { accessToken, endpoints, Google } from "../../infra/google.ts";
import { Importer } from "../../infra/migrations/importer.ts";
import { endpointConfig, endpointEnv } from "../../ops/engine/endpoints.ts";
import { ROOT } from "../../ops/engine/stack-file.ts";

const PROJECT = "fusion-prime";
const ACCOUNT = `auditor@${PROJECT}.iam.gserviceaccount.com`;
const CALLER = "user:person@example.com";
let folder: string;
let cloud: EmbeddedCloud;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "identity-"));
  cloud = await startCloud({ folder, projects: [PROJECT] });
  const owner = new Google(
    endpoints((key) => endpointConfig(cloud.url)[key]),
    { token: () => Promise.resolve(cloud.identities.ownerToken) },
  );
  const serviceIds = ["iam", "iamcredentials", "sqladmin", "run", "storage"].map((api) => `${api}.googleapis.com`);
  await owner.call({ api: "serviceUsage", path: `projects/${PROJECT}/services:batchEnable`, body: { serviceIds } });
  const accounts = `projects/${PROJECT}/serviceAccounts`;
  await owner.call({ api: "iamBeta", path: accounts, body: { accountId: "auditor" } });
  const creator = { role: "roles/iam.serviceAccountTokenCreator", members: [CALLER] };
  const bindings = { policy: { bindings: [creator] } };
  await owner.call({ api: "iamBeta", path: `${accounts}/${ACCOUNT}:setIamPolicy`, body: bindings });
  const read: { bindings: object[] } = await owner.call({
    ...{ api: "resourceManager", path: `projects/${PROJECT}:getIamPolicy`, body: {} },
  });
  const editor = { role: "roles/editor", members: [`serviceAccount:${ACCOUNT}`] };
  const policy = { ...read, bindings: [...read.bindings, editor] };
  await owner.call({ api: "resourceManager", path: `projects/${PROJECT}:setIamPolicy`, body: { policy } });
});
afterAll(async () => {
  await cloud.stop();
  rmSync(folder, { recursive: true });
});

const config = (more: Record<string, string> = {}): Record<string, string> => ({
  ...endpointConfig(cloud.url),
  ...more,
});
const client = (more: Record<string, string>, member = CALLER) =>
  new Google(
    endpoints((key) => config(more)[key]),
    { token: () => Promise.resolve(cloud.identities.tokenFor(member)) },
  );
const instances = { api: "sql", path: `projects/${PROJECT}/instances` } as const;
const impersonating = { "gcp:impersonateServiceAccount": ACCOUNT };

describe("gcp:impersonateServiceAccount", () => {
  test("lets the client act as that account", async () => {
    await expect(client({}).call(instances)).rejects.toMatchObject({ status: 403 });
    expect(await client(impersonating).call(instances)).toBeDefined();
  });

  test("is an error that names the role if the caller may not act as the account, or there is none", async () => {
    const stranger = client(impersonating, "user:stranger@example.com").call(instances);
    await expect(stranger).rejects.toThrow(
      new RegExp(`^Cannot act as ${ACCOUNT}: .*roles/iam.serviceAccountTokenCreator`),
    );
    const nobody = `nobody@${PROJECT}.iam.gserviceaccount.com`;
    const missing = client({ "gcp:impersonateServiceAccount": nobody }).call(instances);
    await expect(missing).rejects.toMatchObject({ status: 401, message: expect.stringContaining(nobody) as string });
  });

  test("lets the importer and the stand-in act as that account, as the official provider does", async () => {
    process.env.GOOGLE_OAUTH_ACCESS_TOKEN = cloud.identities.tokenFor(CALLER);
    const importer = new Importer();
    const values = config(impersonating);
    await importer.configure({ get: (key) => values[key], require: (key) => values[key] ?? "" });
    const plan: Parameters<Importer["create"]>[0] = {
      ...{ project: PROJECT, instance: "none", database: "settlement_db", user: "settlement_user", bucket: "none" },
      ...{ migrations: [], retainedBackups: 5, version: "" },
    };
    // The caller itself would get 403.
    await expect(importer.create(plan)).rejects.toMatchObject({ status: 404 });

    const args = Object.fromEntries(Object.entries(values).map(([key, value]) => [key.replace("gcp:", ""), value]));
    const standIn = new StandIn(readConfiguration(args, process.env));
    expect(await standIn.find("sql", `projects/${PROJECT}/instances`)).toBeDefined();
    delete process.env.GOOGLE_OAUTH_ACCESS_TOKEN;
  });

  test("or GOOGLE_IMPERSONATE_SERVICE_ACCOUNT lets the doctor see what only that account may see", async () => {
    const seen = async (more: object): Promise<string> => {
      const { HOME, PATH } = process.env;
      const token = cloud.identities.tokenFor(CALLER);
      const env = { HOME, PATH, GOOGLE_OAUTH_ACCESS_TOKEN: token, ...endpointEnv(cloud.url), ...more };
      const words = ["ops/doctor.ts", "--project", PROJECT, "--region", "us-central1"];
      return promisify(execFile)(process.execPath, words, { cwd: ROOT, env }).then(
        ({ stdout }) => stdout,
        (error: unknown) => (error as { stdout: string }).stdout,
      );
    };
    expect(await seen({})).not.toContain("settlement-service does not exist in us-central1");
    const acting = await seen({ GOOGLE_IMPERSONATE_SERVICE_ACCOUNT: ACCOUNT });
    expect(acting).toContain("settlement-service does not exist in us-central1");
  });
});

describe("GOOGLE_CREDENTIALS", () => {
  let server: Server;
  let credentials: string;

  beforeAll(async () => {
    // Google's token service, for a workload identity.
    server = createServer((_request, response) => {
      const issued = { access_token: "exchanged", token_type: "Bearer", expires_in: 3600 };
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(issued));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    writeFileSync(join(folder, "subject"), "a token of GitHub's");
    credentials = JSON.stringify({
      type: "external_account",
      audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/github/providers/github",
      subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
      token_url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
      credential_source: { file: join(folder, "subject") },
    });
    writeFileSync(join(folder, "credentials.json"), credentials);
  });
  afterAll(() => {
    delete process.env.GOOGLE_CREDENTIALS;
    server.close();
  });

  test.each([
    ["the text", () => credentials],
    ["the path of a file", () => join(folder, "credentials.json")],
  ])("is %s of credentials", async (_what, value) => {
    const { HOME, PATH } = process.env;
    const script = 'import { accessToken } from "./infra/google.ts"; console.log(await accessToken());';
    const env = { HOME, PATH, GOOGLE_CREDENTIALS: value() };
    const words = ["--input-type=module", "--eval", script];
    expect((await promisify(execFile)(process.execPath, words, { cwd: ROOT, env })).stdout).toBe("exchanged\n");
  });

  test("is not quoted in an error", async () => {
    process.env.GOOGLE_CREDENTIALS = '{"private_key": "secret';
    await expect(accessToken()).rejects.toThrow(/^GOOGLE_CREDENTIALS must be [^"]*$/);
  });
});
