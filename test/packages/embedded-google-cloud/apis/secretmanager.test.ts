import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { base64, Embedded, message, OTHER_PROJECT, PROJECT } from "../embedded.ts";

const ID = "settlement-db-connection-string";
const SECRETS = `/v1/projects/${PROJECT}/secrets`;
const SECRET = `${SECRETS}/${ID}`;
const AUTOMATIC = { replication: { automatic: {} } };

describe("Secret Manager", () => {
  const embedded = new Embedded();
  let number: string;

  beforeAll(async () => {
    await embedded.start("secretmanager.googleapis.com", "iam.googleapis.com");
    number = String((await embedded.get(`/v1/projects/${PROJECT}`)).body.projectNumber);
  });
  afterAll(() => embedded.remove());
  beforeEach(() => embedded.post(`${SECRETS}?secretId=${ID}`, { ...AUTOMATIC, labels: { app: "settlement" } }));
  afterEach(() => embedded.delete(SECRET));

  const add = (data: string) => embedded.post(`${SECRET}:addVersion`, { payload: { data: base64(data) } });

  describe("secrets", () => {
    test("returns a secret by the project's id or number, named by its number", async () => {
      const expected = {
        status: 200,
        body: {
          name: `projects/${number}/secrets/${ID}`,
          labels: { app: "settlement" },
          replication: { automatic: {} },
          createTime: expect.stringMatching(/^\d{4}-.*Z$/) as string,
          etag: expect.any(String) as string,
        },
      };
      expect(await embedded.get(SECRET)).toMatchObject(expected);
      expect(await embedded.get(`/v1/projects/${number}/secrets/${ID}`)).toMatchObject(expected);
    });

    test("answers NOT_FOUND in Google's words for a secret that does not exist", async () => {
      expect((await embedded.get(`${SECRETS}/none`)).body).toEqual({
        error: { code: 404, message: `Secret [projects/${number}/secrets/none] not found.`, status: "NOT_FOUND" },
      });
    });

    test("refuses a name that is taken", async () => {
      const again = await embedded.post(`${SECRETS}?secretId=${ID}`, AUTOMATIC);
      expect(again).toMatchObject({ status: 409, body: { error: { status: "ALREADY_EXISTS" } } });
    });

    test.each([
      ["an id with a dot", "a.b", AUTOMATIC, "does not match the expected format"],
      ["no id", "", AUTOMATIC, "does not match the expected format"],
      ["an id that is too long", "x".repeat(256), AUTOMATIC, "does not match the expected format"],
      ["a label with capitals", "x", { ...AUTOMATIC, labels: { App: "x" } }, 'the key "App" must begin'],
      ["no replication", "x", {}, "must be set to one of automatic and userManaged"],
      [
        "an unknown field",
        "x",
        { ...AUTOMATIC, colour: "red" },
        `Unknown name "colour" at 'secret': Cannot find field.`,
      ],
      ["an invalid duration", "x", { ...AUTOMATIC, versionDestroyTtl: "1 day" }, "Illegal duration format"],
      ["a list", "x", [], "Root element must be a message."],
    ])("refuses %s", async (_what, id, body, sentence) => {
      const answer = await embedded.post(`${SECRETS}?secretId=${id}`, body);
      expect(answer).toMatchObject({ status: 400, body: { error: { status: "INVALID_ARGUMENT" } } });
      expect(message(answer)).toContain(sentence);
    });

    test("changes only the fields in the mask", async () => {
      const patched = await embedded.patch(`${SECRET}?updateMask=labels,version_destroy_ttl`, {
        labels: { app: "other" },
        annotations: { ignored: "yes" },
        versionDestroyTtl: "86400s",
      });
      expect(patched).toMatchObject({ status: 200, body: { labels: { app: "other" }, versionDestroyTtl: "86400s" } });
      expect(patched.body).not.toHaveProperty("annotations");
      const cleared = await embedded.patch(`${SECRET}?updateMask=labels`, {});
      expect(cleared.body).not.toHaveProperty("labels");
      expect((await embedded.get(SECRET)).body).toEqual(cleared.body);
    });

    test("requires a mask without the replication", async () => {
      expect((await embedded.patch(SECRET, { labels: {} })).status).toBe(400);
      expect(message(await embedded.patch(`${SECRET}?updateMask=replication`, AUTOMATIC))).toContain('"replication"');
    });

    test("refuses a patch and a deletion with an outdated etag", async () => {
      const { etag } = (await embedded.get(SECRET)).body;
      expect((await embedded.patch(`${SECRET}?updateMask=labels`, { etag, labels: { a: "1" } })).status).toBe(200);
      const late = await embedded.patch(`${SECRET}?updateMask=labels`, { etag, labels: { a: "2" } });
      expect(late).toMatchObject({ status: 400, body: { error: { status: "FAILED_PRECONDITION" } } });
      expect((await embedded.delete(`${SECRET}?etag=${encodeURIComponent(String(etag))}`)).status).toBe(400);
      expect((await embedded.get(SECRET)).body).toMatchObject({ labels: { a: "1" } });
    });

    test("turns a time to live into an expiry time", async () => {
      const { body } = await embedded.patch(`${SECRET}?updateMask=ttl`, { ttl: "3600s" });
      expect(Date.parse(String(body.expireTime))).toBeGreaterThan(Date.now());
    });

    test("lists the secrets of the project, page by page", async () => {
      await embedded.post(`${SECRETS}?secretId=another`, AUTOMATIC);
      await embedded.post(`/v1/projects/${OTHER_PROJECT}/secrets?secretId=elsewhere`, AUTOMATIC);
      const first = await embedded.get(`${SECRETS}?pageSize=1`);
      expect(first.body).toMatchObject({ secrets: [{ name: `projects/${number}/secrets/another` }], totalSize: 2 });
      const second = await embedded.get(`${SECRETS}?pageSize=1&pageToken=${String(first.body.nextPageToken)}`);
      expect(second.body).toMatchObject({ secrets: [{ name: `projects/${number}/secrets/${ID}` }] });
      expect(second.body).not.toHaveProperty("nextPageToken");
      expect((await embedded.get(`${SECRETS}?pageToken=nonsense`)).status).toBe(400);
      await embedded.delete(`${SECRETS}/another`);
    });

    test("deletes a secret with its versions and its policy", async () => {
      await add("old");
      await embedded.post(`${SECRET}:setIamPolicy`, {
        policy: { bindings: [{ role: "roles/secretmanager.secretAccessor", members: ["user:a@example.com"] }] },
      });
      expect(await embedded.delete(SECRET)).toMatchObject({ status: 200, body: {} });
      await embedded.post(`${SECRETS}?secretId=${ID}`, AUTOMATIC);
      expect(message(await embedded.get(`${SECRET}/versions/latest:access`))).toBe(
        `Secret [projects/${number}/secrets/${ID}] not found or has no versions.`,
      );
      expect((await embedded.get(`${SECRET}:getIamPolicy`)).body).toMatchObject({ bindings: [] });
    });
  });

  describe("versions", () => {
    test("are numbered from one, and latest is the newest", async () => {
      expect((await add("one")).body).toMatchObject({
        name: `projects/${number}/secrets/${ID}/versions/1`,
        state: "ENABLED",
        replicationStatus: { automatic: {} },
      });
      await add("two");
      expect((await embedded.get(`${SECRET}/versions/latest`)).body.name).toMatch(/\/versions\/2$/);
      expect((await embedded.get(`${SECRET}/versions/1:access`)).body).toMatchObject({
        name: `projects/${number}/secrets/${ID}/versions/1`,
        payload: { data: base64("one") },
      });
      expect((await embedded.get(`${SECRET}/versions/latest:access`)).body).toMatchObject({
        payload: { data: base64("two") },
      });
      expect((await embedded.get(`${SECRET}/versions`)).body).toMatchObject({
        versions: [{ name: expect.stringMatching(/2$/) as string }, { name: expect.stringMatching(/1$/) as string }],
      });
    });

    test("show their payload only through :access", async () => {
      await add("hidden");
      for (const path of [SECRET, `${SECRET}/versions`, `${SECRET}/versions/1`]) {
        expect(JSON.stringify((await embedded.get(path)).body)).not.toContain(base64("hidden"));
      }
    });

    test("are not readable while they are disabled", async () => {
      await add("value");
      expect((await embedded.post(`${SECRET}/versions/1:disable`)).body).toMatchObject({ state: "DISABLED" });
      const refused = await embedded.get(`${SECRET}/versions/1:access`);
      expect(refused).toMatchObject({ status: 400, body: { error: { status: "FAILED_PRECONDITION" } } });
      expect(message(refused)).toBe(
        `Secret Version [projects/${number}/secrets/${ID}/versions/1] is in DISABLED state.`,
      );
      await embedded.post(`${SECRET}/versions/1:enable`);
      expect((await embedded.get(`${SECRET}/versions/1:access`)).status).toBe(200);
    });

    const onDisk = (text: string) =>
      readdirSync(embedded.folder, { recursive: true, withFileTypes: true })
        .filter((file) => file.isFile())
        .some((file) => readFileSync(join(file.parentPath, file.name), "utf8").includes(text));

    test("are erased for good when they are destroyed, also from the disk", async () => {
      await add("burn after reading");
      expect(onDisk(base64("burn after reading"))).toBe(true);
      const { body } = await embedded.post(`${SECRET}/versions/1:destroy`);
      expect(body).toMatchObject({ state: "DESTROYED", destroyTime: expect.any(String) as string });
      expect(message(await embedded.get(`${SECRET}/versions/1:access`))).toMatch(/is in DESTROYED state\.$/);
      expect((await embedded.post(`${SECRET}/versions/1:enable`)).status).toBe(400);
      expect(onDisk(base64("burn after reading"))).toBe(false);
    });

    test("are disabled first and destroyed later if the secret has a grace period", async () => {
      await add("soon gone");
      await embedded.patch(`${SECRET}?updateMask=versionDestroyTtl`, { versionDestroyTtl: "86400s" });
      const { body } = await embedded.post(`${SECRET}/versions/1:destroy`);
      expect(body).toMatchObject({ state: "DISABLED", scheduledDestroyTime: expect.any(String) as string });
      const later = jest.spyOn(Date, "now").mockReturnValue(Date.parse(String(body.scheduledDestroyTime)));
      try {
        expect((await embedded.get(`${SECRET}/versions/1`)).body).toMatchObject({ state: "DESTROYED" });
        expect(onDisk(base64("soon gone"))).toBe(false);
      } finally {
        later.mockRestore();
      }
    });

    test("refuse a change with an outdated etag", async () => {
      const { etag } = (await add("value")).body;
      await embedded.post(`${SECRET}/versions/1:disable`, { etag });
      expect((await embedded.post(`${SECRET}/versions/1:destroy`, { etag })).status).toBe(400);
    });

    test.each([
      ["no payload", {}, "cannot be empty"],
      ["a payload that is not Base64", { data: "höhö" }, "Base64"],
      ["a wrong checksum", { data: base64("123456789"), dataCrc32c: "1" }, "CRC32C"],
      ["a payload that is too large", { data: Buffer.alloc(65_537).toString("base64") }, "at most 65536"],
    ])("refuses %s", async (_what, payload, sentence) => {
      const answer = await embedded.post(`${SECRET}:addVersion`, { payload });
      expect(answer.status).toBe(400);
      expect(message(answer)).toContain(sentence);
    });

    test("confirm a correct checksum", async () => {
      const payload = { data: base64("123456789"), dataCrc32c: String(0xe3069283) };
      const { body } = await embedded.post(`${SECRET}:addVersion`, { payload });
      expect(body).toMatchObject({ clientSpecifiedPayloadChecksum: true });
      expect((await embedded.get(`${SECRET}/versions/1:access`)).body).toMatchObject({ payload });
    });

    test("answer NOT_FOUND for a number that does not exist", async () => {
      const answer = await embedded.get(`${SECRET}/versions/7:access`);
      expect(answer.status).toBe(404);
      expect(message(answer)).toBe(`Secret Version [projects/${number}/secrets/${ID}/versions/7] not found.`);
    });
  });

  describe("readers", () => {
    const member = `serviceAccount:settlement-service@${PROJECT}.iam.gserviceaccount.com`;
    const bind = (role: string, condition?: object) =>
      embedded.post(`${SECRET}:setIamPolicy`, {
        policy: { version: 3, bindings: [{ role, members: [member], ...(condition && { condition }) }] },
      });
    let token: string;

    beforeAll(async () => {
      await embedded.post(`/v1/projects/${PROJECT}/serviceAccounts`, { accountId: "settlement-service" });
      token = embedded.cloud.identities.tokenFor(member);
    });

    test("cannot read without a role", async () => {
      await add("value");
      const answer = await embedded.get(`${SECRET}/versions/1:access`, { token });
      expect(answer).toMatchObject({ status: 403, body: { error: { status: "PERMISSION_DENIED" } } });
      expect(message(answer)).toContain(
        `Permission 'secretmanager.versions.access' denied on resource '//secretmanager.googleapis.com/projects/${number}/secrets/${ID}/versions/1'`,
      );
    });

    test("with the accessor role read every version, and may do nothing else", async () => {
      await add("value");
      await bind("roles/secretmanager.secretAccessor");
      expect((await embedded.get(`${SECRET}/versions/latest:access`, { token })).body).toMatchObject({
        payload: { data: base64("value") },
      });
      expect((await embedded.get(SECRET, { token })).status).toBe(403);
      expect((await embedded.delete(SECRET, { token })).status).toBe(403);
      const asked = ["secretmanager.versions.access", "secretmanager.secrets.get"];
      expect((await embedded.post(`${SECRET}:testIamPermissions`, { permissions: asked }, { token })).body).toEqual({
        permissions: ["secretmanager.versions.access"],
      });
    });

    test("can be limited to one version by a condition", async () => {
      await add("one");
      await add("two");
      const name = `projects/${number}/secrets/${ID}/versions/1`;
      await bind("roles/secretmanager.secretAccessor", { title: "first", expression: `resource.name == "${name}"` });
      expect((await embedded.get(`${SECRET}/versions/1:access`, { token })).status).toBe(200);
      expect((await embedded.get(`${SECRET}/versions/2:access`, { token })).status).toBe(403);
    });

    test("are not lost when two clients change the policy at once", async () => {
      const { etag } = (await embedded.get(`${SECRET}:getIamPolicy`)).body;
      expect((await bind("roles/secretmanager.secretAccessor")).status).toBe(200);
      const late = await embedded.post(`${SECRET}:setIamPolicy`, { policy: { etag, bindings: [] } });
      expect(late).toMatchObject({ status: 409, body: { error: { status: "ABORTED" } } });
    });
  });

  test("keeps versions across a restart", async () => {
    await add("kept");
    await embedded.stop();
    await embedded.start();
    expect((await embedded.get(`${SECRET}/versions/1:access`)).body).toMatchObject({
      payload: { data: base64("kept") },
    });
  });

  test("stores its state readable only by its owner", () => {
    expect(statSync(embedded.folder).mode & 0o077).toBe(0);
    expect(statSync(join(embedded.folder, "secrets")).mode & 0o077).toBe(0);
  });

  test("refuses requests in Google's words while the API is disabled", async () => {
    await embedded.post(`/v1/projects/${OTHER_PROJECT}/services/secretmanager.googleapis.com:disable`);
    const answer = await embedded.get(`/v1/projects/${OTHER_PROJECT}/secrets`);
    expect(answer.status).toBe(403);
    expect(message(answer)).toMatch(/^secretmanager\.googleapis\.com has not been used in project \d+ before/);
    await embedded.post(`/v1/projects/${OTHER_PROJECT}/services/secretmanager.googleapis.com:enable`);
  });

  test("lists what a filter selects", async () => {
    await add("one");
    await add("two");
    await embedded.post(`${SECRET}/versions/1:disable`);
    const count = async (path: string, filter: string) => {
      const answer = await embedded.get(`${path}?filter=${encodeURIComponent(filter)}`);
      return answer.status === 200 ? answer.body.totalSize : message(answer);
    };
    expect(await count(`${SECRET}/versions`, "state:enabled")).toBe(1);
    expect(await count(`${SECRET}/versions`, "state=DISABLED AND create_time>2020-01-01")).toBe(1);
    expect(await count(`${SECRET}/versions`, "NOT state:destroyed")).toBe(2);
    expect(await count(SECRETS, "labels.app=settlement AND name:connection")).toBe(1);
    expect(await count(SECRETS, "labels.app=other")).toBe(0);
    expect(await count(SECRETS, "connection")).toContain("Unparseable filter");
  });

  test("stores a new version alone, and takes over secrets that were stored with all their versions", async () => {
    const written = () => readdirSync(join(embedded.folder, "secret-versions"));
    await add("one");
    await add("two");
    await embedded.post(`${SECRET}/versions/1:destroy`);
    expect(written()).toHaveLength(2);
    await embedded.stop();
    const folder = join(embedded.folder, "secrets");
    const path = join(folder, readdirSync(folder).find((name) => name.endsWith(`${ID}.json`)) ?? "");
    const versions = written()
      .map((name) => join(embedded.folder, "secret-versions", name))
      .map((file) => (JSON.parse(readFileSync(file, "utf8")) as { value: { number: number } }).value)
      .sort((one, other) => one.number - other.number);
    const { key, value } = JSON.parse(readFileSync(path, "utf8")) as { key: string; value: object };
    writeFileSync(path, JSON.stringify({ key, value: { ...value, versions } }));
    rmSync(join(embedded.folder, "secret-versions"), { recursive: true });
    await embedded.start();
    const { body } = await embedded.get(`${SECRET}/versions`);
    expect(body.versions).toMatchObject([{ state: "ENABLED" }, { state: "DESTROYED" }]);
    expect((await add("three")).body.name).toBe(`projects/${number}/secrets/${ID}/versions/3`);
    expect((await embedded.get(`${SECRET}/versions/2:access`)).body.payload).toMatchObject({ data: base64("two") });
    await embedded.delete(SECRET);
    expect(written()).toEqual([]);
  });
});
