import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SOURCE = join(import.meta.dirname, "python-service");

/** A service in Python, with its packages from PyPI. */
export interface PythonService {
  /** The line that starts it. */
  readonly command: string;
  /** Removes the packages. */
  readonly remove: () => void;
}

/**
 * Installs the packages of a service that knows nothing of the embedded cloud.
 * @returns Why that is not possible, if Python, pip or PyPI is missing or too old.
 */
export function installPythonService(): PythonService | string {
  const packages = mkdtempSync(join(tmpdir(), "python-"));
  const options = ["--quiet", "--no-compile", "--disable-pip-version-check", "--root-user-action", "ignore"];
  const args = ["-m", "pip", "install", ...options, "--target", packages, "-r", join(SOURCE, "requirements.txt")];
  const { error, status, stderr } = spawnSync("python3", args, { encoding: "utf8" });
  const remove = () => {
    rmSync(packages, { recursive: true });
  };
  if (status === 0) return { command: `PYTHONPATH=${packages} python3 ${join(SOURCE, "service.py")}`, remove };
  remove();
  return error?.message ?? stderr.trim().split("\n").at(-1) ?? "pip failed";
}
