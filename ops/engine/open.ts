import { CommandError, type PulumiCommand, type Stack } from "@pulumi/pulumi/automation/index.js";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { lock } from "../../packages/embedded-google-cloud/state/lock.ts";
import { findCli } from "./cli.ts";
import { accessToken } from "../../infra/google.ts";
import { endpointsOf, isLoopback } from "./endpoints.ts";
import { localFolder, privateFolder } from "./private-folder.ts";
import { OFFLINE, type ProviderOptions, type Providers, startProviders } from "./providers.ts";
import { readStackFile, ROOT } from "./stack-file.ts";
import { requireConfig } from "./stack-values.ts";
import type { ProviderChoice } from "../terminal/options.ts";
import { UserError } from "../terminal/user-error.ts";
import { openWithProviders } from "./private-stack.ts";
import { openSharedStack } from "./shared-stack.ts";
import { readState, writeState } from "./state.ts";
import { cliError } from "../terminal/cli-error.ts";
import type { Snapshot } from "./snapshot.ts";

/** A stack with its running providers, and its embedded cloud if it has one. */
export interface OpenStack {
  readonly stack: Stack;
  /** Stops every process. */
  readonly stop: () => Promise<void>;
}

type Say = (line: string) => void;

/**
 * Opens a stack with its own state: `local` on the embedded cloud of `npm start`, any other with its shared state.
 * @param say Prints a line of progress.
 * @param choice The providers; by default those of the environment.
 * @throws UserError if its configuration is wrong, or the state or the official providers are not available.
 */
export async function openStack(name: string, say: Say, choice?: ProviderChoice): Promise<OpenStack> {
  requireConfig(name);
  if (name === "local") {
    const { openLocal } = await import("./local.ts"); // lazily, since it is large
    return openLocal(localFolder(), say, choice);
  }
  const command = await findCli(say);
  const providers = await startOnline(name, command, { choice, say });
  try {
    const stack = await openSharedStack({ name, command, env: providers.env }, say);
    return { stack, stop: providers.stop };
  } catch (error) {
    await providers.stop();
    throw error instanceof CommandError ? new UserError(`Stack "${name}": ${cliError(error)}`) : error;
  }
}

/**
 * Starts providers that call a stack's cloud with the user's credentials.
 * @throws UserError if that is Google's and the official providers are not available.
 */
async function startOnline(name: string, command: PulumiCommand, options: ProviderOptions): Promise<Providers> {
  const { actAs: _, ...google } = endpointsOf(readStackFile(name).config ?? {});
  const embedded = Object.values(google).every(isLoopback);
  const providers = await startProviders(command, { ...options, token: embedded ? await accessToken() : undefined });
  if (Object.keys(providers.env).length > 0 && !embedded) {
    await providers.stop();
    throw new UserError(
      `Stack "${name}" is on Google and needs the official providers. To preview without them and without credentials, add --offline.`,
    );
  }
  const env = { ...(embedded && { PULUMI_GCP_SKIP_REGION_VALIDATION: "true" }), ...providers.env };
  return { ...providers, env };
}

/**
 * Opens a stack without credentials, for previews only.
 * @param snapshot The state; empty by default.
 * @param say Prints a line of progress.
 * @param choice As for {@link openStack}.
 * @throws UserError if its configuration is wrong.
 */
export function openOffline(
  name: string,
  snapshot: Snapshot | undefined,
  say: Say,
  choice?: ProviderChoice,
): Promise<OpenStack> {
  return openCopy(name, snapshot, say, async (command) => {
    const providers = await startProviders(command, { choice, say });
    return { ...providers, env: { ...OFFLINE, ...providers.env } };
  });
}

/**
 * Opens a stack with a snapshot as its state, for previews only, which may refresh it from the cloud.
 * @param say Prints a line of progress.
 * @param choice As for {@link openStack}.
 * @throws UserError if its configuration is wrong, or the official providers are not available.
 */
export function openSnapshot(name: string, snapshot: Snapshot, say: Say, choice?: ProviderChoice): Promise<OpenStack> {
  return openCopy(name, snapshot, say, (command) => startOnline(name, command, { choice, say }));
}

async function openCopy(
  name: string,
  snapshot: Snapshot | undefined,
  say: Say,
  start: (command: PulumiCommand) => Promise<Providers>,
): Promise<OpenStack> {
  requireConfig(name);
  const folder = join(ROOT, ".local", `preview-${name}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const unlock = lock(folder);
  try {
    const { state, workDir } = privateFolder(folder);
    for (const path of [workDir, state]) rmSync(path, { recursive: true, force: true });
    const command = await findCli(say);
    const { stack, stop: stopProviders } = await openWithProviders(
      start(command),
      { name, folder, command, config: {} },
      say,
    );
    const stop = async () => {
      await stopProviders();
      unlock();
    };
    if (snapshot) {
      await fill(stack, snapshot).catch(async (error: unknown) => {
        await stopProviders();
        throw error;
      });
    }
    return { stack, stop };
  } catch (error) {
    unlock();
    throw error;
  }
}

/** Makes a snapshot the state of a new stack, whose passphrase encrypts the placeholders. */
async function fill(stack: Stack, { state }: Snapshot): Promise<void> {
  const { secrets_providers } = (await readState(stack)).deployment;
  await writeState(stack, { ...state, deployment: { ...state.deployment, secrets_providers } });
}
