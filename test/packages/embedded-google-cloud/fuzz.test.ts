import fc from "fast-check";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { Embedded, PROJECT } from "./embedded.ts";
import { watchRoutes } from "./routes.ts";

/** `SEED=… npx jest fuzz` uses another seed; a failure prints it. */
const SEED = Number(process.env.SEED ?? 20251025);

/** Every route of the embedded cloud. */
const allRoutes = watchRoutes();

const APIS = [
  "iam",
  "iamcredentials",
  "cloudkms",
  "logging",
  "monitoring",
  "run",
  "secretmanager",
  "sqladmin",
  "storage",
  "sts",
];

const ODD = [
  "",
  " ",
  ".",
  "..",
  "../../etc",
  "%00",
  "__proto__",
  "constructor",
  "a".repeat(200),
  "ü",
  "😀",
  "'; --",
  "$(id)",
  "\u0000",
];
const odd = fc.oneof(fc.constantFrom(...ODD), fc.string({ unit: "binary", maxLength: 20 }));
const json = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(
    null,
    [],
    "text",
    7,
    true,
    [[[]]],
    { etag: 1 },
    JSON.parse('{"__proto__":{"polluted":true}}'),
  ),
);

describe("the embedded cloud, with hostile clients", () => {
  const embedded = new Embedded();
  beforeAll(() => embedded.start(...APIS.map((api) => `${api}.googleapis.com`)));
  afterAll(() => embedded.remove());

  const port = () => Number(new URL(embedded.cloud.url).port);
  const draw = <T>(count: number, cases: fc.Arbitrary<T>, check: (drawn: T) => Promise<void>) =>
    fc.assert(fc.asyncProperty(cases, check), { seed: SEED, numRuns: count, endOnFailure: true });

  /** It still serves requests, and has kept its state. */
  async function expectHealthy(): Promise<void> {
    const { status, body } = await embedded.get(`/v1/projects/${PROJECT}`);
    expect([status, body.projectId]).toEqual([200, PROJECT]);
  }

  /** Sends bytes unchanged, and returns what it receives until the connection closes. */
  function send(...chunks: readonly (string | Uint8Array)[]): Promise<string> {
    return new Promise((resolve) => {
      const socket = connect(port(), "127.0.0.1");
      let answer = "";
      const end = () => {
        socket.destroy();
        resolve(answer);
      };
      socket.on("data", (bytes) => (answer += bytes.toString("latin1")));
      socket.on("error", end).on("close", end);
      for (const chunk of chunks) socket.write(chunk);
      socket.end();
    });
  }

  test("listens on loopback only", async () => {
    const others = Object.values(networkInterfaces()).flatMap((list) =>
      (list ?? []).filter(({ internal }) => !internal),
    );
    const reached = others.map(
      ({ address, scopeid }) =>
        new Promise<boolean>((resolve) => {
          const host = scopeid ? `${address}%${scopeid}` : address;
          const socket = connect({ port: port(), host }, () => {
            socket.destroy();
            resolve(true);
          });
          socket.on("error", () => {
            resolve(false);
          });
        }),
    );
    expect(await Promise.all(reached)).toEqual(others.map(() => false));
    if (process.platform !== "linux") return;
    // The kernel's table: address and port in hex, and 0A for a listening socket.
    const hex = port().toString(16).toUpperCase().padStart(4, "0");
    const listening = ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((table) =>
      [...readFileSync(table, "utf8").matchAll(/^\s*\d+: (\w+):(\w+) \S+ 0A /gm)].filter(
        ([, , number]) => number === hex,
      ),
    );
    expect(listening.map(([, address]) => address)).toEqual(["0100007F"]);
  });

  test("refuses requests with a host name that is not loopback", async () => {
    const names = fc.oneof(
      fc.domain(),
      fc.ipV4().filter((address) => address !== "127.0.0.1"),
      fc.constantFrom("", "127.0.0.1.example.com", "localhost.example.com", "127.0.0.1@example.com", "127.0.0.1:80:80"),
      fc.constantFrom("[::ffff:10.0.0.1]", "0.0.0.0", "2130706433", "0x7f.1", "127.1", "localhost:80@example.com"),
    );
    const token = embedded.cloud.identities.ownerToken;
    await draw(60, names, async (host) => {
      const answer = await send(
        `GET /v1/projects/${PROJECT} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
      );
      expect([host, answer.split("\r\n")[0]]).toEqual([host, expect.stringMatching(/^HTTP\/1\.1 40[03] /)]);
      expect(answer).not.toContain("projectNumber");
    });
    for (const line of ["HTTP/1.0\r\n", "HTTP/1.1\r\n", "HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: example.com\r\n"]) {
      const answer = await send(`GET /v1/projects/${PROJECT} ${line}Authorization: Bearer ${token}\r\n\r\n`);
      expect([line, answer.includes("projectNumber")]).toEqual([line, line.includes("Host: 127.0.0.1")]);
    }
    await expectHealthy();
  });

  test("survives malformed HTTP", async () => {
    const head = `POST /v1/projects/${PROJECT}/services:batchEnable HTTP/1.1\r\nHost: 127.0.0.1\r\n`;
    const broken = fc.constantFrom(
      `${head}Content-Length: -1\r\n\r\n`,
      `${head}Content-Length: 9999999999999999999\r\n\r\n{}`,
      `${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      `${head}Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n{}`,
      `${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n`,
      `${head}Transfer-Encoding: gzip\r\n\r\n`,
      `${head}Content-Length: 100\r\n\r\n{`,
      `${head}X: ${"x".repeat(100_000)}\r\n\r\n`,
      `${head}${"A: b\r\n".repeat(5_000)}\r\n`,
      `${head}Bad Header\r\n\r\n`,
      `${head}Authorization: Bearer \u0001\r\n\r\n`,
      `GET /${"a".repeat(100_000)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`,
      "GET http://example.com/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
      "GET /%zz%00%c0%ae HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
      "GET /../../../../etc/passwd HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
      "CONNECT example.com:443 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "\u0016\u0003\u0001\u0002\u0000\u0001\u0000",
      "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".repeat(200),
    );
    const cases = fc.oneof(broken, fc.uint8Array({ maxLength: 2_000 }));
    await draw(120, cases, async (bytes) => {
      const answer = await send(bytes);
      expect(answer).toMatch(/^($|HTTP\/1\.1 (4\d\d|501) )/);
    });
    await expectHealthy();
  });

  test("reads at most 32 MiB of a body, with or without a content length", async () => {
    const chunk = Buffer.alloc(2 ** 20, "x");
    let sent = 0;
    const body = new ReadableStream({
      pull(controller) {
        if (sent++ < 64) controller.enqueue(chunk);
        else controller.close();
      },
    });
    const headers = {
      authorization: `Bearer ${embedded.cloud.identities.ownerToken}`,
      "content-type": "application/json",
    };
    const init = { method: "POST", headers, body, duplex: "half" } as RequestInit;
    // The connection may close before the client reads the response.
    const status = await fetch(`${embedded.cloud.url}/v2/entries:write`, init).then(
      (response) => response.status,
      () => 413,
    );
    expect(status).toBe(413);
    expect(sent).toBeLessThan(64);
    await expectHealthy();
  });

  test.each([100, 200_000])("refuses JSON that is nested too deeply, by %i levels", async (levels) => {
    const deep = `{"labels":${"[".repeat(levels)}${"]".repeat(levels)}}`;
    for (const path of [`/v1/projects/${PROJECT}/secrets?secretId=deep`, "/v2/entries:write"]) {
      const { body, status } = await embedded.post(path, deep, { headers: { "content-type": "application/json" } });
      const message = "Invalid JSON payload received. Message too deep.";
      expect([path, status, body]).toEqual([path, 400, { error: expect.objectContaining({ message }) as object }]);
    }
    await expectHealthy();
  });

  test("no route answers invalid input with a server error", async () => {
    // Setting an empty policy would remove the owner's permissions.
    // A load balancer closes the connection for a domain that it does not have.
    const routes = allRoutes.filter(
      ({ method, url }) => ["GET", "POST", "PUT", "PATCH", "DELETE"].includes(method) && !/iam|^\/https/i.test(url),
    );
    expect(routes.length).toBeGreaterThan(80);
    await embedded.post(`/v1/projects/${PROJECT}/secrets?secretId=kept`, { replication: { automatic: {} } });
    await embedded.post(`/storage/v1/b?project=${PROJECT}`, { name: "kept" });
    await embedded.post("/upload/storage/v1/b/kept/o?uploadType=media&name=kept", "contents");
    await embedded.post(`/v1/projects/${PROJECT}/serviceAccounts`, { accountId: "kept-account" });

    const id = fc.oneof({ weight: 3, arbitrary: fc.constant("kept") }, { weight: 1, arbitrary: odd });
    const call = fc.record({
      route: fc.constantFrom(...routes),
      project: fc.oneof({ weight: 9, arbitrary: fc.constant(PROJECT) }, { weight: 1, arbitrary: odd }),
      ids: fc.array(id, { minLength: 1, maxLength: 4 }),
      query: fc.dictionary(
        fc.constantFrom("secretId", "updateMask", "pageSize", "pageToken", "filter", "name", "uploadType"),
        id,
        { maxKeys: 2 },
      ),
      body: fc.oneof(
        json,
        fc.dictionary(fc.constantFrom("name", "labels", "settings", "template", "policy", "entries", "payload"), json),
      ),
      hasUnknownToken: fc.constantFrom(true, ...Array<boolean>(9).fill(false)),
    });
    const failed: unknown[] = [];
    const answers = new Map<number, number>();
    await draw(1000, call, async ({ route: { method, url }, project, ids, query, body, hasUnknownToken }) => {
      let next = 0;
      const path = url
        .replaceAll("::", "\u0001")
        .replace(/:(\w+)(?:\([^)]*\))?|\*/g, (_whole, name?: string) =>
          encodeURIComponent(name === "project" ? project : (ids[next++ % ids.length] ?? "")),
        )
        .replaceAll("\u0001", ":");
      const sent = method === "GET" ? undefined : JSON.stringify(body);
      const { status, bytes } = await embedded.ask(method, `${path}?${new URLSearchParams(query).toString()}`, sent, {
        ...(hasUnknownToken && { token: "nonsense" }),
        ...(sent !== undefined && { headers: { "content-type": "application/json" } }),
      });
      answers.set(status, (answers.get(status) ?? 0) + 1);
      if (status >= 500) failed.push([method, path.slice(0, 200), body, bytes.toString().slice(0, 300)]);
    });
    // Requests reached the handlers, not only the permission checks.
    expect((answers.get(200) ?? 0) + (answers.get(400) ?? 0)).toBeGreaterThan(80);
    expect(failed).toEqual([]);
    expect({}).not.toHaveProperty("polluted");
    await expectHealthy();
  });

  test("makes all files readable by their owner only", async () => {
    await embedded.post(`/v1/projects/${PROJECT}/secrets?secretId=kept`, { replication: { automatic: {} } });
    await embedded.post(`/storage/v1/b?project=${PROJECT}`, { name: "kept" });
    await embedded.post("/upload/storage/v1/b/kept/o?uploadType=media&name=a", "contents");
    const files = readdirSync(embedded.folder, { recursive: true }).map((file) => join(embedded.folder, String(file)));
    expect(files.length).toBeGreaterThan(5);
    const open = [embedded.folder, ...files].filter((file) => (statSync(file).mode & 0o077) !== 0);
    expect(open).toEqual([]);
  });
});
