import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { parseDocument } from "yaml";
import { startLanguageHost } from "../../bench/language-host.ts";
import { findCli } from "../../ops/engine/cli.ts";
import { OFFLINE, startProviders } from "../../ops/engine/providers.ts";
import { ROOT } from "../../ops/engine/stack-file.ts";
import { newFolder } from "../folder.ts";

jest.setTimeout(120_000);

describe("plain pulumi with the project's entry point", () => {
  let folder: string;
  let host: Awaited<ReturnType<typeof startLanguageHost>>;
  let providers: Awaited<ReturnType<typeof startProviders>>;
  let pulumi: (...args: string[]) => Promise<{ code: number; output: string }>;
  let preview: typeof pulumi;

  beforeAll(async () => {
    folder = newFolder("plain");
    writeFileSync(join(folder, "Pulumi.yaml"), `${readFileSync(join(ROOT, "Pulumi.yaml"), "utf8")}\nmain: ${ROOT}\n`);
    // Protected like staging and prod, so that the program registers the hook for the login's password.
    const stackFile = readFileSync(join(ROOT, "Pulumi.local.yaml"), "utf8");
    writeFileSync(join(folder, "Pulumi.local.yaml"), `${stackFile}  settlement:protect: true\n`);
    mkdirSync(join(folder, "state"));
    const command = await findCli(() => undefined);
    host = await startLanguageHost();
    providers = await startProviders(command);
    const env = {
      ...process.env,
      ...OFFLINE,
      ...providers.env,
      PULUMI_BACKEND_URL: `file://${join(folder, "state")}`,
      PULUMI_CONFIG_PASSPHRASE: "only for this test",
      PULUMI_SKIP_UPDATE_CHECK: "true",
    };
    pulumi = async (...args) => {
      const all = [...args, "--non-interactive", "--color=never"];
      try {
        const { stdout, stderr } = await promisify(execFile)(command.command, all, { cwd: folder, env });
        return { code: 0, output: stdout + stderr };
      } catch (error) {
        const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
        return { code, output: stdout + stderr };
      }
    };
    preview = (...args) => pulumi("preview", `--client=${host.address}`, ...args);
    await pulumi("stack", "init", "local");
  });

  afterAll(async () => {
    await providers.stop();
    host.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("previews the whole stack", async () => {
    const { code, output } = await preview();
    expect(output).toContain("gcp:cloudrunv2:Service settlement-service create");
    expect(output).toContain("settlement-schema");
    expect(code).toBe(0);
  });

  test("refuses a wrong configuration in a few sentences, without a stack trace", async () => {
    const stackFile = parseDocument(readFileSync(join(folder, "Pulumi.local.yaml"), "utf8"));
    stackFile.setIn(["config", "gcp:region"], "us-central1-a");
    stackFile.setIn(["config", "settlement:service", "memory"], "much");
    writeFileSync(join(folder, "wrong.yaml"), stackFile.toString());
    const { code, output } = await preview("--config-file=wrong.yaml");
    expect(code).not.toBe(0);
    expect(output).toContain(
      'gcp:region is "us-central1-a"; expected a region; "us-central1-a" is a zone, its region is us-central1.',
    );
    expect(output).toContain('settlement:service.memory is "much"; expected an amount of memory, such as 512Mi.');
    expect(output).not.toMatch(/^\s+at /m);
  });
});
