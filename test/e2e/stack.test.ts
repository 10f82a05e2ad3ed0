import type { OutputMap, Stack } from "@pulumi/pulumi/automation/index.js";
import { execFile } from "node:child_process";
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { parseConnectionString } from "../../infra/connection.ts";
import { bareUp } from "../../ops/engine/bare-up.ts";
import { readState } from "../../ops/engine/state.ts";
import { type LocalEnvironment, startLocal } from "../../ops/engine/local.ts";
import { inspect } from "../../ops/preview/inspect.ts";
import { sendSettlementCommand } from "../../ops/service/smoke.ts";
import { ask } from "../ask.ts";
import { scenario } from "../scenario.ts";
import { BOOTSTRAPPED, deployAsPipeline } from "./bootstrapped.ts";
import { look, doctorSteps } from "./doctor-deployed.ts";
import { filesBelow, holders, type Place, processes } from "./leaks.ts";
import { newFolder } from "../folder.ts";

jest.setTimeout(300_000);

const PROJECT = "projects/settlement-local";
const NETWORK = { subnet: "10.8.0.0/24", services: "10.9.0.0/20" };
const IN_NETWORK = { "network.subnet": NETWORK.subnet, "network.services": NETWORK.services };

describe("a production stack with a private network, from creation to destruction", () => {
  const step = scenario();
  let root: string;
  let folder: string;
  let local: LocalEnvironment;
  let stack: Stack;
  let stopProviders: () => Promise<void>;
  /** All output. */
  let printed = "";
  /** Arguments and environments of processes while the engine runs. */
  const seen: Place[] = [];

  const say = (text: string) => {
    printed += text;
  };
  /** Stack outputs. */
  let outputs: OutputMap = {};
  const output = (name: string) => String(outputs[name]?.value);
  const get = <T>(path: string) => ask<T>(local.cloud, "GET", path);
  const secret = async (id: string) => {
    const version = await get<{ payload: { data: string } }>(`/v1/${PROJECT}/secrets/${id}/versions/latest:access`);
    return Buffer.from(version.payload.data, "base64").toString();
  };
  const set = (values: Readonly<Record<string, string>>) => {
    const entries = Object.entries(values).map(([key, value]) => [`settlement:${key}`, { value }] as const);
    return stack.setAllConfig(Object.fromEntries(entries), true);
  };
  const resources = async () => (await readState(stack)).deployment.resources ?? [];
  /** Runs `pulumi destroy` as an operator would. */
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
    root = newFolder("stack");
    folder = join(root, ".local", "start");
    local = await startLocal(folder, say);
    stack = local.stack;
    stopProviders = await deployAsPipeline(local, { network: NETWORK });
    await set({ environment: "prod", "database.availability": "REGIONAL", ...IN_NETWORK });
  });

  afterAll(async () => {
    await stopProviders();
    await local.stop();
    rmSync(root, { recursive: true, force: true });
  });

  step("deploys a service that accepts the request that failed in the incident", async () => {
    const onOutput = (text: string) => {
      say(text);
      // By then every process that gets the password has it.
      if (text.includes("settlement-service creating")) seen.push(...processes());
    };
    local.cloud.faults.delay({ bindings: 3_000 });
    const result = await stack.up({ onOutput, onError: say });
    local.cloud.faults.clear();
    outputs = result.outputs;
    expect(result.summary.resourceChanges).toEqual({ create: expect.any(Number) as number });
    expect(await sendSettlementCommand(output("serviceUrl"), local.cloud.identities.ownerToken)).toBe(200);
    expect(output("schemaVersion")).toBe("20251025120100");
  });

  step("prints no warning", () => {
    expect(printed).toContain("settlement-service created");
    expect(printed).not.toMatch(/warning/i);
  });

  step("gives the instance no public address, and reaches it by Direct VPC egress", async () => {
    expect(await get(`/sql/v1beta4/${PROJECT}/instances/${output("instanceName")}`)).toMatchObject({
      ipAddresses: [{ type: "PRIVATE", ipAddress: expect.stringMatching(/^10\./) as string }],
      settings: { ipConfiguration: { ipv4Enabled: false, privateNetwork: `${PROJECT}/global/networks/settlement` } },
    });
    expect(await get(`/v2/${PROJECT}/locations/us-central1/services/settlement-service`)).toMatchObject({
      template: {
        vpcAccess: {
          networkInterfaces: [{ network: "settlement", subnetwork: "settlement" }],
          egress: "PRIVATE_RANGES_ONLY",
        },
      },
    });
  });

  step("keeps one password in both secrets, and names the instance by its region", async () => {
    const parsed = parseConnectionString(await secret("settlement-db-connection-string"));
    if (!parsed.ok) throw new Error(parsed.problem);
    const { user, password, database, instance } = parsed.value;
    expect(password).toMatch(/^[A-Za-z0-9]{25}$/);
    expect(await secret("settlement-db-password")).toBe(password);
    expect([user, database]).toEqual(["settlement_user", "settlement_db"]);
    expect(`${instance.project}:${instance.region}:${instance.instance}`).toBe(output("connectionName"));
    expect(instance.instance).toMatch(/^settlement-local-db-[0-9a-f]{8}$/);
  });

  step(
    "has nothing to update, no policy violation, and no drift, not even in what gcloud writes besides a fix",
    async () => {
      const url = `${local.cloud.url}/v2/${PROJECT}/locations/us-central1/services/settlement-service`;
      const headers = {
        authorization: `Bearer ${local.cloud.identities.ownerToken}`,
        "content-type": "application/json",
      };
      const service = (await (await fetch(url, { headers })).json()) as { template: object };
      const template = { ...service.template, labels: { "client.knative.dev/nonce": "qkxwvbtzer" } };
      const body = JSON.stringify({ ...service, template, client: "gcloud", clientVersion: "548.0.0" });
      const begun = await fetch(url, { method: "PATCH", headers, body });
      const { name } = (await begun.json()) as { name: string };
      await fetch(`${local.cloud.url}/v2/${name}:wait`, { method: "POST", headers, body: "{}" });
      expect(await get(`/v2/${PROJECT}/locations/us-central1/services/settlement-service`)).toMatchObject({
        client: "gcloud",
      });
      const { blocked, drifted, markdown } = await inspect(stack, { refresh: true });
      expect(markdown).toContain("local is unchanged");
      expect({ blocked, drifted }).toEqual({ blocked: false, drifted: false });
    },
  );

  doctorSteps(step, () => ({ root, local }));

  step("keeps the password in Secret Manager only, and the token in its file only", async () => {
    const password = await secret("settlement-db-password");
    const string = await secret("settlement-db-connection-string");
    const places: Place[] = [
      ["output", printed],
      ["doctor", JSON.stringify(await look({ root }))],
      ...seen,
      ...processes(),
      ...filesBelow(folder),
    ];
    for (const engine of ["pulumi up", "run-policy-pack|dynamic-provider", "postgres"]) {
      expect(
        places.filter(
          ([name, text]) => name.startsWith("arguments") && new RegExp(engine).test(text.replaceAll("\n", " ")),
        ),
      ).not.toEqual([]);
    }
    const found = holders(places, [password, string]);
    expect(found).not.toHaveLength(0);
    expect(found.filter((place) => !place.startsWith("/cloud/secret"))).toEqual([]);
    for (const place of found) expect([place, statSync(join(folder, place)).mode & 0o077]).toEqual([place, 0]);
    const { ownerToken } = local.cloud.identities;
    const files = places.filter(([name]) => name.startsWith("/") || ["doctor", "output"].includes(name));
    expect(files.filter(([, text]) => text.includes(ownerToken)).map(([name]) => name)).toEqual(["/cloud/owner-token"]);
    const commands = places.filter(([name, text]) => name.startsWith("arguments") && text.includes(ownerToken));
    expect(commands).toEqual([]);
  });

  step("refuses to be destroyed, and changes nothing", async () => {
    const before = await resources();
    const { code, output: said } = await destroy();
    expect(code).not.toBe(0);
    expect(said).toContain("cannot be deleted");
    expect(said).toContain("because it is protected");
    // The engine names the way to unprotect; docs/DEPLOYMENT.md describes all of it.
    expect(said).toMatch(
      /remove the `protect` flag .*\n?.*run `pulumi up`, or use the command:\s+`pulumi state unprotect/,
    );
    expect(await resources()).toEqual(before);
  });

  step("is destroyed once it is no longer production, except for what bootstrap created", async () => {
    // The steps before have reset the configuration; without its network, the instance would be replaced.
    await set({ environment: "local", ...IN_NETWORK });
    await bareUp(stack);
    const { code, output: said } = await destroy();
    expect({ code, why: code === 0 ? "" : said }).toEqual({ code: 0, why: "" });
    expect(await resources()).toEqual([]);
    const network = "projects/settlement-local/global/networks/settlement";
    const lists: [string, string, string[]?][] = [
      [`/sql/v1beta4/${PROJECT}/instances`, "items"],
      [`/v1/${PROJECT}/secrets`, "secrets"],
      [`/v1/${PROJECT}/serviceAccounts`, "accounts", BOOTSTRAPPED.accounts],
      ["/storage/v1/b?project=settlement-local", "items", BOOTSTRAPPED.buckets],
      [`/v2/${PROJECT}/locations/us-central1/services`, "services"],
      [`/v1/services/servicenetworking.googleapis.com/connections?network=${network}`, "connections"],
    ];
    for (const [path, key, left = []] of lists) {
      const list = await get<Record<string, { name: string; email?: string }[] | undefined>>(path);
      const names = (list[key] ?? []).map(({ email, name }) => email ?? name);
      expect([path, names.sort()]).toEqual([path, [...left].sort()]);
    }
  });
});
