import { Faults } from "../../../../packages/embedded-google-cloud/server/faults.ts";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  Access,
  fullName,
  projectResource,
  type Resource,
} from "../../../../packages/embedded-google-cloud/iam/access.ts";
import { Roles } from "../../../../packages/embedded-google-cloud/iam/roles.ts";
import { type Condition, Policies } from "../../../../packages/embedded-google-cloud/iam/policies.ts";
import { Store } from "../../../../packages/embedded-google-cloud/state/store.ts";

const MEMBER = "serviceAccount:settlement-service@fusion-prime.iam.gserviceaccount.com";
const PROJECT = projectResource("fusion-prime");
const INSTANCE: Resource = {
  project: "fusion-prime",
  service: "sqladmin.googleapis.com",
  type: "sqladmin.googleapis.com/Instance",
  name: "projects/fusion-prime/instances/db-1",
};

describe("access", () => {
  let folder: string;
  let policies: Policies;
  let access: Access;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "access-"));
    const store = new Store(folder);
    policies = new Policies(store);
    access = new Access(policies, new Roles(store), new Faults().delays);
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const grant = (on: Resource, role: string, member = MEMBER, condition?: Condition) =>
    policies.set(fullName(on), {
      version: 3,
      bindings: [{ role, members: [member], ...(condition && { condition }) }],
    });
  const allowed = (permission: string, on = INSTANCE, member = MEMBER) => access.allows(member, permission, on);

  test("denies everything without a role", () => {
    expect(allowed("cloudsql.instances.get")).toBe(false);
    expect(() => {
      access.require(MEMBER, "cloudsql.instances.get", INSTANCE);
    }).toThrow(
      "Permission 'cloudsql.instances.get' denied on resource " +
        "'//sqladmin.googleapis.com/projects/fusion-prime/instances/db-1' (or it may not exist).",
    );
  });

  test("a role on the project applies to everything in it, with the role's permissions only", () => {
    grant(PROJECT, "roles/cloudsql.client");
    expect(allowed("cloudsql.instances.connect")).toBe(true);
    expect(allowed("cloudsql.instances.delete")).toBe(false);
    expect(allowed("cloudsql.instances.connect", { ...INSTANCE, project: "another" })).toBe(false);
    expect(allowed("cloudsql.instances.connect", INSTANCE, "user:other@example.com")).toBe(false);
  });

  test("a role on a resource applies to what it contains, not to its siblings", () => {
    const secret = (name: string) => ({
      project: "fusion-prime",
      service: "secretmanager.googleapis.com",
      type: "secretmanager.googleapis.com/SecretVersion",
      name: `projects/1/secrets/${name}`,
    });
    grant(secret("password"), "roles/secretmanager.secretAccessor");
    expect(allowed("secretmanager.versions.access", secret("password/versions/1"))).toBe(true);
    expect(allowed("secretmanager.versions.access", secret("password-2/versions/1"))).toBe(false);
    expect(allowed("secretmanager.versions.access", secret("other/versions/1"))).toBe(false);
  });

  test("allUsers includes anonymous callers, allAuthenticatedUsers does not", () => {
    grant(PROJECT, "roles/viewer", "allUsers");
    expect(allowed("cloudsql.instances.get", INSTANCE, "allUsers")).toBe(true);
    expect(allowed("cloudsql.instances.get")).toBe(true);
    grant(PROJECT, "roles/viewer", "allAuthenticatedUsers");
    expect(allowed("cloudsql.instances.get", INSTANCE, "allUsers")).toBe(false);
    expect(allowed("cloudsql.instances.get")).toBe(true);
  });

  test.each([
    ["its name", "resource.name == 'projects/fusion-prime/instances/db-1'", true],
    ["another name", "resource.name == 'projects/fusion-prime/instances/db-2'", false],
    ["a prefix of its name", "resource.name.startsWith('projects/fusion-prime/instances/db')", true],
    ["its type", "resource.type == 'sqladmin.googleapis.com/Instance'", true],
    ["its API", "resource.service == 'sqladmin.googleapis.com' && resource.type != 'x'", true],
    ["a start in the future", "request.time > timestamp('2999-01-01T00:00:00Z')", false],
    ["an end in the future", "request.time < timestamp('2999-01-01T00:00:00Z')", true],
    ["an attribute that does not exist", "resource.colour == 'red'", false],
    ["a value that is not a boolean", "resource.name", false],
  ])("evaluates a condition on %s", (_what, expression, expected) => {
    grant(PROJECT, "roles/cloudsql.client", MEMBER, { title: "condition", expression });
    expect(allowed("cloudsql.instances.connect")).toBe(expected);
  });
});
