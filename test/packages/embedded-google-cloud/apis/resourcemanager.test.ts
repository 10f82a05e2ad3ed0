import { OWNER } from "../../../../packages/embedded-google-cloud/iam/identities.ts";
import { type Answer, Embedded, message, PROJECT } from "../embedded.ts";

const URL = `/v1/projects/${PROJECT}`;
const MEMBER = "user:dev@example.com";
const OWNERS = { role: "roles/owner", members: [OWNER] };

describe("Resource Manager", () => {
  const embedded = new Embedded();

  beforeAll(() => embedded.start("iam.googleapis.com", "secretmanager.googleapis.com"));
  afterAll(() => embedded.remove());
  afterEach(() => set({ bindings: [OWNERS] }));

  const set = (policy: object, more = {}): Promise<Answer> => embedded.post(`${URL}:setIamPolicy`, { policy, ...more });
  const get = (requestedPolicyVersion?: number) =>
    embedded.post(`${URL}:getIamPolicy`, requestedPolicyVersion ? { options: { requestedPolicyVersion } } : {});

  test("knows a project by its id and by its number in every API", async () => {
    const { body } = await embedded.get(URL);
    const number = String(body.projectNumber);
    expect(body).toMatchObject({ projectId: PROJECT, lifecycleState: "ACTIVE", name: PROJECT });
    expect((await embedded.get(`/v1/projects/${number}`)).body).toEqual(body);
    expect((await embedded.get(`/v3/projects/${PROJECT}`)).body).toMatchObject({
      name: `projects/${number}`,
      projectId: PROJECT,
      state: "ACTIVE",
    });
    expect((await embedded.get(`/compute/v1/projects/${number}`)).body).toMatchObject({ name: PROJECT, id: number });
  });

  test("does not reveal whether a forbidden project exists", async () => {
    expect(await embedded.get("/v1/projects/none")).toMatchObject({
      status: 403,
      body: { error: { status: "PERMISSION_DENIED" } },
    });
  });

  test("tells programs which permission is missing on what", async () => {
    const denied = await embedded.get(URL, { token: embedded.cloud.identities.tokenFor(MEMBER) });
    expect((denied.body.error as { details: object[] }).details).toEqual([
      {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        reason: "IAM_PERMISSION_DENIED",
        domain: "cloudresourcemanager.googleapis.com",
        metadata: { permission: "resourcemanager.projects.get", resource: `projects/${PROJECT}` },
      },
    ]);
  });

  test("returns a policy as it was set, with a new etag", async () => {
    const before = (await get()).body;
    const bindings = [OWNERS, { role: "roles/cloudsql.client", members: [MEMBER] }];
    const after = await set({ ...before, bindings });
    expect(after.body).toMatchObject({ version: 1, bindings });
    expect(after.body.etag).not.toBe(before.etag);
    expect((await get(3)).body).toEqual(after.body);
  });

  test("refuses the second of two concurrent changes", async () => {
    const read = (await get()).body;
    expect((await set({ ...read, bindings: [OWNERS, { role: "roles/viewer", members: [MEMBER] }] })).status).toBe(200);
    const late = await set({ ...read, bindings: [OWNERS] });
    expect(late).toMatchObject({ status: 409, body: { error: { status: "ABORTED" } } });
    expect(message(late)).toMatch(/^There were concurrent policy changes/);
  });

  test("keeps an owner", async () => {
    const viewer = { role: "roles/viewer", members: [MEMBER] };
    const none = await set({ bindings: [viewer] });
    expect(none).toMatchObject({
      status: 400,
      body: { error: { message: "Request contains an invalid argument.", status: "INVALID_ARGUMENT" } },
    });
    const { details } = none.body.error as { details: object[] };
    const type = { "@type": "type.googleapis.com/google.cloudresourcemanager.v1.ProjectIamPolicyError" };
    expect(details).toEqual([{ ...type, type: "SOLO_REQUIRE_TOS_ACCEPTOR", member: OWNER, role: "roles/owner" }]);
    expect((await get()).body.bindings).toEqual([OWNERS]);
    const other = { role: "roles/owner", members: [OWNER, MEMBER] };
    expect((await set({ bindings: [other] })).status).toBe(200);
  });

  describe("a condition", () => {
    const condition = {
      title: "one-instance",
      expression: "resource.name == 'projects/fusion-prime/instances/fusion-prime-db-a504713e'",
    };
    const bindings = [OWNERS, { role: "roles/cloudsql.client", members: [MEMBER], condition }];

    test("can limit which roles a caller may grant, and protects all other bindings", async () => {
      const only = {
        title: "granted-roles",
        expression:
          "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly(['roles/cloudsql.client'])",
      };
      const admin = { role: "roles/resourcemanager.projectIamAdmin", members: [MEMBER], condition: only };
      const { etag } = (await set({ version: 3, bindings: [OWNERS, admin] })).body;
      const token = embedded.cloud.identities.tokenFor(MEMBER);
      // Clients send the same condition with its keys in another order and an empty description.
      const { title, expression } = only;
      const asClientsWrite = { ...admin, condition: { expression, description: "", title } };
      const change = async (...added: object[]) => {
        const policy = { version: 3, etag, bindings: [OWNERS, asClientsWrite, ...added] };
        return (await embedded.post(`${URL}:setIamPolicy`, { policy }, { token })).status;
      };
      expect(await change({ role: "roles/owner", members: [MEMBER] })).toBe(403);
      expect(await change({ ...admin, condition: undefined })).toBe(403);
      expect(await change({ ...admin, condition: { ...only, title: "another" } })).toBe(403);
      expect(await change({ role: "roles/cloudsql.client", members: [MEMBER] })).toBe(200);
    });

    test("needs version 3 when it is set", async () => {
      expect((await set({ bindings })).status).toBe(400);
      expect((await set({ version: 3, bindings })).body).toMatchObject({ version: 3, bindings });
    });

    test("is returned for version 3; for others the role shows that it exists", async () => {
      await set({ version: 3, bindings });
      expect((await get(3)).body).toMatchObject({ version: 3, bindings });
      const { body } = await get();
      expect(body).toMatchObject({
        version: 1,
        bindings: [
          OWNERS,
          { role: expect.stringMatching(/^roles\/cloudsql\.client_withcond_[0-9a-f]{20}$/) as string },
        ],
      });
      expect(JSON.stringify(body)).not.toContain("one-instance");
      expect(message(await set(body))).toMatch(/^Role roles\/cloudsql\.client_withcond_\w+ is not supported/);
    });

    test("must be CEL and have a title", async () => {
      const withCondition = (sent: object) =>
        set({ version: 3, bindings: [OWNERS, { role: "roles/viewer", members: [MEMBER], condition: sent }] });
      expect(message(await withCondition({ title: "broken", expression: "resource.name ==" }))).toContain('"broken"');
      expect(message(await withCondition({ expression: "true" }))).toContain("has no title");
    });
  });

  test.each([
    ["a role that does not exist", "roles/none", MEMBER, "Role roles/none is not supported for this resource."],
    ["a member without a type", "roles/viewer", "dev@example.com", "Please set a valid type prefix for the member."],
    ["a member of an unknown type", "roles/viewer", "person:dev@example.com", "Invalid member: person:dev@example.com"],
    [
      "a service account that does not exist",
      "roles/viewer",
      `serviceAccount:none@${PROJECT}.iam.gserviceaccount.com`,
      `Service account none@${PROJECT}.iam.gserviceaccount.com does not exist.`,
    ],
  ])("refuses %s", async (_what, role, member, sentence) => {
    const answer = await set({ bindings: [OWNERS, { role, members: [member] }] });
    expect(answer).toMatchObject({ status: 400, body: { error: { status: "INVALID_ARGUMENT" } } });
    expect(message(answer)).toContain(sentence);
  });

  test("an update mask leaves alone what it does not name", async () => {
    const auditConfigs = [{ service: "allServices", auditLogConfigs: [{ logType: "DATA_READ" }] }];
    expect((await set({ bindings: [], auditConfigs }, { updateMask: "auditConfigs,etag" })).body).toMatchObject({
      bindings: [OWNERS],
      auditConfigs,
    });
    expect((await set({ bindings: [OWNERS] }, { updateMask: "bindings" })).body).toMatchObject({ auditConfigs });
    expect((await set({ bindings: [OWNERS] }, { updateMask: "bindings,etag,auditConfigs" })).body).not.toHaveProperty(
      "auditConfigs",
    );
  });

  test("everybody may ask what he may do", async () => {
    const token = embedded.cloud.identities.tokenFor(MEMBER);
    const permissions = ["resourcemanager.projects.get", "resourcemanager.projects.setIamPolicy"];
    const ask = () => embedded.post(`${URL}:testIamPermissions`, { permissions }, { token });
    expect((await ask()).body).toEqual({});
    await set({ bindings: [OWNERS, { role: "roles/viewer", members: [MEMBER] }] });
    expect((await ask()).body).toEqual({ permissions: ["resourcemanager.projects.get"] });
    expect((await embedded.post(`${URL}:setIamPolicy`, { policy: { bindings: [] } }, { token })).status).toBe(403);
  });
});
