import { spawnSync } from "node:child_process";
import { hash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../ops/engine/stack-file.ts";

const SOURCE = join(import.meta.dirname, "python-service");
const REQUIREMENTS = join(SOURCE, "requirements.txt");
const CACHE = join(ROOT, "node_modules", ".cache");

/** A service in Python, with its packages from PyPI. */
export interface PythonService {
  /** The line that starts it. */
  readonly command: string;
}

/**
 * Installs the packages of a service that knows nothing of the embedded cloud, once for each list of packages and version of
 * Python.
 * @returns Why that is not possible, if Python, pip or PyPI is missing or too old.
 */
export function installPythonService(): PythonService | string {
  const { error, stdout } = spawnSync("python3", ["--version"], { encoding: "utf8" });
  if (error) return error.message;
  const packages = join(CACHE, `python-${hash("sha256", stdout + readFileSync(REQUIREMENTS, "utf8")).slice(0, 12)}`);
  const failed = existsSync(packages) ? undefined : install(packages);
  return failed ?? { command: `PYTHONPATH=${packages} python3 ${join(SOURCE, "service.py")}` };
}

/** @returns Why that is not possible; undefined on success. */
function install(packages: string): string | undefined {
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(`${packages}-`);
  const options = ["--quiet", "--disable-pip-version-check", "--root-user-action", "ignore"];
  const args = ["-m", "pip", "install", ...options, "--target", folder, "-r", REQUIREMENTS];
  const { error, status, stderr } = spawnSync("python3", args, { encoding: "utf8" });
  if (status === 0) {
    renameSync(folder, packages);
    return undefined;
  }
  rmSync(folder, { recursive: true });
  return error?.message ?? stderr.trim().split("\n").at(-1) ?? "pip failed";
}
