import { spawn } from "node:child_process";
import { cliError } from "../terminal/cli-error.ts";
import { UserError } from "../terminal/user-error.ts";
import { stackFiles } from "./file-backend.ts";

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

/** What a stack's state holds; `R` is what is read of a resource. */
export interface Deployment<R = StateResource> {
  /** What its secrets are encrypted with. */
  readonly secrets_providers?: object | undefined;
  readonly manifest?: { readonly time: string };
  readonly resources?: readonly R[];
  /** What an update that ended in the middle was at. */
  readonly pending_operations?: readonly { readonly type: string; readonly resource: StateResource }[];
}

/** A state as the engine hands it out and takes it. */
export interface State<R = StateResource> {
  readonly version: number;
  readonly deployment: Deployment<R>;
}

/** A stack, as far as its state is concerned; the Automation API's own is one. */
export interface StackState {
  readonly name: string;
  readonly workspace: {
    readonly envVars: Readonly<Record<string, string>>;
    readonly pulumiCommand: { readonly command: string };
    readonly workDir: string;
  };
}

/** How a state is read. */
export interface ReadOptions {
  /** Whether to decrypt its secrets. */
  readonly showSecrets?: boolean;
  /** Longest to wait for it, in milliseconds; as long as it takes by default. */
  readonly patience?: number;
}

/**
 * Reads a stack's state, as it is stored: secrets stay encrypted, and no key is asked for, unless they are asked for. A
 * state in a folder is read from its file, which costs nothing; each run of the CLI costs a third of a second.
 * @throws UserError with the engine's last word where it cannot be read.
 */
export async function readState<R = StateResource>(
  stack: StackState,
  { patience, showSecrets = false }: ReadOptions = {},
): Promise<State<R>> {
  const stored = showSecrets ? undefined : filesOf(stack)?.read<Deployment<R>>();
  if (stored) {
    const { checkpoint, ...rest } = stored;
    return { ...rest, deployment: checkpoint.latest ?? {} };
  }
  const args = ["export", ...(showSecrets ? ["--show-secrets"] : [])];
  return JSON.parse(await engine(stack, args, { ...(patience !== undefined && { patience }) })) as State<R>;
}

/** The files of a stack whose state is in a folder. */
function filesOf({ name, workspace }: StackState) {
  return stackFiles(workspace.envVars.PULUMI_BACKEND_URL ?? "", name);
}

/**
 * Replaces a stack's state. It goes to the engine through a pipe, and lies in no file on the way.
 * @throws UserError with the engine's last word where it refuses the state.
 */
export async function writeState(stack: StackState, state: State): Promise<void> {
  await engine(stack, ["import"], { input: JSON.stringify(state) });
}

/**
 * Notes in a state what an update may have made, as the engine does where it is killed. The CLI leaves such notes out of
 * what it imports, so they go into the file; a state that lies elsewhere gets none.
 */
export function notePending(stack: StackState, creating: readonly StateResource[]): void {
  const files = filesOf(stack);
  const stored = files?.read<Deployment>();
  if (!stored || creating.length === 0) return;
  const { latest = {} } = stored.checkpoint;
  const noted = creating.map((resource) => ({ type: "creating", resource }));
  const pending_operations = [...(latest.pending_operations ?? []), ...noted];
  files?.write({ ...stored, checkpoint: { ...stored.checkpoint, latest: { ...latest, pending_operations } } });
}

/** What the program of a stack's last update returned, by name; what is secret stays encrypted. */
export function outputsOf({ deployment: { resources = [] } }: State): Readonly<Record<string, string | undefined>> {
  return resources.find(({ type }) => type === "pulumi:pulumi:Stack")?.outputs ?? {};
}

/** Runs a command of the CLI on the state. */
async function engine(
  { name, workspace }: StackState,
  args: readonly string[],
  { input = "", patience }: { input?: string; patience?: number },
): Promise<string> {
  const { envVars, pulumiCommand, workDir } = workspace;
  const child = spawn(pulumiCommand.command, ["stack", ...args, "--stack", name, "--non-interactive"], {
    cwd: workDir,
    env: { ...process.env, ...envVars },
    stdio: ["pipe", "pipe", "pipe"],
    ...(patience !== undefined && { timeout: patience }),
  });
  let [output, errors] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  child.stdin.on("error", () => undefined).end(input); // where it ends early, its exit code says so
  const code = await new Promise((resolve, reject) => child.once("error", reject).once("close", resolve)).catch(
    (error: unknown) => {
      throw new UserError(`The state of ${name} cannot be read: ${(error as Error).message}.`);
    },
  );
  if (code === 0) return output;
  throw new UserError(`The state of ${name}: ${cliError(new Error(errors))}`);
}
