import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { parse } from "yaml";
import { startLanguageHost } from "../../bench/language-host.ts";
import { findCli } from "../../ops/engine/cli.ts";
import { startProviders } from "../../ops/engine/providers.ts";
import { ROOT } from "../../ops/engine/stack-file.ts";

jest.setTimeout(120_000);

/** Pulumi.yaml, as far as the language host reads it. */
const PROJECT = parse(readFileSync(join(ROOT, "Pulumi.yaml"), "utf8")) as {
  runtime: { options: { typescript: boolean; nodeargs: string } };
};

describe("plain pulumi, with the project's own entry", () => {
  let folder: string;
  let host: Awaited<ReturnType<typeof startLanguageHost>>;
  let providers: Awaited<ReturnType<typeof startProviders>>;
  let pulumi: (...args: string[]) => Promise<{ code: number; output: string }>;

  beforeAll(async () => {
    mkdirSync(join(ROOT, ".local"), { recursive: true });
    folder = mkdtempSync(join(ROOT, ".local", "plain-"));
    copyFileSync(join(ROOT, "Pulumi.yaml"), join(folder, "Pulumi.yaml"));
    // Protected as staging and prod are, so that the program has the hook that speaks up for the login's password.
    const stackFile = readFileSync(join(ROOT, "Pulumi.local.yaml"), "utf8");
    writeFileSync(join(folder, "Pulumi.local.yaml"), `${stackFile}  settlement:protect: true\n`);
    mkdirSync(join(folder, "state"));
    const command = await findCli(() => undefined);
    const { nodeargs, typescript } = PROJECT.runtime.options;
    host = await startLanguageHost({
      env: { PULUMI_NODEJS_TYPESCRIPT: String(typescript) },
      nodeargs: nodeargs.split(" "),
    });
    providers = await startProviders(command);
    const env = {
      ...process.env,
      ...providers.env,
      PULUMI_BACKEND_URL: `file://${join(folder, "state")}`,
      PULUMI_CONFIG_PASSPHRASE: "only for this test",
      PULUMI_SKIP_UPDATE_CHECK: "true",
    };
    pulumi = async (...args) => {
      try {
        const all = [...args, "--non-interactive", "--color=never", `--client=${host.address}`];
        const { stdout, stderr } = await promisify(execFile)(command.command, args[0] === "preview" ? all : args, {
          cwd: folder,
          env,
        });
        return { code: 0, output: stdout + stderr };
      } catch (error) {
        const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
        return { code, output: stdout + stderr };
      }
    };
    await pulumi("stack", "init", "local");
  });

  afterAll(async () => {
    await providers.stop();
    host.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("a preview shows the whole stack", async () => {
    const { code, output } = await pulumi("preview");
    expect(output).toContain("gcp:cloudrunv2:Service settlement-service create");
    expect(output).toContain("settlement-schema");
    expect(code).toBe(0);
  });

  test("a wrong configuration is a few sentences, without a stack trace", async () => {
    await pulumi("config", "set", "gcp:region", "us-central1-a");
    await pulumi("config", "set", "--path", "settlement:service.memory", "much");
    const { code, output } = await pulumi("preview");
    expect(code).not.toBe(0);
    expect(output).toContain(
      'gcp:region is "us-central1-a"; expected a region; "us-central1-a" is a zone, its region is us-central1.',
    );
    expect(output).toContain('settlement:service.memory is "much"; expected an amount of memory, such as 512Mi.');
    expect(output).not.toMatch(/^\s+at /m);
  });
});
