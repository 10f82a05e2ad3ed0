import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** How long each way of asking a server to end is given, in milliseconds. */
const PATIENCE = 10_000;
const POLL = 10;

/**
 * Ends the server of a data directory that a killed run left behind, or forgets it where it is gone already.
 * @param data The data directory; a process counts as its server only if its command line names the directory.
 * @throws Error where the server does not end.
 */
export async function endLeftover(data: string): Promise<void> {
  const lock = join(data, "postmaster.pid");
  if (!existsSync(lock)) return;
  const pid = Number(readFileSync(lock, "utf8").split("\n")[0]);
  if (!Number.isInteger(pid) || pid <= 1) {
    rmSync(lock); // cut off while it was written: PostgreSQL itself would not start over it
    return;
  }
  if (!isAlive(pid)) return; // PostgreSQL waits for orphaned backends by what the file says
  if (!isServerOf(data, pid)) {
    rmSync(lock); // the number belongs to another process by now
    return;
  }
  for (const signal of ["SIGINT", "SIGQUIT", "SIGKILL"] as const) {
    if (isAlive(pid)) process.kill(pid, signal);
    if (await isGone(pid)) return;
  }
  throw new Error(`PostgreSQL of an earlier run (process ${pid}) does not end; it holds ${data}.`);
}

async function isGone(pid: number): Promise<boolean> {
  const end = Date.now() + PATIENCE;
  while (isAlive(pid)) {
    if (Date.now() > end) return false;
    await delay(POLL);
  }
  return true;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function isServerOf(data: string, pid: number): boolean {
  try {
    const command = existsSync("/proc/self/cmdline")
      ? readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")
      : execFileSync("ps", ["-p", String(pid), "-o", "command="], { encoding: "utf8" });
    return command.includes("postgres") && command.includes(data);
  } catch {
    return false; // it ended in between
  }
}
