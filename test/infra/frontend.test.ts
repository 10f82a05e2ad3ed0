import { ConfigError, parseConfig } from "../../infra/config.ts";
import { CONFIG, type Declared, declare, named, waitsFor } from "./declared.ts";

const DOMAIN = "settlement.example.com";
const REPLICA = { region: "us-east1", tier: "db-custom-2-7680" };
const HELD = [{ revision: "settlement-service-00007-abc", percent: 100 }];

const having = (replica?: object, heldRegion?: string) => {
  const database = { ...CONFIG.database, ...(replica && { replica: { ...REPLICA, ...replica } }) };
  return declare({ database, frontend: { domain: DOMAIN } }, false, HELD, heldRegion);
};

/** The region whose service gets the requests. */
function usersIn(resources: readonly Declared[]) {
  const { backends } = named(resources, "settlement-frontend-backend").inputs as { backends: { group: string }[] };
  return backends.map(({ group }) => /^settlement-(.+)-endpoints-id$/.exec(group)?.[1]);
}

test("one address accepts TLS only, and leads to the service, which accepts tokens for it", async () => {
  const { outputs, resources } = await having();
  const compute = resources.filter(({ type }) => type.startsWith("gcp:compute/"));
  expect(compute.map(({ name }) => name).sort()).toEqual(
    ["address", "backend", "certificate", "map", "proxy", "rule", "tls"]
      .map((part) => `settlement-frontend-${part}`)
      .concat("settlement-us-central1-endpoints"),
  );
  expect(named(resources, "settlement-frontend-rule").inputs).toMatchObject({ portRange: "443" });
  expect(named(resources, "settlement-frontend-tls").inputs).toMatchObject({ minTlsVersion: "TLS_1_2" });
  expect(named(resources, "settlement-service").inputs).toMatchObject({
    customAudiences: [`https://${DOMAIN}`],
    ingress: "INGRESS_TRAFFIC_ALL",
  });
  expect(outputs).toHaveProperty("frontendAddress");
  expect(waitsFor(resources, "settlement-frontend-address")).toContain("settlement-frontend-compute");
});

test("requests go to the region of the primary, once both services are ready", async () => {
  const { resources } = await having({});
  expect(usersIn(resources)).toEqual(["us-central1"]);
  expect(named(resources, "settlement-us-east1-endpoints").inputs).toMatchObject({ region: "us-east1" });
  const before = waitsFor(resources, "settlement-frontend-backend");
  expect([...before]).toEqual(expect.arrayContaining(["settlement-service", "settlement-standby-service"]));
});

test.each<[string, string | undefined, string]>([
  ["go to the other region after a failover", undefined, "us-east1"],
  ["stay in the former region until the revision in the new one is tested", "us-central1", "us-central1"],
])("requests %s", async (_what, heldRegion, region) => {
  expect(usersIn((await having({ promoted: true }, heldRegion)).resources)).toEqual([region]);
});

test.each(["settlement", "https://settlement.example.com", "Settlement.example.com", `${"a".repeat(39)}.example.com`])(
  "refuses the domain %s",
  (domain) => {
    const parse = () => parseConfig({ ...CONFIG, frontend: { domain } });
    expect(parse).toThrow(ConfigError);
    expect(parse).toThrow(/settlement:frontend.domain .* expected a domain in lower case with at most 50 characters/);
  },
);
