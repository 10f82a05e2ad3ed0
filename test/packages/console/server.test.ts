import { readdirSync } from "node:fs";
import { request as send } from "node:http";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { Board } from "../../../packages/console/board.ts";
import { type Console, Refused, startConsole } from "../../../packages/console/server.ts";

const SECRET = "Abcdefghij0123456789Klmno";
const PAGE = join(import.meta.dirname, "../../../packages/console/page");

describe("the console's server", () => {
  const errors: unknown[] = [];
  const board = new Board(
    (text) => text.replaceAll(SECRET, "[secret]"),
    () => undefined,
  );
  let page: Console;
  let origin: string;
  let token: string;

  beforeAll(async () => {
    page = await startConsole({
      board,
      onError: (error) => errors.push(error),
      actions: {
        echo: (body) => body,
        refuse: () => {
          throw new Refused(`No, ${SECRET}.`);
        },
        fail: () => {
          throw new Error(`a bug with ${SECRET}`);
        },
      },
    });
    [origin = "", token = ""] = page.address.split("/#");
    expect(origin).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(token).toMatch(/^[\w-]{32}$/);
  });
  afterAll(() => page.stop());

  const act = (name: string, body = "{}", headers: Record<string, string> = { authorization: `Bearer ${token}` }) =>
    fetch(`${origin}/actions/${name}`, { method: "POST", headers, body });

  /** With a Host header that `fetch` does not let one set. */
  function statusFor(host: string, path: string): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const headers = { host, authorization: `Bearer ${token}` };
      send(origin + path, { headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .once("error", reject)
        .end();
    });
  }

  test("listens on loopback only", async () => {
    const port = new URL(origin).port;
    const others = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
    for (const { address, family, internal } of others) {
      if (internal || family !== "IPv4") continue;
      await expect(fetch(`http://${address}:${port}/`)).rejects.toThrow();
    }
  });

  test.each(["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "0.0.0.0"])(
    "refuses a page of %s, whose name leads to this machine",
    async (host) => {
      for (const path of ["/", "/events", "/actions/echo"])
        expect([path, await statusFor(host, path)]).toEqual([path, 403]);
    },
  );

  test.each([{}, { authorization: "Bearer wrong" }, { authorization: "" }, { cookie: "token=x" }])(
    "gives neither data nor actions to a caller with %p",
    async (headers) => {
      expect((await fetch(`${origin}/events`, { headers })).status).toBe(401);
      expect((await act("echo", "{}", headers as Record<string, string>)).status).toBe(401);
    },
  );

  test("refuses an action by GET, so that no link does anything", async () => {
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(`${origin}/actions/echo`, { headers })).status).toBe(405);
  });

  test("sends every value, and each new one, without secrets", async () => {
    board.set("logs", [{ id: "1", at: "", source: "service", severity: "INFO", text: `one ${SECRET}` }]);
    const stop = new AbortController();
    const headers = { authorization: `Bearer ${token}` };
    const { body } = await fetch(`${origin}/events`, { headers, signal: stop.signal });
    let read = "";
    for await (const text of (body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())) {
      read += text;
      if (!read.includes("two")) board.set("job", { id: 1, title: "two", command: "", output: SECRET, state: "done" });
      else break;
    }
    stop.abort();
    expect(read).toContain('event: logs\ndata: [{"id":"1"');
    expect(read).toContain("one [secret]");
    expect(read).toContain("event: job\n");
    expect(read).not.toContain(SECRET);
  });

  test("answers actions without secrets, and says why it refuses one", async () => {
    expect(await (await act("echo", JSON.stringify({ a: SECRET }))).json()).toEqual({ a: "[secret]" });
    const refused = await act("refuse");
    expect([refused.status, await refused.json()]).toEqual([409, { error: "No, [secret]." }]);
    expect((await act("nothing")).status).toBe(404);
    expect((await act("toString")).status).toBe(404);
    for (const body of ["no JSON", "1", `"${"x".repeat(100_000)}"`]) expect((await act("echo", body)).status).toBe(409);
  });

  test("keeps an error's text to the terminal", async () => {
    const answer = await act("fail");
    expect([answer.status, await answer.json()]).toEqual([
      500,
      { error: "The console failed; the terminal shows why." },
    ]);
    expect(errors).toEqual([expect.objectContaining({ message: `a bug with ${SECRET}` })]);
  });

  test("serves every file of the page, and each loads only from here", async () => {
    const files = readdirSync(PAGE).filter((name) => /\.(tsx?|css|svg)$/.test(name));
    const modules = ["preact", "preact-hooks", "preact-jsx-runtime", "elk"].map((name) => `modules/${name}.js`);
    for (const file of ["", ...files, ...modules]) {
      const answer = await fetch(`${origin}/${file}`);
      expect([file, answer.status]).toEqual([file, 200]);
      expect(answer.headers.get("content-security-policy")).toMatch(
        /^default-src 'none'; script-src 'self' 'sha256-\S+';/,
      );
      expect(answer.headers.get("content-security-policy")).not.toMatch(/unsafe|https?:/);
      if (file.startsWith("modules/")) continue;
      const addresses = (await answer.text()).match(/https?:\/\/[\w.]+/g) ?? [];
      expect([file, addresses.filter((each) => each !== "http://www.w3.org")]).toEqual([file, []]);
    }
  });

  test.each([
    "/package.json",
    "/../server.ts",
    "/%2e%2e/server.ts",
    "/..%2fserver.ts",
    "/modules/fs.js",
    "/page/main.tsx",
  ])("does not serve %s", async (path) => {
    expect(await statusFor("127.0.0.1", path)).toBe(404);
  });
});
