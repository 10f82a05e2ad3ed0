import type { Stack } from "@pulumi/pulumi/automation";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { type LocalEnvironment, startLocal } from "../../ops/local";
import { update } from "../../ops/preview/update";
import { ROOT } from "../../ops/workspace";

jest.setTimeout(300_000);

describe("a stack that is production, on the embedded cloud", () => {
  let folder: string;
  let local: LocalEnvironment;
  let stack: Stack;

  const up = async (environment: string) => {
    await stack.setConfig("settlement:environment", { value: environment });
    const quiet = () => undefined;
    await update(stack, { print: quiet, progress: quiet, confirm: () => Promise.resolve(true) });
  };
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
    folder = mkdtempSync(join(ROOT, ".local", "protection-e2e-"));
    local = await startLocal(folder, () => undefined);
    stack = local.stack;
    await stack.setConfig("settlement:database.availability", { value: "REGIONAL" }, true);
    await up("prod");
  });

  afterAll(async () => {
    await local.stop();
    rmSync(folder, { recursive: true, force: true });
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
    await up("local");
    const { code, output } = await destroy();
    expect({ code, why: code === 0 ? "" : output }).toEqual({ code: 0, why: "" });
    expect(await resources()).toEqual([]);
  });
});
