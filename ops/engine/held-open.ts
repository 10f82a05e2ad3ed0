import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isAlive } from "../../packages/embedded-google-cloud/state/lock.ts";

/** The file with the id of the process whose embedded cloud other commands may use. */
const OWNER = "held-open";

/**
 * Lets other commands use this process's embedded cloud until it ends.
 * @param folder The folder of the `local` stack.
 */
export function share(folder: string): void {
  writeFileSync(join(folder, OWNER), String(process.pid));
}

/**
 * Whether `npm start -- --keep` holds the `local` stack open.
 * @param folder As for {@link share}.
 */
export function isHeldOpen(folder: string): boolean {
  const owner = join(folder, OWNER);
  return existsSync(owner) && isAlive(Number(readFileSync(owner, "utf8")));
}

/**
 * The file with the address of the console that `npm start -- --keep` serves.
 * @param folder As for {@link share}.
 */
export function consoleAddress(folder: string): string {
  return join(folder, "console");
}
