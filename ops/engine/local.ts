import type { PulumiCommand, Stack } from "@pulumi/pulumi/automation/index.js";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Google, GoogleError } from "../../infra/google.ts";
import {
  type CloudOptions,
  type EmbeddedCloud,
  OWNER,
  startCloud,
} from "../../packages/embedded-google-cloud/index.ts";
import { findCli } from "./cli.ts";
import { endpointConfig, endpointsOf } from "./endpoints.ts";
import { isHeldOpen } from "./held-open.ts";
import { privateFolder, socketFolder } from "./private-folder.ts";
import { startProviders } from "./providers.ts";
import type { ProviderChoice } from "../terminal/options.ts";
import { UserError } from "../terminal/user-error.ts";
import { openWithProviders } from "./private-stack.ts";
import { ROOT, stackPath } from "./stack-file.ts";

/** The `local` stack on a running embedded cloud. */
export interface LocalEnvironment {
  readonly cloud: EmbeddedCloud;
  readonly stack: Stack;
  /** Stops every process; state and data are kept. */
  stop(): Promise<void>;
}

/** The embedded cloud's preferred port. */
const PORT = 4510;

/** The project of the stack, as in `Pulumi.local.yaml`. */
const PROJECT = "settlement-local";

/**
 * Starts the embedded cloud and the providers, and opens the `local` stack.
 * @param folder A git-ignored folder inside the repository for state and data.
 * @param say Prints a line of progress.
 * @param more Further projects; and programs that run in place of images, besides the sample service or instead of it.
 * @param choice The providers; by default those of the environment.
 */
export async function startLocal(
  folder: string,
  say: (line: string) => void,
  { images = {}, projects = [] }: Partial<Pick<CloudOptions, "images" | "projects">> = {},
  choice?: ProviderChoice,
): Promise<LocalEnvironment> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const command = await announcedCli(say);
  const cloud = await startOnOwnPort(folder, { ...IMAGES, ...images }, projects);
  try {
    const { stack, stop } = await openOn(folder, command, cloud.url, cloud.identities.ownerToken, say, choice);
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
 * Opens the `local` stack: on the embedded cloud that `npm start -- --keep` is running, else on a new one.
 * @param folder As for {@link startLocal}.
 * @param say Prints a line of progress.
 * @param choice As for {@link startLocal}.
 */
export async function openLocal(
  folder: string,
  say: (line: string) => void,
  choice?: ProviderChoice,
): Promise<Omit<LocalEnvironment, "cloud">> {
  if (!isHeldOpen(folder)) return startLocal(folder, say, {}, choice);
  const url = `http://127.0.0.1:${readFileSync(join(folder, "port"), "utf8")}`;
  const token = readFileSync(privateFolder(folder).ownerToken, "utf8");
  return openOn(folder, await announcedCli(say), url, token, say, choice);
}

/**
 * Starts the embedded cloud of the `local` stack without the engine, with the socket to its database.
 * @param folder As for {@link startLocal}.
 * @param say Prints a line of progress.
 * @returns Stops it. Does nothing if the stack was never deployed, which {@link locate} reports.
 */
export async function openCloud(folder: string, say: (line: string) => void): Promise<() => Promise<void>> {
  if (!existsSync(stackPath("local", privateFolder(folder).workDir))) return () => Promise.resolve();
  const cloud = await startOnOwnPort(folder, IMAGES);
  say(`Embedded cloud  ${cloud.url}`);
  try {
    const connectionName = await connectionNameOf(cloud);
    if (connectionName !== undefined) await openSocket(cloud, folder, connectionName, say);
    return () => cloud.stop();
  } catch (error) {
    await cloud.stop();
    throw error;
  }
}

/** The name of the stack's instance; undefined if it does not exist. */
async function connectionNameOf(cloud: EmbeddedCloud): Promise<string | undefined> {
  const token = () => Promise.resolve(cloud.identities.ownerToken);
  const google = new Google(endpointsOf(endpointConfig(cloud.url)), { token });
  const path = `projects/${PROJECT}/instances`;
  try {
    const { items = [] } = await google.call<gapi.client.sql.InstancesListResponse>({ api: "sql", path });
    return items.find(({ instanceType }) => instanceType === "CLOUD_SQL_INSTANCE")?.connectionName;
  } catch (error) {
    if (error instanceof GoogleError && error.disabled) return undefined;
    throw error;
  }
}

/**
 * Opens the socket by which psql and other programs of the owner connect to the database.
 * @param folder As for {@link startLocal}.
 * @param connectionName `PROJECT:REGION:INSTANCE`.
 * @param say Says why a connection is refused, or that there is no socket.
 * @returns The socket's folder; undefined if its path is too long for a Unix socket.
 */
export async function openSocket(
  cloud: EmbeddedCloud,
  folder: string,
  connectionName: string,
  say: (line: string) => void,
): Promise<string | undefined> {
  const sockets = socketFolder(folder);
  mkdirSync(sockets, { recursive: true, mode: 0o700 });
  try {
    await cloud.openSocket({ connectionName, folder: sockets, member: OWNER, onRefused: say });
    return sockets;
  } catch (error) {
    say(`psql and other programs cannot connect by a Unix socket. ${(error as Error).message}`);
    return undefined;
  }
}

async function announcedCli(say: (line: string) => void): Promise<PulumiCommand> {
  const command = await findCli(say);
  say(`Pulumi          ${command.version?.version ?? "?"} (${command.command})`);
  return command;
}

async function openOn(
  folder: string,
  command: PulumiCommand,
  url: string,
  token: string,
  say: (line: string) => void,
  choice?: ProviderChoice,
): Promise<Omit<LocalEnvironment, "cloud">> {
  say(`Embedded cloud  ${url}`);
  const starting = startProviders(command, { choice, token, say }).then((providers) => {
    const env = { GOOGLE_OAUTH_ACCESS_TOKEN: token, PULUMI_GCP_SKIP_REGION_VALIDATION: "true", ...providers.env };
    return { ...providers, env };
  });
  return openWithProviders(starting, { name: "local", folder, command, config: endpointConfig(url) }, say);
}

/** Starts the embedded cloud on the port of the folder's earlier run, since URLs in the state contain it; else on {@link PORT} or any. */
async function startOnOwnPort(
  folder: string,
  images: NonNullable<CloudOptions["images"]>,
  projects: readonly string[] = [],
): Promise<EmbeddedCloud> {
  const options = { folder: join(folder, "cloud"), projects: [PROJECT, ...projects], images };
  const portFile = join(folder, "port");
  const earlier = existsSync(portFile) ? Number(readFileSync(portFile, "utf8")) : undefined;
  const cloud = await startCloud({ ...options, port: earlier ?? PORT }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    if (earlier === undefined) return startCloud(options);
    throw new UserError(
      `Port ${earlier}, which the state of the earlier run contains, is taken by another program. Stop that program, or start over: npm start -- --reset`,
    );
  });
  writeFileSync(portFile, new URL(cloud.url).port);
  return cloud;
}

/** The service's image, in every version. */
export const SERVICE_IMAGE = "us-central1-docker.pkg.dev/settlement-local/settlement/settlement-service";

/** The program that runs in place of an image, as the embedded cloud runs no containers: the sample service. */
export const SAMPLE = {
  command: process.execPath,
  args: [join(ROOT, "packages", "settlement-service", "server.js")],
};

const IMAGES = { [SERVICE_IMAGE]: SAMPLE };
