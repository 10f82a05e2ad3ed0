import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../ops/engine/stack-file.ts";
import { scenario } from "../scenario.ts";
import { consoleSteps } from "./console-in-browser.ts";
import { copyProject, untilQuiet } from "./copy.ts";
import {
  documented,
  ELSEWHERE as OTHERS_ELSEWHERE,
  GROUPS,
  OTHERS,
  ON_A_SETTING,
  ON_THE_STACK,
  REFUSED,
} from "./documented.ts";
import { gcloudSteps, INSTALLED, REHEARSAL } from "./gcloud.ts";
import { HeldStart } from "./held-start.ts";
import { commandsOf as shapesOf, includes, recordedRuns } from "./printed.ts";

jest.setTimeout(600_000);

/** Programs in the documents that cannot run here; only the syntax of their commands is checked. */
const NOT_HERE: Readonly<Record<string, string>> = {
  ".": "test below sources the settings that npm start writes",
  export: "test below rehearses a pipeline",
  mkdir: "test below rehearses a pipeline",
  curl: "test below calls the embedded cloud",
  "cloud-sql-proxy": "test below runs it",
  docker: "needs a container runtime",
  gcloud: "test below runs it",
  gh: "talks to GitHub's own servers only",
  pulumi: "the official language host is unavailable here; test/e2e/plain-program.test.ts imitates it",
  psql: "test below runs it",
};

/** The project's commands that are not run here, and the reason or the test that runs them. */
const ELSEWHERE: readonly (readonly [RegExp, string])[] = [
  [/ --socket /, "needs a Cloud SQL Auth Proxy: test/e2e/stack.test.ts logs in through a socket"],
  [/^npm run audit$/, "needs a registry with advisories: test/ops/supply-chain.test.ts tests its evaluation"],
  [/ sbom /, "needs packages of its own folder: test/ops/supply-chain.test.ts runs it"],
  [/^npm ci /, "is for a clone of its own: test/policies/outside.test.ts has the packages that it installs"],
  [/ squash /, "needs all versions applied, and a rollback is before it: test/migrations/history.test.ts runs it"],
  [/ repair /, "test/e2e/migrations.test.ts repairs a stack"],
  [/ restore --stack /, "needs the id of a backup: test/e2e/migrations.test.ts restores one"],
  [/ preview .*--offline$/, "test/e2e/preview.test.ts runs it"],
  [/ preview -- --stack \w+$/, "test/e2e/pipelines.test.ts runs it, with --comment"],
  [/ up -- --stack /, "test/e2e/pipelines.test.ts runs it, with --yes"],
  [/ rotate /, "test/e2e/rotation.test.ts runs it"],
  [/ failover /, "test/e2e/failover.test.ts runs it"],
  [/^npm test$/, "is what runs this"],
  [/^npm run (bootstrap|adopt|test:faults|bench)\b/, "has tests of its own"],
];

/** A command in a document, on one line. */
interface Shown {
  readonly document: string;
  readonly command: string;
}

/** The commands in a document's shell blocks; in console blocks, the lines after `$`. */
function commandsOf(document: string): Shown[] {
  const text = readFileSync(join(ROOT, "docs", document), "utf8");
  const blocks = [...text.matchAll(/^( *)```(sh|console)\n([\s\S]*?)\n\1```/gm)];
  return blocks.flatMap(([, indent = "", kind, body = ""]) => {
    const lines = body.replaceAll("\\\n", " ").split("\n");
    const unindented = lines.map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line));
    const typed = kind === "sh" ? unindented : unindented.flatMap((line) => /^\$ (.*)/.exec(line)?.[1] ?? []);
    return typed
      .map((line) => line.trim().replace(/ {2,}/g, " "))
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((command) => ({ document, command }));
  });
}

const shown = readdirSync(join(ROOT, "docs"))
  .filter((name) => name.endsWith(".md"))
  .flatMap(commandsOf);
const isOurs = ({ command }: Shown) => /^(npm|npx|node) /.test(command);
const elsewhere = ({ command }: Shown) => ELSEWHERE.find(([form]) => form.test(command));
/** The commands to run, once each, on the local stack. */
const toRun = [
  ...new Set(
    shown
      .filter((each) => isOurs(each) && !elsewhere(each))
      .map(({ command }) => command.replace(/--stack (staging|prod|S)\b/, "--stack local")),
  ),
];

/** Commands to run on a local stack that nothing holds open; the others run while `npm start -- --keep` does. */
const UNHELD = [
  "npm run smoke-test -- --stack local",
  "npm run doctor -- --stack local",
  "npm run migration -- status --stack local --socket .local/start/sql",
];

/** Keeps the machine busy for half a minute. */
const isLoad = (command: string) => command.startsWith("npm run load ");

describe("commands that cannot run here are valid shell", () => {
  const others = shown.filter((each) => !isOurs(each));

  test.each(others.map(({ document, command }) => [document, command] as const))("%s: %s", (_document, command) => {
    const { status, stderr } = spawnSync("sh", ["-n", "-c", command], { encoding: "utf8" });
    expect([status, stderr]).toEqual([0, ""]);
    // Including programs in a pipe or after an assignment.
    const programs = command
      .replace(/"[^"]*"|'[^']*'|\$\([^)]*\)/g, "TEXT")
      .split(/\||&&|&/)
      .map((part) => part.trim().replace(/^(\w+=\S+ )+/, ""))
      .filter((part) => part !== "")
      .map((part) => part.split(" ")[0] ?? "");
    for (const program of programs) expect(Object.keys(NOT_HERE)).toContain(program);
  });
});

