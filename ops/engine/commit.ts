import { spawnSync } from "node:child_process";
import { ROOT } from "./stack-file.ts";
import { UserError } from "../terminal/user-error.ts";

/**
 * The full hash of the commit that is checked out, which results and snapshots name: ask before the work.
 * @param folder In a git repository; the project by default.
 * @throws UserError if the folder is in none, the repository has no commit yet, or git is not installed.
 */
export function commitOf(folder = ROOT): string {
  const { status, stdout } = spawnSync("git", ["rev-parse", "--verify", "HEAD"], { cwd: folder, encoding: "utf8" });
  if (status !== 0) {
    throw new UserError(
      `What this command writes names the commit that it was made of, and git finds none in ${folder}: run it in a git clone.`,
    );
  }
  return stdout.trim();
}
