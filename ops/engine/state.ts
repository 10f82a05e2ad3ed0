import { execFile, type ExecFileException } from "node:child_process";
import { promisify } from "node:util";
import { cliError } from "../terminal/cli-error.ts";
import { UserError } from "../terminal/user-error.ts";
import { stackFiles } from "./file-backend.ts";

/** The parts of a resource's state used here. */
export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly inputs: Readonly<Record<string, string>>;
  readonly outputs?: Readonly<Record<string, string>>;
  readonly created?: string;
  readonly modified?: string;
}

/** A stack's state; `R` is the part of a resource that the caller reads. */
export interface Deployment<R = StateResource> {
  readonly secrets_providers?: object | undefined;
  readonly manifest?: { readonly time: string };
  readonly resources?: readonly R[];
  /** What an interrupted update was doing. */
  readonly pending_operations?: readonly { readonly type: string; readonly resource: StateResource }[];
}

/** A state as the engine exports and imports it. */
export interface State<R = StateResource> {
  readonly version: number;
  readonly deployment: Deployment<R>;
}

/** The part of the Automation API's `Stack` needed to read and write its state. */
export interface StackState {
  readonly name: string;
  readonly workspace: {
    readonly envVars: Readonly<Record<string, string>>;
    readonly pulumiCommand: { readonly command: string };
    readonly workDir: string;
  };
}

/**
 * Reads a stack's state; unless secrets are requested they stay encrypted and no key is needed. A state in a folder is read
 * from its file, since each run of the CLI takes a third of a second.
 * @param options Whether to decrypt secrets, by default not, and the CLI's timeout in milliseconds, by default none.
 * @throws UserError with the engine's error if it cannot be read.
 */
export async function readState<R = StateResource>(
  stack: StackState,
  { showSecrets = false, timeout }: { readonly showSecrets?: boolean; readonly timeout?: number } = {},
): Promise<State<R>> {
  const stored = showSecrets ? undefined : filesOf(stack)?.read<Deployment<R>>();
  if (stored) {
    const { checkpoint, ...rest } = stored;
    return { ...rest, deployment: checkpoint.latest ?? {} };
  }
  const args = ["export", ...(showSecrets ? ["--show-secrets"] : [])];
  return JSON.parse(await engine(stack, args, { timeout })) as State<R>;
}

function filesOf({ name, workspace }: StackState) {
  return stackFiles(workspace.envVars.PULUMI_BACKEND_URL ?? "", name);
}

/**
 * Replaces a stack's state, which reaches the engine through a pipe, not a file.
 * @throws UserError with the engine's error if it rejects the state.
 */
export async function writeState(stack: StackState, state: State): Promise<void> {
  await engine(stack, ["import"], { input: JSON.stringify(state) });
}

/**
 * Records in a state what an update may have created, as the engine does before each step. `pulumi stack import` drops
 * pending operations, so they go into the file; a state in another backend gets none.
 */
export function notePending(stack: StackState, creating: readonly StateResource[]): void {
  const files = filesOf(stack);
  const stored = files?.read<Deployment>();
  if (!stored || creating.length === 0) return;
  const { latest = {} } = stored.checkpoint;
  const added = creating.map((resource) => ({ type: "creating", resource }));
  const pending_operations = [...(latest.pending_operations ?? []), ...added];
  files?.write({ ...stored, checkpoint: { ...stored.checkpoint, latest: { ...latest, pending_operations } } });
}

/** The outputs of a stack, by name; secret ones stay encrypted. */
export function outputsOf({ deployment: { resources = [] } }: State): Readonly<Record<string, string | undefined>> {
  return resources.find(({ type }) => type === "pulumi:pulumi:Stack")?.outputs ?? {};
}

/** Runs a `pulumi stack` command. */
async function engine(
  { name, workspace }: StackState,
  args: readonly string[],
  { input = "", timeout }: { input?: string; timeout?: number | undefined },
): Promise<string> {
  const { envVars, pulumiCommand, workDir } = workspace;
  const env = { ...process.env, ...envVars };
  const options = { cwd: workDir, env, maxBuffer: Infinity, ...(timeout !== undefined && { timeout }) };
  const command = ["stack", ...args, "--stack", name, "--non-interactive"];
  const running = promisify(execFile)(pulumiCommand.command, command, options);
  running.child.stdin?.on("error", () => undefined).end(input); // if the CLI ends early, its exit code says so
  try {
    return (await running).stdout;
  } catch (error) {
    const { code, message, stderr = "" } = error as ExecFileException;
    if (typeof code === "string") throw new UserError(`The state of ${name} cannot be read: ${message}.`);
    throw new UserError(`The state of ${name}: ${cliError(new Error(stderr))}`);
  }
}
