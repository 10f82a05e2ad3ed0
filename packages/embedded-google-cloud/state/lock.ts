import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Somebody else works on the folder; the message says who. */
export class LockedError extends Error {
  override readonly name = "LockedError";
}

/**
 * Takes a folder for this process alone. A lock that a killed process left behind is taken over.
 * @param folder A folder that exists.
 * @returns Gives the folder free again.
 * @throws LockedError where another process that is alive holds it.
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
          `Process ${holder} already works on ${folder}. End it first; if that process is another program, delete ${path}.`,
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

/** A link is made whole, or not at all where there is one. */
function take(own: string, path: string): boolean {
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return false;
  }
}

/** Who holds the lock; undefined where it was given free, or holds no number. */
function holderOf(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, "utf8"));
    return pid > 0 ? pid : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Removes the lock of a dead holder, unless somebody else has taken it in between. */
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

/**
 * Whether a process works. One that was killed, and whose parent has not taken note yet, does not.
 * @param pid Its number.
 */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  try {
    // https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: the state comes after the name, which is in brackets.
    return !/\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return true; // a system without /proc
  }
}
