import { Embedded, message, PROJECT } from "../embedded.ts";

const COMPUTE = `/compute/v1/projects/${PROJECT}`;
const NETWORK = `projects/${PROJECT}/global/networks/settlement`;
const CONNECTIONS = "/v1/services/servicenetworking.googleapis.com/connections";
const INSTANCES = `/sql/v1beta4/projects/${PROJECT}/instances`;

describe("a private network", () => {
  const embedded = new Embedded();
  const reserve = (name: string, more: object) =>
    embedded.post(`${COMPUTE}/global/addresses`, { name, network: NETWORK, addressType: "INTERNAL", ...more });
  const peer = (range: string, token?: string) =>
    embedded.post(
      CONNECTIONS,
      { network: NETWORK, reservedPeeringRanges: [range] },
      token === undefined ? {} : { token },
    );
  const instance = (ipConfiguration: object) =>
    embedded.post(INSTANCES, {
      name: "private",
      region: "us-central1",
      databaseVersion: "POSTGRES_17",
      settings: { tier: "db-custom-1-3840", edition: "ENTERPRISE", ipConfiguration },
    });

  beforeAll(() =>
    embedded.start("compute.googleapis.com", "servicenetworking.googleapis.com", "sqladmin.googleapis.com"),
  );
  afterAll(() => embedded.remove());

  test("is created by completed operations, and survives a restart", async () => {
    const network = { name: "settlement", autoCreateSubnetworks: false };
    const { body } = await embedded.post(`${COMPUTE}/global/networks`, network);
    expect(body).toMatchObject({ kind: "compute#operation", status: "DONE" });
    const operation = String(body.selfLink).replace("https://www.googleapis.com", "");
    expect((await embedded.get(operation)).body).toMatchObject({ status: "DONE", name: body.name });
    const subnet = { name: "settlement", network: NETWORK, ipCidrRange: "10.8.0.0/24" };
    expect((await embedded.post(`${COMPUTE}/regions/us-central1/subnetworks`, subnet)).status).toBe(200);
    await embedded.stop();
    await embedded.start();
    expect((await embedded.get(`${COMPUTE}/global/networks/settlement`)).body).toMatchObject(network);
    expect((await embedded.get(`${COMPUTE}/regions/us-central1/subnetworks/settlement`)).body).toMatchObject({
      ipCidrRange: "10.8.0.0/24",
      network: `https://www.googleapis.com/compute/v1/${NETWORK}`,
    });
    expect((await embedded.post(`${COMPUTE}/global/networks`, network)).status).toBe(409);
    expect((await embedded.get(`${COMPUTE}/global/networks`)).body).toMatchObject({
      kind: "compute#networkList",
      items: [network],
    });
  });

  test.each([
    ["a name with capitals", "global/networks", { name: "Settlement" }, 400, "resource.name"],
    [
      "a range that does not begin at its first address",
      "regions/us-central1/subnetworks",
      { name: "s", ipCidrRange: "10.8.0.1/24", network: NETWORK },
      400,
      "ipCidrRange",
    ],
    [
      "a subnetwork in an unknown network",
      "regions/us-central1/subnetworks",
      { name: "s", network: "none" },
      404,
      "not found",
    ],
    ["an unknown field", "global/networks", { name: "n", subnets: 1 }, 400, 'Unknown name "subnets"'],
  ])("refuses %s", async (_what, collection, body, status, sentence) => {
    const refused = await embedded.post(`${COMPUTE}/${collection}`, body);
    expect(refused.status).toBe(status);
    expect(message(refused)).toContain(sentence);
  });

  test("gives an instance an address once it is peered with Google's services", async () => {
    const early = await instance({ ipv4Enabled: false, privateNetwork: NETWORK });
    expect(message(early)).toContain("NETWORK_NOT_PEERED");
    expect(message(await instance({ ipv4Enabled: false }))).toContain("at least one of Public IP or Private IP");

    await reserve("plain", {});
    await reserve("services", { purpose: "VPC_PEERING", address: "10.9.0.0", prefixLength: 20 });
    expect((await peer("none")).status).toBe(404);
    expect(message(await peer("plain"))).toContain("not reserved for VPC_PEERING");
    expect((await peer("services", embedded.cloud.identities.tokenFor("user:dev@example.com"))).status).toBe(403);
    expect((await peer("services")).body).toMatchObject({ done: true });
    const listed = (await embedded.get(`${CONNECTIONS}?network=${NETWORK}`)).body;
    expect(listed).toMatchObject({
      connections: [{ peering: "servicenetworking-googleapis-com", reservedPeeringRanges: ["services"] }],
    });

    // Google chooses an address outside the subnetwork and the other range.
    await reserve("chosen", { purpose: "VPC_PEERING", prefixLength: 16 });
    expect((await embedded.get(`${COMPUTE}/global/addresses/chosen`)).body).toMatchObject({
      address: "10.0.0.0",
      prefixLength: 16,
    });
    await reserve("wide", { purpose: "VPC_PEERING", prefixLength: 12 });
    expect((await embedded.get(`${COMPUTE}/global/addresses/wide`)).body).toMatchObject({ address: "10.16.0.0" });
    expect((await reserve("none", { purpose: "VPC_PEERING" })).status).toBe(400);
    for (const name of ["chosen", "wide"]) await embedded.delete(`${COMPUTE}/global/addresses/${name}`);

    expect((await instance({ ipv4Enabled: false, privateNetwork: NETWORK })).status).toBe(200);
    expect((await embedded.get(`${INSTANCES}/private`)).body).toMatchObject({ ipAddresses: [{ type: "PRIVATE" }] });

    const settings = { tier: "db-custom-1-3840", edition: "ENTERPRISE", ipConfiguration: { ipv4Enabled: true } };
    const without = { settings: { ipConfiguration: { ipv4Enabled: true, privateNetwork: null } } };
    for (const refused of [
      await embedded.put(`${INSTANCES}/private`, { settings }),
      await embedded.patch(`${INSTANCES}/private`, without),
    ]) {
      expect([refused.status, message(refused)]).toEqual([
        400,
        "Invalid request: the private network of an instance cannot be removed.",
      ]);
    }
  });

  describe("the labels of a reserved range", () => {
    const RANGE = `${COMPUTE}/global/addresses/services`;
    const set = (body: object, more = {}) => embedded.post(`${RANGE}/setLabels`, body, more);
    const read = async () => (await embedded.get(RANGE)).body as { labels?: object; labelFingerprint: string };

    test("are replaced by setLabels, if the client has read the latest ones", async () => {
      const { labelFingerprint } = await read();
      const labels = { team: "settlement" };
      expect((await set({ labels, labelFingerprint })).body).toMatchObject({
        kind: "compute#operation",
        operationType: "setLabels",
        status: "DONE",
      });
      const changed = await read();
      expect(changed).toMatchObject({ labels, address: "10.9.0.0" });
      expect(changed.labelFingerprint).not.toBe(labelFingerprint);

      const late = await set({ labels: {}, labelFingerprint });
      expect(late).toMatchObject({ status: 412, body: { error: { errors: [{ reason: "conditionNotMet" }] } } });
      expect((await set({ labels: {} })).status).toBe(412);
      expect((await set({ labelFingerprint: changed.labelFingerprint })).status).toBe(200);
      expect(await read()).not.toHaveProperty("labels");
    });

    test.each([
      [{ labels: ["a"] }, "labels"],
      [{ labels: { a: 1 } }, "labels"],
      [{ labels: {}, address: "10.9.1.0" }, 'Unknown name "address"'],
    ])("refuses %j", async (body, sentence) => {
      const refused = await set({ ...body, labelFingerprint: (await read()).labelFingerprint });
      expect(refused.status).toBe(400);
      expect(message(refused)).toContain(sentence);
    });

    test("require a permission, and cannot be changed by PATCH", async () => {
      const token = embedded.cloud.identities.tokenFor("user:dev@example.com");
      expect((await set({ labels: {} }, { token })).status).toBe(403);
      expect((await embedded.post(`${COMPUTE}/global/addresses/none/setLabels`, { labels: {} })).status).toBe(404);
      // Google has no PATCH for addresses.
      expect((await embedded.patch(RANGE, { labels: {} })).status).toBe(404);
    });
  });

  test("cannot be deleted while it is in use", async () => {
    const refused = await embedded.delete(`${COMPUTE}/global/networks/settlement`);
    expect(message(refused)).toContain("is already being used by");
    for (const part of [
      "regions/us-central1/subnetworks/settlement",
      "global/addresses/services",
      "global/addresses/plain",
    ])
      await embedded.delete(`${COMPUTE}/${part}`);
    expect((await embedded.delete(`${COMPUTE}/global/networks/settlement`)).status).toBe(200);
    expect((await embedded.get(`${CONNECTIONS}?network=${NETWORK}`)).body).toEqual({});
  });
});
