import { LocalWorkspace, type PulumiCommand, type Stack, StackNotFoundError } from "@pulumi/pulumi/automation/index.js";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../terminal/user-error.ts";
import { pluginsBeside } from "./cli.ts";
import { ENGINE, inlineProgram } from "./program.ts";
import { backendOf, readStackFile, ROOT, writeStackCopy } from "./stack-file.ts";

/** What a stack is opened with. */
export interface StackOptions {
  /** The stack's name, as in `Pulumi.<name>.yaml`. */
  readonly name: string;
  readonly command: PulumiCommand;
  /** The engine's environment, besides this process's own. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Opens a stack whose state is shared: the engine works in the repository, as plain `pulumi` does.
 * @param say Prints a line of progress.
 * @throws UserError where the stack was never made, or nobody knows where its state is.
 */
export async function openSharedStack(
  { name, command, env }: StackOptions,
  say: (line: string) => void,
): Promise<Stack> {
  const backend = backendOf(name);
  if (backend === undefined) {
    throw new UserError(
      `Stack "${name}" has no state: set PULUMI_BACKEND_URL, or add it to BACKENDS in ops/engine/stack-file.ts.`,
    );
  }
  say(`State           PULUMI_BACKEND_URL=${backend}`);
  const settings = { pulumiCommand: command, envVars: { PULUMI_BACKEND_URL: backend, ...ENGINE, ...env } };
  if (backend.startsWith("file://")) {
    const workDir = rehearsalFolder(name, command);
    return LocalWorkspace.createOrSelectStack(inlineProgram(name), { ...settings, workDir });
  }
  return LocalWorkspace.selectStack(inlineProgram(name), { ...settings, workDir: ROOT }).catch((error: unknown) => {
    if (!(error instanceof StackNotFoundError)) throw error;
    const { secretsprovider = "gcpkms://…" } = readStackFile(name);
    throw new UserError(
      `There is no stack "${name}" in ${backend} yet. After \`npm run bootstrap -- --stack ${name}\`, make it once, and commit the encryptedkey that this writes into its file: \`PULUMI_BACKEND_URL=${backend} pulumi stack init ${name} --secrets-provider=${secretsprovider}\``,
    );
  });
}

/**
 * Where the engine works on a stack whose state is in a folder, so that a pipeline can be rehearsed on one machine. In its
 * copy of the stack file is no key, which only Google has: the passphrase of the environment encrypts secrets instead.
 */
function rehearsalFolder(name: string, command: PulumiCommand): string {
  const workDir = join(ROOT, ".local", `rehearsal-${name}`);
  mkdirSync(workDir, { recursive: true, mode: 0o700 });
  const { config = {} } = readStackFile(name);
  writeStackCopy(name, workDir, { config }, pluginsBeside(command));
  return workDir;
}
