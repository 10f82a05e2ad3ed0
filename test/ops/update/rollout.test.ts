import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { readEvents } from "../../../ops/preview/model.ts";
import { GOOGLE } from "../../../infra/google.ts";
import { invokerToken, requireInvoker, versionRead } from "../../../ops/service/live.ts";
import { differInTrafficOnly, placeOf, rolloutOf, testCandidate } from "../../../ops/update/rollout.ts";
import { smokeTest } from "../../../ops/service/smoke.ts";
import { UserError } from "../../../ops/terminal/user-error.ts";
import { configured, type Declared, step, types } from "../preview/engine.ts";

const SERVICE: Declared = { type: types.service, name: "settlement-service", component: "Service", id: "id" };
const NAME = "projects/p/locations/us-central1/services/settlement-service";

/** Responses by `METHOD path`; 404 for anything else. */
type Answers = Record<string, { status?: number; body: unknown }>;

describe("against a scripted service", () => {
  let server: Server;
  let url = "";
  let answers: Answers = {};
  /** The requests with their bodies. */
  let asked: { what: string; authorization: string | undefined; body: unknown }[] = [];

  beforeAll(async () => {
    server = createServer((request, response) => {
      let sent = "";
      request.on("data", (chunk: Buffer) => (sent += chunk.toString()));
      request.on("end", () => {
        const what = `${request.method ?? ""} ${request.url ?? ""}`;
        const body: unknown = sent === "" ? undefined : JSON.parse(sent);
        asked.push({ what, authorization: request.headers.authorization, body });
        const answer = answers[what.replace(/[0-9a-f-]{36}$/, "ID")] ?? { status: 404, body: {} };
        const text =
          typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body === ECHO ? body : answer.body);
        response.writeHead(answer.status ?? 200, { "content-type": "application/json" }).end(text);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());
  beforeEach(() => {
    asked = [];
  });

  /** A response with the request's body. */
  const ECHO = Symbol("the body that was sent");

  describe("the smoke test", () => {
    const said: string[] = [];
    const say = (line: string) => said.push(line);

    test("waits for a new binding, and says so once", async () => {
      answers = { ...WELL, "GET /health": { status: 403, body: "no" } };
      const tested = smokeTest(url, "token", (line) => {
        say(line);
        answers = WELL;
      });
      await tested;
      expect(said).toEqual([
        "Google answers 403; waiting up to 7 minutes, because a new binding of roles/run.invoker may take that long to act ...",
      ]);
    });

    const WELL: Answers = { "GET /health": { body: {} }, "POST /smoke-test": { body: ECHO } };

    test("checks the health, sends a command, and checks that it is gone afterwards", async () => {
      answers = WELL;
      await smokeTest(url, "token", say, 0);
      const sent = asked.find(({ what }) => what.startsWith("POST"))?.body as { command_id: string } | undefined;
      const id = sent?.command_id ?? "";
      expect(asked.slice(1).map(({ what }) => what)).toEqual([
        "GET /health",
        "POST /smoke-test",
        `GET /commands/${id}`,
      ]);
      expect(new Set(asked.map(({ authorization }) => authorization))).toEqual(new Set(["Bearer token"]));
    });

    test.each<[string, Answers, string]>([
      ["is not healthy", { "GET /health": { status: 503, body: "down" } }, "GET /health answered 503: down"],
      ["refuses the caller", { "GET /health": { status: 403, body: "no" } }, "GET /health answered 403: no"],
      [
        "has no smoke test",
        { "POST /smoke-test": { status: 404, body: "none" } },
        "POST /smoke-test answered 404: none",
      ],
      ["fails", { "POST /smoke-test": { status: 500, body: "gone" } }, "POST /smoke-test answered 500: gone"],
      [
        "reads back another command",
        { "POST /smoke-test": { body: {} } },
        "read back different values than were sent for command_id, workflow_id",
      ],
      ["answers a page", { "POST /smoke-test": { body: "<html>" } }, "did not respond with JSON: <html>"],
      ["keeps the command", { "GET /commands/ID": { body: "row" } }, "after the rollback answered 200: row"],
    ])("says what is wrong with a service that %s", async (_what, change, sentence) => {
      answers = { ...WELL, ...change };
      await expect(smokeTest(url, "token", say, 0)).rejects.toThrow(sentence);
    });
  });

  const stack = { name: "test", workspace: { envVars: { GOOGLE_OAUTH_ACCESS_TOKEN: "token" } } } as unknown as Stack;
  const place = (deployer?: string) =>
    placeOf(
      stack,
      {
        "gcp:project": "p",
        "gcp:region": "us-central1",
        "gcp:cloudRunV2CustomEndpoint": `${url}/v2/`,
        "gcp:iamCredentialsCustomEndpoint": `${url}/v1/`,
        ...(deployer !== undefined && { "settlement:deployer": deployer }),
      },
      "settlement-service",
    );

  describe("the token for a revision", () => {
    const DEPLOYER = "deployer@p.iam.gserviceaccount.com";
    const GENERATE = `POST /v1/projects/-/serviceAccounts/${DEPLOYER}:generateIdToken`;

    test("is an ID token of the deployer for the service's own URL", async () => {
      answers = { [GENERATE]: { body: { token: "id-token" } } };
      expect(await invokerToken(place(DEPLOYER), "https://s")).toBe("id-token");
      const body = { audience: "https://s", includeEmail: true };
      expect(asked).toEqual([{ what: GENERATE, authorization: "Bearer token", body }]);
    });

    test.each<[string, Answers[string], string]>([
      [
        "is denied",
        { status: 403, body: { error: { message: "Permission denied." } } },
        "permission denied. To test a revision, the caller needs roles/iam.serviceAccountOpenIdTokenCreator on that account.",
      ],
      ["fails with a page", { status: 502, body: "<html>" }, "answered 502."],
      ["names no account", { status: 404, body: {} }, "this account does not exist."],
    ])("is explained if its request %s", async (_what, answer, sentence) => {
      answers = { [GENERATE]: answer };
      const token = invokerToken(place(DEPLOYER), "https://s");
      await expect(token).rejects.toThrow(UserError);
      await expect(token).rejects.toThrow(`No ID token for ${DEPLOYER}: `);
      await expect(token).rejects.toThrow(sentence);
    });

    test("is the caller's own on the embedded cloud without a deployer, which Google requires", async () => {
      expect(await invokerToken(place(), "https://s")).toBe("token");
      expect(() => {
        requireInvoker("prod", place());
      }).not.toThrow();
      const google = { ...place(), endpoints: GOOGLE };
      expect(() => {
        requireInvoker("prod", google);
      }).toThrow("add settlement:deployer to Pulumi.prod.yaml");
    });
  });

  describe("the candidate's test", () => {
    const before = {
      uri: "https://s",
      serving: [{ revision: "s-1", percent: 100 }],
      tagged: {},
      newest: "s-1",
      reconciling: false,
    };
    const status = (...trafficStatuses: object[]): Answers => ({
      [`GET /v2/${NAME}`]: { body: { uri: url, latestCreatedRevision: `${NAME}/revisions/s-2`, trafficStatuses } },
    });
    const attempt = () =>
      testCandidate(stack, { urns: [], region: undefined, place: place(), before }, () => undefined);

    test("calls the revision with the tag", async () => {
      const well = { "GET /health": { body: {} }, "POST /smoke-test": { body: ECHO } };
      answers = { ...well, ...status({ revision: "s-1", percent: 100 }, { tag: "candidate", uri: url }) };
      await attempt();
      expect(asked.map(({ what }) => what)).toContain("POST /smoke-test");
    });

    test("fails without a tagged revision, and says which revision keeps the traffic", async () => {
      answers = status({ revision: "s-1", percent: 100 });
      await expect(attempt()).rejects.toThrow(
        /^s-2 gets no traffic: Cloud Run has no revision with the tag candidate\.\nUsers are not affected: the traffic stays on s-1\. Its log: gcloud logging read 'resource\.labels\.revision_name="s-2"' /,
      );
    });

    test("knows which version of a secret a revision reads", async () => {
      const revision = (env: object[]): Answers => ({
        [`GET /v2/${NAME}/revisions/s-1`]: { body: { containers: [{ env }] } },
      });
      answers = revision([{ name: "DATABASE_URL", valueSource: { secretKeyRef: { version: "3" } } }]);
      expect(await versionRead(place(), "s-1", "DATABASE_URL")).toBe("3");
      answers = revision([{ name: "DATABASE_URL", value: "in clear" }]);
      expect(await versionRead(place(), "s-1", "DATABASE_URL")).toBeUndefined();
      expect(await versionRead(place(), "s-0", "DATABASE_URL")).toBeUndefined();
    });
  });

  describe("whether a revision is tested first", () => {
    const inputs = {
      name: "settlement-service",
      template: { image: "1" },
      traffics: [{ type: "LATEST", percent: 100 }],
    };
    const preview = (op: "create" | "update", after: object, config: Record<string, string> = {}) =>
      readEvents([
        step(op, SERVICE, { ...(op === "update" && { before: inputs }), after: { ...inputs, ...after } }),
        configured({
          "gcp:project": "p",
          "gcp:region": "us-central1",
          "gcp:cloudRunV2CustomEndpoint": `${url}/v2/`,
          ...config,
        }),
      ]);
    const serves = (...trafficStatuses: object[]): Answers => ({
      [`GET /v2/${NAME}`]: {
        body: { uri: "https://s", latestReadyRevision: `${NAME}/revisions/s-2`, trafficStatuses },
      },
    });
    const template = { template: { image: "2" } };

    test.each<[string, object, object[], object[]]>([
      ["a new template", template, [{ percent: 100 }], [{ revision: "s-2", percent: 100 }]],
      ["an unfinished rollout", { traffics: [] }, [{ percent: 100 }], [{ revision: "s-2", percent: 100 }]],
      [
        "a new template after a manual rollback",
        template,
        [{ revision: "s-1", percent: 100 }, { tag: "candidate" }],
        [{ revision: "s-1", percent: 100 }],
      ],
      [
        "a new template while two revisions share the traffic",
        template,
        [{ revision: "s-1", percent: 60 }, { percent: 40 }],
        [
          { revision: "s-1", percent: 60 },
          { revision: "s-2", percent: 40 },
        ],
      ],
    ])("tests %s", async (_what, after, statuses, serving) => {
      answers = serves(...statuses);
      expect((await rolloutOf(stack, preview("update", after)))?.before.serving).toEqual(serving);
    });

    test("moves the load balancer with the traffic, and holds it in its former region until then", async () => {
      answers = serves({ percent: 100 });
      const balancer: Declared = { type: "gcp:compute/backendService:BackendService", name: "b" };
      const to = (region: string) => ({
        backends: [{ group: `projects/p/regions/${region}/networkEndpointGroups/g` }],
      });
      const { config, ...shown } = preview("update", template);
      const moved = readEvents([step("update", balancer, { before: to("us-east1"), after: to("us-central1") })]);
      const changes = [...shown.changes, ...moved.changes];
      const rollout = await rolloutOf(stack, { ...shown, config, changes });
      expect([rollout?.region, rollout?.urns]).toEqual(["us-east1", changes.map(({ urn }) => urn)]);
    });

    test.each<[string, "create" | "update", object, Answers]>([
      ["the first revision", "create", {}, serves({ percent: 100 })],
      ["a new label", "update", { labels: { a: "b" } }, serves({ percent: 100 })],
      ["a new template without a ready revision", "update", template, serves()],
      ["a deleted service", "update", template, {}],
    ])("does not test %s", async (_what, op, after, answer) => {
      answers = answer;
      expect(await rolloutOf(stack, preview(op, after))).toBeUndefined();
    });

    test("says if the caller lacks the permission", async () => {
      answers = { [`GET /v2/${NAME}`]: { status: 403, body: {} } };
      await expect(rolloutOf(stack, preview("update", template))).rejects.toThrow(
        "Cannot read which revision of settlement-service has the traffic: permission denied",
      );
    });
  });
});

describe("a preview that does not move traffic", () => {
  const before = { name: "s", template: { image: "1" }, traffics: [{ percent: 100 }] };
  const preview = (after: object, ...more: Parameters<typeof step>[]) =>
    readEvents([
      step("update", SERVICE, { before, after: { ...before, ...after } }),
      ...more.map((one) => step(...one)),
    ]);
  const shown = preview({ template: { image: "2" } });

  test("equals the one that was shown, except for the traffic", () => {
    expect(differInTrafficOnly(shown, preview({ template: { image: "2" }, traffics: [{ revision: "s-1" }] }))).toBe(
      true,
    );
    expect(differInTrafficOnly(preview({ traffics: [] }), readEvents([]))).toBe(true);
    const balancer: Declared = { type: "gcp:compute/backendService:BackendService", name: "b" };
    const moved = (more: object) =>
      preview({}, ["update", balancer, { before: { backends: [{ group: "a" }] }, after: { backends: [], ...more } }]);
    expect(differInTrafficOnly(moved({}), readEvents([]))).toBe(true);
    expect(differInTrafficOnly(moved({ protocol: "HTTPS" }), readEvents([]))).toBe(false);
  });

  test("differs if anything else changes", () => {
    expect(differInTrafficOnly(shown, preview({ template: { image: "3" } }))).toBe(false);
    const account: Declared = { type: types.account, name: "a" };
    expect(differInTrafficOnly(shown, preview({ template: { image: "2" } }, ["create", account, { after: {} }]))).toBe(
      false,
    );
  });
});