test("every line of another program in a document or a message is one that a test runs", () => {
  const lines = [
    ...[...ON_THE_STACK, ...ON_A_SETTING, ...REFUSED].map(([line]) => line),
    ...commandsOf("LOCAL_TOOLS.md").map(({ command }) => command),
    ...REHEARSAL,
  ];
  const recorded = Object.values(recordedRuns()).flatMap((faults) => Object.values(faults).flat());
  const run = [...lines.flatMap(shapesOf), ...recorded.map((each) => each.replace(/^.*?: /, ""))];
  const isRun = (shape: string) =>
    !/^gcloud( --|$)/.test(shape) && run.some((one) => includes(one.split(" "), shape.split(" ")));
  const all = documented();
  expect(all.length).toBeGreaterThan(40);
  const left = all.filter(
    ({ line }) =>
      !GROUPS.includes(line) &&
      !OTHERS_ELSEWHERE.some(([form]) => form.test(line)) &&
      (shapesOf(line).length === 0 || !shapesOf(line).every(isRun)),
  );
  expect(left).toEqual([]);
});

test("the documents contain commands of each kind", () => {
  for (const part of ["npm start", "doctor", "migration -- new", "migration -- rollback"]) {
    expect([part, toRun.some((command) => command.includes(part))]).toEqual([part, true]);
  }
});

describe("following the documents on the embedded cloud", () => {
  const step = scenario();
  const SUCCESS = { code: 0, said: "" };
  /** A copy of the project, because the commands write into it. */
  let copy: string;
  const start = new HeldStart();

  beforeAll(() => {
    copy = copyProject("docs");
  });
  afterAll(async () => {
    await start.end();
    rmSync(copy, { recursive: true, force: true });
  });

  /** Runs a command as written, confirming a rollback; returns its exit code and the end of a failed one's output. */
  async function run(command: string): Promise<{ code: number | null; said: string }> {
    const asks = command.includes(" rollback ");
    const child = spawn("sh", ["-c", asks ? `${command} --yes` : command], {
      cwd: copy,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes: Buffer) => (said += bytes.toString()));
    const [code] = (await once(child, "close")) as [number | null];
    return { code, said: code === 0 ? "" : said.slice(-2_000) };
  }

  step("deploys a new stack with npm start, with the service as a command, and keeps it open", async () => {
    const service = ["--service", "node packages/settlement-service/server.js"];
    await start.open(copy, "--rehearse", "staging", ...service, "--fault", "GET run:503:1");
    expect(start.said).toContain("node packages/settlement-service/server.js answers GET /health (200)");
  });

  step("lets the call of an API fail that --fault names, and the doctor says what Google answered", async () => {
    const { code, said } = await run("npm run doctor -- --stack local");
    expect([code, said]).toEqual([
      3,
      expect.stringMatching(/^Inconclusive: .*The service is\s+currently unavailable/m),
    ]);
  });

  consoleSteps(step, () => copy);

  step(`lets other programs use the stack, with the settings that it wrote: ${INSTALLED.join(", ")}`, async () => {
    const lines = commandsOf("LOCAL_TOOLS.md").map(({ command }) => command);
    expect(lines).toHaveLength(6);
    const missing = OTHERS.filter((program) => !INSTALLED.includes(program));
    for (const line of lines.filter((each) => !missing.some((program) => each.includes(program)))) {
      expect([line, await run(`. .local/start/env; ${line}`)]).toEqual([line, SUCCESS]);
    }
  });

  gcloudSteps(
    step,
    () => copy,
    () => start.said,
  );

  step.inLongForm("finds where the load ends of a stack that is held open", async () => {
    for (const command of toRun.filter(isLoad)) expect([command, await run(command)]).toEqual([command, SUCCESS]);
  });

  step("runs every other command in the order of the documents, and rolls back the schema", async () => {
    const others = toRun.filter((each) => each !== "npm start" && !isLoad(each) && !UNHELD.includes(each));
    for (const command of others) {
      expect([command, await run(command)]).toEqual([command, SUCCESS]);
      if (command.includes("migration -- new")) fillIn(command);
    }
    expect(readFileSync(join(copy, "Pulumi.local.yaml"), "utf8")).toMatch(/version: "20251025120000"/);
  });

  step("ends npm start on SIGINT with exit code 0, and leaves no process running", async () => {
    expect(await start.end()).toBe(0);
    expect(start.said).toContain("\nShutting down; press Ctrl-C again to force quit.\n");
    await untilQuiet(copy);
  });

  step("runs commands on a local stack that nothing holds open, and stops what they start", async () => {
    for (const command of UNHELD) expect([command, await run(command)]).toEqual([command, SUCCESS]);
    await untilQuiet(copy);
  });

  step.inLongForm("finds where the load ends of a stack that nothing holds open", async () => {
    expect(await run("npm run load -- --stack local --json")).toEqual(SUCCESS);
    await untilQuiet(copy);
  });

  /** Writes the guide's SQL into the new migration. */
  function fillIn(command: string): void {
    const name = command.split(" ").at(-1) ?? "";
    const guide = readFileSync(join(ROOT, "docs", "CLOUD_SQL_MIGRATION_GUIDE.md"), "utf8");
    const [, sql = ""] = new RegExp("```sql migrations/\\d+_" + name + "\\.sql\\n([\\s\\S]*?)```").exec(guide) ?? [];
    expect(sql).not.toBe("");
    const made = readdirSync(join(copy, "migrations")).find((file) => file.endsWith(`_${name}.sql`)) ?? "";
    writeFileSync(join(copy, "migrations", made), sql);
  }
});
