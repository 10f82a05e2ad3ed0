import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Policies } from "../../../../packages/embedded-google-cloud/iam/policies.ts";
import { Roles } from "../../../../packages/embedded-google-cloud/iam/roles.ts";
import { Store } from "../../../../packages/embedded-google-cloud/state/store.ts";

const RESOURCE = "//storage.googleapis.com/projects/_/buckets/b";
const VIEWER = { role: "roles/viewer", members: ["user:a@example.com"] };

describe("policies", () => {
  let folder: string;
  let policies: Policies;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "policies-"));
    policies = new Policies(new Store(folder));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  test("a policy that was never set is empty", () => {
    expect(policies.get(RESOURCE)).toEqual({ version: 1, etag: "ACAB", bindings: [] });
  });

  test("a policy survives a restart, without bindings that have no members", () => {
    const set = policies.set(RESOURCE, { bindings: [VIEWER, { role: "roles/editor", members: [] }] });
    expect(set).toMatchObject({ version: 1, bindings: [VIEWER] });
    expect(new Policies(new Store(folder)).get(RESOURCE)).toEqual(set);
  });

  test("every change has a new etag, and an old etag is refused", () => {
    const first = policies.set(RESOURCE, { bindings: [VIEWER] });
    const second = policies.set(RESOURCE, { bindings: [], etag: first.etag });
    const third = policies.set(RESOURCE, { bindings: [VIEWER], etag: second.etag });
    expect(new Set([first.etag, second.etag, third.etag]).size).toBe(3);
    expect(() => policies.set(RESOURCE, { bindings: [], etag: first.etag })).toThrow("concurrent policy changes");
  });

  test("an etag survives a client that decodes and encodes it, as gcloud does", () => {
    for (let turn = 0; turn < 100; turn++) {
      const { etag } = policies.set(RESOURCE, { bindings: [{ ...VIEWER, members: [`user:${turn}@example.com`] }] });
      expect(Buffer.from(etag, "base64").toString("base64")).toBe(etag);
    }
  });

  test("an etag is compared as bytes, in whichever Base64 a client writes it", () => {
    for (let turn = 0; turn < 100; turn++) {
      const { etag } = policies.set(RESOURCE, { bindings: [{ ...VIEWER, members: [`user:${turn}@example.com`] }] });
      const written = Buffer.from(etag, "base64").toString("base64url");
      expect(policies.set(RESOURCE, { bindings: [VIEWER], etag: written }).bindings).toEqual([VIEWER]);
    }
  });

  test("bindings of one role and condition are merged", () => {
    const [a, b, c] = ["user:a@example.com", "user:b@example.com", "user:c@example.com"];
    const condition = { title: "t", expression: "true" };
    const bindings = [
      { role: "roles/viewer", members: [a, b] },
      { role: "roles/viewer", members: [a], condition },
      { role: "roles/editor", members: [a] },
      { role: "roles/viewer", members: [b, c] },
      { role: "roles/viewer", members: [c], condition: { expression: "true", description: "", title: "t" } },
    ];
    expect(policies.set(RESOURCE, { version: 3, bindings }).bindings).toEqual([
      { role: "roles/viewer", members: [a, b, c] },
      { role: "roles/viewer", members: [a, c], condition },
      { role: "roles/editor", members: [a] },
    ]);
  });

  test("a policy with conditions has version 3, and must be set with it", () => {
    const bindings = [{ ...VIEWER, condition: { title: "t", expression: "true" } }];
    expect(() => policies.set(RESOURCE, { bindings })).toThrow("must be set with version 3");
    expect(policies.set(RESOURCE, { version: 3, bindings }).version).toBe(3);
    expect(policies.set(RESOURCE, { version: 3, bindings: [VIEWER] }).version).toBe(1);
  });

  test("renames a member in every policy", () => {
    policies.set(RESOURCE, { bindings: [VIEWER] });
    const other = policies.set(`${RESOURCE}2`, {
      bindings: [{ role: "roles/editor", members: ["user:b@example.com"] }],
    });
    policies.renameMember("user:a@example.com", "deleted:user:a@example.com?uid=1");
    expect(policies.get(RESOURCE).bindings).toEqual([{ ...VIEWER, members: ["deleted:user:a@example.com?uid=1"] }]);
    expect(policies.get(`${RESOURCE}2`)).toEqual(other);
  });
});

describe("roles", () => {
  let folder: string;
  let roles: Roles;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "roles-"));
    roles = new Roles(new Store(folder));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  test.each([
    ["roles/owner", "secretmanager.versions.access", true],
    // Its own buckets let an owner in by their policy.
    ["roles/owner", "storage.objects.get", false],
    ["roles/monitoring.editor", "logging.notificationRules.create", false],
    ["roles/secretmanager.secretAccessor", "secretmanager.versions.access", true],
    ["roles/secretmanager.secretAccessor", "secretmanager.versions.list", false],
    ["roles/secretmanager.admin", "secretmanager.versions.access", true],
    ["roles/cloudsql.client", "cloudsql.instances.connect", true],
    ["roles/cloudsql.viewer", "cloudsql.instances.connect", false],
    ["roles/editor", "secretmanager.versions.access", false],
    ["roles/editor", "resourcemanager.projects.setIamPolicy", false],
    ["roles/viewer", "secretmanager.versions.access", false],
    ["roles/storage.objectCreator", "storage.objects.delete", false],
    ["roles/run.developer", "run.services.setIamPolicy", false],
    ["roles/none", "cloudsql.instances.get", false],
  ])("%s, %s: %p", (role, permission, expected) => {
    expect(roles.allows(role, permission)).toBe(expected);
  });

  test("a property of Object.prototype is not a role", () => {
    expect(roles.exists("roles/owner")).toBe(true);
    expect(roles.exists("toString")).toBe(false);
  });
});
