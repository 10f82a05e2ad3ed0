import { createHash, randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Embedded, PROJECT } from "../embedded.ts";

const OBJECTS = "/storage/v1/b/transfers/o";
const QUANTUM = 256 * 1024;
const embedded = new Embedded();

beforeAll(async () => {
  await embedded.start("storage.googleapis.com");
  await embedded.post(`/storage/v1/b?project=${PROJECT}`, { name: "transfers" });
});
afterAll(() => embedded.remove());

/** Begins a resumable upload. @returns Its path. */
async function begin(name: string, query = "", headers: Record<string, string> = {}): Promise<string> {
  const { status, headers: answered } = await embedded.post(
    `/upload${OBJECTS}?uploadType=resumable&name=${name}${query}`,
    { metadata: { origin: "test" } },
    { headers: { "x-upload-content-type": "text/plain", ...headers } },
  );
  expect(status).toBe(200);
  const { pathname, search } = new URL(answered.get("location") ?? "");
  return pathname + search;
}

/** @param range Such as `0-9/10`. */
const put = (path: string, bytes: Uint8Array, range?: string) =>
  embedded.ask("PUT", path, bytes, {
    token: "",
    headers: range === undefined ? {} : { "content-range": `bytes ${range}` },
  });
const query = (path: string) => put(path, Buffer.alloc(0), "*/*");
const read = (name: string, headers: Record<string, string> = {}) =>
  embedded.get(`${OBJECTS}/${name}?alt=media`, { headers });

describe("a resumable upload", () => {
  test("in one request", async () => {
    const bytes = randomBytes(1000);
    const { body } = await put(await begin("one"), bytes);
    expect(body).toMatchObject({ name: "one", size: "1000", contentType: "text/plain", metadata: { origin: "test" } });
    expect((await read("one")).bytes).toEqual(bytes);
  });

  test("in chunks of unknown total, with a query between", async () => {
    const bytes = randomBytes(2 * QUANTUM + 10);
    const path = await begin("chunks");
    expect((await query(path)).headers.get("range")).toBeNull();
    const first = await put(path, bytes.subarray(0, QUANTUM + 5), `0-${QUANTUM + 4}/*`);
    expect([first.status, first.headers.get("range")]).toEqual([308, `bytes=0-${QUANTUM - 1}`]);
    expect((await query(path)).headers.get("range")).toBe(`bytes=0-${QUANTUM - 1}`);
    const gap = await put(path, bytes.subarray(0, 1), `${2 * QUANTUM}-${2 * QUANTUM}/*`);
    expect(gap.status).toBe(400);
    const last = await put(path, bytes.subarray(QUANTUM), `${QUANTUM}-${bytes.length - 1}/${bytes.length}`);
    expect(last.body).toMatchObject({ size: String(bytes.length) });
    expect((await read("chunks")).bytes).toEqual(bytes);
    expect((await query(path)).status).toBe(404);
  });

  test("goes on after a broken connection and a restart, without losing or doubling a byte", async () => {
    const bytes = randomBytes(4 * QUANTUM);
    const path = await begin("broken");
    const headers = { "content-length": bytes.length, "content-range": `bytes 0-${bytes.length - 1}/${bytes.length}` };
    const broken = request(embedded.cloud.url + path, { method: "PUT", headers });
    broken.on("error", () => undefined);
    await new Promise((resolve) => broken.write(bytes.subarray(0, 2 * QUANTUM + 100), resolve));
    const arrived = () => readdirSync(join(embedded.folder, "storage-contents")).length;
    expect(arrived()).toBeGreaterThan(0);
    await new Promise((resolve) => broken.on("close", resolve).destroy());
    await embedded.stop();
    await embedded.start();
    const known = Number(/\d+$/.exec((await query(path)).headers.get("range") ?? "")?.[0] ?? -1) + 1;
    expect(known % QUANTUM).toBe(0);
    // A client may send again what has arrived.
    const from = Math.max(0, known - QUANTUM);
    const { body } = await put(path, bytes.subarray(from), `${from}-${bytes.length - 1}/${bytes.length}`);
    expect(body).toMatchObject({ md5Hash: createHash("md5").update(bytes).digest("base64") });
  });

  test("holds its preconditions and checksums until the end, and can be cancelled", async () => {
    const path = await begin("guarded", "&ifGenerationMatch=0");
    await put(await begin("guarded"), Buffer.from("meanwhile"));
    expect((await put(path, Buffer.from("late"))).status).toBe(412);
    const summed = await begin("summed", "", { "x-goog-hash": "md5=AAAAAAAAAAAAAAAAAAAAAA==" });
    expect((await put(summed, Buffer.from("other"))).status).toBe(400);
    const cancelled = await begin("cancelled");
    expect((await embedded.delete(cancelled, { token: "" })).status).toBe(499);
    expect((await query(cancelled)).status).toBe(404);
  });

  test("needs a caller who may create the object, at its beginning", async () => {
    const token = embedded.cloud.identities.tokenFor("user:nobody@example.com");
    const answer = await embedded.post(`/upload${OBJECTS}?uploadType=resumable&name=x`, {}, { token });
    expect(answer.status).toBe(403);
  });
});

