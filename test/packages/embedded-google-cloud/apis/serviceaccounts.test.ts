import { Embedded, message, OTHER_PROJECT, PROJECT } from "../embedded.ts";

const ACCOUNTS = `/v1/projects/${PROJECT}/serviceAccounts`;
const EMAIL = `settlement-service@${PROJECT}.iam.gserviceaccount.com`;
const ACCOUNT = `${ACCOUNTS}/${EMAIL}`;

describe("service accounts", () => {
  const embedded = new Embedded();

  beforeAll(() => embedded.start("iam.googleapis.com", "iamcredentials.googleapis.com"));
  afterAll(() => embedded.remove());
  beforeEach(() =>
    embedded.post(ACCOUNTS, { accountId: "settlement-service", serviceAccount: { displayName: "Settlement" } }),
  );
  afterEach(() => embedded.delete(ACCOUNT));

  test("returns an account by email and by unique id, with or without its project", async () => {
    const { status, body } = await embedded.get(ACCOUNT);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      name: `projects/${PROJECT}/serviceAccounts/${EMAIL}`,
      email: EMAIL,
      projectId: PROJECT,
      displayName: "Settlement",
      uniqueId: expect.stringMatching(/^\d{21}$/) as string,
    });
    expect((await embedded.get(`${ACCOUNTS}/${String(body.uniqueId)}`)).body).toEqual(body);
    expect((await embedded.get(`/v1/projects/-/serviceAccounts/${EMAIL}`)).body).toEqual(body);
  });

  test("answers NOT_FOUND in Google's words for an account that does not exist", async () => {
    const text = "Unknown service account";
    expect((await embedded.get(`${ACCOUNTS}/none@example.com`)).body).toEqual({
      error: {
        code: 404,
        message: text,
        errors: [{ message: text, domain: "global", reason: "notFound" }],
        status: "NOT_FOUND",
      },
    });
  });

  test.each([
    ["an id that is too short", { accountId: "abc" }, 400],
    ["no id", {}, 400],
    ["an unknown field", { accountId: "settlement-other", serviceAccount: { colour: "red" } }, 400],
    ["an id that is taken", { accountId: "settlement-service" }, 409],
  ])("refuses %s", async (_what, body, status) => {
    expect((await embedded.post(ACCOUNTS, body)).status).toBe(status);
  });

  test("changes the fields in the mask with PATCH, and all settable fields with PUT", async () => {
    const patched = await embedded.patch(ACCOUNT, {
      serviceAccount: { displayName: "New", description: "not in the mask" },
      updateMask: "display_name",
    });
    expect(patched.body).toMatchObject({ displayName: "New" });
    expect(patched.body).not.toHaveProperty("description");
    expect((await embedded.put(ACCOUNT, { ...patched.body, description: "Runs it" })).body).toMatchObject({
      displayName: "New",
      description: "Runs it",
    });
  });

  test("lists the accounts of the project", async () => {
    expect((await embedded.get(ACCOUNTS)).body).toMatchObject({ accounts: [{ email: EMAIL }] });
    expect((await embedded.get(`/v1/projects/${OTHER_PROJECT}/serviceAccounts`)).body).toEqual({});
  });

  test("keeps a deleted account in policies as deleted, and gives a new one of its name none of its roles", async () => {
    const { uniqueId } = (await embedded.get(ACCOUNT)).body;
    const project = `/v1/projects/${PROJECT}`;
    const policy = (await embedded.post(`${project}:getIamPolicy`)).body as { bindings: object[] };
    const binding = { role: "roles/viewer", members: [`serviceAccount:${EMAIL}`] };
    await embedded.post(`${project}:setIamPolicy`, { policy: { ...policy, bindings: [...policy.bindings, binding] } });
    const token = embedded.cloud.identities.tokenFor(`serviceAccount:${EMAIL}`);
    expect((await embedded.get(project, { token })).status).toBe(200);

    await embedded.delete(ACCOUNT);
    await embedded.post(ACCOUNTS, { accountId: "settlement-service" });
    expect((await embedded.get(project, { token })).status).toBe(403);
    expect((await embedded.post(`${project}:getIamPolicy`)).body.bindings).toContainEqual({
      role: "roles/viewer",
      members: [`deleted:serviceAccount:${EMAIL}?uid=${String(uniqueId)}`],
    });
    expect((await embedded.get(ACCOUNT)).body.uniqueId).not.toBe(uniqueId);
  });

  describe("tokens", () => {
    const generate = (ask = {}, body = {}) =>
      embedded.post(`/v1/projects/-/serviceAccounts/${EMAIL}:generateAccessToken`, body, ask);
    const deployer = "user:deployer@example.com";
    /** Not even an owner creates tokens without a role for it. */
    const asCreator = async () => {
      const bindings = [{ role: "roles/iam.serviceAccountTokenCreator", members: [deployer] }];
      await embedded.post(`${ACCOUNT}:setIamPolicy`, { policy: { bindings } });
      return { token: embedded.cloud.identities.tokenFor(deployer) };
    };

    test("require a permission, and identify the account", async () => {
      const token = embedded.cloud.identities.tokenFor(deployer);
      const refused = await generate({ token });
      expect(refused.status).toBe(403);
      expect(message(refused)).toContain("'iam.serviceAccounts.getAccessToken' denied");

      const bindings = [{ role: "roles/iam.serviceAccountTokenCreator", members: [deployer] }];
      expect((await embedded.post(`${ACCOUNT}:setIamPolicy`, { policy: { bindings } })).body).toMatchObject({
        bindings,
      });
      expect((await embedded.post(`${ACCOUNT}:getIamPolicy`)).body).toMatchObject({ bindings });
      const { status, body } = await generate({ token });
      expect(status).toBe(200);
      expect(embedded.cloud.identities.caller(`Bearer ${String(body.accessToken)}`)).toMatchObject({
        member: `serviceAccount:${EMAIL}`,
      });
    });

    test("that are ID tokens are issued for a URL, and no API accepts them", async () => {
      const generateId = (ask = {}, body: object = { audience: "https://settlement.example" }) =>
        embedded.post(`/v1/projects/-/serviceAccounts/${EMAIL}:generateIdToken`, body, ask);
      const token = embedded.cloud.identities.tokenFor(deployer);
      expect((await generateId({ token })).status).toBe(403);
      const bindings = [{ role: "roles/iam.serviceAccountOpenIdTokenCreator", members: [deployer] }];
      await embedded.post(`${ACCOUNT}:setIamPolicy`, { policy: { bindings } });
      expect((await generateId({ token }, {})).status).toBe(400);
      const { body } = await generateId({ token });
      expect(embedded.cloud.identities.caller(`Bearer ${String(body.token)}`)).toMatchObject({
        member: `serviceAccount:${EMAIL}`,
        audience: "https://settlement.example",
      });
      for (const path of [ACCOUNT, `/storage/v1/b?project=${PROJECT}`])
        expect((await embedded.get(path, { token: String(body.token) })).status).toBe(401);
    });

    test("expire", async () => {
      const creator = await asCreator();
      const { body } = await generate(creator, { lifetime: "60s" });
      // Google's library for Python reads no other form.
      expect(body.expireTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      const later = jest.spyOn(Date, "now").mockReturnValue(Date.parse(String(body.expireTime)) + 1000);
      try {
        expect((await embedded.get(ACCOUNT, { token: String(body.accessToken) })).status).toBe(401);
      } finally {
        later.mockRestore();
      }
      expect((await generate(creator, { lifetime: "2h" })).status).toBe(400);
    });

    test("are not issued for a disabled account", async () => {
      const creator = await asCreator();
      await embedded.post(`${ACCOUNT}:disable`);
      expect((await embedded.get(ACCOUNT)).body).toMatchObject({ disabled: true });
      expect((await generate(creator)).body).toMatchObject({ error: { status: "FAILED_PRECONDITION" } });
      await embedded.post(`${ACCOUNT}:enable`);
      expect((await embedded.get(ACCOUNT)).body).not.toHaveProperty("disabled");
      expect((await generate(creator)).status).toBe(200);
    });
  });
});
