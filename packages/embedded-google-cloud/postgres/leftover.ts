import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { shortFolder } from "../state/short-folder.ts";
import { setTimeout as delay } from "node:timers/promises";

/** How long each way of asking a server to end is given, in milliseconds. */
const PATIENCE = 10_000;
const POLL = 10;

/** How the folders of sockets begin; each server has one, since a socket's path must be short. */
export const SOCKET_FOLDER = join(shortFolder(), "pg-");

/** Where the process that makes a data directory leaves its number. */
export function makerFile(data: string): string {
  return `${data}.new.pid`;
}

/**
 * Ends what a killed run left behind at a data directory: its server, or whoever was making it.
 * @param data The data directory; a process counts only if its command line names the directory.
 * @throws Error where the server does not end.
 */
export async function endLeftover(data: string): Promise<void> {
  await endMaker(data);
  await endServer(data);
}

async function endMaker(data: string): Promise<void> {
  const file = makerFile(data);
  if (!existsSync(file)) return;
  const pid = Number(readFileSync(file, "utf8"));
  if (isAlive(pid) && commandOf(pid).includes(`${data}.new`)) {
    process.kill(-pid, "SIGKILL"); // it has children, and leads their group
    if (!(await isGone(-pid))) throw new Error(`initdb of an earlier run (process ${pid}) does not end.`);
  }
  rmSync(file);
}

async function endServer(data: string): Promise<void> {
  const lock = join(data, "postmaster.pid");
  if (!existsSync(lock)) return;
  const lines = readFileSync(lock, "utf8").split("\n");
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 1) {
    rmSync(lock); // cut off while it was written: PostgreSQL itself would not start over it
    return;
  }
  if (isAlive(pid)) {
    // Where the number belongs to another process by now, PostgreSQL would not start. Where it belongs to none, the file
    // stays: by what it says, PostgreSQL waits for orphaned backends.
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
  throw new Error(`PostgreSQL of an earlier run (process ${pid}) does not end; it holds ${data}.`);
}

async function isGone(pid: number): Promise<boolean> {
  const deadline = Date.now() + PATIENCE;
  while (isAlive(pid)) {
    if (Date.now() > deadline) return false;
    await delay(POLL);
  }
  return true;
}

/** @param pid Of a process, or the negative of a group's. */
function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || Math.abs(pid) <= 1) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** A process's command line; empty where it ended in between. */
function commandOf(pid: number): string {
  try {
    return existsSync("/proc/self/cmdline")
      ? readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")
      : execFileSync("ps", ["-p", String(pid), "-o", "command="], { encoding: "utf8" });
  } catch {
    return "";
  }
}
