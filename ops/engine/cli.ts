import { PulumiCommand } from "@pulumi/pulumi/automation/index.js";
import { execFile, type ExecFileException } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { SemVer } from "semver";
import { CLI_VERSION, cliFolder, GO_VERSION } from "./pulumi-home.ts";
import { isReachable } from "./reachable.ts";
import { UserError } from "../terminal/user-error.ts";

/** The oldest version known to work with the SDK in package.json. */
export const OLDEST = new SemVer("3.256.0");

const DOWNLOADS = "https://get.pulumi.com/releases/sdk/";

let found: Promise<PulumiCommand> | undefined;

/**
 * Finds the Pulumi CLI on PATH or in `$PULUMI_HOME/versions`, else downloads it or builds it from the pinned Go module.
 * The result is cached per process.
 * @param say Prints a line of progress.
 * @throws UserError with the reason for each failed attempt, and what to install.
 */
export function findCli(say: (line: string) => void): Promise<PulumiCommand> {
  return (found ??= find(say));
}

async function find(say: (line: string) => void): Promise<PulumiCommand> {
  const root = cliFolder();
  const attempts: [string, () => Promise<PulumiCommand>][] = [
    ["on PATH", () => PulumiCommand.get({ version: OLDEST })],
    [root, () => PulumiCommand.get({ root, version: OLDEST })],
    ["official download", () => download(root, say)],
    ["built with Go", () => build(root, say)],
  ];
  const reasons: string[] = [];
  for (const [attempt, get] of attempts) {
    try {
      return await get();
    } catch (error) {
      reasons.push(`  - ${attempt}: ${firstLine(error)}`);
    }
  }
  throw new UserError(
    `Cannot find or install the Pulumi CLI:\n${reasons.join("\n")}\n` +
      `Install Pulumi ${OLDEST.version} or newer (https://www.pulumi.com/docs/install), or Go ${GO_VERSION} or newer (https://go.dev/dl), then run the command again.`,
  );
}

async function download(root: string, say: (line: string) => void): Promise<PulumiCommand> {
  if (!(await isReachable(DOWNLOADS))) throw new Error("get.pulumi.com does not answer");
  say(`Downloading Pulumi ${CLI_VERSION} (once) ...`);
  return PulumiCommand.install({ root, version: new SemVer(CLI_VERSION) });
}

const MODULE = "github.com/pulumi/pulumi";

async function build(root: string, say: (line: string) => void): Promise<PulumiCommand> {
  const source = join(import.meta.dirname, "pulumi-cli");
  const packages = await go(source, ["list", "-deps", "-mod=readonly", `${MODULE}/pkg/v3/cmd/pulumi`]);
  say(`Building Pulumi ${CLI_VERSION} from its Go module (once, about three minutes) ...`);
  const bin = join(root, "bin");
  await mkdir(bin, { recursive: true });
  const unfinished = join(bin, `pulumi.${process.pid}.tmp`);
  const version = `-X ${MODULE}/sdk/v3/go/common/version.Version=v${CLI_VERSION}`;
  const flags = ["-v", "-mod=readonly", "-ldflags", `-s -w ${version}`, "-o", unfinished];
  let compiled = 0;
  await go(source, ["build", ...flags, `${MODULE}/pkg/v3/cmd/pulumi`], () => {
    compiled += 1;
    if (compiled % 150 === 0) say(`  ${compiled} of ${packages.length} packages`);
  });
  await bundlePlugins(bin);
  await rename(unfinished, join(bin, "pulumi"));
  return PulumiCommand.get({ root, version: OLDEST });
}

/** Plugins that the official distribution ships beside the CLI, by the SDK's entry point, resolved from the working folder. */
const PLUGINS = {
  "dynamic-provider": "pulumi-resource-pulumi-nodejs",
  "run-policy-pack": "pulumi-analyzer-policy-nodejs",
};

/** Writes scripts that run each plugin in one process; the SDK's own scripts start Node.js twice. */
async function bundlePlugins(bin: string): Promise<void> {
  for (const [entry, plugin] of Object.entries(PLUGINS)) {
    const script = `#!/bin/sh\nexec node -e "require('@pulumi/pulumi/cmd/${entry}')" ${entry} "$@"\n`;
    await writeFile(join(bin, plugin), script, { mode: 0o755 });
  }
}

/**
 * The project file's `plugins` for a CLI that we built: without it the CLI warns about plugins found on PATH, which includes
 * its own folder. Undefined if the CLI ships its own plugins.
 */
export function pluginsBeside({ command }: PulumiCommand): object | undefined {
  const path = dirname(command);
  const isBeside = existsSync(join(path, PLUGINS["run-policy-pack"]));
  return isBeside ? { analyzers: [{ name: "policy-nodejs", path }] } : undefined;
}

/** Runs Go and returns the lines that it prints; `onLine` gets each line of its error output. */
async function go(cwd: string, args: string[], onLine: (line: string) => void = () => undefined): Promise<string[]> {
  const options = { cwd, env: { ...process.env, CGO_ENABLED: "0" }, maxBuffer: Infinity };
  const running = promisify(execFile)("go", args, options);
  if (running.child.stderr) createInterface({ input: running.child.stderr }).on("line", onLine);
  try {
    return (await running).stdout.split("\n").filter(Boolean);
  } catch (error) {
    const { code, message, stderr = "" } = error as ExecFileException;
    if (code === "ENOENT") throw new Error("Go is not installed", { cause: error });
    throw new Error(stderr.trim().split("\n").slice(-3).join(" ") || message, { cause: error });
  }
}

/** The first line with a word: an Automation API error carries the command's whole output. */
function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  if (/ENOENT|spawn/.test(text)) return "not found";
  return text.split("\n").find((line) => /[a-z]{3}/i.test(line)) ?? text;
}
