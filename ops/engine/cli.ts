import { PulumiCommand } from "@pulumi/pulumi/automation/index.js";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { SemVer } from "semver";
import { CLI_VERSION, cliFolder, GO_VERSION } from "./pulumi-home.ts";
import { isReachable } from "./reachable.ts";
import { UserError } from "../terminal/user-error.ts";

/** The oldest version that was seen to work with the SDK of package.json. */
export const OLDEST = new SemVer("3.256.0");

const DOWNLOADS = "https://get.pulumi.com/releases/sdk/";

let found: Promise<PulumiCommand> | undefined;

/**
 * Finds the Pulumi CLI, and installs it where there is none: one on PATH, one in `$PULUMI_HOME/versions`, the official
 * download, a build from the pinned Go module. Looks once in a process.
 * @param say Prints a line of progress.
 * @throws UserError with the reason of each way that failed, and what to install.
 */
export function findCli(say: (line: string) => void): Promise<PulumiCommand> {
  return (found ??= find(say));
}

async function find(say: (line: string) => void): Promise<PulumiCommand> {
  const root = cliFolder();
  const ways: [string, () => Promise<PulumiCommand>][] = [
    ["on PATH", () => PulumiCommand.get({ version: OLDEST })],
    [root, () => PulumiCommand.get({ root, version: OLDEST })],
    ["official download", () => download(root, say)],
    ["built with Go", () => build(root, say)],
  ];
  const reasons: string[] = [];
  for (const [way, get] of ways) {
    try {
      return await get();
    } catch (error) {
      reasons.push(`  - ${way}: ${firstLine(error)}`);
    }
  }
  throw new UserError(
    `There is no Pulumi CLI:\n${reasons.join("\n")}\n` +
      `Install Pulumi ${OLDEST.version} or newer (https://www.pulumi.com/docs/install), or Go ${GO_VERSION} or newer (https://go.dev/dl), and run the command again.`,
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

/** What the official distribution carries beside the CLI, by the entry of the SDK that it runs, out of the working folder. */
const PLUGINS = {
  "dynamic-provider": "pulumi-resource-pulumi-nodejs",
  "run-policy-pack": "pulumi-analyzer-policy-nodejs",
};

/** Each runs in one process, where the SDK's own scripts start Node.js twice. */
async function bundlePlugins(bin: string): Promise<void> {
  for (const [entry, plugin] of Object.entries(PLUGINS)) {
    const script = `#!/bin/sh\nexec node -e "require('@pulumi/pulumi/cmd/${entry}')" ${entry} "$@"\n`;
    await writeFile(join(bin, plugin), script, { mode: 0o755 });
  }
}

/**
 * What the project file says of plugins that lie beside a CLI: the CLI also puts its own folder on PATH, and warns of a
 * plugin that it finds there. Undefined where the CLI brings its own.
 */
export function pluginsBeside({ command }: PulumiCommand): object | undefined {
  const path = dirname(command);
  const isBeside = existsSync(join(path, PLUGINS["run-policy-pack"]));
  return isBeside ? { analyzers: [{ name: "policy-nodejs", path }] } : undefined;
}

/** Runs Go and returns what it prints; each line of its error output is handed over as it comes. */
function go(cwd: string, args: string[], onLine: (line: string) => void = () => undefined): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn("go", args, {
      cwd,
      env: { ...process.env, CGO_ENABLED: "0" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    let errors = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors += text;
      text.split("\n").filter(Boolean).forEach(onLine);
    });
    child.on("error", (error: NodeJS.ErrnoException) => {
      reject(error.code === "ENOENT" ? new Error("Go is not installed") : error);
    });
    child.on("close", (code) => {
      if (code === 0) resolve(output.split("\n").filter(Boolean));
      else
        reject(
          new Error(
            errors.trim().split("\n").slice(-3).join(" ") || `go ${args[0] ?? ""} ended with ${code ?? "a signal"}`,
          ),
        );
    });
  });
}

/** An error of the Automation API carries the whole output of a command; the first line with a word says enough. */
function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  if (/ENOENT|spawn/.test(text)) return "not there";
  return text.split("\n").find((line) => /[a-z]{3}/i.test(line)) ?? text;
}
