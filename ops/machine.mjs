// What every command needs of the machine. Runs before the packages are installed, and under any Node.js.
import { accessSync, closeSync, constants, existsSync, openSync, statSync } from "node:fs";
import { tmpdir } from "node:os";

/**
 * Why no command can run on this machine, and what to do; undefined if nothing is in the way.
 * @param {string} [nothing] The device that swallows output; every program that a command starts opens it.
 * @returns {string | undefined}
 */
export function obstacle(nothing = "/dev/null") {
  if (process.platform === "win32") {
    return "On Windows, run this project in WSL: https://learn.microsoft.com/windows/wsl/install. It needs a POSIX shell and Unix sockets.";
  }
  const folder = tmpdir();
  const remedy = "or set TMPDIR to a folder that exists and that this user may write.";
  if (!existsSync(folder)) return `The folder for temporary files, ${folder}, does not exist: create it, ${remedy}`;
  try {
    accessSync(folder, constants.W_OK);
  } catch (error) {
    return `The folder for temporary files, ${folder}, cannot be written (${error.code}): change that, ${remedy}`;
  }
  try {
    closeSync(openSync(nothing, "r+"));
  } catch (error) {
    const isDevice = existsSync(nothing) && statSync(nothing).isCharacterDevice();
    const repair = isDevice ? `chmod 666 ${nothing}` : `rm -f ${nothing} && mknod -m 666 ${nothing} c 1 3`;
    return `This user cannot write to ${nothing} (${error.code}), which every program that a command starts needs. As root: ${repair}`;
  }
  return undefined;
}
