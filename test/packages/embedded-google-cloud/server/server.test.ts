import { Faults } from "../../../../packages/embedded-google-cloud/server/faults.ts";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ClientRequest, type IncomingMessage, request as open } from "node:http";
import { json } from "node:stream/consumers";
import type { FastifyInstance } from "fastify";
import { Access, fullName, projectResource } from "../../../../packages/embedded-google-cloud/iam/access.ts";
import { Roles } from "../../../../packages/embedded-google-cloud/iam/roles.ts";
import { Policies } from "../../../../packages/embedded-google-cloud/iam/policies.ts";
import { Identities, OWNER } from "../../../../packages/embedded-google-cloud/iam/identities.ts";
import { Projects } from "../../../../packages/embedded-google-cloud/server/projects.ts";
import { createServer } from "../../../../packages/embedded-google-cloud/server/server.ts";
import { EnabledServices } from "../../../../packages/embedded-google-cloud/server/enabled-services.ts";
import { Store } from "../../../../packages/embedded-google-cloud/state/store.ts";
import { PROJECT } from "../embedded.ts";

const SERVICE = "sqladmin.googleapis.com";

interface Ask {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly payload?: string;
}

interface Answer {
  readonly status: number | undefined;
  readonly body: Record<string, unknown> & { error: { message: string; status: string } };
}

