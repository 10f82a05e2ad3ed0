import type { Stack } from "@pulumi/pulumi/automation";
import { spawn } from "node:child_process";
import { lastWords } from "./preview/last-words";
import { UserError } from "./user-error";

/** A resource as a state keeps it, as far as it is read here. */
export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly inputs: Readonly<Record<string, string>>;
  readonly outputs?: Readonly<Record<string, string>>;
  /** When the resource came into the stack, and when its state last changed. */
  readonly created?: string;
  readonly modified?: string;
}

/** What a stack's state holds. */
export interface Deployment {
  /** What its secrets are encrypted with. */
  readonly secrets_providers?: object | undefined;
  readonly manifest?: { readonly time: string };
  readonly resources?: readonly StateResource[];
  /** What an update that ended in the middle was at. */
  readonly pending_operations?: readonly { readonly type: string; readonly resource: StateResource }[];
}

/** A state as the engine hands it out and takes it. */
export interface State {
  readonly version: number;
  readonly deployment: Deployment;
}

/**
 * Reads a stack's state, as it is stored: secrets stay encrypted, and no key is asked for.
 * @param options Whether to decrypt the secrets all the same.
 * @throws UserError with the engine's last word where it cannot be read.
 */
export async function readState(stack: Stack, { showSecrets = false } = {}): Promise<State> {
  return JSON.parse(await engine(stack, ["export", ...(showSecrets ? ["--show-secrets"] : [])])) as State;
}

/**
 * Replaces a stack's state. It goes to the engine through a pipe, and lies in no file on the way.
 * @throws UserError with the engine's last word where it refuses the state.
 */
export async function writeState(stack: Stack, state: State): Promise<void> {
  await engine(stack, ["import"], JSON.stringify(state));
}

/** Runs a command of the CLI on the state. */
async function engine(stack: Stack, args: readonly string[], input = ""): Promise<string> {
  const { envVars, pulumiCommand, workDir } = stack.workspace;
  const child = spawn(pulumiCommand.command, ["stack", ...args, "--stack", stack.name, "--non-interactive"], {
    cwd: workDir,
    env: { ...process.env, ...envVars },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let [output, errors] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  child.stdin.on("error", () => undefined).end(input); // where it ends early, its exit code says so
  const code = await new Promise((resolve, reject) => child.once("error", reject).once("close", resolve));
  if (code === 0) return output;
  throw new UserError(`The state of ${stack.name}: ${lastWords(new Error(errors))}`);
}
