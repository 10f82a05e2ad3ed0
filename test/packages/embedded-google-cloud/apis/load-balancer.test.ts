import { Embedded, message, PROJECT } from "../embedded.ts";
import { ECHO } from "./cloudrun/programs.ts";

const COMPUTE = `/compute/v1/projects/${PROJECT}`;
const DOMAIN = "settlement.localhost";
const HOME = "us-central1";
const AWAY = "us-east1";

const link = (collection: string, name = "settlement") => `projects/${PROJECT}/global/${collection}/${name}`;
const group = (region: string) => `projects/${PROJECT}/regions/${region}/networkEndpointGroups/settlement`;

describe("a load balancer", () => {
  const embedded = new Embedded({ echo: { command: process.execPath, args: ["-e", ECHO] } });
  const create = (collection: string, body: object, scope = "global", token?: string) =>
    embedded.post(`${COMPUTE}/${scope}/${collection}`, { name: "settlement", ...body }, token ? { token } : {});
  const read = async (collection: string, name = "settlement") =>
    (await embedded.get(`${COMPUTE}/global/${collection}/${name}`)).body;
  const backend = (region: string) => ({
    name: "settlement",
    loadBalancingScheme: "EXTERNAL_MANAGED",
    connectionDraining: { drainingTimeoutSec: 300 },
    backends: [{ group: group(region), balancingMode: "UTILIZATION", capacityScaler: 1, maxUtilization: null }],
  });
  /** The region whose service answers at the domain. */
  const serving = async (ask = {}) => {
    const { body, status } = await embedded.get(`/https/${DOMAIN}/where?a=1`, ask);
    const { env, headers, url } = body as { env?: { REGION?: string }; headers?: { host?: string }; url?: string };
    return { status, region: env?.REGION, host: headers?.host, url };
  };

  beforeAll(async () => {
    await embedded.start("compute.googleapis.com", "run.googleapis.com", "iam.googleapis.com");
    for (const region of [HOME, AWAY]) {
      const services = `/v2/projects/${PROJECT}/locations/${region}/services`;
      const template = { containers: [{ image: "echo", env: [{ name: "REGION", value: region }] }] };
      const body = { template, customAudiences: [`https://${DOMAIN}`] };
      const { body: operation } = await embedded.post(`${services}?serviceId=echo`, body);
      await embedded.post(`/v2/${String(operation.name)}:wait`, {});
      const cloudRun = { networkEndpointType: "SERVERLESS", cloudRun: { service: "echo" } };
      expect((await create("networkEndpointGroups", cloudRun, `regions/${region}`)).status).toBe(200);
    }
  });
  afterAll(() => embedded.remove());

  test("has an address, and is created from its backend to its rule", async () => {
    expect((await create("addresses", { labels: { app: "settlement" } })).status).toBe(200);
    const { address, networkTier, status } = await read("addresses");
    expect({ networkTier, status }).toEqual({ networkTier: "PREMIUM", status: "RESERVED" });
    expect((await create("backendServices", backend(HOME))).status).toBe(200);
    expect((await create("urlMaps", { defaultService: link("backendServices") })).status).toBe(200);
    const managed = { type: "MANAGED", managed: { domains: [DOMAIN] } };
    expect((await create("sslCertificates", managed)).status).toBe(200);
    expect(await read("sslCertificates")).toMatchObject({ managed: { status: "PROVISIONING" } });
    expect((await create("sslPolicies", { profile: "MODERN", minTlsVersion: "TLS_1_2" })).status).toBe(200);
    const proxy = {
      urlMap: link("urlMaps"),
      sslCertificates: [link("sslCertificates")],
      sslPolicy: link("sslPolicies"),
      quicOverride: "NONE",
    };
    expect((await create("targetHttpsProxies", proxy)).status).toBe(200);
    await expect(serving()).rejects.toThrow("fetch failed"); // no address leads to it yet
    const rule = {
      IPAddress: address,
      IPProtocol: "TCP",
      loadBalancingScheme: "EXTERNAL_MANAGED",
      portRange: "443",
      target: link("targetHttpsProxies"),
    };
    expect((await create("forwardingRules", rule)).status).toBe(200);
    expect(await read("forwardingRules")).toMatchObject({ portRange: "443-443", networkTier: "PREMIUM" });
    expect(await read("addresses")).toMatchObject({ status: "IN_USE", users: [expect.stringContaining("forwarding")] });
    expect(await read("sslCertificates")).toMatchObject({
      managed: { status: "ACTIVE", domainStatus: { [DOMAIN]: "ACTIVE" } },
    });
    const again = await create("forwardingRules", { ...rule, name: "second" });
    expect([again.status, message(again)]).toEqual([400, expect.stringContaining("in-use")]);
  });

  test("leads to the service of its backend, which demands an invoker", async () => {
    const caller = `serviceAccount:caller@${PROJECT}.iam.gserviceaccount.com`;
    const { identities } = embedded.cloud;
    expect(await serving()).toEqual({ status: 200, region: HOME, host: DOMAIN, url: "/where?a=1" });
    expect((await serving({ token: "" })).status).toBe(403);
    expect((await serving({ token: identities.idTokenFor(caller, `https://${DOMAIN}`) })).status).toBe(403);
    await embedded.post(`/v1/projects/${PROJECT}/serviceAccounts`, { accountId: "caller" });
    for (const region of [HOME, AWAY]) {
      const service = `/v2/projects/${PROJECT}/locations/${region}/services/echo`;
      const policy = { bindings: [{ role: "roles/run.invoker", members: [caller] }] };
      expect((await embedded.post(`${service}:setIamPolicy`, { policy })).status).toBe(200);
    }
    expect((await serving({ token: identities.idTokenFor(caller, `https://${DOMAIN}`) })).status).toBe(200);
    expect((await serving({ token: identities.idTokenFor(caller, "https://other.example.com") })).status).toBe(401);
    const moved = await embedded.put(`${COMPUTE}/global/backendServices/settlement`, backend(AWAY));
    expect(moved).toMatchObject({ status: 200, body: { operationType: "update" } });
    expect((await serving({ token: identities.idTokenFor(caller, `https://${DOMAIN}`) })).region).toBe(AWAY);
  });

  test("survives a restart, and accepts a change only of what the client has read", async () => {
    const { fingerprint } = await read("backendServices");
    await embedded.stop();
    await embedded.start();
    expect((await serving()).region).toBe(AWAY);
    const change = { ...backend(HOME), fingerprint };
    expect((await embedded.patch(`${COMPUTE}/global/backendServices/settlement`, change)).status).toBe(200);
    const stale = await embedded.patch(`${COMPUTE}/global/backendServices/settlement`, change);
    expect([stale.status, message(stale)]).toEqual([412, "Invalid fingerprint."]);
    expect((await serving()).region).toBe(HOME);
  });

  test("closes the connection for a domain whose certificate Google cannot issue", async () => {
    const other = { name: "other", type: "MANAGED", managed: { domains: ["settlement.example.com"] } };
    expect((await create("sslCertificates", other)).status).toBe(200);
    const sslCertificates = ["settlement", "other"].map((name) => link("sslCertificates", name));
    const path = `${COMPUTE}/targetHttpsProxies/settlement/setSslCertificates`;
    expect((await embedded.post(path, { sslCertificates })).status).toBe(200);
    expect(await read("sslCertificates", "other")).toMatchObject({
      managed: { status: "PROVISIONING", domainStatus: { "settlement.example.com": "FAILED_NOT_VISIBLE" } },
    });
    await expect(embedded.get("/https/settlement.example.com/")).rejects.toThrow("fetch failed");
    expect((await serving()).status).toBe(200);
  });

  test.each([
    [
      "a part that does not exist",
      "urlMaps",
      { name: "u", defaultService: link("backendServices", "none") },
      404,
      "none",
    ],
    ["a link to another type", "urlMaps", { name: "u", defaultService: link("sslPolicies") }, 400, "URL is malformed"],
    ["a map without a service", "urlMaps", { name: "u" }, 400, "'resource.defaultService' not specified"],
    ["host rules", "urlMaps", { name: "u", hostRules: [{ hosts: ["a"] }] }, 400, '"hostRules"'],
    ["another scheme", "backendServices", { name: "b", loadBalancingScheme: "EXTERNAL" }, 400, "does not evaluate"],
    [
      "two regions",
      "backendServices",
      { ...backend(HOME), name: "b", backends: [HOME, AWAY].map((region) => ({ group: group(region) })) },
      400,
      "which of several regions is nearest",
    ],
    ["a timeout", "backendServices", { ...backend(HOME), name: "b", timeoutSec: 60 }, 400, "timeoutSec=60"],
    ["a certificate of one's own", "sslCertificates", { name: "c", type: "SELF_MANAGED" }, 400, "SELF_MANAGED"],
    ["a wildcard", "sslCertificates", { name: "c", type: "MANAGED", managed: { domains: ["*.a.b"] } }, 400, "domains"],
    ["a chosen address", "addresses", { name: "a", address: "203.0.113.9" }, 400, "resource.address"],
    ["the field of a private range", "addresses", { name: "a", purpose: "VPC_PEERING" }, 400, "resource.purpose"],
  ])("refuses %s", async (_what, collection, body, status, sentence) => {
    const refused = await create(collection, body);
    expect([refused.status, message(refused)]).toEqual([status, expect.stringContaining(sentence)]);
  });

  test("asks for permissions, also on the parts that are used", async () => {
    const member = `serviceAccount:deployer@${PROJECT}.iam.gserviceaccount.com`;
    const token = embedded.cloud.identities.tokenFor(member);
    await embedded.post(`/v1/projects/${PROJECT}/serviceAccounts`, { accountId: "deployer" });
    const grant = async (role: string) => {
      const path = `/v1/projects/${PROJECT}`;
      const { body } = await embedded.post(`${path}:getIamPolicy`);
      const others = (body.bindings as { members: string[] }[]).filter(({ members }) => !members.includes(member));
      const policy = { ...body, bindings: [...others, { role, members: [member] }] };
      expect((await embedded.post(`${path}:setIamPolicy`, { policy })).status).toBe(200);
    };
    const map = () => create("urlMaps", { name: "mine", defaultService: link("backendServices") }, "global", token);
    await embedded.post(`/v1/projects/${PROJECT}/services:batchEnable`, {
      serviceIds: ["cloudresourcemanager.googleapis.com"],
    });
    expect((await map()).status).toBe(403);
    await grant("roles/viewer");
    expect((await embedded.get(`${COMPUTE}/global/urlMaps/settlement`, { token })).status).toBe(200);
    expect((await map()).status).toBe(403);
    await grant("roles/compute.loadBalancerAdmin");
    expect((await map()).status).toBe(200);
  });

  test("is deleted from its rule to its backend", async () => {
    const order = ["forwardingRules", "targetHttpsProxies", "urlMaps", "backendServices", "addresses", "sslPolicies"];
    const remove = (collection: string, name = "settlement") =>
      embedded.delete(`${COMPUTE}/global/${collection}/${name}`);
    const used = await Promise.all(order.slice(1).map((collection) => remove(collection)));
    expect(used.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400]);
    expect(message(used[0] as never)).toMatch(
      /targetHttpsProxies resource .* is already being used by .*forwardingRules/,
    );
    await remove("urlMaps", "mine");
    for (const collection of order) expect([collection, (await remove(collection)).status]).toEqual([collection, 200]);
    await expect(serving()).rejects.toThrow("fetch failed");
  });
});
