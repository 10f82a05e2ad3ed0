import type { Stack } from "@pulumi/pulumi/automation";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { type LocalEnvironment, startLocal } from "../../ops/local";
import { inspect } from "../../ops/preview/inspect";
import { sendSettlementCommand } from "../../ops/smoke";
import { ROOT } from "../../ops/workspace";

jest.setTimeout(300_000);

describe("a stack that is production and has a private network, on the embedded cloud", () => {
  let folder: string;
  let local: LocalEnvironment;
  let stack: Stack;

  const get = async (path: string) => {
    const headers = { authorization: `Bearer ${local.cloud.identities.ownerToken}` };
    return (await fetch(local.cloud.url + path, { headers })).json() as Promise<Record<string, unknown>>;
  };
  const set = (key: string, value: string) => stack.setConfig(`settlement:${key}`, { value }, true);
  const resources = async () => ((await stack.exportStack()).deployment as { resources?: unknown[] }).resources ?? [];
  /** What a person types. */
  const destroy = async () => {
    const { envVars, pulumiCommand, workDir } = stack.workspace;
    const env = { ...process.env, ...envVars };
    const args = ["destroy", "--yes", "--non-interactive", "--color=never", "--stack=local"];
    try {
      const { stdout } = await promisify(execFile)(pulumiCommand.command, args, { cwd: workDir, env });
      return { code: 0, output: stdout };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, output: stdout + stderr };
    }
  };

  beforeAll(async () => {
    mkdirSync(join(ROOT, ".local"), { recursive: true });
    folder = mkdtempSync(join(ROOT, ".local", "production-"));
    local = await startLocal(folder, () => undefined);
    stack = local.stack;
    await set("environment", "prod");
    await set("database.availability", "REGIONAL");
    await set("network.subnet", "10.8.0.0/24");
    await set("network.services", "10.9.0.0/20");
    await stack.up();
  });

  afterAll(async () => {
    await local.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("has an instance without a public address, reached by Direct VPC egress, and works", async () => {
    const outputs = await stack.outputs();
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
    const url = String(outputs.serviceUrl?.value);
    expect(await sendSettlementCommand(url, local.cloud.identities.ownerToken)).toBe(200);
  });

  test("is unchanged for a second update, breaks no policy, and shows no drift", async () => {
    const { blocked, drifted, markdown } = await inspect(stack, { refresh: true });
    expect(markdown).toContain("local is unchanged");
    expect({ blocked, drifted }).toEqual({ blocked: false, drifted: false });
  });

  test("is not destroyed, and nothing of it is touched", async () => {
    const before = await resources();
    const { code, output } = await destroy();
    expect(code).not.toBe(0);
    expect(output).toContain("cannot be deleted");
    expect(output).toContain("because it is protected");
    // How it is taken off on purpose, in the engine's words; docs/DEPLOYMENT.md has the whole way.
    expect(output).toMatch(
      /remove the `protect` flag .*\n?.*run `pulumi up`, or use the command:\s+`pulumi state unprotect/,
    );
    expect(await resources()).toEqual(before);
  });

  test("is destroyed whole once it says that it is production no more", async () => {
    await set("environment", "local");
    await stack.up();
    const { code, output } = await destroy();
    expect({ code, why: code === 0 ? "" : output }).toEqual({ code: 0, why: "" });
    expect(await resources()).toEqual([]);
    const connections = "/v1/services/servicenetworking.googleapis.com/connections";
    const network = "projects/settlement-local/global/networks/settlement";
    expect(await get(`${connections}?network=${network}`)).not.toHaveProperty("connections");
  });
});
