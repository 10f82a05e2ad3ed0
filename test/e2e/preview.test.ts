import * as gcp from "@pulumi/gcp";
import type { PulumiFn, Stack } from "@pulumi/pulumi/automation/index.js";
import { execFile } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { parse } from "yaml";
import { parseConnectionString } from "../../infra/connection.ts";
import { type LocalEnvironment, startLocal } from "../../ops/engine/local.ts";
import { type Inspection } from "../../ops/preview/inspect.ts";
import { update } from "../../ops/update/update.ts";
import { endpointConfig } from "../../ops/engine/endpoints.ts";
import { outputsOf, readState } from "../../ops/engine/state.ts";
import { openPrivateStack } from "../../ops/engine/private-stack.ts";
import { ROOT } from "../../ops/engine/stack-file.ts";
import { ask } from "../ask.ts";
import { inLongForm } from "../long-form.ts";
import { scenario } from "../scenario.ts";
import { DEPLOYER, deployAsPipeline } from "./bootstrapped.ts";
import { copyProject } from "./copy.ts";
import { failingRevisions, FAILING, IMAGE, NEXT, SERVICE, type Service } from "./rollout.ts";
import { rowsBySender, SteadyClient } from "./steady-client.ts";
import { newFolder } from "../folder.ts";

jest.setTimeout(300_000);

/** A resource of the inventory. */
interface Listed {
  readonly type: string;
  readonly name: string;
}

function inventory(stack: string): Listed[] {
  return parse(readFileSync(join(ROOT, "test", "inventory", `${stack}.yaml`), "utf8")) as Listed[];
}

const LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST";
const BUCKET = "/storage/v1/b/settlement-local-migrations";
const SCRIPT = `${BUCKET}/o/${encodeURIComponent("migrations/20251025120000_create_settlement_commands.sql")}`;

/** Number of resources of the local stack, including its deployer's binding. */
const ALL = inventory("local").length + 1;

