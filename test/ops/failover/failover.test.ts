import { stepOf } from "../../../ops/failover/failover.ts";
import { requireNoImport, resourcesIn } from "../../../ops/failover/lost-region.ts";
import { afterwards, moved } from "../../../ops/failover/move.ts";
import type { Change } from "../../../ops/preview/model.ts";
import type { Side } from "../../../ops/failover/pair.ts";

const [HOME, AWAY] = ["db-a504713e", "db-a504713e-us-east1"] as const;

function side(name: string, change: Partial<Side> = {}): Side {
  const region = name === HOME ? "us-central1" : "us-east1";
  return { name, region, urn: `urn:${name}`, follows: undefined, designated: false, runs: true, ...change };
}

const replica = (change: Partial<Side> = {}) => side(AWAY, { follows: HOME, ...change });
const step = (to: Side, from: Side, more: { begun?: boolean; drill?: boolean; isLost?: boolean } = {}) =>
  stepOf("prod", { to, from, begun: false, drill: false, isLost: false, ...more });

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

  test("is refused if Cloud SQL does not answer about the instance", () => {
    expect(() => step(side(AWAY, { runs: undefined }), side(HOME))).toThrow(
      `Cloud SQL does not answer about ${AWAY} in us-east1.`,
    );
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
    [
      "drill with a lost region",
      replica({ designated: true }),
      side(HOME),
      { drill: true, isLost: true },
      /us-central1 does not answer, so this is not a drill/,
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

describe("the state after a promotion, for a preview before it", () => {
  const backups = { backupConfiguration: { enabled: true } };
  const instance = (name: string, properties: object) => ({
    urn: `urn:${name}`,
    type: "gcp:sql/databaseInstance:DatabaseInstance",
    inputs: { name, ...properties } as Record<string, string>,
    outputs: { name, ...properties } as Record<string, string>,
  });
  const primary = instance(HOME, { replicationCluster: { failoverDrReplicaName: `p:${AWAY}` }, settings: backups });
  const standby = instance(AWAY, { masterInstanceName: HOME, settings: { tier: "t" } });
  const after = (alone: boolean, from = side(HOME)) =>
    afterwards([primary, standby], { project: "p", to: replica(), from, alone }).map(({ outputs }) => outputs);

  test("with a DR replica, both have changed places", () => {
    const both = [
      { name: HOME, instanceType: "READ_REPLICA_INSTANCE", masterInstanceName: AWAY, settings: {} },
      {
        ...{ name: AWAY, instanceType: "CLOUD_SQL_INSTANCE", settings: { tier: "t", ...backups } },
        replicationCluster: { failoverDrReplicaName: `p:${HOME}` },
      },
    ];
    expect(after(false)).toEqual(both);
    const again = afterwards(
      both.map(({ name, ...rest }) => instance(name, rest)),
      { project: "p", to: side(AWAY), from: side(HOME, { follows: AWAY }), alone: false },
    );
    expect(again.map(({ outputs }) => outputs)).toEqual(both);
  });

  test("without one, the former primary is stopped, unless it does not run", () => {
    const promoted = { name: AWAY, instanceType: "CLOUD_SQL_INSTANCE", settings: { tier: "t" } };
    expect(after(true)).toEqual([{ name: HOME, settings: { ...backups, activationPolicy: "NEVER" } }, promoted]);
    expect(after(true, side(HOME, { runs: undefined }))).toEqual([{ name: HOME, settings: backups }, promoted]);
  });
});

test("a lost region has what says that it is there, in any case of letters, and no provider", () => {
  const resource = (type: string, outputs: Record<string, string>) => ({ urn: type, type, inputs: {}, outputs });
  const here = [
    resource("gcp:sql/databaseInstance:DatabaseInstance", { region: "us-central1" }),
    resource("gcp:cloudrunv2/service:Service", { location: "us-central1" }),
    resource("gcp:storage/bucket:Bucket", { location: "US-CENTRAL1" }),
  ];
  const elsewhere = [
    resource("gcp:cloudrunv2/service:Service", { location: "us-east1" }),
    resource("gcp:secretmanager/secret:Secret", {}),
    resource("pulumi:providers:gcp", { region: "us-central1" }),
  ];
  expect(resourcesIn("us-central1", [...here, ...elsewhere])).toEqual(here);
});

test("migrations that cannot be imported stop a failover before anything changes", () => {
  const change = { name: "settlement-20260101000000", type: "gcp:storage/bucketObject:BucketObject" } as Change;
  expect(() => {
    requireNoImport([change], "us-central1");
  }).toThrow(/settlement-20260101000000 cannot be changed, .* Check out the commit that was deployed last/);
});
