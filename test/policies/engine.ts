import {
  type EngineEvent,
  LocalWorkspace,
  type PolicyEvent,
  type PreviewOptions,
  type PulumiFn,
} from "@pulumi/pulumi/automation/index.js";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { findCli } from "../../ops/engine/cli.ts";
import { ENGINE } from "../../ops/engine/program.ts";
import { ROOT } from "../../ops/engine/stack-file.ts";

/** What a run of the real engine said. */
export interface Run {
  /** Whether the command ended with exit code 0. */
  readonly succeeded: boolean;
  readonly output: string;
  readonly violations: readonly PolicyEvent[];
}

/** What a program is run with. */
export interface RunOptions {
  readonly program: PulumiFn;
  readonly stack: string;
  /** Running providers and their ports, as PULUMI_DEBUG_PROVIDERS takes them. */
  readonly providers: string;
  readonly config?: Readonly<Record<string, string>>;
  /** A file that `--policy-pack-config` names. */
  readonly policyConfig?: string;
  /** Where there is one, the program is really deployed, without a preview before. */
  readonly update?: boolean;
}

/** Runs a program through the real engine with the policy pack, in a folder of its own that is removed afterwards. */
export async function run(options: RunOptions): Promise<Run> {
  const command = await findCli(() => undefined);
  mkdirSync(join(ROOT, ".local"), { recursive: true });
  const folder = mkdtempSync(join(ROOT, ".local", "policies-"));
  try {
    const analyzers = [{ name: "policy-nodejs", path: dirname(command.command) }];
    const stack = await LocalWorkspace.createOrSelectStack(
      { stackName: options.stack, projectName: "settlement", program: options.program },
      {
        workDir: folder,
        pulumiCommand: command,
        projectSettings: { name: "settlement", runtime: "nodejs", plugins: { analyzers } } as never,
        envVars: {
          PULUMI_BACKEND_URL: `file://${folder}`,
          PULUMI_CONFIG_PASSPHRASE: "for the test",
          ...ENGINE,
          PULUMI_DEBUG_PROVIDERS: options.providers,
        },
      },
    );
    const values = Object.entries(options.config ?? {}).map(([key, value]) => [key, { value }] as const);
    await stack.setAllConfig(Object.fromEntries(values));
    let output = "";
    const violations: PolicyEvent[] = [];
    const follow: PreviewOptions = {
      policyPacks: [join(ROOT, "policies")],
      ...(options.policyConfig && { policyPackConfigs: [options.policyConfig] }),
      color: "never",
      onOutput: (text) => (output += text),
      onError: (text) => (output += text),
      onEvent: ({ policyEvent }: EngineEvent) => {
        if (policyEvent) violations.push(policyEvent);
      },
    };
    const succeeded = await (options.update ? stack.up(follow) : stack.preview(follow)).then(
      () => true,
      () => false,
    );
    return { succeeded, output, violations };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
