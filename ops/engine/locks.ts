import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { RestReader, NotVisible } from "../google/reader.ts";
import { age } from "../terminal/age.ts";
import { command, quoted } from "../terminal/command.ts";
import { UserError } from "../terminal/user-error.ts";
import { endpointsOf } from "./endpoints.ts";
import { lockFolder, stackFiles } from "./file-backend.ts";

/** The file that an update keeps beside the state while it runs, and leaves if killed: `lockContent` in Pulumi's lock.go. */
export interface Lock {
  readonly username: string;
  readonly hostname: string;
  readonly pid: number;
  readonly timestamp: string;
}

/** The locks of a stack in a folder or in Cloud Storage; for other backends none, though the engine enforces them. */
export async function locksOf(stack: Stack): Promise<Lock[]> {
  const backend = stack.workspace.envVars.PULUMI_BACKEND_URL ?? "";
  const files = stackFiles(backend, stack.name);
  if (files) return files.locks().map((path) => JSON.parse(readFileSync(path, "utf8")) as Lock);
  const [, bucket, prefix = ""] = /^gs:\/\/([^/?]+)\/?([^?]*)/.exec(backend) ?? [];
  return bucket === undefined ? [] : locksIn(bucket, join(prefix, lockFolder(stack.name)));
}

async function locksIn(bucket: string, folder: string): Promise<Lock[]> {
  const emulator = process.env.STORAGE_EMULATOR_HOST; // the engine's only setting
  const endpoints = endpointsOf({});
  const storage =
    emulator === undefined ? endpoints.storage : `http://${emulator.replace(/^http:\/\//, "")}/storage/v1/`;
  const reader = new RestReader({ ...endpoints, storage });
  const read = <T>(path: string) => reader.read<T>({ api: "storage", path, role: "roles/storage.objectViewer" });
  try {
    const list = await read<gapi.client.storage.Objects>(`b/${bucket}/o?prefix=${encodeURIComponent(`${folder}/`)}`);
    const locks = (list?.items ?? []).map(({ name = "" }) =>
      read<Lock>(`b/${bucket}/o/${encodeURIComponent(name)}?alt=media`),
    );
    // A lock that is gone by now belonged to an update that has ended.
    return (await Promise.all(locks)).filter((lock) => lock !== undefined);
  } catch (error) {
    if (error instanceof NotVisible) return []; // the engine's own error is clearer
    throw error;
  }
}

/** Who has locked a stack, for how long, and what to do. */
export function describeLocks(stack: Stack, locks: readonly Lock[], now = new Date()): string {
  const holders = locks.map(
    ({ hostname, pid, timestamp, username }) => `${username}@${hostname} (process ${pid}) for ${age(timestamp, now)}`,
  );
  const { envVars, pulumiCommand } = stack.workspace;
  const cancel = command(pulumiCommand.command, "cancel", "--yes", "--stack", stack.name);
  return (
    `${stack.name} is locked by ${holders.join(" and ")}: an update is running, or was killed. If it is ` +
    `running, wait for it; if it was killed, remove its lock and run this again:\n` +
    `  PULUMI_BACKEND_URL=${quoted(envVars.PULUMI_BACKEND_URL ?? "")} ${cancel}`
  );
}

/** @throws UserError if the stack is locked. */
export async function requireUnlocked(stack: Stack): Promise<void> {
  const locks = await locksOf(stack);
  if (locks.length > 0) throw new UserError(`${describeLocks(stack, locks)}\nNothing was changed.`);
}