describe("preview and up on the embedded cloud, through the real engine", () => {
  const step = scenario();
  let folder: string;
  let local: LocalEnvironment;
  let stack: Stack;
  let stopProviders: () => Promise<void>;
  /** Sends commands from the first update until the last revision. */
  let client: SteadyClient | undefined;
  /** Every preview shown. */
  const previews: string[] = [];
  /** The engine's output. */
  let printed = "";

  const shown = () => previews.at(-1) ?? "";
  const print = ({ markdown }: Inspection) => previews.push(markdown);
  const progress = (text: string) => {
    printed += text;
  };
  const yes = () => Promise.resolve(true);
  const up = (confirm = yes, refresh = false) => update(stack, { print, progress, confirm, refresh });
  /** Updates the service to another image; returns the output. */
  const deploy = async (tag: string, refresh = false) => {
    await configure("service.image", `${IMAGE}:${tag}`);
    const before = printed.length;
    await up(yes, refresh);
    return printed.slice(before);
  };
  const configure = (key: string, value: string) => stack.setConfig(`settlement:${key}`, { value }, true);
  const get = <T>(path: string) => ask<T>(local.cloud, "GET", path);
  const change = (method: string, path: string, body?: object) => ask(local.cloud, method, path, body);
  /** Stack outputs after the first update. */
  let outputs: ReturnType<typeof outputsOf> = {};
  const instance = () => `/sql/v1beta4/projects/settlement-local/instances/${String(outputs.instanceName)}`;
  const backups = async () =>
    (await get<{ settings: { backupConfiguration: Record<string, unknown> } }>(instance())).settings
      .backupConfiguration;
  const changeServiceManually = async () => {
    const live = await get<{ template: { containers: { image: string; env: object[] }[] } }>(SERVICE);
    const [container] = live.template.containers;
    if (!container) throw new Error("The service has no container.");
    container.image = `${IMAGE}:hotfix`;
    container.env.push({ name: "DEBUG", value: "1" });
    const { name } = await ask(local.cloud, "PATCH", SERVICE, live);
    await change("POST", `/v2/${String(name)}:wait`);
  };
  const changeManually = async () => {
    const backupConfiguration = { ...(await backups()), startTime: "05:00" };
    await change("PATCH", instance(), { settings: { backupConfiguration } });
    await change("PATCH", BUCKET, { labels: { app: "manual" } });
    await change("DELETE", SCRIPT);
    await changeServiceManually();
  };
  const connectionString = async () => {
    const { payload } = await get<{ payload: { data: string } }>(
      "/v1/projects/settlement-local/secrets/settlement-db-connection-string/versions/latest:access",
    );
    return Buffer.from(payload.data, "base64").toString();
  };
  const resources = async () => (await readState<{ urn: string; modified: string }>(stack)).deployment.resources ?? [];

  beforeAll(async () => {
    folder = newFolder("preview-e2e");
    local = await startLocal(folder, () => undefined, { images: FAILING });
    stack = local.stack;
    stopProviders = await deployAsPipeline(local);
    await stack.setConfig("settlement:deployer", { value: DEPLOYER });
  });

  afterAll(async () => {
    await client?.stop();
    await stopProviders();
    await local.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  step("shows a new stack with its migrations, then creates it", async () => {
    expect(await up()).toBe(true);
    const markdown = shown();
    expect(markdown).toMatch(
      new RegExp(`^### ✅ local can be updated: ${ALL} to create, 2 migrations pending\\. <!-- `),
    );
    expect(markdown).toContain("CREATE TABLE settlement_commands (");
    expect(markdown).toContain("+ password: [secret]");
    expect(markdown).not.toContain("**Advice**");
    expect(printed).not.toMatch(/warning|remediat/i);
    outputs = outputsOf(await readState(stack));
    // The first revision gets the traffic at once.
    expect(printed).not.toContain("without traffic");
    const { trafficStatuses, uri } = await get<Service>(SERVICE);
    expect(trafficStatuses).toEqual([{ type: LATEST, percent: 100 }]);
    client = new SteadyClient(uri, local.cloud.identities.ownerToken);
  });

  step("is then changed manually", async () => {
    await changeManually();
  });

  failingRevisions(step, () => ({ deploy, get, token: local.cloud.identities.ownerToken }));

  step("shows without a refresh a changed property, and manual changes of the service only", () => {
    const [, markdown = ""] = previews;
    expect(markdown).toMatch(new RegExp(`^### ✅ local can be updated: 1 to update, ${ALL - 1} unchanged\\. `));
    expect(markdown).toMatch(/\n- template\.containers\[0\]\.image: ".*:local"\n\+ .*image: ".*:(ends|broken)"\n/);
    expect(markdown).toContain(`**Changed manually since the last update**

- \`settlement-service\` (gcp.cloudrunv2.Service)
  - \`template.containers[0].envs[DEBUG].value\` \`none\` → \`"1"\`
  - \`template.containers[0].image\` \`local\` → \`hotfix\`

This update puts it back to what the program declares`);
  });

  step("tries a revision before it gets the traffic; a refresh names and undoes manual changes", async () => {
    const said = await deploy("2", true);
    expect(shown()).toMatch(
      new RegExp(`^### ✅ local can be updated: 3 to update, 1 to create, ${ALL - 4} unchanged\\. `),
    );
    expect(shown()).toContain(`**Changed manually since the last update**

- \`settlement-20251025120000\` (gcp.storage.BucketObject) was deleted
- \`settlement-instance\` (gcp.sql.DatabaseInstance)
  - \`settings.backupConfiguration.startTime\` \`"03:00"\` → \`"05:00"\`
- \`settlement-migrations\` (gcp.storage.Bucket)
  - \`labels.app\` \`"settlement"\` → \`"manual"\`

`);
    expect(said).toMatch(
      /^Creating the new revision without traffic, [^]*^Testing [^]*^Moving the traffic to it \.\.\.$/m,
    );
    const { latestReadyRevision, trafficStatuses } = await get<Service>(SERVICE);
    expect(trafficStatuses).toEqual([{ type: LATEST, percent: 100 }]);
    expect(latestReadyRevision).toContain(`settlement-service-${NEXT}-`);
    expect((await backups()).startTime).toBe("03:00");
    expect((await get<{ labels: Record<string, string> }>(BUCKET)).labels.app).toBe("settlement");
    await get(SCRIPT);
  });

  step("accepts every command of a client that sends ten a second, and keeps no row of the trials", async () => {
    const statuses = (await client?.stop()) ?? [];
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(statuses.length).toBeGreaterThan(100);
    const connectionName = String(outputs.connectionName);
    const sent = await rowsBySender(local.cloud, connectionName, await connectionString());
    expect(sent).toEqual([{ workflow_id: "client", count: String(statuses.length) }]);
  });

  step.inLongForm("puts back a disabled API first, and then the rest, such as a stopped instance", async () => {
    await change("PATCH", instance(), { settings: { activationPolicy: "NEVER" } });
    await changeServiceManually();
    await change("POST", "/v1/projects/settlement-local/services/run.googleapis.com:disable", {});
    const before = previews.length;
    await up(yes, true);
    const [first = "", ...rest] = previews.slice(before);
    expect(first).toContain("**Disabled APIs**\n\n- `run.googleapis.com`\n");
    expect(rest).toHaveLength(1);
    expect(shown()).toContain("- `settlement-instance`: **starts the instance** (`settings.activationPolicy`)");
    expect(shown()).toContain("`template.containers[0].image` `2` → `hotfix`");
    const { template } = await get<{ template: { containers: { image: string; env: object[] }[] } }>(SERVICE);
    expect(template.containers).toMatchObject([{ image: `${IMAGE}:2`, env: [{ name: "DATABASE_URL" }] }]);
    expect(await get(instance())).toMatchObject({ state: "RUNNABLE", settings: { activationPolicy: "ALWAYS" } });
  });

  step.inLongForm("puts back a deleted service, whose address is the same as before", async () => {
    await change("DELETE", SERVICE);
    await up(yes, true);
    // The address is not known before the service exists.
    expect(shown()).toContain("`settlement-uptime`");
    expect(await get(SERVICE)).toMatchObject({ terminalCondition: { state: "CONDITION_SUCCEEDED" } });
  });

  step("blocks an update that violates a mandatory policy and replaces the instance, and changes nothing", async () => {
    await configure("service.public", "true");
    await stack.setConfig("gcp:region", { value: "europe-west1" });
    const before = await resources();
    await expect(up(yes, true)).rejects.toThrow("The update of local is blocked; see above. Nothing was changed.");
    const markdown = shown();
    // The update before has put everything back.
    expect(markdown).toContain("Nothing was changed manually since the last update.");
    expect(markdown).toMatch(/^### ⛔ local is blocked by 1 policy violation, 5 changes that would lose data: /);
    expect(markdown).toContain("- `public-invoker` on `settlement-public-invoker`: Only the services");
    expect(markdown).toContain(
      "`settlement-instance` (gcp.sql.DatabaseInstance) is replaced; this loses every database",
    );
    expect(markdown).toContain('- region: "us-central1"\n+ region: "europe-west1"');
    // Not listed: the scripts, which are retained on delete, and the secret's version, which is abandoned.
    expect(markdown.match(/^ {4}- .*@/gm)?.map((line) => line.replace(/@.*/, "").trim())).toEqual([
      "- settlement-database",
      "- settlement-instance",
      "- settlement-migrations",
      "- settlement-user",
      "- settlement-user-b",
    ]);
    expect(await resources()).toEqual(before);
  });

  step.inLongForm("deletes what the configuration allows, and refuses an entry that names something else", async () => {
    const { GOOGLE_OAUTH_ACCESS_TOKEN = "", PULUMI_DEBUG_PROVIDERS = "" } = stack.workspace.envVars;
    const small = await openPrivateStack(
      {
        name: "local",
        folder: join(folder, "small"),
        command: stack.workspace.pulumiCommand,
        config: endpointConfig(local.cloud.url),
        env: { GOOGLE_OAUTH_ACCESS_TOKEN, PULUMI_GCP_SKIP_REGION_VALIDATION: "true", PULUMI_DEBUG_PROVIDERS },
      },
      progress,
    );
    const buckets = async () => {
      const { items = [] } = await get<{ items?: { name: string }[] }>("/storage/v1/b?project=settlement-local");
      return items.map(({ name }) => name).filter((name) => name === "papers-local");
    };
    const papers: PulumiFn = async () => {
      const labels = { app: "papers", environment: "local" };
      const safe = {
        uniformBucketLevelAccess: true,
        publicAccessPrevention: "enforced",
        versioning: { enabled: true },
      };
      new gcp.storage.Bucket("papers", { name: "papers-local", location: "US-CENTRAL1", labels, ...safe });
    };
    const remove = () => {
      small.workspace.program = async () => undefined;
      return update(small, { print, progress, confirm: yes });
    };

    const allow = (entry: string) => small.setConfig("settlement:allowDestructive[0]", { value: entry }, true);
    await small.up({ program: papers });
    await allow("papers@0123456789ab");
    await expect(remove()).rejects.toThrow("blocked");
    expect(shown()).toContain("has entries that this update does not need: `papers@0123456789ab`. Remove them.");
    expect(await buckets()).toEqual(["papers-local"]);
    await allow(/ {4}- (papers@.*)/.exec(shown())?.[1] ?? "");
    expect(await remove()).toBe(true);
    expect(shown()).toContain("this loses every object in the bucket. Allowed by the configuration.");
    expect(await buckets()).toEqual([]);
  });

  step("prints no secret, in any form", async () => {
    const string = await connectionString();
    const parsed = parseConnectionString(string);
    if (!parsed.ok) throw new Error(parsed.problem);
    const everything = previews.join("") + printed;
    expect(everything).toContain("settlement_user");
    for (const text of [parsed.value.password, string]) {
      expect(everything).not.toContain(text);
      expect(everything).not.toContain(encodeURIComponent(text));
      expect(everything).not.toContain(Buffer.from(text).toString("base64").replace(/=+$/, ""));
    }
  });
});

describe("the commands of preview and up", () => {
  // Without a snapshot or a stack that someone has made in the project's folder.
  let copy: string;
  beforeAll(() => {
    copy = copyProject("commands");
  });
  afterAll(() => {
    rmSync(copy, { recursive: true });
  });

  const { PATH, HOME, PULUMI_HOME, SETTLEMENT_PROVIDERS } = process.env;
  const run = (...args: string[]) => call("preview", args, { PATH, HOME, PULUMI_HOME, SETTLEMENT_PROVIDERS });
  const call = async (name: string, args: string[], env: NodeJS.ProcessEnv) => {
    const command = [join(copy, "ops", `${name}.ts`), ...args];
    try {
      const { stdout } = await promisify(execFile)(process.execPath, command, { cwd: copy, env });
      return { code: 0, text: stdout };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, text: stdout + stderr };
    }
  };

  const previewsOffline = async (name: string) => {
    const { code, text } = await run("--stack", name, "--offline");
    const listed = inventory(name);
    const first = `✓ ${name} can be updated: ${listed.length} to create, 2 migrations pending.\n`;
    expect(text.slice(0, first.length)).toBe(first);
    expect(text).toContain("Compared with an empty state, without credentials");
    for (const { name, type } of listed) expect(text).toContain(`- ${name} (${type})\n`);
    expect(text.includes("This stack adopts existing resources")).toBe(name === "prod");
    expect(text).not.toContain("Advice");
    expect(code).toBe(0);
  };
  test("previews prod without credentials", () => previewsOffline("prod"));
  inLongForm("previews staging without credentials", () => previewsOffline("staging"));

  test("reports all mistakes of a stack file before starting the engine", async () => {
    writeFileSync(
      join(copy, "Pulumi.wrong.yaml"),
      "config:\n  gcp:project: a.com:fusion-prime\n  gcp:region: us-central1-a\n  settlement:tier: db-f1-micro\n",
    );
    const nothing = { PATH: "", HOME: join(ROOT, "docs"), PULUMI_HOME: join(ROOT, "docs") };
    const [preview, up] = await Promise.all([
      call("preview", ["--stack", "wrong"], nothing),
      call("up", ["--stack", "wrong", "--yes"], nothing),
    ]);
    expect(preview.text).toContain("✗ wrong is blocked by 1 error: nothing to change.\n");
    expect(up.text).toMatch(/^Pulumi.wrong.yaml: The stack's configuration needs changes:/);
    for (const { code, text } of [preview, up]) {
      expect(text).toContain('gcp:region is "us-central1-a"; expected a region;');
      expect(text).toContain("expected a project id, such as fusion-prime");
      expect(text).toContain("settlement:tier is not a key of this program; remove it.");
      expect(code).toBe(1);
    }
  });

  test("refuses a command line without a stack, with exit code 2", async () => {
    expect(await run()).toMatchObject({ code: 2, text: expect.stringMatching(/^Which stack\? Add --stack/) as string });
  });
});
