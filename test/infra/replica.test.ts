import { ConfigError, parseConfig } from "../../infra/config.ts";
import { CONFIG, type Declared, declare, named } from "./declared.ts";

const HOME = "fusion-prime-db-a504713e";
const AWAY = `${HOME}-us-east1`;
const REPLICA = { region: "us-east1", tier: "db-custom-2-7680" };
const PLUS = { edition: "ENTERPRISE_PLUS", tier: "db-perf-optimized-N-2", availability: "REGIONAL" };

/** What is declared with a replica. */
async function having(replica: object, database: object = CONFIG.database) {
  const { resources } = await declare({ database: { ...database, replica: { ...REPLICA, ...replica } } });
  return { inputs: (name: string) => named(resources, name).inputs, resources };
}

const socketsOf = (inputs: Declared["inputs"]) =>
  (inputs as { template: { volumes: { cloudSqlInstance: { instances: string[] } }[] } }).template.volumes.flatMap(
    ({ cloudSqlInstance }) => cloudSqlInstance.instances,
  );

test("a replica follows the primary, and both services use that", async () => {
  const { inputs, resources } = await having({});
  expect(inputs("settlement-instance")).not.toHaveProperty("replicationCluster");
  expect(inputs("settlement-replica")).toMatchObject({
    name: AWAY,
    region: "us-east1",
    instanceType: "READ_REPLICA_INSTANCE",
    masterInstanceName: HOME,
    settings: { availabilityType: "ZONAL", deletionProtectionEnabled: true },
  });
  expect(inputs("settlement-replica")).not.toHaveProperty("settings.backupConfiguration");
  expect(inputs("settlement-user")).toMatchObject({ instance: HOME });
  for (const [name, location] of [
    ["settlement-service", "us-central1"],
    ["settlement-standby-service", "us-east1"],
  ] as const) {
    expect(inputs(name)).toMatchObject({ name: "settlement-service", location });
    expect(socketsOf(inputs(name))).toEqual([`fusion-prime:us-central1:${HOME}`]);
  }
  const conditions = resources
    .filter(({ type }) => type === "gcp:projects/iAMMember:IAMMember")
    .map((member) => (member.inputs.condition as { expression: string }).expression);
  for (const name of [HOME, AWAY]) expect(conditions.some((each) => each.endsWith(`/instances/${name}"`))).toBe(true);
});

test("a DR replica is designated, in the form that Google stores", async () => {
  const { inputs } = await having({ tier: PLUS.tier, disasterRecovery: true }, PLUS);
  const replicationCluster = { failoverDrReplicaName: `fusion-prime:${AWAY}` };
  expect(inputs("settlement-instance")).toMatchObject({ replicationCluster });
});

test("after a failover everything is on the promoted replica, and the former primary follows it", async () => {
  const { inputs } = await having({ tier: PLUS.tier, disasterRecovery: true, promoted: true }, PLUS);
  expect(inputs("settlement-replica")).toMatchObject({
    instanceType: "CLOUD_SQL_INSTANCE",
    replicationCluster: { failoverDrReplicaName: `fusion-prime:${HOME}` },
    settings: { backupConfiguration: { enabled: true, pointInTimeRecoveryEnabled: true } },
  });
  expect(inputs("settlement-replica")).not.toHaveProperty("masterInstanceName");
  expect(inputs("settlement-instance")).toMatchObject({
    name: HOME,
    instanceType: "READ_REPLICA_INSTANCE",
    masterInstanceName: AWAY,
  });
  for (const name of ["settlement-user", "settlement-user-b", "settlement-database", "settlement-schema"]) {
    expect([name, inputs(name).instance]).toEqual([name, AWAY]);
  }
  const connectionName = `fusion-prime:us-east1:${AWAY}`;
  for (const name of ["settlement-service", "settlement-standby-service"]) {
    expect(socketsOf(inputs(name))).toEqual([connectionName]);
  }
  expect(inputs("settlement-db-connection-string-version")).toMatchObject({
    secretData: expect.stringContaining(`host=/cloudsql/${connectionName}`) as string,
  });
  // Both are there before a failover, so that it deletes nothing in a region that does not answer.
  expect(inputs("settlement-uptime-invoker")).toMatchObject({ location: "us-central1" });
  expect(inputs("settlement-standby-uptime-invoker")).toMatchObject({ location: "us-east1" });
});

test("without a DR replica the former primary is stopped and out of reach, because it may hold what was not replicated", async () => {
  const { inputs, resources } = await having({ promoted: true });
  expect(inputs("settlement-instance")).not.toHaveProperty("masterInstanceName");
  expect(inputs("settlement-instance")).toMatchObject({
    settings: { activationPolicy: "NEVER", backupConfiguration: { enabled: true } },
  });
  expect(inputs("settlement-replica")).not.toHaveProperty("replicationCluster");
  expect(inputs("settlement-replica")).not.toHaveProperty("settings.activationPolicy");
  const clients = resources.filter(({ inputs: { role } }) => role === "roles/cloudsql.client").map(({ name }) => name);
  expect(clients).toEqual(["settlement-standby-cloudsql-client"]);
});

test("a private network has a subnet in both regions", async () => {
  const network = { subnet: "10.8.0.0/24", services: "10.9.0.0/20" };
  const database = { ...CONFIG.database, replica: { ...REPLICA, subnet: "10.8.1.0/24" } };
  const { resources } = await declare({ network, database });
  expect(named(resources, "settlement-standby-subnet").inputs).toMatchObject({
    region: "us-east1",
    ipCidrRange: "10.8.1.0/24",
  });
  for (const name of ["settlement-service", "settlement-standby-service"]) {
    expect(named(resources, name).inputs).toHaveProperty("template.vpcAccess");
  }
});

test.each<[string, object, object, RegExp]>([
  ["in the same region", { region: "us-central1" }, {}, /replica.region is "us-central1"; expected another region/],
  ["that is smaller", { tier: "db-custom-1-3840" }, {}, /replica.tier is .* at least the 400 connections/],
  [
    "of another edition",
    { tier: "db-perf-optimized-N-2" },
    {},
    /replica.tier is .* expected a machine type of edition/,
  ],
  ["that ENTERPRISE cannot designate", { disasterRecovery: true }, {}, /disasterRecovery is true; expected false/],
  [
    "without a subnet beside a network",
    {},
    { network: { subnet: "10.8.0.0/24", services: "10.9.0.0/20" } },
    /replica.subnet is missing/,
  ],
  [
    "whose service exceeds the connections together with the first",
    {},
    { service: { ...CONFIG.service, maxInstances: 20 } },
    /at most 19, because 20 instances × 10 connections \+ 20 instances × 10 connections \+ 10 reserved = 410/,
  ],
])("refuses a replica %s", (_what, replica, more, expected) => {
  const parse = () =>
    parseConfig({ ...CONFIG, database: { ...CONFIG.database, replica: { ...REPLICA, ...replica } }, ...more });
  expect(parse).toThrow(ConfigError);
  expect(parse).toThrow(expected);
});
