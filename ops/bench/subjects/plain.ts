import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { parse, stringify } from "yaml";
import { findCli } from "../../cli";
import { ADOPT_KEY } from "../../preview/adoption";
import { startProviders } from "../../providers";
import { readStackFile, ROOT } from "../../stack-file";
import { type Runtime, startLanguageHost } from "../language-host";

/** The options by which the official CLI runs this project. */
const OPTIONS = (
  parse(readFileSync(join(ROOT, "Pulumi.yaml"), "utf8")) as {
    runtime: { options: { typescript: boolean; nodeargs: string } };
  }
).runtime.options;

/** Pulumi's default, ts-node with types checked. */
const TS_NODE = {
  PULUMI_NODEJS_TYPESCRIPT: "true",
  PULUMI_NODEJS_TSCONFIG_PATH: join(__dirname, "default.tsconfig.json"),
};

// One `pulumi preview` of prod as a user types it, without policies: with this project's way to run TypeScript, or with
// Pulumi's default. ts-node keeps in the folder for temporary files what it has checked, file by file: `default` is without
// that, as on a runner's fresh machine; `unchanged` is with it.
const RUNTIMES: Readonly<Record<string, Runtime>> = {
  ours: { nodeargs: OPTIONS.nodeargs.split(" "), env: { PULUMI_NODEJS_TYPESCRIPT: String(OPTIONS.typescript) } },
  default: { nodeargs: [], env: { ...TS_NODE, TS_NODE_CACHE: "false" } },
  unchanged: { nodeargs: [], env: TS_NODE },
};

async function main(): Promise<void> {
  const runtime = RUNTIMES[process.argv[2] ?? ""];
  if (!runtime) throw new Error(`One of ${Object.keys(RUNTIMES).join(", ")}.`);
  const command = await findCli(() => undefined);
  mkdirSync(join(ROOT, ".local"), { recursive: true });
  const folder = mkdtempSync(join(ROOT, ".local", "bench-plain-"));
  const [host, providers] = await Promise.all([startLanguageHost(runtime), startProviders(command)]);
  try {
    writeFileSync(join(folder, "Pulumi.yaml"), stringify({ name: "settlement", runtime: "nodejs" }));
    // From an empty state nothing can be imported.
    const config = { ...readStackFile("prod").config, [ADOPT_KEY]: undefined };
    writeFileSync(join(folder, "Pulumi.prod.yaml"), stringify({ config }));
    mkdirSync(join(folder, "state"));
    const env = {
      ...process.env,
      GOOGLE_OAUTH_ACCESS_TOKEN: "none",
      PULUMI_GCP_SKIP_REGION_VALIDATION: "true",
      ...providers.env,
      PULUMI_BACKEND_URL: `file://${join(folder, "state")}`,
      PULUMI_CONFIG_PASSPHRASE: "only for this run",
      PULUMI_SKIP_UPDATE_CHECK: "true",
    };
    const pulumi = (...args: string[]) =>
      promisify(execFile)(command.command, [...args, "--non-interactive", "--color=never"], { cwd: folder, env });
    await pulumi("stack", "init", "prod");
    const { stdout } = await pulumi("preview", `--client=${host.address}`);
    if (!/\+ \d+ to create/.test(stdout)) throw new Error(stdout);
  } finally {
    host.stop();
    await providers.stop();
    rmSync(folder, { recursive: true });
  }
}

void main();
