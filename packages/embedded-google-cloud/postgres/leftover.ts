import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { shortFolder } from "../state/short-folder.ts";

/** How long to wait for a process after each signal, in milliseconds. */
const PATIENCE = 10_000;
const POLL = 10;

/** Prefix of the servers' socket folders, which are temporary because a socket's path must be short. */
export const SOCKET_FOLDER = join(shortFolder(), "pg-");

/** The pid file of `initdb`. */
export function initdbPidFile(data: string): string {
  return `${data}.new.pid`;
}

/**
 * Stops the server or the `initdb` that a killed process left running on a data directory.
 * @param data The data directory; processes whose command line does not contain it are left alone.
 * @throws Error if a process does not stop.
 */
export async function endLeftover(data: string): Promise<void> {
  await endInitdb(data);
  await endServer(data);
}

async function endInitdb(data: string): Promise<void> {
  const file = initdbPidFile(data);
  if (!existsSync(file)) return;
  const pid = Number(readFileSync(file, "utf8"));
  if (isAlive(pid) && commandOf(pid).includes(`${data}.new`)) {
    process.kill(-pid, "SIGKILL"); // the process group, with its children
    if (!(await isGone(-pid)))
      throw new Error(`initdb of an earlier run (process ${pid}) does not stop. Kill it and try again.`);
  }
  rmSync(file);
}

async function endServer(data: string): Promise<void> {
  const lock = join(data, "postmaster.pid");
  if (!existsSync(lock)) return;
  const lines = readFileSync(lock, "utf8").split("\n");
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 1) {
    rmSync(lock); // incomplete, which keeps PostgreSQL from starting
    return;
  }
  if (isAlive(pid)) {
    // If the id now belongs to an unrelated process, PostgreSQL would not start. If it belongs to none, PostgreSQL needs the
    // file to detect orphaned backends.
    const command = commandOf(pid);
    if (command.includes("postgres") && command.includes(data)) await end(pid, data);
    else rmSync(lock);
  }
  const sockets = lines[4] ?? "";
  if (sockets.startsWith(SOCKET_FOLDER)) rmSync(sockets, { recursive: true, force: true });
}

async function end(pid: number, data: string): Promise<void> {
  for (const signal of ["SIGINT", "SIGQUIT", "SIGKILL"] as const) {
    if (isAlive(pid)) process.kill(pid, signal);
    if (await isGone(pid)) return;
  }
  throw new Error(`PostgreSQL of an earlier run (process ${pid}) on ${data} does not stop. Kill it and try again.`);
}

async function isGone(pid: number): Promise<boolean> {
  const deadline = Date.now() + PATIENCE;
  while (isAlive(pid)) {
    if (Date.now() > deadline) return false;
    await delay(POLL);
  }
  return true;
}

/** @param pid A process id, or a negated process group id. */
function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || Math.abs(pid) <= 1) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** The command line of a process; "" if it has exited. */
function commandOf(pid: number): string {
  try {
    return existsSync("/proc/self/cmdline")
      ? readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")
      : execFileSync("ps", ["-p", String(pid), "-o", "command="], { encoding: "utf8" });
  } catch {
    return "";
  }
}