test("an object of 33 MiB is larger than any other request may be", async () => {
  const bytes = Buffer.alloc(33 * 1024 * 1024, "0123456789abcdef");
  const { body } = await embedded.post(`/upload${OBJECTS}?uploadType=media&name=large`, bytes);
  expect(body).toMatchObject({ size: String(bytes.length) });
  expect((await read("large")).bytes.equals(bytes)).toBe(true);
});

describe("a download", () => {
  beforeAll(() => embedded.post(`/upload${OBJECTS}?uploadType=media&name=digits`, "0123456789"));

  test.each([
    ["bytes=2-4", 206, "234", "bytes 2-4/10"],
    ["bytes=7-", 206, "789", "bytes 7-9/10"],
    ["bytes=-2", 206, "89", "bytes 8-9/10"],
    ["bytes=8-99", 206, "89", "bytes 8-9/10"],
    ["bytes=10-", 416, "", "bytes */10"],
    ["lines=1-2", 200, "0123456789", null],
  ])("of the range %s", async (range, status, text, contentRange) => {
    const answer = await read("digits", { range });
    expect([answer.status, answer.bytes.toString(), answer.headers.get("content-range")]).toEqual([
      status,
      text,
      contentRange,
    ]);
  });

  test("of what the reader knows answers 304", async () => {
    const { body } = await embedded.get(`${OBJECTS}/digits`);
    const known = `${OBJECTS}/digits?ifGenerationNotMatch=${body.generation as string}`;
    expect((await embedded.get(known)).status).toBe(304);
    expect((await embedded.get(`${OBJECTS}/digits?ifGenerationNotMatch=1`)).status).toBe(200);
    expect((await read("digits", { "if-none-match": body.etag as string })).status).toBe(304);
  });

  test("decompresses gzip for a client that does not accept it", async () => {
    const described = { name: "packed", contentEncoding: "gzip" };
    const packed = gzipSync("unpacked");
    await put(await begin("packed"), packed);
    await embedded.patch(`${OBJECTS}/packed`, { contentEncoding: described.contentEncoding });
    const plain = await read("packed", { "accept-encoding": "identity" });
    expect([plain.bytes.toString(), plain.headers.get("content-encoding")]).toEqual(["unpacked", null]);
    const stored = await read("packed", { "accept-encoding": "gzip" });
    expect(stored.headers.get("content-encoding")).toBe("gzip"); // fetch unpacks it
    expect(stored.bytes.toString()).toBe("unpacked");
  });
});

test("a request may be compressed", async () => {
  const headers = { "content-encoding": "gzip", "content-type": "application/json" };
  const answer = await embedded.ask("PATCH", `${OBJECTS}/digits`, gzipSync('{"metadata":{"packed":"yes"}}'), {
    headers,
  });
  expect(answer.body).toMatchObject({ metadata: { packed: "yes" } });
});

test.each(["copyTo", "rewriteTo"])("%s copies an older generation over a newer one", async (verb) => {
  const first = await embedded.post(`/upload${OBJECTS}?uploadType=media&name=source`, "first");
  const path = `${OBJECTS}/source/${verb}${OBJECTS.replace("/storage/v1", "")}/copy`;
  const { body } = await embedded.post(`${path}?sourceGeneration=${first.body.generation as string}`);
  expect(verb === "copyTo" ? body : body.resource).toMatchObject({ name: "copy", md5Hash: first.body.md5Hash });
  expect((await read("copy")).bytes.toString()).toBe("first");
});
