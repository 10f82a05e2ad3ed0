import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type LocalEnvironment, startLocal } from "../../ops/local";
import { inspect } from "../../ops/preview/inspect";
import { update } from "../../ops/preview/update";
import { sendSettlementCommand } from "../../ops/smoke";
import { ROOT } from "../../ops/workspace";

jest.setTimeout(300_000);

describe("a stack with a private network, on the embedded cloud", () => {
  let folder: string;
  let local: LocalEnvironment;
  const get = async (path: string) => {
    const headers = { authorization: `Bearer ${local.cloud.identities.ownerToken}` };
    return (await fetch(local.cloud.url + path, { headers })).json() as Promise<Record<string, unknown>>;
  };

  beforeAll(async () => {
    mkdirSync(join(ROOT, ".local"), { recursive: true });
    folder = mkdtempSync(join(ROOT, ".local", "private-e2e-"));
    local = await startLocal(folder, () => undefined);
    await local.stack.setConfig("settlement:network.subnet", { value: "10.8.0.0/24" }, true);
    await local.stack.setConfig("settlement:network.services", { value: "10.9.0.0/20" }, true);
  });

  afterAll(async () => {
    await local.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("has an instance without a public address, reached by Direct VPC egress, and works", async () => {
    const quiet = () => undefined;
    const printed: string[] = [];
    await update(local.stack, {
      print: (text) => printed.push(text),
      progress: quiet,
      confirm: () => Promise.resolve(true),
    });
    expect(printed.join("")).toContain("gcp.servicenetworking.Connection");
    const outputs = await local.stack.outputs();
    const project = "projects/settlement-local";
    const instance = await get(`/sql/v1beta4/${project}/instances/${String(outputs.instanceName?.value)}`);
    expect(instance).toMatchObject({
      ipAddresses: [{ type: "PRIVATE", ipAddress: expect.stringMatching(/^10\./) as string }],
      settings: { ipConfiguration: { ipv4Enabled: false, privateNetwork: `${project}/global/networks/settlement` } },
    });
    expect(await get(`/v2/${project}/locations/us-central1/services/settlement-service`)).toMatchObject({
      template: {
        vpcAccess: {
          networkInterfaces: [{ network: "settlement", subnetwork: "settlement" }],
          egress: "PRIVATE_RANGES_ONLY",
        },
      },
    });
  });

  test("takes a settlement command", async () => {
    const url = String((await local.stack.outputs()).serviceUrl?.value);
    expect(await sendSettlementCommand(url, local.cloud.identities.ownerToken)).toBe(200);
  });

  test("is unchanged for a second update, and shows no drift", async () => {
    const { blocked, drifted, markdown } = await inspect(local.stack, { refresh: true });
    expect(markdown).toContain("local is unchanged");
    expect({ blocked, drifted }).toEqual({ blocked: false, drifted: false });
  });

  test("is destroyed whole", async () => {
    await local.stack.destroy();
    expect((await local.stack.exportStack()).deployment).not.toHaveProperty("resources");
    const listed = await get(
      "/v1/services/servicenetworking.googleapis.com/connections?network=projects/settlement-local/global/networks/settlement",
    );
    expect(listed).not.toHaveProperty("connections");
  });
});
