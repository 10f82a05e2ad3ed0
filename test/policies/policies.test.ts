import { policies } from "../../policies/pack.ts";
import { cases } from "./cases.ts";
import { type Declared, judge, UNKNOWN_TEXT, type Violation } from "./declare.ts";
import { connectionString, grant, stack, user, version } from "./good.ts";

type Tree = Readonly<Record<string, unknown>>;

const isTree = (value: unknown): value is Tree => typeof value === "object" && value !== null && !Array.isArray(value);

/** Every property, nested ones included, that a case sets on a resource of the type. */
const PROPERTIES = new Map<string, Tree>();
for (const { type, props } of cases.flatMap(({ breaks, passes }) => [...breaks, ...passes]))
  PROPERTIES.set(type, merged(PROPERTIES.get(type) ?? {}, props));

function merged(one: Tree, other: Tree): Tree {
  const inner = Object.entries(other).map(([key, value]) => [
    key,
    isTree(value) && isTree(one[key]) ? merged(one[key], value) : (one[key] ?? value),
  ]);
  return { ...one, ...(Object.fromEntries(inner) as Tree) };
}

/** The resource as the official provider returns it: null for each known property that is not set. */
function withNulls(declared: Declared): Declared {
  return { ...declared, props: filled(declared.props, PROPERTIES.get(declared.type) ?? {}) };
}

function filled(props: Tree, all: Tree): Tree {
  const keys = Object.keys(all).map((key) => {
    const [value, known] = [props[key], all[key]];
    return [key, isTree(value) && isTree(known) ? filled(value, known) : (value ?? null)];
  });
  return { ...props, ...(Object.fromEntries(keys) as Tree) };
}

/** Whether a violation is of a policy, or of a mandatory one: about a sound program none is expected. */
function isSevere(name: string) {
  const mandatory = new Set(policies.filter(({ level }) => level === "mandatory").map((policy) => policy.name));
  return ({ policy }: Violation) => policy === name || mandatory.has(policy);
}

describe("every policy", () => {
  test.each(cases)(
    "$policy reports a violation and accepts what complies: $title",
    ({ policy, breaks, says, passes }) => {
      expect(judge(breaks, { only: policy })).toContainEqual(
        expect.objectContaining({ message: expect.stringMatching(says) as string }),
      );
      expect(judge(passes).filter(isSevere(policy))).toEqual([]);
    },
  );

  test.each(cases)("$policy does so with null for unset properties: $title", ({ policy, breaks, says, passes }) => {
    expect(judge(breaks.map(withNulls), { only: policy })).toContainEqual(
      expect.objectContaining({ message: expect.stringMatching(says) as string }),
    );
    expect(judge(passes.map(withNulls)).filter(isSevere(policy))).toEqual([]);
  });

  test("accepts a stack that complies with all", () => {
    expect(judge(stack())).toEqual([]);
  });

  test("accepts roles of Google's service agents", () => {
    const agent = (name: string) => `serviceAccount:service-123@gcp-sa-${name}.iam.gserviceaccount.com`;
    const on = "gcp:cloudrunv2/serviceIamMember:ServiceIamMember";
    const called = { name: "shop", location: "us-central1" };
    const granted = [
      grant("roles/run.invoker", agent("monitoring-notification"), on, called),
      grant("roles/run.invoker", UNKNOWN_TEXT, on, called),
      grant("roles/monitoring.notificationServiceAgent", agent("monitoring-notification")),
      grant("roles/cloudsql.serviceAgent", UNKNOWN_TEXT),
    ];
    expect(judge(stack(...granted.map((one, index) => ({ ...one, name: `agent-${index}` }))))).toEqual([]);
  });

  test("sees the program's inputs if the provider's preview returns less", () => {
    const outputs = { template: UNKNOWN_TEXT, secretId: UNKNOWN_TEXT, role: UNKNOWN_TEXT };
    const names = ["version", "client", "accessor"].map((name) => {
      const declared = stack().filter((one) => one.name !== name);
      return judge(declared, { outputs }).map(({ policy }) => policy);
    });
    expect(names).toEqual([
      ["database-url-secret-in-stack"],
      ["service-account-may-connect"],
      ["service-account-may-read-secret"],
    ]);
    expect(judge(stack(), { outputs })).toEqual([]);
  });

  test("reports a contradiction once: before a resource is created, or else at the end", () => {
    const declared = stack(user("generated1"), version(connectionString({ password: "generated2" })));
    for (const phases of [["resource"], ["stack"], ["resource", "stack"]] as const) {
      expect(judge(declared, { phases }).map(({ policy }) => policy)).toEqual(["one-password"]);
    }
  });

  test("reports a contradiction that no preview could see before the later resource is created", () => {
    const kept = (secretData: string) => ({
      ...version(secretData),
      props: { secret: "projects/fusion-prime/secrets/shop-database-url", secretData },
    });
    const early = (secretData: string) =>
      judge(stack(kept(secretData)), { phases: ["resource"] }).map(({ policy }) => policy);
    expect(early(connectionString())).toEqual([]);
    expect(early(connectionString({ driver: "mysql" }))).toEqual(["database-url-matches-stack"]);
    expect(early(connectionString({ host: "fusion-prime:us-east1:shop-db" }))).toEqual([
      "connection-name-matches-instance",
      "database-url-socket-mounted",
    ]);
    expect(early(connectionString({ host: "fusion-prime:us-central1-a:shop-db" }))).toEqual(["connection-name-format"]);
  });

  test("names the resource that a contradiction is about, if the engine is at another one", () => {
    const declared = stack(user("generated1"), version(connectionString({ password: "generated2" })));
    const last = (name: string) =>
      declared.filter((one) => one.name !== name).concat(declared.filter((one) => one.name === name));
    const messages = (name: string) => judge(last(name), { phases: ["resource"] }).map(({ message }) => message);
    expect(messages("version")).toEqual([expect.stringMatching(/^the connection string has a different password/)]);
    expect(messages("user")).toEqual([
      expect.stringMatching(
        /^gcp.secretmanager.SecretVersion "version": the connection string has a different password/,
      ),
    ]);
  });

  test("prints no credential", () => {
    const messages = cases.flatMap(({ breaks }) => judge(breaks)).map(({ message }) => message);
    expect(messages.join("\n")).not.toMatch(/hunter2|generated[12]/);
  });

  test("has a case", () => {
    const special = ["default-labels", "allowed-regions", "cost-limits"];
    expect(policies.map(({ name }) => name).filter((name) => !cases.some(({ policy }) => policy === name))).toEqual(
      special,
    );
  });
});
