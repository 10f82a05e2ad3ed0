import {
  LocalWorkspace,
  type PulumiCommand,
  type PulumiFn,
  type Stack,
  StackNotFoundError,
} from "@pulumi/pulumi/automation/index.js";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parse, stringify } from "yaml";
import { loadConfig, type StackConfig } from "../../infra/config.ts";
import { PROJECT } from "../../infra/names.ts";
import type { HeldRevision } from "../../infra/service.ts";
import { settlement } from "../../infra/settlement.ts";
import { isAlive } from "../../packages/embedded-google-cloud/state/lock.ts";
import { replaceFile, StoreError } from "../../packages/embedded-google-cloud/state/store.ts";
import { takeOverInterrupted } from "./interrupted.ts";
import type { Providers } from "./providers.ts";
import { BACKENDS, readStackFile, ROOT, type StackFile, stackPath } from "./stack-file.ts";
import { privateState } from "./state.ts";
import { UserError } from "../terminal/user-error.ts";

export { ROOT } from "./stack-file.ts";

/** What a stack is opened with. */
export interface StackOptions {
  /** The stack's name, as in `Pulumi.<name>.yaml`. */
  readonly name: string;
  readonly command: PulumiCommand;
  /** The engine's environment, besides this process's own. */
  readonly env: Readonly<Record<string, string>>;
}

/** What a stack is opened with whose state lives on this machine. */
export interface PrivateStackOptions extends Omit<StackOptions, "env"> {
  /** As for any stack; needed only once the state is made. */
  readonly env: StackOptions["env"] | Promise<StackOptions["env"]>;
  /** An ignored folder inside the repository: the engine runs plugins there, and they find their packages above it. */
  readonly folder: string;
  /** Configuration besides that of the stack file, such as where the embedded cloud is. */
  readonly config: Readonly<Record<string, string>>;
}

/** What is loaded first into each plugin of the engine that Node.js runs. */
const FIRST = ["as-under-bun.cjs", "end-with-engine.cjs"].map(
  (file) => `--require "${join(import.meta.dirname, file).replaceAll("\\", "\\\\")}"`,
);

/** What every engine's environment has. */
export const ENGINE = {
  PULUMI_SKIP_UPDATE_CHECK: "true",
  NODE_OPTIONS: [process.env.NODE_OPTIONS ?? "", ...FIRST].join(" ").trim(),
};

/**
 * The program that the commands run.
 * @param held The revisions that keep the traffic of the service while its newest one is tried; none by default.
 * @param adjust Makes another configuration of the stack's own.
 */
export function programOf(
  held: readonly HeldRevision[] = [],
  adjust: (config: StackConfig) => StackConfig = (config) => config,
): PulumiFn {
  return () => Promise.resolve(settlement(adjust(loadConfig()), undefined, held));
}

function inlineProgram(name: string) {
  return { stackName: name, projectName: PROJECT, program: programOf() };
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
  const backend = process.env.PULUMI_BACKEND_URL ?? BACKENDS[name];
  if (backend === undefined) {
    throw new UserError(
      `Stack "${name}" has no state: set PULUMI_BACKEND_URL, or add it to BACKENDS in ops/engine/stack-file.ts.`,
    );
  }
  say(`State           PULUMI_BACKEND_URL=${backend}`);
  const envVars = { PULUMI_BACKEND_URL: backend, ...ENGINE, ...env };
  if (backend.startsWith("file://")) return openRehearsal(name, command, envVars);
  return LocalWorkspace.selectStack(inlineProgram(name), { workDir: ROOT, pulumiCommand: command, envVars }).catch(
    (error: unknown) => {
      if (!(error instanceof StackNotFoundError)) throw error;
      const { secretsprovider = "gcpkms://…" } = readStackFile(name);
      throw new UserError(
        `There is no stack "${name}" in ${backend} yet. After \`npm run bootstrap -- --stack ${name}\`, make it once, and commit the encryptedkey that this writes into its file: \`PULUMI_BACKEND_URL=${backend} pulumi stack init ${name} --secrets-provider=${secretsprovider}\``,
      );
    },
  );
}

/**
 * Opens a stack whose state is in a folder, so that a pipeline can be rehearsed on one machine: secrets are encrypted with
 * the passphrase of the environment instead of the key that the stack file names, which only Google has. The engine works
 * on a copy of that file.
 */
function openRehearsal(name: string, command: PulumiCommand, envVars: Record<string, string>): Promise<Stack> {
  const workDir = join(ROOT, ".local", `rehearsal-${name}`);
  mkdirSync(workDir, { recursive: true, mode: 0o700 });
  writeProjectFile(workDir, dirname(command.command));
  const { config } = readStackFile(name);
  replaceFile(stackPath(name, workDir), stringify({ config }));
  return LocalWorkspace.createOrSelectStack(inlineProgram(name), { workDir, pulumiCommand: command, envVars });
}

