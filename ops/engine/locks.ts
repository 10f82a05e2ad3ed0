import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { RestReader, NotVisible } from "../google/reader.ts";
import { age } from "../terminal/age.ts";
import { UserError } from "../terminal/user-error.ts";
import { endpointsOf } from "./endpoints.ts";
import { lockFolder, stackFiles } from "./file-backend.ts";

/** What an update leaves beside the state while it runs, and where it dies for good: `lockContent` in Pulumi's lock.go. */
export interface Lock {
  readonly username: string;
  readonly hostname: string;
  readonly pid: number;
  /** When it was taken. */
  readonly timestamp: string;
}

/**
 * The locks of a stack whose state is in a folder or in Cloud Storage; none are seen in other places, where the engine
 * still stops at them.
 */
export async function locksOf(stack: Stack): Promise<Lock[]> {
  const backend = stack.workspace.envVars.PULUMI_BACKEND_URL ?? "";
  const files = stackFiles(backend, stack.name);
  if (files) return files.locks().map((path) => JSON.parse(readFileSync(path, "utf8")) as Lock);
  const [, bucket, prefix = ""] = /^gs:\/\/([^/?]+)\/?([^?]*)/.exec(backend) ?? [];
  return bucket === undefined ? [] : locksIn(bucket, join(prefix, lockFolder(stack.name)));
}

async function locksIn(bucket: string, folder: string): Promise<Lock[]> {
  const emulator = process.env.STORAGE_EMULATOR_HOST; // as for the engine, which knows no other setting
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
    // One that is gone by now is the end of an update.
    return (await Promise.all(locks)).filter((lock) => lock !== undefined);
  } catch (error) {
    if (error instanceof NotVisible) return []; // the engine reads the state by itself, and says better what is wrong
    throw error;
  }
}

/** Who holds a stack, since when, and what to do where that update is dead. */
export function describeLocks(stack: Stack, locks: readonly Lock[], now = new Date()): string {
  const holders = locks.map(
    ({ hostname, pid, timestamp, username }) => `${username}@${hostname} (process ${pid}) since ${age(timestamp, now)}`,
  );
  const { PULUMI_BACKEND_URL = "" } = stack.workspace.envVars;
  return (
    `${stack.name} is locked by ${holders.join(" and ")}: an update is under way, or died. Where it runs, wait for it; where ` +
    `it died, take its lock away and run this again:\n` +
    `  PULUMI_BACKEND_URL=${PULUMI_BACKEND_URL} ${stack.workspace.pulumiCommand.command} cancel --yes --stack ${stack.name}`
  );
}

/** @throws UserError where an update of the stack is under way or died. */
export async function requireUnlocked(stack: Stack): Promise<void> {
  const locks = await locksOf(stack);
  if (locks.length > 0) throw new UserError(`${describeLocks(stack, locks)}\nNothing was changed.`);
}
