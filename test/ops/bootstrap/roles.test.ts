import { evaluate } from "@marcbachmann/cel-js";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { ATTRIBUTES, attributeCondition, GRANTED_BY_STACK, GRANTS, principalOf } from "../../../ops/bootstrap/roles.ts";
import { type Identity, targetOf } from "../../../ops/bootstrap/target.ts";
import { ROOT } from "../../../ops/engine/stack-file.ts";

/** A resource of an inventory. */
interface Listed {
  readonly type: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

const folder = join(ROOT, "test", "inventory");
// prod-imports.yaml lists only ids.
const inventories = readdirSync(folder).filter((file) => file.endsWith(".yaml") && file !== "prod-imports.yaml");
const resources = inventories.flatMap((file) => parse(readFileSync(join(folder, file), "utf8")) as Listed[]);

test("the deployer may grant only the project roles that the stacks grant", () => {
  const granted = resources
    .filter(({ type }) => type === "gcp.projects.IAMMember")
    .map(({ properties }) => properties.role);
  expect([...GRANTED_BY_STACK].sort()).toEqual([...new Set(granted)].sort());
  // Authoritative policies and bindings would change grants of others.
  expect(resources.filter(({ type }) => /IAM(Policy|Binding)$/i.test(type))).toEqual([]);
  const condition = GRANTS.find(({ role }) => role === "roles/resourcemanager.projectIamAdmin")?.condition;
  expect(condition?.expression).toBe(
    "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly(['roles/cloudsql.client'])",
  );
});

test("no role is broad, the deployer acts only as the settlement account, and only staging's previewer decrypts", () => {
  for (const { role } of GRANTS) expect(["roles/owner", "roles/editor"]).not.toContain(role);
  const acting = GRANTS.filter(({ role }) => /serviceAccount(User|Admin|TokenCreator)$/.test(role));
  expect(acting.map(({ identity, on }) => [identity, on])).toEqual([["deployer", "settlement account"]]);
  const reading = GRANTS.filter(
    ({ identity, role }) => identity === "previewer" && /decrypt|secretAccessor/i.test(role),
  );
  expect(reading).toHaveLength(2);
  for (const { where } of reading) {
    expect(where?.holds(targetOf("staging", "acme/settlement"))).toBe(true);
    expect(where?.holds(targetOf("prod", "acme/settlement"))).toBe(false);
  }
});

/** `UPDATE_GOLDEN=1 npx jest test/ops/bootstrap` updates the table. */
test("docs/DEPLOYMENT.md lists every role with what needs it", () => {
  const rows = GRANTS.map(({ condition, for: needs, identity, on, role, where }) => [
    identity,
    `\`${role}\``,
    `${on}${where ? `, ${where.words}` : ""}${condition ? ", with a condition" : ""}`,
    needs.map((need) => need.replace(/\bgcp\.\S+\w/g, (type) => `\`${type}\``)).join(", "),
  ]);
  const cells = [["identity", "role", "on", "needed by"], ["", "", "", ""], ...rows];
  const width = (column: number) => Math.max(...cells.map((row) => row[column]?.length ?? 0));
  const lines = cells.map(
    (row, line) => `| ${row.map((cell, column) => cell.padEnd(width(column), line === 1 ? "-" : " ")).join(" | ")} |`,
  );
  const path = join(ROOT, "docs", "DEPLOYMENT.md");
  const document = readFileSync(path, "utf8");
  const updated = document.replace(/^\| identity .+$(\n\|.+$)+/m, () => lines.join("\n"));
  if (process.env.UPDATE_GOLDEN !== undefined) writeFileSync(path, updated);
  expect(process.env.UPDATE_GOLDEN === undefined ? document : updated).toBe(updated);
});

describe("a GitHub token", () => {
  const target = targetOf("prod", "acme/settlement");
  const main = { sub: "repo:acme/settlement:x", repository: "acme/settlement", ref: "refs/heads/main" };
  /** The identities that a job with these claims may act as. */
  const identities = (claims: Record<string, string>): Identity[] => {
    if (evaluate(attributeCondition(target), { assertion: claims }) !== true) return [];
    const principals = Object.entries(ATTRIBUTES).map(
      ([name, expression]) =>
        `principalSet://iam.googleapis.com/POOL/${name}/${String(evaluate(expression, { assertion: claims }))}`,
    );
    return (["previewer", "deployer"] as const).filter((identity) =>
      principals.includes(principalOf(identity, "POOL", target)),
    );
  };

  test.each([
    ["main, in the environment", { ...main, environment: "prod" }, ["previewer", "deployer"]],
    ["main, without an environment", main, ["previewer"]],
    ["main, in another environment", { ...main, environment: "staging" }, ["previewer"]],
    ["a pull request", { ...main, ref: "refs/pull/7/merge" }, ["previewer"]],
    ["a branch, in the environment", { ...main, ref: "refs/heads/x", environment: "prod" }, ["previewer"]],
    ["a branch with a misleading name", { ...main, ref: "prod/refs/heads/main" }, ["previewer"]],
    ["another repository", { ...main, repository: "acme/other", environment: "prod" }, []],
  ])("of %s", (_what, claims, may) => {
    expect(identities(claims)).toEqual(may);
  });
});

test.each([undefined, "settlement", "https://github.com/acme/settlement", 'acme/x" || true || "'])(
  "refuses %s as a repository",
  (repository) => {
    expect(() => targetOf("prod", repository)).toThrow("Add --repository OWNER/NAME");
  },
);

test("refuses the local stack, whose state is not shared", () => {
  expect(() => targetOf("local", "acme/settlement")).toThrow('Stack "local" has no shared state');
});
