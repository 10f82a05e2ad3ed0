import { readdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { differences } from "../../../ops/contract/compare.ts";
import { type Exchange, format, parse } from "../../../ops/contract/exchange.ts";
import { withPlaceholders } from "../../../ops/contract/placeholders.ts";
import { Recorder } from "../../../ops/contract/recorder.ts";
import { ROOT } from "../../../ops/engine/stack-file.ts";

const PLACE = { project: "acme-test", number: "123456789012" };
const SQL = "https://sqladmin.googleapis.com/sql/v1beta4/projects/acme-test";

function exchange(part: Partial<Exchange>): Exchange {
  return { method: "GET", url: `${SQL}/instances`, status: 200, request: {}, answer: {}, ...part };
}

const json = (body: unknown) => ({ type: "application/json", body });

describe("the recorder", () => {
  let upstream: Server;
  let recorder: Recorder;

  beforeAll(async () => {
    upstream = createServer((request, response) => {
      void buffer(request).then((body) => {
        const { authorization, host } = request.headers;
        response.writeHead(201, { "content-type": "application/json; charset=UTF-8", "x-own": "kept" });
        const { method, url } = request;
        response.end(JSON.stringify({ method, url, authorization, host, sent: body.toString() }));
      });
    });
    await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
    recorder = await Recorder.start(() => `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`);
  });

  afterAll(async () => {
    await recorder.stop();
    upstream.close();
  });

  test("forwards a request as it is, with the caller's credentials, and records it without them", async () => {
    const { "gcp:sqlCustomEndpoint": endpoint = "" } = recorder.config();
    const headers = { authorization: "Bearer of-the-caller", "content-type": "application/json" };
    const answer = await fetch(`${endpoint}projects/p/instances?a=b`, {
      method: "POST",
      headers,
      body: '{"name":"i"}',
    });
    expect([answer.status, answer.headers.get("x-own")]).toEqual([201, "kept"]);
    const body = await answer.json();
    const { port } = upstream.address() as AddressInfo;
    const seen = {
      method: "POST",
      url: "/sql/v1beta4/projects/p/instances?a=b",
      authorization: "Bearer of-the-caller",
    };
    expect(body).toEqual({ ...seen, host: `127.0.0.1:${port}`, sent: '{"name":"i"}' });
    const url = "https://sqladmin.googleapis.com/sql/v1beta4/projects/p/instances?a=b";
    const recorded = { method: "POST", url, status: 201, request: json({ name: "i" }), answer: json(body) };
    expect(recorder.take()).toEqual([recorded]);
    expect(recorder.take()).toEqual([]);
  });

  test("tells Google's hosts apart by its own ports, also if a client goes up from the base path", async () => {
    const { "gcp:storageCustomEndpoint": storage = "", "gcp:iamBetaCustomEndpoint": iam = "" } = recorder.config();
    await fetch(new URL("../../upload/storage/v1/b/n/o", storage), { method: "POST", body: "x" });
    await fetch(`${iam}projects/p/serviceAccounts`);
    expect(recorder.take().map(({ url }) => url)).toEqual([
      "https://storage.googleapis.com/upload/storage/v1/b/n/o",
      "https://iam.googleapis.com/v1/projects/p/serviceAccounts",
    ]);
  });
});

describe("placeholders", () => {
  test("stand for everything that is secret or another in each run", () => {
    const [one] = withPlaceholders(
      [
        exchange({
          method: "POST",
          url: `${SQL}/instances/acme-test-db-0a1b2c3d/users?name=u&alt=json`,
          request: json({ password: "Aa1Aa1Aa1Aa1", name: "u" }),
          answer: json({
            name: "11111111-2222-3333-4444-555555555555",
            insertTime: "2026-11-27T21:00:00.123Z",
            selfLink: "https://sqladmin.googleapis.com/sql/v1beta4/projects/acme-test/operations/1",
            bindings: [{ members: ["b", "a"] }],
            parent: "projects/123456789012",
            etag: "BwY=",
            version: "20251025120100",
          }),
        }),
      ],
      PLACE,
    );
    expect(one).toEqual({
      method: "POST",
      url: "https://sqladmin.googleapis.com/sql/v1beta4/projects/${project}/instances/${project}-db-${suffix}/users?alt=json&name=u",
      status: 200,
      request: json({ name: "u", password: "${secret}" }),
      answer: json({
        bindings: [{ members: ["a", "b"] }],
        etag: "${etag}",
        insertTime: "${time}",
        name: "${id}",
        parent: "projects/${number}",
        selfLink: "https://sqladmin.googleapis.com/sql/v1beta4/projects/${project}/operations/1",
        version: "20251025120100",
      }),
    });
  });

  test("leave out repetitions, the polling of unfinished operations, and what objects contain", () => {
    const poll = (status: string) => exchange({ url: `${SQL}/operations/o`, answer: json({ status }) });
    const upload = exchange({ method: "POST", request: { type: "text/plain", body: "SELECT 1;" } });
    const all = withPlaceholders([poll("PENDING"), poll("RUNNING"), poll("DONE"), poll("DONE"), upload], PLACE);
    expect(all.map(({ answer, request }) => [answer.body, request.body])).toEqual([
      [{ status: "DONE" }, undefined],
      [undefined, "${content}"],
    ]);
  });

  test("are refused if a secret is left in another field, in plain text or Base64", () => {
    const data = Buffer.from("Aa1Aa1Aa1Aa1").toString("base64");
    for (const note of ["it is Aa1Aa1Aa1Aa1", `it is ${data}`]) {
      const exchanges = [exchange({ request: json({ payload: { data }, note }) })];
      expect(() => withPlaceholders(exchanges, PLACE)).toThrow("GET https://sqladmin.googleapis.com");
    }
  });
});

test("a recording is read as it was written", () => {
  const exchanges = [
    exchange({ request: json({ a: ["b\n---\n"] }), answer: json({}) }),
    exchange({ method: "DELETE", status: 404, answer: json({ error: { code: 404 } }) }),
    exchange({ method: "POST", request: { type: "text/plain", body: "${content}" } }),
  ];
  expect(parse(format("The embedded cloud", exchanges))).toEqual(exchanges);
});

test("a comparison names what differs, whatever the order", () => {
  const get = (body: unknown) => exchange({ answer: json(body) });
  const deletion = exchange({ method: "DELETE" });
  expect(differences([get({ a: 1 }), deletion], [deletion, get({ a: 1 })])).toEqual([]);
  expect(differences([get({ a: { b: 1 }, c: 2 }), get({ d: 1 })], [get({ d: 1 }), get({ a: { b: 3 } })])).toEqual([
    {
      request: `GET ${SQL}/instances`,
      lines: ["answer.body.a.b: recorded 1, now 3", "answer.body.c: recorded 2, now nothing"],
    },
  ]);
  expect(differences([deletion], [get({})])).toEqual([
    { request: `DELETE ${SQL}/instances`, lines: ["is in the recording, and was not sent"] },
    { request: `GET ${SQL}/instances`, lines: ["was sent, and is not in the recording"] },
  ]);
});

test("it is no difference in which order two members of a policy are removed, but another member is one", () => {
  const service = "https://run.googleapis.com/v2/services/s";
  const policy = (...members: string[]) =>
    json(members.length === 0 ? {} : { bindings: [{ role: "roles/run.invoker", members }] });
  const removed = (first: string, second: string) => [
    exchange({ url: `${service}:getIamPolicy?alt=json`, answer: policy(first, second) }),
    exchange({ method: "POST", url: `${service}:setIamPolicy`, answer: policy(second) }),
    exchange({ url: `${service}:getIamPolicy?alt=json`, answer: policy(second) }),
    exchange({ method: "POST", url: `${service}:setIamPolicy`, answer: policy() }),
  ];
  expect(differences(removed("a", "b"), removed("b", "a"))).toEqual([]);
  const line = 'answer.body.bindings.0.members.1: recorded "b", now "c"';
  expect(differences(removed("a", "b"), removed("a", "c"))).toEqual([
    { request: `GET ${service}:getIamPolicy?alt=json`, lines: [line] },
    { request: `POST ${service}:setIamPolicy`, lines: [line] },
  ]);
});

describe("the committed recordings", () => {
  const folder = join(ROOT, "test", "contract");
  const files = readdirSync(folder).filter((file) => file.endsWith(".http"));

  test("are of all steps", () => {
    const steps = ["1-bootstrap", "2-up", "3-change", "4-import", "5-rotate", "6-destroy"];
    expect(files.sort()).toEqual(steps.map((step) => `${step}.http`));
    for (const file of files) expect(parse(readFileSync(join(folder, file), "utf8")).length).toBeGreaterThan(5);
  });

  test.each(files)("%s contains no secret", (file) => {
    const text = readFileSync(join(folder, file), "utf8");
    const decoded = text.match(/[\w+/-]{16,}={0,2}/g)?.map((part) => Buffer.from(part, "base64").toString()) ?? [];
    for (const each of [text, ...decoded]) {
      expect(each).not.toMatch(/postgres(ql)?(\+\w+)?:\/\/|Bearer |ya29\.|PRIVATE KEY|BEGIN CERTIFICATE/);
    }
    const fields = [...text.matchAll(/"(password|rootPassword|data|accessToken|token|privateKeyData)": (.*)/g)];
    for (const [, name, value = ""] of fields) expect([name, value.replace(/,$/, "")]).toEqual([name, '"${secret}"']);
    // Generated passwords have 25 letters and digits.
    expect(text).not.toMatch(/\b(?=\w*[a-z])(?=\w*[A-Z])(?=\w*\d)[A-Za-z0-9]{25}\b/);
  });
});
