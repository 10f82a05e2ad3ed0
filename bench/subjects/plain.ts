import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { parse, stringify } from "yaml";
import { findCli } from "../../ops/engine/cli.ts";
import { ADOPT_KEY } from "../../infra/adoption/existing.ts";
import { OFFLINE, startProviders } from "../../ops/engine/providers.ts";
import { readStackFile, ROOT, stackPath } from "../../ops/engine/stack-file.ts";
import { startLanguageHost } from "../language-host.ts";

// One `pulumi preview` of prod from the command line, without policies: the way this project runs TypeScript, or as in
// `pulumi new gcp-typescript`, with ts-node and its type check. ts-node caches checked files in the temporary folder:
// `default` disables the cache, as on a fresh CI runner; `unchanged` uses it. Each side returns its Pulumi.yaml.
const SIDES: Readonly<Record<string, () => object>> = {
  ours: () => ({ ...(parse(readFileSync(join(ROOT, "Pulumi.yaml"), "utf8")) as object), main: ROOT }),
  default: () => {
    process.env.TS_NODE_CACHE = "false";
    return asTemplate();
  },
  unchanged: asTemplate,
};

/** Writes the program as in that template, as CommonJS with its tsconfig.json, always at the same path for the cache. */
function asTemplate(): object {
  const folder = join(ROOT, ".local", "bench-template");
  mkdirSync(folder, { recursive: true });
  cpSync(join(ROOT, "migrations"), join(folder, "migrations"), { recursive: true });
  cpSync(join(import.meta.dirname, "default.tsconfig.json"), join(folder, "tsconfig.json"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ main: "infra/index.ts" }));
  const infra = join(ROOT, "infra");
  for (const file of readdirSync(infra, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"))) {
    const text = readFileSync(join(infra, file), "utf8")
      .replaceAll(/(from "\.[^"]*)\.ts"/g, '$1"')
      .replaceAll("import.meta.dirname", "__dirname");
    mkdirSync(dirname(join(folder, "infra", file)), { recursive: true });
    writeFileSync(join(folder, "infra", file), text);
  }
  return { name: "settlement", runtime: "nodejs", main: folder };
}

async function main(): Promise<void> {
  const project = SIDES[process.argv[2] ?? ""]?.();
  if (!project) throw new Error(`One of ${Object.keys(SIDES).join(", ")}.`);
  const command = await findCli(() => undefined);
  mkdirSync(join(ROOT, ".local"), { recursive: true });
  const folder = mkdtempSync(join(ROOT, ".local", "bench-plain-"));
  const [host, providers] = await Promise.all([startLanguageHost(), startProviders(command)]);
  try {
    writeFileSync(join(folder, "Pulumi.yaml"), stringify(project));
    // Nothing can be imported from an empty state.
    const config = { ...readStackFile("prod").config, [ADOPT_KEY]: undefined };
    writeFileSync(stackPath("prod", folder), stringify({ config }));
    mkdirSync(join(folder, "state"));
    const env = {
      ...process.env,
      ...OFFLINE,
      ...providers.env,
      PULUMI_BACKEND_URL: `file://${join(folder, "state")}`,
      PULUMI_CONFIG_PASSPHRASE: "only for this run",
      PULUMI_SKIP_UPDATE_CHECK: "true",
    };
    const pulumi = (...args: string[]) =>
      promisify(execFile)(command.command, [...args, "--non-interactive", "--color=never"], { cwd: folder, env });
    await pulumi("stack", "init", "prod");
    const start = process.hrtime.bigint();
    const { stdout } = await pulumi("preview", `--client=${host.address}`);
    console.log(Number(process.hrtime.bigint() - start) / 1e9); // without the setup
    if (!/\+ \d+ to create/.test(stdout)) throw new Error(stdout);
  } finally {
    host.stop();
    await providers.stop();
    rmSync(folder, { recursive: true });
  }
}

void main();
