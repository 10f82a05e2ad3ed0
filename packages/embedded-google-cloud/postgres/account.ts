import { spawnSync } from "node:child_process";
import { chownSync, lstatSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * Whom PostgreSQL runs as, since it refuses to run as root: `self` an ordinary user's own account; `namespace` root
 * that looks like nobody to itself, which works in folders only root can enter; `nobody` where user namespaces are not
 * to be had.
 */
export type Account = "self" | "namespace" | "nobody";

/** How to start a program. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
}

const NOBODY = 65534;
const UNSHARE = ["--user", `--map-user=${NOBODY}`, `--map-group=${NOBODY}`];

let detected: Account | undefined;

/** The account that fits this process and machine. */
export function currentAccount(): Account {
  detected ??= process.getuid?.() !== 0 ? "self" : canUnshare() ? "namespace" : "nobody";
  return detected;
}

function canUnshare(): boolean {
  return spawnSync("unshare", [...UNSHARE, "true"], { stdio: "ignore" }).status === 0;
}

/**
 * How to start one of PostgreSQL's programs, after giving its files to whom it will run as.
 * @param account Whom to run as.
 * @param command The program's path.
 * @param paths Files and folders that the program reads and writes.
 * @throws Error where nobody cannot come to one of them, or to the program.
 */
export function launchAs(account: Account, command: string, args: readonly string[], paths: readonly string[]): Launch {
  if (account === "self") return { command, args };
  const owner = account === "namespace" ? 0 : NOBODY;
  for (const path of paths) giveTo(owner, path);
  if (account === "namespace") return { command: "unshare", args: [...UNSHARE, command, ...args] };
  for (const path of [command, ...paths]) requireOpenWay(path);
  return { command, args, uid: NOBODY, gid: NOBODY };
}

function giveTo(owner: number, path: string): void {
  const stat = lstatSync(path);
  if (stat.uid !== owner) chownSync(path, owner, owner);
  if (stat.isDirectory()) for (const name of readdirSync(path)) giveTo(owner, join(path, name));
}

function requireOpenWay(path: string): void {
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) {
      throw new Error(
        `PostgreSQL does not run as root, and nobody else can enter ${folder}. ` +
          "Start as an ordinary user, or allow others to enter it (chmod o+x).",
      );
    }
  }
}