/**
 * Opens a stack on this machine alone: state in the folder, secrets encrypted with a passphrase that was generated there.
 * The engine works on a copy of the stack file, because it adds the passphrase's salt, and the configuration may differ.
 * @param say Prints a line of progress.
 */
export async function openPrivateStack(options: PrivateStackOptions, say: (line: string) => void): Promise<Stack> {
  const { command, env, folder, name } = options;
  const workDir = join(folder, "pulumi");
  const state = join(folder, "state");
  for (const path of [workDir, state]) mkdirSync(path, { recursive: true, mode: 0o700 });
  const passphrase = join(folder, "passphrase");

  writeProjectFile(workDir, dirname(command.command));
  const copy = stackPath(name, workDir);
  const salt = existsSync(copy) ? readStackFile(name, workDir).encryptionsalt : undefined;
  if (salt === undefined) replaceFile(passphrase, randomBytes(24).toString("base64url"));
  else if (!existsSync(passphrase))
    throw new StoreError(passphrase, "it is missing, and the state is encrypted with it");
  const { config } = readStackFile(name);
  const next: StackFile = {
    config: { ...config, ...options.config },
    ...(salt !== undefined && { encryptionsalt: salt }),
  };
  replaceFile(copy, stringify(next));
  await breakDeadLock(join(state, ".pulumi", "locks", "organization", PROJECT, name));
  const checkpoint = join(state, ".pulumi", "stacks", PROJECT, `${name}.json`);
  mendCheckpoint(checkpoint);

  const envVars = { ...privateState(folder), ...ENGINE };
  const [program, settings] = [inlineProgram(name), { workDir, pulumiCommand: command, envVars }];
  const opening = existsSync(checkpoint)
    ? LocalWorkspace.selectStack(program, settings)
    : LocalWorkspace.createStack(program, settings);
  const [stack, own] = await Promise.all([opening, env]);
  Object.assign(stack.workspace.envVars, own);
  if (existsSync(checkpoint) && readFileSync(checkpoint, "utf8").includes('"pending_operations"')) {
    await takeOverInterrupted(stack, say);
  }
  return stack;
}

/**
 * Opens a stack on this machine alone while its providers start; they are ended where it cannot be opened.
 * @param say Prints a line of progress.
 */
export async function openBeside(
  starting: Promise<Providers>,
  options: Omit<PrivateStackOptions, "env">,
  say: (line: string) => void,
): Promise<{ readonly stack: Stack; readonly stop: Providers["stop"] }> {
  const env = starting.then((providers) => providers.env);
  env.catch(() => undefined); // thrown below, where the providers are waited for
  try {
    const stack = await openPrivateStack({ ...options, env }, say);
    return { stack, stop: (await starting).stop };
  } catch (error) {
    await (await starting).stop();
    throw error;
  }
}

/**
 * Writes the project file the engine works with. Plugins that lie beside the CLI are named in it, because the CLI also
 * puts its own folder on PATH, and warns of a plugin that it finds there.
 */
function writeProjectFile(workDir: string, cliFolder: string): void {
  const project = parse(readFileSync(join(ROOT, "Pulumi.yaml"), "utf8")) as object;
  const beside = existsSync(join(cliFolder, "pulumi-analyzer-policy-nodejs"));
  const plugins = { analyzers: [{ name: "policy-nodejs", path: cliFolder }] };
  replaceFile(join(workDir, "Pulumi.yaml"), stringify({ ...project, ...(beside && { plugins }) }));
}

/** How long an engine that lost its command may take to end, in milliseconds. */
const ENGINE_PATIENCE = 10_000;

/**
 * Removes the lock of an update that was killed. Who calls holds the folder, so nobody else updates the stack; an engine
 * that outlived its command is left to finish.
 */
async function breakDeadLock(locks: string): Promise<void> {
  if (!existsSync(locks)) return;
  for (const file of readdirSync(locks).filter((lock) => lock.endsWith(".json"))) {
    const path = join(locks, file);
    const pid = Number(/"pid":\s*(\d+)/.exec(readFileSync(path, "utf8"))?.[1] ?? 0);
    const end = Date.now() + ENGINE_PATIENCE;
    while (pid > 0 && isAlive(pid)) {
      if (Date.now() > end) {
        throw new UserError(`An update of an earlier run is still under way in process ${pid}. Wait for it.`);
      }
      await delay(50);
    }
    rmSync(path);
  }
}

/**
 * The engine keeps the state before the last one beside it: that one counts where a kill has cut the last one off. What
 * else it writes beside a state, it reads, but does not need.
 */
function mendCheckpoint(path: string): void {
  const attributes = `${path}.attrs`;
  if (existsSync(attributes) && !isJson(attributes)) rmSync(attributes);
  if (!existsSync(path) || isJson(path)) return;
  const before = `${path}.bak`;
  if (!existsSync(before) || !isJson(before)) throw new StoreError(path, "it is cut off");
  replaceFile(path, readFileSync(before, "utf8"));
}

function isJson(path: string): boolean {
  try {
    JSON.parse(readFileSync(path, "utf8"));
    return true;
  } catch {
    return false;
  }
}
