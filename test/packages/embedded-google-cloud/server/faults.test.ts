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
    "an answer %d in Google's form, and nothing is done",
    async (status) => {
      inject({ kind: "error", status });
      const answer = await make("refused");
      expect([answer.status, answer.body.error]).toMatchObject([status, { code: status }]);
      expect(answer.headers.get("retry-after")).toBeNull();
      expect(await exists("refused")).toBe(false);
    },
  );

  test("an answer may say when to come again", async () => {
    inject({ kind: "error", status: 429, retryAfter: 7 });
    expect((await make("refused")).headers.get("retry-after")).toBe("7");
  });

  test("a stale etag is a conflict, and in the older APIs a failed precondition", async () => {
    inject({ kind: "stale" }, { path: /secrets$|\/b$/ });
    expect((await make("refused")).status).toBe(409);
    expect((await embedded.post(`/storage/v1/b?project=${PROJECT}`, { name: "refused" })).status).toBe(412);
    expect(await exists("refused")).toBe(false);
  });

  test("a connection is reset before anything is done", async () => {
    inject({ kind: "reset" });
    await expect(make("refused")).rejects.toThrow("fetch failed");
    expect(await exists("refused")).toBe(false);
  });

  test("an answer is lost after everything was done", async () => {
    inject({ kind: "lost" });
    await expect(make("made")).rejects.toThrow("fetch failed");
    expect(await exists("made")).toBe(true);
  });

  test("an answer never comes", async () => {
    const { struck } = inject({ kind: "silence" }, { method: "GET", path: /secrets\/made$/ });
    const given = new AbortController();
    const url = `${embedded.cloud.url}${SECRETS}/made`;
    const headers = { authorization: `Bearer ${embedded.cloud.identities.ownerToken}` };
    const asked = fetch(url, { signal: given.signal, headers });
    while (struck.length === 0) await new Promise(setImmediate);
    given.abort(new Error("enough"));
    await expect(asked).rejects.toThrow("enough");
  });

  test("an answer comes later", async () => {
    inject({ kind: "latency", milliseconds: 50 });
    const began = performance.now();
    expect((await make("later")).status).toBe(200);
    expect(performance.now() - began).toBeGreaterThanOrEqual(49);
  });

  test("strikes the calls it is aimed at, and tells which", async () => {
    const injection = inject({ kind: "error", status: 500 }, { from: 2, times: 1 });
    const statuses = [];
    for (const name of ["one", "two", "three"]) statuses.push((await make(name)).status);
    await embedded.post(`${SECRETS}/one:addVersion`, { payload: { data: base64("text") } });
    expect(statuses).toEqual([200, 500, 200]);
    expect(injection.struck).toEqual([`POST ${SECRETS}`]);
    injection.remove();
    expect((await make("two")).status).toBe(200);
  });

  test("strikes by the query too, and only after another call came", async () => {
    const { struck } = inject({ kind: "error", status: 403 }, { query: /secretId=struck$/ });
    expect([(await make("spared")).status, (await make("struck")).status]).toEqual([200, 403]);
    expect(struck).toEqual([`POST ${SECRETS}`]);

    const later = inject({ kind: "error", status: 500 }, { times: 1, after: { method: "POST", path: /:addVersion$/ } });
    expect((await make("before")).status).toBe(200);
    await embedded.post(`${SECRETS}/before:addVersion`, { payload: { data: base64("text") } });
    expect([(await make("after")).status, (await make("after")).status]).toEqual([500, 200]);
    expect(later.struck).toHaveLength(1);
  });

  test("a caller that may not call learns of no fault", async () => {
    inject({ kind: "error", status: 500 });
    const answer = await embedded.post(`${SECRETS}?secretId=nobody`, {}, { token: "not a token" });
    expect(answer.status).toBe(401);
  });

  test("an operation is answered, and then fails without having been done", async () => {
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
