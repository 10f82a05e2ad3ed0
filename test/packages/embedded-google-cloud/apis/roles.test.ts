import { Embedded, message, PROJECT } from "../embedded.ts";

const ROLES = `/v1/projects/${PROJECT}/roles`;
const NAME = `projects/${PROJECT}/roles/logAlerts`;
const PERMISSIONS = ["logging.notificationRules.create", "logging.notificationRules.delete"];
const MEMBER = "user:dev@example.com";

describe("custom roles", () => {
  const embedded = new Embedded();
  beforeAll(async () => {
    await embedded.start("iam.googleapis.com");
    const role = { title: "Log alerts", includedPermissions: PERMISSIONS, stage: "GA" };
    expect((await embedded.post(ROLES, { roleId: "logAlerts", role })).body).toMatchObject({ ...role, name: NAME });
    const { body: policy } = await embedded.post(`/v1/projects/${PROJECT}:getIamPolicy`);
    const bindings = [...(policy.bindings as object[]), { role: NAME, members: [MEMBER] }];
    expect(
      (await embedded.post(`/v1/projects/${PROJECT}:setIamPolicy`, { policy: { ...policy, bindings } })).status,
    ).toBe(200);
  });
  afterAll(() => embedded.remove());

  const held = async (permissions: readonly string[]) => {
    const token = embedded.cloud.identities.tokenFor(MEMBER);
    return (await embedded.post(`/v1/projects/${PROJECT}:testIamPermissions`, { permissions }, { token })).body
      .permissions;
  };

  test("grant just their permissions", async () => {
    expect(await held([...PERMISSIONS, "logging.notificationRules.update", "logging.sinks.delete"])).toEqual(
      PERMISSIONS,
    );
  });

  test("change by a mask, under their etag", async () => {
    const { etag } = (await embedded.get(`/v1/${NAME}`)).body;
    const changed = await embedded.patch(`/v1/${NAME}?updateMask=title`, { title: "Alerts", stage: "BETA", etag });
    expect(changed.body).toMatchObject({ title: "Alerts", stage: "GA", includedPermissions: PERMISSIONS });
    expect((await embedded.patch(`/v1/${NAME}?updateMask=title`, { title: "Late", etag })).status).toBe(409);
    expect((await embedded.get(ROLES)).body.roles).toEqual([
      expect.not.objectContaining({ includedPermissions: expect.anything() as unknown }),
    ]);
  });

  test("grant nothing while deleted, and come back", async () => {
    await embedded.delete(`/v1/${NAME}`);
    expect((await embedded.get(`/v1/${NAME}`)).body).toMatchObject({ deleted: true });
    expect((await embedded.get(ROLES)).body).toEqual({});
    expect(await held(PERMISSIONS)).toBeUndefined();
    await embedded.post(`/v1/${NAME}:undelete`);
    expect(await held(PERMISSIONS)).toEqual(PERMISSIONS);
  });

  test.each([
    ["a name that exists", { roleId: "logAlerts", role: {} }, 409, "already exists"],
    ["an id with a hyphen", { roleId: "log-alerts", role: {} }, 400, "not valid"],
    [
      "a permission that nobody has",
      { roleId: "other", role: { includedPermissions: ["run.all.things"] } },
      400,
      "run.all.things",
    ],
  ])("are refused with %s", async (_what, body, status, sentence) => {
    const refused = await embedded.post(ROLES, body);
    expect(refused.status).toBe(status);
    expect(message(refused)).toContain(sentence);
  });

  const query = (fullResourceName: string, rest = {}) =>
    embedded.post("/v1/permissions:queryTestablePermissions", { fullResourceName, ...rest });
  const PROJECT_NAME = `//cloudresourcemanager.googleapis.com/projects/${PROJECT}`;

  test("have their permissions listed in pages", async () => {
    const first = (await query(PROJECT_NAME, { pageSize: 1000 })).body;
    expect(first.permissions).toHaveLength(1000);
    const second = (await query(PROJECT_NAME, { pageSize: 1000, pageToken: first.nextPageToken })).body;
    const names = [first, second].flatMap(({ permissions }) =>
      (permissions as { name: string }[]).map(({ name }) => name),
    );
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual([...names].sort());
  });

  test.each([
    ["//cloudresourcemanager.googleapis.com/projects/another", 403],
    [`//example.com/projects/${PROJECT}`, 400],
    [`projects/${PROJECT}`, 400],
  ])("have no permissions listed of %s", async (name, status) => {
    expect((await query(name)).status).toBe(status);
  });
});
