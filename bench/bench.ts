import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem, type } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Figure, regressions, TOLERANCE } from "./figure.ts";
import { fresh } from "./fresh.ts";
import { growth } from "./growth.ts";
import { imports } from "./imports.ts";
import { lint } from "./lint.ts";
import { policies } from "./policies.ts";
import { preview, typescript } from "./preview.ts";
import { reads } from "./reads.ts";
import { svg, table } from "./report.ts";
import { up } from "./up.ts";
import { commitOf } from "../ops/engine/commit.ts";
import { findCli } from "../ops/engine/cli.ts";
import { run } from "../ops/terminal/run.ts";
import { ROOT } from "../ops/engine/stack-file.ts";
import { UsageError, UserError } from "../ops/terminal/user-error.ts";

const BENCHMARKS = { preview, typescript, up, fresh, policies, growth, reads, lint, imports };

const HELP = `npm run bench [-- OPTIONS]

Measures how fast the project is compared with the alternatives, and writes the figures to docs/benchmarks. The sides of a
comparison run in turns, seven times each after a warm-up. Everything takes about 15 minutes on an otherwise idle machine.

  --only NAME  run only one of ${Object.keys(BENCHMARKS).join(", ")}; writes nothing
  --check      compare with the committed figures instead of writing new ones; fails if a ratio is more than
               ${TOLERANCE * 100} % worse
  --help       this text
`;

/** Figures of the stand-ins and of the official providers cannot be compared. */
const PROVIDERS = "stand-in";

const FOLDER = join(ROOT, "docs", "benchmarks");
const RESULTS = join(FOLDER, "results.json");

/** The content of the committed `results.json`. */
interface Results {
  readonly machine: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly commit: string;
  readonly time: string;
  readonly figures: readonly Figure[];
}

run(HELP, async () => {
  const options = { only: { type: "string" }, check: { type: "boolean" } } as const;
  const { only, check } = parseArgs({ options }).values;
  if (only !== undefined && !Object.hasOwn(BENCHMARKS, only)) throw new UsageError(`There is no benchmark "${only}".`);
  // The same on every machine; the benchmarks' processes inherit it.
  process.env.SETTLEMENT_PROVIDERS = PROVIDERS;
  const before = check ? committed() : undefined;
  const commit = check || only !== undefined ? undefined : commitOf();
  const figures: Figure[] = [];
  for (const [name, measure] of Object.entries(BENCHMARKS)) {
    if (only !== undefined && only !== name) continue;
    console.error(name);
    figures.push(...(await measure(console.error)));
  }
  process.stdout.write(table(figures));
  if (before) {
    const worse = regressions(figures, before.figures);
    if (worse.length > 0) throw new UserError(`Slower than ${before.commit}:\n  - ${worse.join("\n  - ")}`);
  } else if (commit !== undefined) await write(figures, commit.slice(0, 7));
});

function committed(): Results {
  if (!existsSync(RESULTS)) throw new UserError(`${RESULTS} does not exist: run npm run bench first, or omit --check.`);
  return JSON.parse(readFileSync(RESULTS, "utf8")) as Results;
}

async function write(figures: readonly Figure[], commit: string): Promise<void> {
  const [cpu] = cpus();
  const { version } = await findCli(() => undefined);
  const results: Results = {
    machine: `${cpu?.model ?? "?"}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()}`,
    versions: {
      node: process.versions.node,
      pulumi: version?.version ?? "?",
      providers: PROVIDERS,
      ...Object.fromEntries(["@pulumi/pulumi", "@pulumi/policy", "fastify"].map(versionOf)),
    },
    commit,
    time: new Date().toISOString(),
    figures,
  };
  const versions = Object.entries(results.versions).map(([name, version]) => `${name} ${version}`);
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(RESULTS, `${JSON.stringify(results, undefined, 2)}\n`);
  writeFileSync(join(FOLDER, "results.svg"), svg(figures, `${results.machine}; ${versions.join(", ")}`));
}

function versionOf(name: string): [string, string] {
  const file = join(ROOT, "node_modules", name, "package.json");
  return [name, (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version];
}
