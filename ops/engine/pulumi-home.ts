import { homedir } from "node:os";
import { join } from "node:path";

/**
 * The version of the CLI that is installed where none is there; `ops/engine/pulumi-cli/go.mod` pins the same one. Newer ones start a
 * policy pack only by the language host for Node.js, which the official distribution carries and no Go module holds.
 */
export const CLI_VERSION = "3.260.0";

/** Where Pulumi keeps its versions and plugins: `$PULUMI_HOME`, else `~/.pulumi`. */
export function pulumiHome(): string {
  return process.env.PULUMI_HOME ?? join(homedir(), ".pulumi");
}

/** Where the CLI is installed that our commands install; its executable is in `bin`. */
export function cliFolder(): string {
  return join(pulumiHome(), "versions", CLI_VERSION);
}
