import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";

const ROOT = join(import.meta.dirname, "..", "..");

/** What a program that a command started writes on its error output, in any language, and the code of the same error in Node.js. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/no space left on device/i, "ENOSPC"],
  [/read-only file system/i, "EROFS"],
];

/**
 * What is wrong with the machine, if an error of the file system says so: no space, no permission, a read-only or missing folder.
 * @returns A sentence with what to do; undefined for any other error.
 */
export function machineError(error: Error): string | undefined {
  const {
    path = "",
    syscall,
    code = WORDS.find(([words]) => words.test(error.message))?.[1],
  } = error as NodeJS.ErrnoException;
  const where = path === "" ? "" : ` at ${path}`;
  if (code === "ENOSPC" || code === "EDQUOT") {
    const what = code === "ENOSPC" ? "There is no space left on the disk" : "The disk quota is used up";
    return `${what}${where}: free some, and run the command again.`;
  }
  const isCheckout = path.startsWith(ROOT + sep);
  if (code === "EROFS" || (["EACCES", "EPERM"].includes(code ?? "") && path !== "" && syscall !== "spawn")) {
    const why = code === "EROFS" ? "the file system is read-only" : "this user has no permission";
    const remedy = isCheckout
      ? `Commands keep their state in ${join(ROOT, ".local")}: use a clone that this user may write.`
      : "Run the command as a user, or with folders, that may.";
    return `${path === "" ? "A file" : path} cannot be ${syscall === "scandir" ? "read" : "opened or written"}, because ${why}. ${remedy}`;
  }
  if (code === "ENOENT" && path.startsWith(tmpdir()) && !existsSync(tmpdir())) {
    return `The folder for temporary files, ${tmpdir()}, does not exist: create it, or set TMPDIR to one that does.`;
  }
  return error.cause instanceof Error ? machineError(error.cause) : undefined;
}
