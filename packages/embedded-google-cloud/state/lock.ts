import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Another process has locked the folder; the message names it. */
export class LockedError extends Error {
  override readonly name = "LockedError";
}

/**
 * Locks an existing folder for this process; replaces the lock of a dead process.
 * @returns A function that unlocks it.
 * @throws LockedError if a live process has locked it.
 */
export function lock(folder: string): () => void {
  const path = join(folder, "lock");
  const own = join(folder, `lock.${process.pid}`);
  writeFileSync(own, String(process.pid), { mode: 0o600 });
  try {
    while (!take(own, path)) {
      const holder = holderOf(path);
      if (holder !== undefined && isAlive(holder)) {
        throw new LockedError(
          `Process ${holder} is already using ${folder}. Stop it first; if it is an unrelated program, delete ${path}.`,
        );
      }
      removeDead(path, holder);
    }
  } finally {
    rmSync(own, { force: true });
  }
  return () => {
    rmSync(path, { force: true });
  };
}

/** Creating a link is atomic, and fails if the path exists. */
function take(own: string, path: string): boolean {
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return false;
  }
}

/** The process that holds the lock; undefined if the lock is gone or contains no id. */
function holderOf(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, "utf8"));
    return pid > 0 ? pid : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Removes the lock of a dead process, unless another process has taken it since. */
function removeDead(path: string, holder: number | undefined): void {
  const aside = `${path}.dead.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  if (holderOf(aside) !== holder) take(aside, path);
  rmSync(aside, { force: true });
}

/** Whether a process is running; a zombie is not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  try {
    // The state follows the name in parentheses: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    return !/\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return true; // a system without /proc
  }
}
