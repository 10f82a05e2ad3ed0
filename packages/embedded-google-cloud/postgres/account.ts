import { spawnSync } from "node:child_process";
import { chownSync, lstatSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * The account that PostgreSQL runs as, since it refuses to run as root: `self`, the current ordinary user; `namespace`, root
 * mapped to nobody, which can enter folders that only root can; `nobody`, if user namespaces are not available.
 */
export type Account = "self" | "namespace" | "nobody";

/** The arguments of `spawn`. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
}

const NOBODY = 65534;
const UNSHARE = ["--user", `--map-user=${NOBODY}`, `--map-group=${NOBODY}`];

let detected: Account | undefined;

/** The account for this process on this machine. */
export function currentAccount(): Account {
  detected ??= process.getuid?.() !== 0 ? "self" : canUnshare() ? "namespace" : "nobody";
  return detected;
}

function canUnshare(): boolean {
  return spawnSync("unshare", [...UNSHARE, "true"], { stdio: "ignore" }).status === 0;
}

/**
 * How to start one of PostgreSQL's programs; gives its files to the account first.
 * @param paths Files and folders that the program reads and writes.
 * @throws Error if the user nobody cannot reach one of them, or the program.
 */
export function launchAs(account: Account, command: string, args: readonly string[], paths: readonly string[]): Launch {
  if (account === "self") return { command, args };
  const owner = account === "namespace" ? 0 : NOBODY;
  for (const path of paths) changeOwner(path, owner);
  if (account === "namespace") return { command: "unshare", args: [...UNSHARE, command, ...args] };
  for (const path of [command, ...paths]) requireReachable(path);
  return { command, args, uid: NOBODY, gid: NOBODY };
}

function changeOwner(path: string, owner: number): void {
  const stat = lstatSync(path);
  if (stat.uid !== owner) chownSync(path, owner, owner);
  if (stat.isDirectory()) for (const name of readdirSync(path)) changeOwner(join(path, name), owner);
}

function requireReachable(path: string): void {
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) {
      throw new Error(
        `PostgreSQL does not run as root, and other users cannot enter ${folder}. ` +
          "Start as an ordinary user, or let other users enter it (chmod o+x).",
      );
    }
  }
}
