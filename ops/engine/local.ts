import type { PulumiCommand, Stack } from "@pulumi/pulumi/automation/index.js";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CloudOptions, type EmbeddedCloud, startCloud } from "../../packages/embedded-google-cloud/index.ts";
import { isAlive } from "../../packages/embedded-google-cloud/state/lock.ts";
import { findCli } from "./cli.ts";
import { endpointConfig } from "./endpoints.ts";
import { privateFolder } from "./private-folder.ts";
import { startProviders } from "./providers.ts";
import { UserError } from "../terminal/user-error.ts";
import { openBeside } from "./private-stack.ts";
import { ROOT } from "./stack-file.ts";

/** The `local` stack on a running embedded cloud. */
export interface LocalEnvironment {
  readonly cloud: EmbeddedCloud;
  readonly stack: Stack;
  /** Ends every process; state and data stay. */
  stop(): Promise<void>;
}

/** The port of the embedded cloud, where nothing else has taken it. */
const PORT = 4510;

/** The project that exists in the embedded cloud; `Pulumi.local.yaml` names the same. */
const PROJECT = "settlement-local";

/**
 * Starts the embedded cloud and whatever the engine needs to deploy to it.
 * @param folder An ignored folder inside the repository that keeps state and data.
 * @param say Prints a line of progress.
 * @param images What runs where a stack names one of these images; any other is the sample service.
 */
export async function startLocal(
  folder: string,
  say: (line: string) => void,
  images: CloudOptions["images"] = {},
): Promise<LocalEnvironment> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const command = await announcedCli(say);
  const cloud = await startOnOwnPort(folder, { ...IMAGES, ...images });
  try {
    const { stack, stop } = await openOn(folder, command, cloud.url, cloud.identities.ownerToken, say);
    return {
      cloud,
      stack,
      stop: async () => {
        await Promise.all([stop(), cloud.stop()]);
      },
    };
  } catch (error) {
    await cloud.stop();
    throw error;
  }
}

/**
 * Opens the `local` stack: on the embedded cloud that `npm start -- --keep` holds open, else on one that ends with it.
 * @param folder What {@link startLocal} was given.
 * @param say Prints a line of progress.
 */
export async function openLocal(folder: string, say: (line: string) => void): Promise<Omit<LocalEnvironment, "cloud">> {
  const held = join(folder, HELD);
  if (!existsSync(held) || !isAlive(Number(readFileSync(held, "utf8")))) return startLocal(folder, say);
  const url = `http://127.0.0.1:${readFileSync(join(folder, "port"), "utf8")}`;
  const token = readFileSync(privateFolder(folder).ownerToken, "utf8");
  return openOn(folder, await announcedCli(say), url, token, say);
}

/** Holds the number of the process that lets other commands use its embedded cloud. */
const HELD = "held-open";

/**
 * Lets other commands use the embedded cloud of this process, until that ends.
 * @param folder What {@link startLocal} was given.
 */
export function holdOpen(folder: string): void {
  writeFileSync(join(folder, HELD), String(process.pid));
}

async function announcedCli(say: (line: string) => void): Promise<PulumiCommand> {
  const command = await findCli(say);
  say(`Pulumi          ${command.version?.version ?? "?"} (${command.command})`);
  return command;
}

/** Starts whatever the engine needs to deploy to an embedded cloud, and opens the stack. */
async function openOn(
  folder: string,
  command: PulumiCommand,
  url: string,
  token: string,
  say: (line: string) => void,
): Promise<Omit<LocalEnvironment, "cloud">> {
  say(`Embedded cloud  ${url}`);
  const starting = startProviders(command, token).then((providers) => {
    say(`Providers       ${providers.line}`);
    const env = { GOOGLE_OAUTH_ACCESS_TOKEN: token, PULUMI_GCP_SKIP_REGION_VALIDATION: "true", ...providers.env };
    return { ...providers, env };
  });
  return openBeside(starting, { name: "local", folder, command, config: endpointConfig(url) }, say);
}

/**
 * Starts the embedded cloud on the port of the folder's earlier run, because the addresses in the state carry it; else on
 * the usual one or, where that is taken, on any.
 */
async function startOnOwnPort(folder: string, images: NonNullable<CloudOptions["images"]>): Promise<EmbeddedCloud> {
  const options = { folder: join(folder, "cloud"), projects: [PROJECT], images };
  const remembered = join(folder, "port");
  const earlier = existsSync(remembered) ? Number(readFileSync(remembered, "utf8")) : undefined;
  const cloud = await startCloud({ ...options, port: earlier ?? PORT }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    if (earlier === undefined) return startCloud(options);
    throw new UserError(
      `Port ${earlier}, which the addresses of the earlier run carry, is taken by another program. End that program, or start over: npm start -- --reset`,
    );
  });
  writeFileSync(remembered, new URL(cloud.url).port);
  return cloud;
}

/** What runs where the stack names an image: there are no containers here, so the sample service stands in for it. */
const IMAGES = {
  "us-central1-docker.pkg.dev/settlement-local/settlement/settlement-service": {
    command: process.execPath,
    args: [join(ROOT, "packages", "settlement-service", "server.js")],
  },
};
