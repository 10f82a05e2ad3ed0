import { LocalWorkspace, type PulumiCommand, type Stack, StackNotFoundError } from "@pulumi/pulumi/automation/index.js";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { quoted } from "../terminal/command.ts";
import { UserError } from "../terminal/user-error.ts";
import { pluginsBeside } from "./cli.ts";
import { ENGINE, inlineProgram } from "./program.ts";
import { backendOf, readStackFile, ROOT, writeStackCopy } from "./stack-file.ts";

/** How to open a stack. */
export interface StackOptions {
  readonly name: string;
  readonly command: PulumiCommand;
  /** Additional environment for the engine. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Opens a stack with shared state: the engine works in the repository, as plain `pulumi` does.
 * @param say Prints a line of progress.
 * @throws UserError if the stack or its backend does not exist.
 */
export async function openSharedStack(
  { name, command, env }: StackOptions,
  say: (line: string) => void,
): Promise<Stack> {
  const backend = backendOf(name);
  if (backend === undefined) {
    throw new UserError(
      `Stack "${name}" has no backend: set PULUMI_BACKEND_URL, or add it to BACKENDS in ops/engine/stack-file.ts.`,
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
      `Stack "${name}" does not exist in ${backend} yet. After \`npm run bootstrap -- --stack ${name}\`, create it once, and commit the encryptedkey that this adds to its file: \`PULUMI_BACKEND_URL=${quoted(backend)} pulumi stack init ${name} --secrets-provider=${secretsprovider}\``,
    );
  });
}

/**
 * The engine's working folder for a stack whose state is in a folder, so that a pipeline can be rehearsed on one machine. Its
 * copy of the stack file names no Cloud KMS key: the environment's passphrase encrypts secrets instead.
 */
function rehearsalFolder(name: string, command: PulumiCommand): string {
  const workDir = join(ROOT, ".local", `rehearsal-${name}`);
  mkdirSync(workDir, { recursive: true, mode: 0o700 });
  const { config = {} } = readStackFile(name);
  writeStackCopy(name, workDir, { config }, pluginsBeside(command));
  return workDir;
}
