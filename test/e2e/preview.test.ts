import * as gcp from "@pulumi/gcp";
import type { PulumiFn, Stack } from "@pulumi/pulumi/automation";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { parse } from "yaml";
import { parseConnectionString } from "../../infra/connection";
import { type LocalEnvironment, startLocal } from "../../ops/local";
import { inspect } from "../../ops/preview/inspect";
import { update } from "../../ops/preview/update";
import { endpointConfig } from "../../ops/endpoints";
import { openPrivateStack, ROOT } from "../../ops/workspace";

jest.setTimeout(300_000);

/** A resource of the inventory. */
interface Listed {
  readonly type: string;
  readonly name: string;
}

function inventory(stack: string): Listed[] {
  return parse(readFileSync(join(ROOT, "test", "inventory", `${stack}.yaml`), "utf8")) as Listed[];
}

/** How many resources the local stack has. */
const ALL = inventory("local").length;

describe("preview and up on the embedded cloud, through the real engine", () => {
  let folder: string;
  let local: LocalEnvironment;
  let stack: Stack;
  /** Every preview that was shown, and everything that the engine said. */
  const previews: string[] = [];
  let printed = "";

  const shown = () => previews.at(-1) ?? "";
  const print = (markdown: string) => previews.push(markdown);
  const progress = (text: string) => {
    printed += text;
  };
  const yes = () => Promise.resolve(true);
  const up = (confirm = yes, refresh = false) => update(stack, { print, progress, confirm, refresh });
  const configure = (key: string, value: string) => stack.setConfig(`settlement:${key}`, { value }, true);
  const get = async <T>(path: string): Promise<T> => {
    const headers = { authorization: `Bearer ${local.cloud.identities.ownerToken}` };
    const response = await fetch(`${local.cloud.url}${path}`, { headers });
    expect([path, response.status]).toEqual([path, 200]);
    return (await response.json()) as T;
  };
  const change = async (method: string, path: string, body?: object) => {
    const headers = {
      authorization: `Bearer ${local.cloud.identities.ownerToken}`,
      ...(body && { "content-type": "application/json" }),
    };
    const response = await fetch(`${local.cloud.url}${path}`, {
      method,
      headers,
      ...(body && { body: JSON.stringify(body) }),
    });
    expect([path, response.ok]).toEqual([path, true]);
  };
  const retained = async () => {
    const path = `/sql/v1beta4/projects/settlement-local/instances/${String((await stack.outputs()).instanceName?.value)}`;
    const { settings } = await get<{ settings: { backupConfiguration: { backupRetentionSettings: object } } }>(path);
    return settings.backupConfiguration.backupRetentionSettings;
  };
  const resources = async () =>
    ((await stack.exportStack()).deployment as { resources?: { urn: string; modified: string }[] }).resources ?? [];

  beforeAll(async () => {
    mkdirSync(join(ROOT, ".local"), { recursive: true });
    folder = mkdtempSync(join(ROOT, ".local", "preview-e2e-"));
    local = await startLocal(folder, () => undefined);
    stack = local.stack;
  });

  afterAll(async () => {
    await local.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("a mandatory policy blocks, and nothing is created", async () => {
    await configure("service.public", "true");
    await expect(up()).rejects.toThrow("An update of local is blocked, as said above. Nothing was changed.");
    expect(shown()).toMatch(/^### ⛔ local is blocked by 1 policy violation: /);
    expect(shown()).toContain("- `public-invoker` on `settlement-public-invoker`: Only the services");
    expect(await resources()).toEqual([]);
    await configure("service.public", "false");
  });

  test("a new stack is shown with its migrations, then made", async () => {
    expect(await up()).toBe(true);
    const markdown = shown();
    expect(markdown).toMatch(
      new RegExp(`^### ✅ local can be updated: ${ALL} to create, 2 migrations pending\\. <!-- `),
    );
    expect(markdown).toContain("CREATE TABLE settlement_commands (");
    expect(markdown).toContain("+ password: [secret]");
    expect(markdown).not.toContain("**Advice**");
    expect(printed).not.toMatch(/warning|remediat/i);
  });

  test("what was changed by hand is named by resource, and undone by an update that refreshes", async () => {
    const instance = `/sql/v1beta4/projects/settlement-local/instances/${String((await stack.outputs()).instanceName?.value)}`;
    const bucket = "/storage/v1/b/settlement-local-migrations";
    const script = `${bucket}/o/${encodeURIComponent("migrations/20251025120000_create_settlement_commands.sql")}`;
    interface Settings {
      backupConfiguration: Record<string, unknown>;
    }
    const { backupConfiguration } = (await get<{ settings: Settings }>(instance)).settings;
    await change("PATCH", instance, {
      settings: { backupConfiguration: { ...backupConfiguration, startTime: "05:00" } },
    });
    await change("PATCH", bucket, { labels: { app: "by-hand" } });
    await change("DELETE", script);

    // Nobody looked, and an unchanged stack is one line.
    const unchanged = `### ✅ local is unchanged: ${ALL} resources. <!-- settlement preview: local -->\n`;
    expect(await inspect(stack)).toMatchObject({ blocked: false, markdown: unchanged });
    const { blocked, drifted, markdown } = await inspect(stack, { refresh: true });
    expect({ blocked, drifted }).toEqual({ blocked: false, drifted: true });
    expect(markdown).toMatch(
      new RegExp(`^### ✅ local can be updated: 2 to update, 1 to create, ${ALL - 3} unchanged\\. `),
    );
    expect(markdown).toContain(`**Changed by hand since the last update**

- \`settlement-20251025120000\` (gcp.storage.BucketObject) is gone
- \`settlement-instance\` (gcp.sql.DatabaseInstance)
  - \`settings.backupConfiguration.startTime\` \`"03:00"\` → \`"05:00"\`
- \`settlement-migrations\` (gcp.storage.Bucket)
  - \`labels.app\` \`"settlement"\` → \`"by-hand"\`
`);

    expect(await up(yes, true)).toBe(true);
    expect((await get<{ settings: Settings }>(instance)).settings.backupConfiguration.startTime).toBe("03:00");
    expect((await get<{ labels: Record<string, string> }>(bucket)).labels.app).toBe("settlement");
    await get(script);
    const after = await inspect(stack, { refresh: true });
    expect(after.markdown).toContain("Nothing was changed by hand since the last update.");
    expect(after.drifted).toBe(false);
  });

  test("a changed property is shown, and nothing is done where nobody agrees", async () => {
    await configure("database.retainedBackups", "9");
    expect(await up(() => Promise.resolve(false))).toBe(false);
    expect(shown()).toMatch(new RegExp(`^### ✅ local can be updated: 1 to update, ${ALL - 1} unchanged\\. `));
    const path = "settings.backupConfiguration.backupRetentionSettings.retainedBackups";
    expect(shown()).toContain(`\n- ${path}: 7\n+ ${path}: 9\n`);
    expect(await retained()).toMatchObject({ retainedBackups: 7 });
  });

  test("up carries out what it showed, the same as before, and stops where the program wants more", async () => {
    const before = shown();
    await expect(up(() => configure("database.retainedBackups", "8").then(yes))).rejects.toThrow(
      "The update of local stopped:",
    );
    expect(shown()).toBe(before);
    expect(await retained()).toMatchObject({ retainedBackups: 7 });
    expect(printed).not.toContain("without traffic"); // no update so far made a second revision
  });

  test("a replaced instance blocks, and nothing is touched", async () => {
    await stack.setConfig("gcp:region", { value: "europe-west1" });
    const before = await resources();
    await expect(up()).rejects.toThrow("blocked");
    const markdown = shown();
    expect(markdown).toMatch(/^### ⛔ local is blocked by 5 changes that would lose data: /);
    expect(markdown).toContain("`settlement-instance` (gcp.sql.DatabaseInstance) is replaced; lost is every database");
    expect(markdown).toContain('- region: "us-central1"\n+ region: "europe-west1"');
    // Kept: the scripts, retained on delete, and the secret's version, abandoned.
    expect(markdown.match(/^ {4}- .*@/gm)?.map((line) => line.replace(/@.*/, "").trim())).toEqual([
      "- settlement-database",
      "- settlement-instance",
      "- settlement-migrations",
      "- settlement-user",
      "- settlement-user-b",
    ]);
    expect(await resources()).toEqual(before);
    await stack.setConfig("gcp:region", { value: "us-central1" });
  });

  test("a deletion is done once it is named, and a line that is left behind allows no other", async () => {
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

    await small.up({ program: papers });
    await expect(remove()).rejects.toThrow("blocked");
    expect(await buckets()).toEqual(["papers-local"]);
    const entry = / {4}- (papers@.*)/.exec(shown())?.[1] ?? "";
    await small.setConfig("settlement:allowDestructive[0]", { value: entry }, true);
    await remove();
    expect(shown()).toContain("lost is every object in the bucket. Allowed by the configuration.");
    expect(await buckets()).toEqual([]);

    await small.up({ program: papers });
    await expect(remove()).rejects.toThrow("blocked");
    expect(shown()).toContain(`names what this update does not do: \`${entry}\`. Remove it.`);
    expect(await buckets()).toEqual(["papers-local"]);
  });

  test("no secret is printed, in any form", async () => {
    const version = await get<{ payload: { data: string } }>(
      "/v1/projects/settlement-local/secrets/settlement-db-connection-string/versions/latest:access",
    );
    const string = Buffer.from(version.payload.data, "base64").toString();
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

describe("the commands", () => {
  const { PATH, HOME, PULUMI_HOME } = process.env;
  const run = (...args: string[]) => call("preview", args, { PATH, HOME, PULUMI_HOME });
  const call = async (name: string, args: string[], env: NodeJS.ProcessEnv) => {
    const command = ["--require", join(ROOT, "ops", "register.cjs"), join(ROOT, "ops", `${name}.ts`), ...args];
    try {
      const { stdout } = await promisify(execFile)(process.execPath, command, { cwd: ROOT, env });
      return { code: 0, text: stdout };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, text: stdout + stderr };
    }
  };

  test("staging and prod, without credentials", async () => {
    const names = ["staging", "prod"];
    const answers = await Promise.all(names.map((name) => run("--stack", name, "--offline")));
    for (const [index, { code, text }] of answers.entries()) {
      const name = names[index] ?? "";
      const listed = inventory(name);
      const first = `### ✅ ${name} can be updated: ${listed.length} to create, 2 migrations pending. <!--`;
      expect(text.slice(0, first.length)).toBe(first);
      expect(text).toContain("Compared with an empty state, without credentials");
      for (const { name, type } of listed) expect(text).toContain(`| create | \`${name}\` | ${type} |`);
      expect(text.includes("This stack takes over what was made by hand")).toBe(name === "prod");
      expect(text).not.toContain("**Advice**");
      expect(code).toBe(0);
    }
  });

  test("a wrong stack file is told with all its mistakes, before anything is started", async () => {
    const stack = `wrong-${process.pid}`;
    const file = join(ROOT, `Pulumi.${stack}.yaml`);
    writeFileSync(
      file,
      "config:\n  gcp:project: a.com:fusion-prime\n  gcp:region: us-central1-a\n  settlement:tier: db-f1-micro\n",
    );
    try {
      const nothing = { PATH: "", HOME: join(ROOT, "docs"), PULUMI_HOME: join(ROOT, "docs") };
      const [preview, up] = await Promise.all([
        call("preview", ["--stack", stack], nothing),
        call("up", ["--stack", stack], nothing),
      ]);
      expect(preview.text).toContain(`### ⛔ ${stack} is blocked by 1 error: nothing to change.`);
      expect(up.text).toMatch(new RegExp(`^Pulumi.${stack}.yaml: The stack's configuration needs changes:`));
      for (const { code, text } of [preview, up]) {
        expect(text.replaceAll("\\", "")).toContain('gcp:region is "us-central1-a"; expected a region;');
        expect(text).toContain("a name that a bucket may have");
        expect(text).toContain("settlement:tier is not a key of this program; remove it.");
        expect(code).toBe(1);
      }
    } finally {
      rmSync(file);
    }
  });

  test("a wrong command line says so, with exit code 2", async () => {
    expect(await run()).toMatchObject({ code: 2, text: expect.stringMatching(/^Which stack\? Add --stack/) as string });
  });
});
