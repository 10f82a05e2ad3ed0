#!/usr/bin/env node
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { LockedError, startCloud, StoreError } from "./index.ts";

const HELP = `Runs an embedded Google Cloud until you press Ctrl-C.

Usage: embedded-google-cloud --project ID [--project ID ...] [--port PORT] [--folder FOLDER]

  --project ID     the id of a project; can be repeated
  --port PORT      the port on 127.0.0.1; default: a free port
  --folder FOLDER  the folder for state and data, which a restart reuses; default: .embedded-google-cloud
  --help           print this help
`;

/** https://cloud.google.com/resource-manager/docs/creating-managing-projects */
const PROJECT_ID = /^[a-z][a-z0-9-]{4,28}[a-z0-9]$/;

class UsageError extends Error {}

function readOptions() {
  const { values } = parseArgs({
    options: {
      project: { type: "string", multiple: true, default: [] },
      port: { type: "string", default: "0" },
      folder: { type: "string", default: ".embedded-google-cloud" },
    },
  });
  const { port, project: projects, folder } = values;
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65535)
    throw new UsageError(`--port must be 0 to 65535, not "${port}".`);
  if (projects.length === 0) throw new UsageError("Name at least one project: --project ID");
  const wrong = projects.find((id) => !PROJECT_ID.test(id));
  if (wrong !== undefined) {
    throw new UsageError(
      `--project must be 6 to 30 lowercase letters, digits and hyphens, and begin with a letter, not "${wrong}".`,
    );
  }
  return { folder: resolve(folder), port: Number(port), projects };
}

async function main(): Promise<void> {
  const options = readOptions();
  const cloud = await startCloud(options);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void cloud.stop());
  console.log(`Embedded Google Cloud  ${cloud.url}`);
  console.log(`Owner's token          ${join(options.folder, "owner-token")}`);
}

/** Prints the error and returns the exit code: 2 for a usage error, otherwise 1. */
function report(error: NodeJS.ErrnoException): number {
  if (error instanceof UsageError || error.code?.startsWith("ERR_PARSE_ARGS")) {
    console.error(`${error.message}\n\n${HELP}`);
    return 2;
  }
  if (error.code === "EADDRINUSE") console.error("The port is already in use. Choose another one, or omit --port.");
  else if (error instanceof StoreError) console.error(`${error.message} Delete the folder to start over.`);
  else if (error instanceof LockedError) console.error(error.message);
  else throw error;
  return 1;
}

if (process.argv.includes("--help")) process.stdout.write(HELP);
else main().catch((error: unknown) => (process.exitCode = report(error as NodeJS.ErrnoException)));
