import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/**
 * The Go module that the CLI is built from; it pins the versions of the CLI to install and of Go. Newer CLIs start policy
 * packs only through the Node.js language host, which ships with the official distribution and is not a Go module.
 */
const MODULE = readFileSync(join(import.meta.dirname, "pulumi-cli", "go.mod"), "utf8");
export const CLI_VERSION = /^require \S+ v(.*)$/m.exec(MODULE)?.[1] ?? "";
export const GO_VERSION = /^go (.*)$/m.exec(MODULE)?.[1] ?? "";

/** Folder of Pulumi's versions and plugins: `$PULUMI_HOME`, else `~/.pulumi`. */
export function pulumiHome(): string {
  return process.env.PULUMI_HOME ?? join(homedir(), ".pulumi");
}

/** Folder that our commands install the CLI into; its executable is in `bin`. */
export function cliFolder(): string {
  return join(pulumiHome(), "versions", CLI_VERSION);
}
