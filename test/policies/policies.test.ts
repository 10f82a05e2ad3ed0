import { policies } from "../../policies/pack";
import { cases } from "./cases";
import { judge, UNKNOWN_TEXT } from "./declare";
import { connectionString, grant, stack, user, version } from "./good";

describe("every policy", () => {
  test.each(cases)("$policy: $title", ({ policy, breaks, says, passes }) => {
    expect(judge(breaks, { only: policy })).toContainEqual(
      expect.objectContaining({ message: expect.stringMatching(says) as string }),
    );
    expect(judge(passes, { only: policy })).toEqual([]);
  });

  test("is silent about a stack that keeps them all", () => {
    expect(judge(stack())).toEqual([]);
  });

  test("is silent about Google's service agents, which call a service and encrypt for it", () => {
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

  test("sees what the program set where the provider's preview says less", () => {
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

  test("speaks of a contradiction once: before a resource is created, or else at the end", () => {
    const declared = stack(user("generated1"), version(connectionString({ password: "generated2" })));
    for (const phases of [["resource"], ["stack"], ["resource", "stack"]] as const) {
      expect(judge(declared, { phases }).map(({ policy }) => policy)).toEqual(["one-password"]);
    }
  });

  test("stops what no preview could know before the later of two resources is created", () => {
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
