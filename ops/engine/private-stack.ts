import { LocalWorkspace, type Stack } from "@pulumi/pulumi/automation/index.js";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { replaceFile, StoreError } from "../../packages/embedded-google-cloud/state/store.ts";
import { pluginsBeside } from "./cli.ts";
import { StackFiles } from "./file-backend.ts";
import { takeOverInterrupted } from "./interrupted.ts";
import { privateFolder } from "./private-folder.ts";
import { ENGINE, inlineProgram } from "./program.ts";
import type { Providers } from "./providers.ts";
import type { StackOptions } from "./shared-stack.ts";
import { readStackFile, stackPath, writeStackCopy } from "./stack-file.ts";
import type { Deployment } from "./state.ts";

/** How to open a stack whose state is on this machine. */
export interface PrivateStackOptions extends Omit<StackOptions, "env"> {
  /** As for any stack; awaited only after the state is created. */
  readonly env: StackOptions["env"] | Promise<StackOptions["env"]>;
  /** A git-ignored folder inside the repository, so that plugins running there find node_modules. */
  readonly folder: string;
  /** Additional configuration, such as the embedded cloud's endpoints. */
  readonly config: Readonly<Record<string, string>>;
}

/**
 * Opens a stack on this machine only: state in the folder, secrets encrypted with a generated passphrase. The engine works
 * on a copy of the stack file, because it adds the passphrase's salt, and the configuration may differ.
 * @param say Prints a line of progress.
 */
export async function openPrivateStack(options: PrivateStackOptions, say: (line: string) => void): Promise<Stack> {
  const { command, env, name } = options;
  const { envVars, passphrase, state, workDir } = privateFolder(options.folder);
  for (const path of [workDir, state]) mkdirSync(path, { recursive: true, mode: 0o700 });

  const salt = existsSync(stackPath(name, workDir)) ? readStackFile(name, workDir).encryptionsalt : undefined;
  if (salt === undefined) replaceFile(passphrase, randomBytes(24).toString("base64url"));
  else if (!existsSync(passphrase))
    throw new StoreError(passphrase, "it is missing, and the state is encrypted with it");
  const config = { ...readStackFile(name).config, ...options.config };
  const copy = { config, ...(salt !== undefined && { encryptionsalt: salt }) };
  writeStackCopy(name, workDir, copy, pluginsBeside(command));

  const files = new StackFiles(state, name);
  await files.breakDeadLocks();
  files.restoreTruncated();
  const settings = { workDir, pulumiCommand: command, envVars: { ...envVars, ...ENGINE } };
  const opening = files.exists()
    ? LocalWorkspace.selectStack(inlineProgram(name), settings)
    : LocalWorkspace.createStack(inlineProgram(name), settings);
  const [stack, own] = await Promise.all([opening, env]);
  Object.assign(stack.workspace.envVars, own);
  if (files.read<Deployment>()?.checkpoint.latest?.pending_operations) await takeOverInterrupted(stack, say);
  return stack;
}

/**
 * Opens a stack on this machine only while its providers start, and stops them if that fails.
 * @param say Prints a line of progress.
 */
export async function openWithProviders(
  starting: Promise<Providers>,
  options: Omit<PrivateStackOptions, "env">,
  say: (line: string) => void,
): Promise<{ readonly stack: Stack; readonly stop: Providers["stop"] }> {
  const env = starting.then((providers) => providers.env);
  env.catch(() => undefined); // thrown below, when `starting` is awaited
  try {
    const stack = await openPrivateStack({ ...options, env }, say);
    return { stack, stop: (await starting).stop };
  } catch (error) {
    await (await starting).stop();
    throw error;
  }
}
