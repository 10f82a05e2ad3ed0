import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect, promisify } from "node:util";
import { endpoints, GOOGLE, Google, GoogleError, pages, type Patience } from "../../infra/google.ts";
import { ROOT } from "../../ops/engine/stack-file.ts";

interface Received {
  readonly what: string;
  readonly headers: IncomingHttpHeaders;
}

let server: Server;
let url: string;
let requests: Received[] = [];
/** In turn, by `METHOD path`; the last one repeats. */
let answers: Record<string, { status?: number; body: object }[]> = {};

beforeAll(async () => {
  server = createServer((request, response) => {
    const what = `${request.method ?? ""} ${request.url ?? ""}`;
    requests.push({ what, headers: request.headers });
    const turns = answers[what] ?? [];
    const { body, status = 200 } = (turns.length > 1 ? turns.shift() : turns[0]) ?? { status: 404, body: {} };
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  process.env.SETTLEMENT_PATIENCE = "0.01";
});
afterAll(() => {
  delete process.env.SETTLEMENT_PATIENCE;
  server.close();
});
beforeEach(() => {
  requests = [];
});

/** Settings that send every API to an address. */
const everywhere = (address: string) => (key: string) => (key.endsWith("CustomEndpoint") ? address : undefined);
const token = () => Promise.resolve("a-token");
const google = (patience?: Patience) =>
  new Google(endpoints(everywhere(`${url}/`)), { token, ...(patience && { patience }) });
const kms = { api: "kms", path: "x" } as const;

test("endpoints come from the configuration, the environment, or Google", () => {
  process.env.GOOGLE_CLOUD_RUN_V2_CUSTOM_ENDPOINT = "http://run/";
  const found = endpoints((key) => (key === "gcp:sqlCustomEndpoint" ? "http://sql/" : undefined));
  delete process.env.GOOGLE_CLOUD_RUN_V2_CUSTOM_ENDPOINT;
  expect(found).toEqual({ ...GOOGLE, sql: "http://sql/", cloudRunV2: "http://run/" });
});

describe("a call", () => {
  test("is not retried by default, and its error has Google's message and reasons", async () => {
    const error = { message: "Not enabled.", details: [{ reason: "SERVICE_DISABLED" }] };
    answers = { "GET /x": [{ status: 403, body: { error } }] };
    const thrown: unknown = await google()
      .call(kms)
      .catch((reason: unknown) => reason);
    expect(thrown).toBeInstanceOf(GoogleError);
    expect(thrown).toMatchObject({ message: "Not enabled.", status: 403, disabled: true, request: "GET x" });
    expect(requests).toHaveLength(1);
  });

  test("is retried as long as `patience` allows", async () => {
    answers = { "GET /x": [{ status: 503, body: {} }, { status: 429, body: {} }, { body: { name: "x" } }] };
    expect(await google(({ busy }) => (busy ? 10_000 : 0)).call(kms)).toEqual({ name: "x" });
    expect(requests).toHaveLength(3);
  });

  test.each([
    [404, {}],
    [403, { errors: [{ reason: "accessNotConfigured" }] }],
  ])("to find a resource returns undefined for %d, without a retry", async (status, error) => {
    answers = { "GET /x": [{ status, body: { error } }] };
    expect(await google(() => 10_000).find(kms)).toBeUndefined();
    expect(requests).toHaveLength(1);
  });

  test.each(["refused", "unanswered"])("that is %s never reveals its body or token", async (how) => {
    answers = { "PUT /x": [{ status: 400, body: { error: { message: "no" } } }] };
    const client = how === "refused" ? google() : new Google(endpoints(everywhere("http://127.0.0.1:1/")), { token });
    const error: unknown = await client
      .call({ ...kms, method: "PUT", body: { password: "Swordfish" } })
      .catch((reason: unknown) => reason);
    expect(inspect(error, { depth: null, showHidden: true })).not.toMatch(/Swordfish|a-token/);
  });
});

describe("an operation", () => {
  test("is polled by its name", async () => {
    const name = "projects/p/operations/1";
    answers = {
      "POST /x": [{ body: { name } }],
      [`GET /${name}`]: [{ body: { name, done: false } }, { body: { name, done: true } }],
    };
    await google().operate({ ...kms, body: {} });
    expect(requests).toHaveLength(3);
  });

  test("of Cloud SQL is polled in its project", async () => {
    answers = {
      "POST /projects/p/instances/i/import": [{ body: { name: "1", status: "PENDING" } }],
      "GET /projects/p/operations/1": [{ body: { name: "1", status: "DONE" } }],
    };
    const call = { api: "sql", path: "projects/p/instances/i/import", body: {} } as const;
    expect(await google().operate(call)).toMatchObject({ status: "DONE" });
  });

  test.each([
    ["kms", "x", "projects/p/operations/1", "projects/p/operations/1"],
    ["sql", "projects/p/instances/i/import", "1", "projects/p/operations/1"],
  ] as const)("of %s that does not end is named after the longest time", async (api, path, name, named) => {
    const body = { name, status: "RUNNING" };
    answers = { [`POST /${path}`]: [{ body }], [`GET /${named}`]: [{ body }] };
    const thrown: unknown = await google()
      .operate({ api, path, body: {} }, 120_000)
      .catch((reason: unknown) => reason);
    expect(thrown).toMatchObject({
      nothingDone: false,
      message: `${named} has not ended after 2 minutes. Google goes on with it: look at this operation before you run the command again.`,
    });
    expect(thrown).toBeInstanceOf(GoogleError);
  });

  test.each<[string, "kms" | "sql", object, object]>([
    ["one error", "kms", { done: true, error: { code: 7, message: "no" } }, { codes: ["7"], message: "no" }],
    [
      "several errors",
      "sql",
      { status: "DONE", error: { errors: [{ code: "A", message: "no" }, { code: "B" }] } },
      { codes: ["A", "B"], message: "no\nB" },
    ],
  ])("that ends with %s fails with Google's message", async (_what, api, body, error) => {
    answers = { "POST /x": [{ body }] };
    await expect(google().operate({ api, path: "x", body: {} })).rejects.toMatchObject(error);
  });
});

test("reads a list to its last page", async () => {
  const read = (path: string) =>
    Promise.resolve(path === "x?a=b" ? { path, nextPageToken: "1/2" } : { path, nextPageToken: "" });
  expect((await pages("x?a=b", read)).map(({ path }) => path)).toEqual(["x?a=b", "x?a=b&pageToken=1%2F2"]);
});

test("application default credentials support impersonation and a quota project", async () => {
  const folder = mkdtempSync(join(tmpdir(), "adc-"));
  const credentials = join(folder, "adc.json");
  writeFileSync(join(folder, "token"), "subject-token");
  writeFileSync(
    credentials,
    JSON.stringify({
      type: "external_account",
      audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/github/providers/github",
      subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
      token_url: `${url}/v1/token`,
      credential_source: { file: join(folder, "token") },
      service_account_impersonation_url: `${url}/v1/projects/-/serviceAccounts/a@p.iam.gserviceaccount.com:generateAccessToken`,
      quota_project_id: "billed",
    }),
  );
  answers = {
    "POST /v1/token": [{ body: { access_token: "federated", token_type: "Bearer", expires_in: 3600 } }],
    "POST /v1/projects/-/serviceAccounts/a@p.iam.gserviceaccount.com:generateAccessToken": [
      { body: { accessToken: "impersonated", expireTime: new Date(Date.now() + 3_600_000).toISOString() } },
    ],
    "GET /x": [{ body: {} }],
  };
  const script = `import { endpoints, Google } from "./infra/google.ts";
    await new Google(endpoints((key) => key.endsWith("Endpoint") ? "${url}/" : undefined)).call({ api: "kms", path: "x" });`;
  const { GOOGLE_OAUTH_ACCESS_TOKEN: _given, ...others } = process.env;
  // Without a project id the library asks Google for it.
  const env = { ...others, GOOGLE_APPLICATION_CREDENTIALS: credentials, GOOGLE_CLOUD_PROJECT: "p" };
  try {
    await promisify(execFile)(process.execPath, ["--input-type=module-typescript", "--eval", script], {
      cwd: ROOT,
      env,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
  const { headers } = requests.at(-1) ?? {};
  expect(headers).toMatchObject({ authorization: "Bearer impersonated", "x-goog-user-project": "billed" });
});
