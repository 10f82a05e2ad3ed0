import { createHash } from "node:crypto";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Embedded, message, OTHER_PROJECT, PROJECT } from "../embedded.ts";

const NAME = "fusion-prime-migrations";
const BUCKETS = `/storage/v1/b?project=${PROJECT}`;
const BUCKET = `/storage/v1/b/${NAME}`;
const OBJECTS = `${BUCKET}/o`;

describe("Cloud Storage", () => {
  const embedded = new Embedded();

  beforeAll(() => embedded.start("storage.googleapis.com"));
  afterAll(() => embedded.remove());
  beforeEach(() => embedded.post(BUCKETS, { name: NAME, location: "us-central1" }));
  afterEach(async () => {
    const { body } = await embedded.get(`${OBJECTS}?versions=true`);
    for (const { name, generation } of (body.items ?? []) as { name: string; generation: string }[]) {
      await embedded.delete(`${OBJECTS}/${encodeURIComponent(name)}?generation=${generation}`);
    }
    expect((await embedded.delete(BUCKET)).status).toBe(204);
  });

  const upload = (name: string, content: string | Uint8Array, query = "", contentType = "text/plain") =>
    embedded.post(`/upload${OBJECTS}?uploadType=media&name=${encodeURIComponent(name)}${query}`, content, {
      headers: { "content-type": contentType },
    });
  const names = ({ body }: { body: Record<string, unknown> }) =>
    ((body.items ?? []) as { name: string }[]).map(({ name }) => name);

  describe("buckets", () => {
    test("returns a bucket with the fields that Google adds", async () => {
      const { status, body } = await embedded.get(BUCKET);
      expect(status).toBe(200);
      expect(body).toMatchObject({
        kind: "storage#bucket",
        id: NAME,
        name: NAME,
        selfLink: `https://www.googleapis.com/storage/v1/b/${NAME}`,
        projectNumber: String((await embedded.get(`/v1/projects/${PROJECT}`)).body.projectNumber),
        location: "US-CENTRAL1",
        locationType: "region",
        storageClass: "STANDARD",
        metageneration: "1",
        iamConfiguration: { publicAccessPrevention: "inherited", uniformBucketLevelAccess: { enabled: false } },
        softDeletePolicy: { retentionDurationSeconds: "604800" },
      });
    });

    test("has no Anywhere Cache", async () => {
      for (const path of ["anywhereCaches", "anywhereCaches/"]) {
        expect((await embedded.get(`${BUCKET}/${path}`)).body).toEqual({ kind: "storage#anywhereCaches" });
      }
      expect((await embedded.get("/storage/v1/b/none/anywhereCaches")).status).toBe(404);
    });

    test("answers NOT_FOUND for a bucket that does not exist, in the form of the older APIs", async () => {
      const text = "The specified bucket does not exist.";
      expect((await embedded.get("/storage/v1/b/none")).body).toEqual({
        error: { code: 404, message: text, errors: [{ message: text, domain: "global", reason: "notFound" }] },
      });
    });

    test("shares bucket names between projects", async () => {
      const own = await embedded.post(BUCKETS, { name: NAME });
      const foreign = await embedded.post(`/storage/v1/b?project=${OTHER_PROJECT}`, { name: NAME });
      expect([own.status, foreign.status]).toEqual([409, 409]);
      expect(message(own)).toMatch(/you already own it/);
      expect(message(foreign)).toMatch(/shared by all users/);
    });

    test.each([
      ["a name in upper case", { name: "Upper" }, "Invalid bucket name: 'Upper'"],
      ["no name", {}, "Invalid bucket name"],
      ["a name like an address", { name: "192.168.5.4" }, "Invalid bucket name"],
      ["a name that begins with goog", { name: "goog-migrations" }, "Invalid bucket name"],
      ["a name that ends with a hyphen", { name: "migrations-" }, "Invalid bucket name"],
      ["a zone as its location", { name: "zone", location: "us-central1-a" }, "location constraint is not valid"],
      ["an unknown location", { name: "moon", location: "MOON" }, "location constraint is not valid"],
      [
        "a retention period, which would not be kept",
        { name: "kept", retentionPolicy: { retentionPeriod: "60" } },
        "The embedded cloud does not evaluate retentionPolicy.",
      ],
      ["a hold", { name: "held", defaultEventBasedHold: true }, "does not evaluate defaultEventBasedHold"],
      ["an unknown class", { name: "cold", storageClass: "FROZEN" }, "Invalid storage class: 'FROZEN'"],
      ["a label with capitals", { name: "labels", labels: { App: "x" } }, 'the key "App" must begin'],
      ["an unknown field", { name: "fine-name", colour: "red" }, 'Unknown name "colour"'],
    ])("refuses %s", async (_what, body, sentence) => {
      const answer = await embedded.post(BUCKETS, body);
      expect(answer.status).toBe(400);
      expect(message(answer)).toContain(sentence);
    });

    test("merges a patch, removes null fields and counts the metageneration", async () => {
      await embedded.patch(BUCKET, { labels: { a: "1", b: "2" }, versioning: { enabled: true } });
      const { body } = await embedded.patch(BUCKET, { labels: { a: null, c: "3" } });
      expect(body).toMatchObject({ labels: { b: "2", c: "3" }, versioning: { enabled: true }, metageneration: "3" });
      expect(body.labels).not.toHaveProperty("a");
      expect((await embedded.get(BUCKET)).body).toEqual(body);
    });

    test("keeps lifecycle rules, and drops an empty list", async () => {
      const lifecycle = { rule: [{ action: { type: "Delete" }, condition: { numNewerVersions: 5 } }] };
      expect((await embedded.patch(BUCKET, { lifecycle })).body).toMatchObject({ lifecycle });
      expect((await embedded.patch(BUCKET, { lifecycle: { rule: [] } })).body).not.toHaveProperty("lifecycle");
    });

    test("resets the fields that a replacement omits", async () => {
      await embedded.patch(BUCKET, { labels: { a: "1" } });
      const { body } = await embedded.put(BUCKET, { name: NAME, storageClass: "NEARLINE" });
      expect(body).toMatchObject({ storageClass: "NEARLINE", metageneration: "3", location: "US-CENTRAL1" });
      expect(body).not.toHaveProperty("labels");
    });

    test("refuses to move a bucket", async () => {
      expect(message(await embedded.patch(BUCKET, { location: "EU" }))).toBe(
        "The location of a bucket cannot be changed.",
      );
    });

    test("refuses a policy with an outdated etag, as a precondition", async () => {
      const { body } = await embedded.get(`${BUCKET}/iam`);
      expect((await embedded.put(`${BUCKET}/iam`, body)).status).toBe(200);
      const late = await embedded.put(`${BUCKET}/iam`, body);
      expect(late).toMatchObject({ status: 412, body: { error: { errors: [{ reason: "conditionNotMet" }] } } });
    });

    test("refuses a change with an outdated metageneration", async () => {
      await embedded.patch(BUCKET, { labels: { a: "1" } });
      const late = await embedded.patch(`${BUCKET}?ifMetagenerationMatch=1`, { labels: { a: "2" } });
      expect(late).toMatchObject({ status: 412, body: { error: { errors: [{ reason: "conditionNotMet" }] } } });
      expect((await embedded.patch(`${BUCKET}?ifMetagenerationMatch=2`, { labels: { a: "2" } })).status).toBe(200);
    });

    test("refuses to delete a bucket with objects, even noncurrent ones", async () => {
      await embedded.patch(BUCKET, { versioning: { enabled: true } });
      await upload("a.sql", "select 1;");
      await embedded.delete(`${OBJECTS}/a.sql`);
      const answer = await embedded.delete(BUCKET);
      expect(answer.status).toBe(409);
      expect(message(answer)).toBe("The bucket you tried to delete is not empty.");
    });

    test("lists the buckets of the project", async () => {
      expect((await embedded.get(BUCKETS)).body).toMatchObject({ kind: "storage#buckets", items: [{ name: NAME }] });
      expect((await embedded.get(`/storage/v1/b?project=${OTHER_PROJECT}`)).body).not.toHaveProperty("items");
      expect((await embedded.get("/storage/v1/b")).status).toBe(400);
    });
  });

  describe("objects", () => {
    test("returns an upload byte for byte, with its checksums", async () => {
      const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
      const { status, body } = await upload("all-bytes", bytes, "", "application/json");
      expect(status).toBe(200);
      expect(body).toMatchObject({
        kind: "storage#object",
        bucket: NAME,
        name: "all-bytes",
        size: "256",
        contentType: "application/json",
        metageneration: "1",
        md5Hash: createHash("md5").update(bytes).digest("base64"),
      });
      const { bytes: back, headers } = await embedded.get(`${OBJECTS}/all-bytes?alt=media`);
      expect(Buffer.compare(back, bytes)).toBe(0);
      expect(headers.get("content-type")).toBe("application/json");
      expect(headers.get("x-goog-generation")).toBe(body.generation);
      expect((await embedded.get(`/download${OBJECTS}/all-bytes?alt=media`)).bytes).toEqual(back);
    });

    test("computes the checksums of the RFCs", async () => {
      // 0xe3069283: the check value of CRC-32C; MD5 of the same text.
      expect((await upload("check", "123456789")).body).toMatchObject({
        crc32c: "4waSgw==",
        md5Hash: "JfnnlDI7RTiF9RgfG2JNCw==",
      });
    });

    test("accepts metadata and bytes in a multipart upload", async () => {
      const body = [
        "--frontier",
        "Content-Type: application/json",
        "",
        JSON.stringify({ bucket: NAME, name: "0001.up.sql", metadata: { version: "1" } }),
        "--frontier",
        "Content-Type: text/plain; charset=utf-8",
        "",
        "select 1;\r\nselect 'ä';\r\n",
        "--frontier--",
        "",
      ].join("\r\n");
      const answer = await embedded.post(`/upload${OBJECTS}?uploadType=multipart`, body, {
        headers: { "content-type": 'multipart/related; boundary="frontier"' },
      });
      expect(answer.body).toMatchObject({
        name: "0001.up.sql",
        metadata: { version: "1" },
        contentType: "text/plain; charset=utf-8",
      });
      expect((await embedded.get(`${OBJECTS}/0001.up.sql?alt=media`)).bytes.toString()).toBe(
        "select 1;\r\nselect 'ä';\r\n",
      );
    });

    test.each([
      ["a body that is not multipart", "multipart", "nonsense", "Malformed multipart body."],
      ["an unknown upload type", "xml", "", 'no upload of type "xml"'],
      ["no name", "media", "x", "Required parameter: name"],
    ])("refuses %s", async (_what, uploadType, body, sentence) => {
      const answer = await embedded.post(`/upload${OBJECTS}?uploadType=${uploadType}`, body, {
        headers: { "content-type": "multipart/related; boundary=b" },
      });
      expect(answer.status).toBe(400);
      expect(message(answer)).toContain(sentence);
    });

    test("accepts an empty object", async () => {
      expect((await upload("empty", "")).body).toMatchObject({ size: "0", crc32c: "AAAAAA==" });
      expect((await embedded.get(`${OBJECTS}/empty?alt=media`)).bytes).toHaveLength(0);
    });

    test("distinguishes names with slashes, tildes and capitals", async () => {
      for (const name of ["a/b c", "a~b c", "A/B C", "ä/ö?#%2F"]) await upload(name, name);
      for (const name of ["a/b c", "a~b c", "A/B C", "ä/ö?#%2F"]) {
        const path = `${OBJECTS}/${encodeURIComponent(name)}`;
        expect((await embedded.get(path)).body).toMatchObject({ name });
        expect((await embedded.get(`${path}?alt=media`)).bytes.toString()).toBe(name);
      }
      await embedded.stop();
      await embedded.start();
      expect(names(await embedded.get(OBJECTS))).toHaveLength(4);
    });

    test("answers NOT_FOUND in Google's words for an object that does not exist", async () => {
      const answer = await embedded.get(`${OBJECTS}/none.sql`);
      expect(answer.status).toBe(404);
      expect(message(answer)).toBe(`No such object: ${NAME}/none.sql`);
    });

    test("lists folders by prefix and delimiter", async () => {
      for (const name of ["up/1.sql", "up/2.sql", "down/1.sql", "readme"]) await upload(name, "x");
      expect((await embedded.get(`${OBJECTS}?delimiter=/`)).body).toMatchObject({
        prefixes: ["down/", "up/"],
        items: [{ name: "readme" }],
      });
      expect(names(await embedded.get(`${OBJECTS}?prefix=up/&delimiter=/`))).toEqual(["up/1.sql", "up/2.sql"]);
      expect((await embedded.get(`${OBJECTS}?prefix=none`)).body).toEqual({ kind: "storage#objects" });
      const first = await embedded.get(`${OBJECTS}?maxResults=3`);
      const second = await embedded.get(`${OBJECTS}?maxResults=3&pageToken=${String(first.body.nextPageToken)}`);
      expect([...names(first), ...names(second)]).toEqual(["down/1.sql", "readme", "up/1.sql", "up/2.sql"]);
    });

    test("changes metadata, but not bytes, by a patch", async () => {
      const { body } = await upload("a", "content");
      const patched = await embedded.patch(`${OBJECTS}/a`, { metadata: { by: "ops" }, contentType: "text/x-sql" });
      expect(patched.body).toMatchObject({
        metadata: { by: "ops" },
        contentType: "text/x-sql",
        generation: body.generation,
        metageneration: "2",
        md5Hash: body.md5Hash,
      });
      expect(patched.body.etag).not.toBe(body.etag);
    });

    test("creates only a new object with ifGenerationMatch=0", async () => {
      expect((await upload("lock", "first", "&ifGenerationMatch=0")).status).toBe(200);
      const second = await upload("lock", "second", "&ifGenerationMatch=0");
      expect(second).toMatchObject({ status: 412, body: { error: { errors: [{ reason: "conditionNotMet" }] } } });
      expect((await embedded.get(`${OBJECTS}/lock?alt=media`)).bytes.toString()).toBe("first");
    });

    test("keeps overwritten and deleted objects in a versioned bucket", async () => {
      await embedded.patch(BUCKET, { versioning: { enabled: true } });
      const first = (await upload("a", "first")).body;
      const second = (await upload("a", "second")).body;
      expect(Number(second.generation)).toBeGreaterThan(Number(first.generation));
      await embedded.delete(`${OBJECTS}/a`);
      expect((await embedded.get(`${OBJECTS}/a`)).status).toBe(404);
      expect((await embedded.get(`${OBJECTS}?versions=true`)).body).toMatchObject({
        items: [
          { generation: first.generation, timeDeleted: expect.any(String) as string },
          { generation: second.generation, timeDeleted: expect.any(String) as string },
        ],
      });
      const old = await embedded.get(`${OBJECTS}/a?generation=${String(first.generation)}&alt=media`);
      expect(old.bytes.toString()).toBe("first");
      await embedded.delete(`${OBJECTS}/a?generation=${String(first.generation)}`);
      expect(names(await embedded.get(`${OBJECTS}?versions=true`))).toEqual(["a"]);
    });

    test("removes the bytes of an overwritten object in an unversioned bucket", async () => {
      await upload("a", "first");
      await upload("a", "second");
      const files = readdirSync(join(embedded.folder, "storage-contents"));
      expect(files).toHaveLength(1);
      expect(statSync(join(embedded.folder, "storage-contents", files[0] ?? "")).mode & 0o777).toBe(0o600);
    });

    test("removes the bytes of an interrupted upload at the next start", async () => {
      await upload("a", "kept");
      writeFileSync(join(embedded.folder, "storage-contents", "1"), "half an upl");
      await embedded.stop();
      await embedded.start();
      expect(readdirSync(join(embedded.folder, "storage-contents"))).toHaveLength(1);
      expect((await embedded.get(`${OBJECTS}/a?alt=media`)).bytes.toString()).toBe("kept");
    });
  });

  describe("readers", () => {
    const member = "serviceAccount:p1-abc@gcp-sa-cloud-sql.iam.gserviceaccount.com";
    const bind = (binding: { role: string; members: string[]; condition?: object }) =>
      embedded.grant(`${BUCKET}/iam`, binding);

    test("with the viewer role on the bucket read its objects, but write none", async () => {
      const token = embedded.cloud.identities.tokenFor(member);
      await upload("a", "content");
      const refused = await embedded.get(`${OBJECTS}/a?alt=media`, { token });
      expect(refused.status).toBe(403);
      expect(message(refused)).toBe(
        "p1-abc@gcp-sa-cloud-sql.iam.gserviceaccount.com does not have storage.objects.get access to the Google Cloud " +
          "Storage object. Permission 'storage.objects.get' denied on resource (or it may not exist).",
      );
      const { body } = await bind({ role: "roles/storage.objectViewer", members: [member] });
      expect(body).toMatchObject({ kind: "storage#policy", resourceId: `projects/_/buckets/${NAME}` });
      expect((await embedded.get(`${OBJECTS}/a?alt=media`, { token })).bytes.toString()).toBe("content");
      const write = `/upload${OBJECTS}?uploadType=media&name=b`;
      expect((await embedded.post(write, "x", { token })).status).toBe(403);
      expect((await embedded.get(`${BUCKET}/iam`, { token })).status).toBe(403);
      const asked = "permissions=storage.objects.get&permissions=storage.objects.create";
      expect((await embedded.get(`${BUCKET}/iam/testPermissions?${asked}`, { token })).body).toMatchObject({
        permissions: ["storage.objects.get"],
      });
    });

    test("who may create objects may not overwrite them", async () => {
      const token = embedded.cloud.identities.tokenFor(member);
      await bind({ role: "roles/storage.objectCreator", members: [member] });
      const path = `/upload${OBJECTS}?uploadType=media&name=new`;
      expect((await embedded.post(path, "first", { token })).status).toBe(200);
      expect((await embedded.post(path, "second", { token })).status).toBe(403);
    });

    test("can be limited to a folder by a condition", async () => {
      const token = embedded.cloud.identities.tokenFor(member);
      const expression = `resource.name.startsWith("projects/_/buckets/${NAME}/objects/up/")`;
      await bind({ role: "roles/storage.objectViewer", members: [member], condition: { title: "up", expression } });
      for (const name of ["up/1", "down/1"]) await upload(name, name);
      expect((await embedded.get(`${OBJECTS}/up%2F1`, { token })).status).toBe(200);
      expect((await embedded.get(`${OBJECTS}/down%2F1`, { token })).status).toBe(403);
    });

    test("without a token read only public objects", async () => {
      await upload("a", "content");
      const refused = await embedded.get(`${OBJECTS}/a`, { token: "" });
      expect(refused.status).toBe(401);
      expect(message(refused)).toMatch(/^Anonymous caller does not have storage\.objects\.get access/);
      await bind({ role: "roles/storage.objectViewer", members: ["allUsers"] });
      expect((await embedded.get(`${OBJECTS}/a`, { token: "" })).status).toBe(200);
    });

    test("cannot be public while public access prevention is enforced", async () => {
      await embedded.patch(BUCKET, { iamConfiguration: { publicAccessPrevention: "enforced" } });
      const answer = await bind({ role: "roles/storage.objectViewer", members: ["allUsers"] });
      expect(answer.status).toBe(412);
      expect(message(answer)).toMatch(/public access prevention is enforced/);
    });
  });
});
