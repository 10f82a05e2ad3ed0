import { readFileSync, rmSync, writeFileSync } from "node:fs";
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
  for (;;) {
    try {
      writeFileSync(path, String(process.pid), { flag: "wx", mode: 0o600 });
      return () => {
        rmSync(path, { force: true });
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const holder = Number(readFileSync(path, "utf8"));
      if (holder > 0 && isAlive(holder)) {
        throw new LockedError(
          `Process ${holder} already runs the embedded cloud on ${folder}. End it first; if that process is another program, delete ${path}.`,
        );
      }
      rmSync(path, { force: true });
    }
  }
}

/**
 * Whether a process exists.
 * @param pid Its number.
 */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
