import type { Fault } from "../../../../packages/embedded-google-cloud/server/faults.ts";
import { base64, Embedded, message, PROJECT } from "../embedded.ts";
import { createInstance, done, failure, ROOT } from "../apis/cloudsql/setup.ts";

const SECRETS = `/v1/projects/${PROJECT}/secrets`;
const PATH = /^\/v1\/projects\/[^/]+\/secrets$/;

describe("faults", () => {
  const embedded = new Embedded();
  const make = (name: string) => embedded.post(`${SECRETS}?secretId=${name}`, { replication: { automatic: {} } });
  const exists = async (name: string) => (await embedded.get(`${SECRETS}/${name}`)).status === 200;
  const inject = (fault: Fault, aim = {}) =>
    embedded.cloud.faults.inject({ method: "POST", path: PATH, ...aim }, fault);

  beforeAll(() => embedded.start("secretmanager.googleapis.com", "sqladmin.googleapis.com", "storage.googleapis.com"));
  afterEach(() => {
    embedded.cloud.faults.clear();
  });
  afterAll(() => embedded.remove());

  test.each([403, 409, 429, 500, 503] as const)(
    "a call fails with %d in Google's format, without effect",
    async (status) => {
      inject({ kind: "error", status });
      const answer = await make("refused");
      expect([answer.status, answer.body.error]).toMatchObject([status, { code: status }]);
      expect(answer.headers.get("retry-after")).toBeNull();
      expect(await exists("refused")).toBe(false);
    },
  );

  test("a response can have a retry-after header", async () => {
    inject({ kind: "error", status: 429, retryAfter: 7 });
    expect((await make("refused")).headers.get("retry-after")).toBe("7");
  });

  test("a stale etag is a conflict, or a failed precondition in the older APIs", async () => {
    inject({ kind: "stale" }, { path: /secrets$|\/b$/ });
    expect((await make("refused")).status).toBe(409);
    expect((await embedded.post(`/storage/v1/b?project=${PROJECT}`, { name: "refused" })).status).toBe(412);
    expect(await exists("refused")).toBe(false);
  });

  test("a connection is reset before the call takes effect", async () => {
    inject({ kind: "reset" });
    await expect(make("refused")).rejects.toThrow("fetch failed");
    expect(await exists("refused")).toBe(false);
  });

  test("a response is lost after the call takes effect", async () => {
    inject({ kind: "lost" });
    await expect(make("made")).rejects.toThrow("fetch failed");
    expect(await exists("made")).toBe(true);
  });

  test("a response never arrives", async () => {
    const { struck } = inject({ kind: "silence" }, { method: "GET", path: /secrets\/made$/ });
    const given = new AbortController();
    const url = `${embedded.cloud.url}${SECRETS}/made`;
    const headers = { authorization: `Bearer ${embedded.cloud.identities.ownerToken}` };
    const asked = fetch(url, { signal: given.signal, headers });
    while (struck.length === 0) await new Promise(setImmediate);
    given.abort(new Error("enough"));
    await expect(asked).rejects.toThrow("enough");
  });

  test("a binding acts later, although the policy shows it at once", async () => {
    const member = "user:late@example.com";
    const token = embedded.cloud.identities.tokenFor(member);
    const read = async () => (await embedded.get("/storage/v1/b/late/o", { token })).status;
    await embedded.post(`/storage/v1/b?project=${PROJECT}`, { name: "late" });
    embedded.cloud.faults.delay({ bindings: 600_000 });
    const granted = await embedded.grant("/storage/v1/b/late/iam", {
      role: "roles/storage.objectViewer",
      members: [member],
    });
    expect(JSON.stringify(granted.body)).toContain(member);
    expect(await read()).toBe(403);
    embedded.cloud.faults.delay({ bindings: 1 });
    while ((await read()) === 403);
    expect(await read()).toBe(200);
  });

  test("an enabled API answers later", async () => {
    const keys = () => embedded.get(`/v1/projects/${PROJECT}/locations/us-central1/keyRings`);
    embedded.cloud.faults.delay({ services: 600_000 });
    await embedded.post(`/v1/projects/${PROJECT}/services:batchEnable`, { serviceIds: ["cloudkms.googleapis.com"] });
    expect(message(await keys())).toContain("If you enabled this API recently, wait a few minutes");
    embedded.cloud.faults.delay({ services: 1 });
    while ((await keys()).status === 403);
    expect((await keys()).status).toBe(200);
  });

  test("a response is delayed", async () => {
    inject({ kind: "latency", milliseconds: 50 });
    const began = performance.now();
    expect((await make("later")).status).toBe(200);
    expect(performance.now() - began).toBeGreaterThanOrEqual(49);
  });

  test("affects the selected calls, and lists them", async () => {
    const injection = inject({ kind: "error", status: 500 }, { from: 2, times: 1 });
    const statuses = [];
    for (const name of ["one", "two", "three"]) statuses.push((await make(name)).status);
    await embedded.post(`${SECRETS}/one:addVersion`, { payload: { data: base64("text") } });
    expect(statuses).toEqual([200, 500, 200]);
    expect(injection.struck).toEqual([`POST ${SECRETS}`]);
    injection.remove();
    expect((await make("two")).status).toBe(200);
  });

  test("selects the calls of one API", async () => {
    const { struck } = embedded.cloud.faults.inject(
      { api: "secretmanager", path: /./ },
      { kind: "error", status: 503 },
    );
    expect((await make("refused")).status).toBe(503);
    expect((await embedded.get(`${ROOT}/instances`)).status).toBe(200);
    expect(struck).toEqual([`POST ${SECRETS}`]);
  });

  test("selects calls by their query, and by an earlier call", async () => {
    const { struck } = inject({ kind: "error", status: 403 }, { query: /secretId=struck$/ });
    expect([(await make("spared")).status, (await make("struck")).status]).toEqual([200, 403]);
    expect(struck).toEqual([`POST ${SECRETS}`]);

    const later = inject({ kind: "error", status: 500 }, { times: 1, after: { method: "POST", path: /:addVersion$/ } });
    expect((await make("before")).status).toBe(200);
    await embedded.post(`${SECRETS}/before:addVersion`, { payload: { data: base64("text") } });
    expect([(await make("after")).status, (await make("after")).status]).toEqual([500, 200]);
    expect(later.struck).toHaveLength(1);
  });

  test("an unauthenticated call is not affected", async () => {
    inject({ kind: "error", status: 500 });
    const answer = await embedded.post(`${SECRETS}?secretId=nobody`, {}, { token: "not a token" });
    expect(answer.status).toBe(401);
  });

  test("an operation starts, and then fails without effect", async () => {
    await createInstance(embedded, "late");
    embedded.cloud.faults.inject({ method: "POST", path: /backupRuns$|databases$/ }, { kind: "late" });
    for (const [path, body] of [
      ["backupRuns", {}],
      ["databases", { name: "never" }],
    ] as const) {
      const answer = await embedded.post(`${ROOT}/instances/late/${path}`, body);
      expect(failure(await done(embedded, answer))).toContain("not finished");
    }
    expect(message(await embedded.get(`${ROOT}/instances/late/databases/never`))).toContain("Not Found");
    const { items } = (await embedded.get(`${ROOT}/instances/late/backupRuns`)).body as { items: { status: string }[] };
    expect(items.map(({ status }) => status)).toEqual(["FAILED"]);
  });
});
