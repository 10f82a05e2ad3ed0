import type { PulumiCommand } from "@pulumi/pulumi/automation/index.js";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { createRequire } from "node:module";
import { pulumiHome } from "./pulumi-home.ts";
import { isReachable } from "./reachable.ts";
import { ROOT } from "./stack-file.ts";
import { type ProviderChoice, providerChoice } from "../terminal/options.ts";
import { UserError } from "../terminal/user-error.ts";

/** The provider plugins of a run. */
export interface Providers {
  /** Additional environment for the engine. */
  readonly env: Readonly<Record<string, string>>;
  readonly stop: () => Promise<void>;
}

const WANTED = ["gcp", "random"] as const;

/** Environment of a preview that calls nothing: without a token the official provider looks for credentials all the same. */
export const OFFLINE = { GOOGLE_OAUTH_ACCESS_TOKEN: "none", PULUMI_GCP_SKIP_REGION_VALIDATION: "true" } as const;

/** Records when a download last failed, and why. */
const NOTE = join(ROOT, ".local", "no-plugin-download");

/** How long not to retry a failed download, in milliseconds. */
const RETRY_AFTER = 24 * 60 * 60 * 1000;

/** Which providers to start. */
export interface ProviderOptions {
  /** By default that of the environment. */
  readonly choice?: ProviderChoice;
  /** The stand-ins' access token for the embedded cloud; without one they can only preview. */
  readonly token?: string | undefined;
  /** Prints which providers are used; by default nothing. */
  readonly say?: (line: string) => void;
}

/**
 * Starts the chosen providers; without a choice the official plugins if they are installed or can be downloaded, else the
 * stand-ins.
 * @param command The CLI, which installs plugins.
 * @throws UserError if the official plugins are chosen and cannot be downloaded.
 */
export async function startProviders(
  command: PulumiCommand,
  { choice = providerChoice(), token, say = () => undefined }: ProviderOptions = {},
): Promise<Providers> {
  const reason = choice === "stand-in" ? "as chosen" : await obstacle(command, choice);
  if (reason === undefined) {
    say(`Providers       official, ${describe(WANTED)}`);
    return { env: {}, stop: () => Promise.resolve() };
  }
  const standIn = await startStandIn(token);
  say(`Providers       stand-ins, ${reason}`);
  return {
    env: {
      PULUMI_DEBUG_PROVIDERS: WANTED.map((name) => `${name}:${standIn.port}`).join(","),
      // Otherwise the engine spends seconds of each run trying to download the state's plugins.
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    },
    stop: standIn.stop,
  };
}

/** Whether {@link startProviders} used the official plugins in an earlier call with the same choice. */
export function areOfficial(choice: ProviderChoice = providerChoice()): boolean {
  return choice !== "stand-in" && WANTED.every(isInstalled);
}

/** Why the official plugins cannot be used; undefined if they are installed, if need be now. */
async function obstacle(command: PulumiCommand, choice: ProviderChoice): Promise<string | undefined> {
  const missing = WANTED.filter((name) => !isInstalled(name));
  if (missing.length === 0) return undefined;
  if (choice === undefined) {
    const failure = await install(command, missing);
    return failure && `because ${describe(missing)} cannot be downloaded: ${failure}`;
  }
  const failure = await download(command, missing);
  if (failure === undefined) return undefined;
  throw new UserError(
    `The official providers ${describe(missing)} cannot be downloaded: ${failure}. The stand-ins, for previews and the embedded cloud only: --providers stand-in`,
  );
}

/** The version of the npm package, which is also the plugin's. */
function version(name: string): string {
  const file = createRequire(import.meta.filename).resolve(`@pulumi/${name}/package.json`);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

function describe(names: readonly string[]): string {
  return names.map((name) => `${name} ${version(name)}`).join(" and ");
}

function isInstalled(name: string): boolean {
  const plugin = join(pulumiHome(), "plugins", `resource-${name}-v${version(name)}`);
  return existsSync(plugin) && !existsSync(`${plugin}.partial`);
}

/**
 * Downloads plugins to the CLI's plugin folder, unless that failed less than a day ago.
 * @returns Why it failed; undefined on success.
 */
async function install(command: PulumiCommand, names: readonly string[]): Promise<string | undefined> {
  if (existsSync(NOTE)) {
    const [tried = "", obstacle] = readFileSync(NOTE, "utf8").split("\n");
    if (Date.now() - Number(tried) < RETRY_AFTER) return obstacle;
  }
  const obstacle = await download(command, names);
  if (obstacle === undefined) {
    rmSync(NOTE, { force: true });
  } else {
    mkdirSync(dirname(NOTE), { recursive: true });
    writeFileSync(NOTE, `${Date.now()}\n${obstacle}`);
  }
  return obstacle;
}

async function download(command: PulumiCommand, names: readonly string[]): Promise<string | undefined> {
  if (!(await isReachable("https://get.pulumi.com/releases/plugins/"))) return "get.pulumi.com does not answer";
  try {
    for (const name of names) {
      await promisify(execFile)(command.command, ["plugin", "install", "resource", name, version(name)]);
    }
    return undefined;
  } catch (error) {
    const { message, stderr = "" } = error as Error & { stderr?: string };
    return (stderr.trim() || message).split("\n").at(-1);
  }
}

/** The environment's settings that replace Google's endpoints. */
function customEndpoints(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => /^GOOGLE_\w+_CUSTOM_ENDPOINT$/.test(name)));
}

async function startStandIn(token: string | undefined) {
  const main = join(ROOT, "packages", "pulumi-google-stand-in", "main.ts");
  const child = spawn(process.execPath, [main], {
    env: { PATH: process.env.PATH, ...customEndpoints(), ...(token && { GOOGLE_OAUTH_ACCESS_TOKEN: token }) },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  const failed = ended.then(([code]) => {
    throw new Error(`The stand-in providers ended with code ${(code as number | null) ?? "none"}.`);
  });
  const [port] = (await Promise.race([once(createInterface({ input: child.stdout }), "line"), failed])) as [string];
  const stop = async () => {
    child.kill();
    await ended;
  };
  return { port, stop };
}
