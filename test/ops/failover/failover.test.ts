import { stepOf } from "../../../ops/failover/failover.ts";
import { moved } from "../../../ops/failover/move.ts";
import type { Side } from "../../../ops/failover/pair.ts";

const [HOME, AWAY] = ["db-a504713e", "db-a504713e-us-east1"] as const;

function side(name: string, change: Partial<Side> = {}): Side {
  const region = name === HOME ? "us-central1" : "us-east1";
  return { name, region, urn: `urn:${name}`, follows: undefined, designated: false, runs: true, ...change };
}

const replica = (change: Partial<Side> = {}) => side(AWAY, { follows: HOME, ...change });
const step = (to: Side, from: Side, more: { begun?: boolean; drill?: boolean } = {}) =>
  stepOf("prod", { to, from, begun: false, drill: false, ...more });

describe("what Cloud SQL is asked to do", () => {
  test.each([
    ["a replica", replica(), side(HOME), "promoteReplica"],
    ["a replica of a lost primary", replica(), side(HOME, { runs: false }), "promoteReplica"],
    ["a DR replica", replica({ designated: true }), side(HOME), "switchover"],
    [
      "a DR replica of a lost primary",
      replica({ designated: true }),
      side(HOME, { runs: false }),
      "promoteReplica?failover=true",
    ],
  ])("with %s", (_what, to, from, verb) => {
    expect(step(to, from).verb).toBe(verb);
  });

  test("is nothing if an interrupted run has done it", () => {
    expect(step(side(AWAY), side(HOME), { begun: true })).toEqual({
      verb: undefined,
      what: `${AWAY} in us-east1 is the primary already.`,
    });
  });

  test.each([
    ["go to an instance that stands alone", side(HOME), side(AWAY), {}, /stands alone since the last failover/],
    ["drill without a DR replica", replica(), side(HOME), { drill: true }, /A drill needs .*disasterRecovery/],
    [
      "drill with a lost primary",
      replica({ designated: true }),
      side(HOME, { runs: false }),
      { drill: true },
      /does not run, so this is not a drill/,
    ],
    ["promote a replica that does not run", replica({ runs: false }), side(HOME), {}, /us-east1 does not run/],
  ])("it refuses to %s", (_what, to, from, more, why) => {
    expect(() => step(to, from, more)).toThrow(why);
  });
});

test("users, database and schema move in the state, and nothing else", () => {
  const resource = (type: string, id: string, inputs: Record<string, string>) => ({
    ...{ urn: `urn:${type}`, type, id, inputs, outputs: { ...inputs, id } },
  });
  const user = (instance: string) =>
    resource("gcp:sql/user:User", `settlement_user//${instance}`, { name: "settlement_user", instance });
  const database = (instance: string) =>
    resource("gcp:sql/database:Database", `projects/p/instances/${instance}/databases/settlement_db`, { instance });
  const schema = (instance: string) =>
    resource("pulumi-nodejs:dynamic/settlement:ImportedSchema", `p/${instance}/settlement_db`, { instance });
  const others = [
    resource("gcp:sql/databaseInstance:DatabaseInstance", HOME, { name: HOME }),
    { urn: "urn:component", type: "settlement:infra:Database" } as never,
  ];
  const all = (instance: string) => [user(instance), database(instance), schema(instance), ...others];
  expect(moved(all(HOME), HOME, AWAY)).toEqual(all(AWAY));
  expect(moved(all(AWAY), HOME, AWAY)).toEqual(all(AWAY));
});