describe("the server of all APIs", () => {
  const folder = mkdtempSync(join(tmpdir(), "server-"));
  const store = new Store(folder);
  const projects = new Projects([PROJECT]);
  const policies = new Policies(store);
  const services = new EnabledServices(store, projects, new Faults().delays);
  const identities = new Identities(folder);
  let app: FastifyInstance;
  let url: string;

  beforeAll(async () => {
    policies.set(fullName(projectResource(PROJECT)), { bindings: [{ role: "roles/owner", members: [OWNER] }] });
    services.enable(PROJECT, [SERVICE]);
    const echo = {
      routes: (server: FastifyInstance) => {
        server.all("/echo", ({ body, caller }) => ({ body, caller }));
        server.get("/open", { config: { anonymous: true } }, ({ caller }) => ({ caller }));
        server.get("/legacy/:project", { config: { legacyErrors: true, service: "run.googleapis.com" } }, () => ({}));
        server.get("/guarded/:project", { config: { service: SERVICE, permission: "cloudsql.instances.get" } }, () => ({
          passed: true,
        }));
        server.get("/broken", () => {
          throw new TypeError("a bug");
        });
      },
    };
    app = createServer(
      { identities, access: new Access(policies, new Roles(store), new Faults().delays), projects, services },
      { run: [echo] },
    );
    url = await app.listen({ host: "127.0.0.1", port: 0 });
  });
  afterAll(async () => {
    await app.close();
    rmSync(folder, { recursive: true });
  });

  const ask = async ({ payload, ...request }: Ask): Promise<Answer> => {
    const sent = send(request);
    sent.end(payload);
    return received(sent);
  };
  const send = ({ headers, ...request }: Ask): ClientRequest =>
    open(url, { ...request, headers: { authorization: `Bearer ${identities.ownerToken}`, ...headers } });

  test.each(["127.0.0.1", "127.0.0.1:8123", "localhost:8123", "[::1]:8123"])("accepts the host %s", async (host) => {
    expect((await ask({ path: "/echo", headers: { host } })).status).toBe(200);
  });

  test.each(["attacker.example", "127.0.0.1.attacker.example", "localhost.attacker.example"])(
    "refuses the host %s, against DNS rebinding",
    async (host) => {
      const { status, body } = await ask({ path: "/open", headers: { host: `${host}:80` } });
      expect(status).toBe(403);
      expect(body.error.message).toBe(`Host "${host}" is not a loopback name.`);
    },
  );

  test.each([
    ["no token", "", "Request is missing required authentication credential."],
    ["an unknown token", "Bearer nonsense", /^Request had invalid authentication credentials/],
    ["another scheme", "Basic YTpi", "Request is missing required authentication credential."],
  ])("refuses %s", async (_what, authorization, sentence) => {
    const { status, body } = await ask({ path: "/echo", headers: { authorization } });
    expect(status).toBe(401);
    expect(body.error).toMatchObject({ status: "UNAUTHENTICATED", code: 401 });
    expect(body.error.message).toMatch(sentence);
  });

  test("a route can allow callers without a token, but not with an unknown one", async () => {
    const open = (authorization: string) => ask({ path: "/open", headers: { authorization } });
    expect((await open("")).body).toEqual({ caller: "allUsers" });
    expect((await open("Bearer nonsense")).status).toBe(401);
  });

  test("only the owner's token survives a restart", () => {
    const other = identities.tokenFor("user:dev@example.com");
    const restarted = new Identities(folder);
    expect(restarted.caller(`Bearer ${identities.ownerToken}`)?.member).toBe(OWNER);
    expect(() => restarted.caller(`Bearer ${other}`)).toThrow("invalid authentication credentials");
  });

  test("a route requires its permission and its API", async () => {
    const token = identities.tokenFor("user:dev@example.com");
    const path = `/guarded/${PROJECT}`;
    expect((await ask({ path })).body).toEqual({ passed: true });
    expect((await ask({ path: `/guarded/${projects.number(PROJECT)}` })).body).toEqual({ passed: true });
    const denied = await ask({ path, headers: { authorization: `Bearer ${token}` } });
    expect(denied).toMatchObject({ status: 403, body: { error: { status: "PERMISSION_DENIED" } } });
    expect(denied.body.error.message).toContain("'cloudsql.instances.get' denied");
    services.disable(PROJECT, SERVICE);
    expect((await ask({ path })).body.error.message).toMatch(/^sqladmin\.googleapis\.com has not been used in project/);
    services.enable(PROJECT, [SERVICE]);
  });

  test("the older APIs have their own error format", async () => {
    const { error } = (await ask({ path: `/legacy/${PROJECT}` })).body;
    expect(error).toMatchObject({ code: 403, errors: [{ domain: "global", reason: "accessNotConfigured" }] });
    const consumer = expect.stringMatching(/^projects\/\d+$/) as string;
    expect((error as { details?: object[] }).details?.at(-1)).toEqual({
      "@type": "type.googleapis.com/google.rpc.ErrorInfo",
      reason: "SERVICE_DISABLED",
      domain: "googleapis.com",
      metadata: { service: "run.googleapis.com", consumer },
    });
    expect(error).not.toHaveProperty("status");
  });

  const headers = { "content-type": "application/json" };

  test.each([
    ["JSON", '{"a":1}', { a: 1 }],
    ["an empty body with a content type", "", {}],
    ["null", "null", {}],
  ])("reads %s", async (_what, payload, body) => {
    expect((await ask({ method: "POST", path: "/echo", payload, headers })).body).toMatchObject({ body });
  });

  test("reads a deletion without a body", async () => {
    expect((await ask({ method: "DELETE", path: "/echo" })).body).toEqual({ body: {}, caller: OWNER });
  });

  test("refuses malformed JSON", async () => {
    expect(await ask({ method: "POST", path: "/echo", payload: '{"a":', headers })).toMatchObject({
      status: 400,
      body: { error: { status: "INVALID_ARGUMENT", message: "Invalid JSON payload received." } },
    });
  });

  test("refuses a content length above 32 MiB", async () => {
    const announced = send({ method: "POST", path: "/echo", headers: { "content-length": String(32 * 2 ** 20 + 1) } });
    announced.flushHeaders();
    expect(await received(announced)).toMatchObject({
      status: 413,
      body: { error: { message: "Request payload size exceeds the limit." } },
    });
    announced.destroy();
  });

  test("names an unknown method and path", async () => {
    expect(await ask({ method: "PUT", path: "/v1/none?secret=1" })).toMatchObject({
      status: 404,
      body: { error: { status: "NOT_FOUND", message: "The embedded cloud has no PUT /v1/none." } },
    });
  });

  test("an exception in a handler is an internal error", async () => {
    expect(await ask({ path: "/broken" })).toMatchObject({ status: 500, body: { error: { status: "INTERNAL" } } });
  });
});

function received(request: ClientRequest): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request.once("error", reject);
    request.once("response", (response: IncomingMessage) => {
      json(response).then((body) => {
        resolve({ status: response.statusCode, body: body as Answer["body"] });
      }, reject);
    });
  });
}
