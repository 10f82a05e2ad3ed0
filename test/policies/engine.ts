import {
  type EngineEvent,
  LocalWorkspace,
  type PolicyEvent,
  type PreviewOptions,
  type PulumiFn,
} from "@pulumi/pulumi/automation/index.js";
import { rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { findCli } from "../../ops/engine/cli.ts";
import { ENGINE } from "../../ops/engine/program.ts";
import { ROOT } from "../../ops/engine/stack-file.ts";
import { newFolder } from "../folder.ts";

/** The result of a run of the real engine. */
export interface Run {
  /** Whether the exit code was 0. */
  readonly succeeded: boolean;
  readonly output: string;
  readonly violations: readonly PolicyEvent[];
}

export interface RunOptions {
  readonly program: PulumiFn;
  readonly stack: string;
  /** Running providers and their ports, as PULUMI_DEBUG_PROVIDERS takes them. */
  readonly providers: string;
  readonly config?: Readonly<Record<string, string>>;
  /** File for `--policy-pack-config`. */
  readonly policyConfig?: string;
  /** Folder of the policy pack; `policies` by default. */
  readonly pack?: string;
  /** Deploy the program instead of previewing it. */
  readonly update?: boolean;
}

/** Runs a program in the real engine with the policy pack, in a temporary folder. */
export async function run(options: RunOptions): Promise<Run> {
  const command = await findCli(() => undefined);
  const folder = newFolder("policies");
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
      policyPacks: [join(ROOT, options.pack ?? "policies")],
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
