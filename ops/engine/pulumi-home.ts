import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/**
 * What the module says that the CLI is built from: the version of the CLI, which is installed where none is there, and of
 * Go. Newer CLIs start a policy pack only by the language host for Node.js, which the official distribution carries and no
 * Go module holds.
 */
const MODULE = readFileSync(join(import.meta.dirname, "pulumi-cli", "go.mod"), "utf8");
export const CLI_VERSION = /^require \S+ v(.*)$/m.exec(MODULE)?.[1] ?? "";
export const GO_VERSION = /^go (.*)$/m.exec(MODULE)?.[1] ?? "";

/** Where Pulumi keeps its versions and plugins: `$PULUMI_HOME`, else `~/.pulumi`. */
export function pulumiHome(): string {
  return process.env.PULUMI_HOME ?? join(homedir(), ".pulumi");
}

/** Where the CLI is installed that our commands install; its executable is in `bin`. */
export function cliFolder(): string {
  return join(pulumiHome(), "versions", CLI_VERSION);
}
