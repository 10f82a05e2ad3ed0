import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ROOT } from "../../ops/engine/stack-file.ts";
import { scenario } from "../scenario.ts";
import { copyProject, untilQuiet } from "./copy.ts";
import { startedBy } from "./engines.ts";

jest.setTimeout(600_000);

/** Programs that the documents call and that cannot be run here: their commands are checked for their form alone. */
const NOT_HERE: Readonly<Record<string, string>> = {
  "cloud-sql-proxy": "connects to Google's own servers",
  docker: "needs a container runtime",
  gcloud: "speaks to Google's own servers only",
  gh: "speaks to GitHub's own servers only",
  pulumi: "the official language host is not to be had here; test/e2e/plain-program.test.ts imitates it",
  psql: "needs the socket of the proxy above",
};

/** Commands of ours that are not run here, and where they are. */
const ELSEWHERE: readonly (readonly [RegExp, string])[] = [
  [/ --socket /, "needs a Cloud SQL Auth Proxy: test/e2e/stack.test.ts logs in through a socket"],
  [/^npm run audit$/, "needs a registry that knows advisories: test/ops/supply-chain.test.ts judges what it says"],
  [/ sbom /, "needs packages of its own folder: test/ops/supply-chain.test.ts runs it"],
  [/ restore --stack /, "needs the id of a backup: test/e2e/migrations.test.ts restores one"],
  [/ preview .*--offline$/, "test/e2e/preview.test.ts runs it"],
  [/ preview -- --stack \w+$/, "test/e2e/pipelines.test.ts runs it, with --comment"],
  [/ up -- --stack /, "test/e2e/pipelines.test.ts runs it, with --yes"],
  [/ rotate /, "test/e2e/rotation.test.ts runs it"],
  [/^npm test$/, "is what runs this"],
  [/^npm run (bootstrap|adopt|test:faults|bench)\b/, "has tests of its own"],
];

/** One command of a document, in one line. */
interface Shown {
  readonly document: string;
  readonly command: string;
}

/** The commands of the blocks that are a shell's; of a console, the lines behind `$`. */
function commandsOf(document: string): Shown[] {
  const text = readFileSync(join(ROOT, "docs", document), "utf8");
  const blocks = [...text.matchAll(/^( *)```(sh|console)\n([\s\S]*?)\n\1```/gm)];
  return blocks.flatMap(([, indent = "", kind, body = ""]) => {
    const lines = body.replaceAll("\\\n", " ").split("\n");
    const said = lines.map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line));
    const typed = kind === "sh" ? said : said.flatMap((line) => /^\$ (.*)/.exec(line)?.[1] ?? []);
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
/** What is run, each once, on the stack that is here. */
const toRun = [
  ...new Set(
    shown
      .filter((each) => isOurs(each) && !elsewhere(each))
      .map(({ command }) => command.replace(/--stack (staging|prod|S)\b/, "--stack local")),
  ),
];

describe("commands that cannot be run here", () => {
  const others = shown.filter((each) => !isOurs(each));

  test.each(others.map(({ document, command }) => [document, command] as const))("%s: %s", (_document, command) => {
    const { status, stderr } = spawnSync("sh", ["-n", "-c", command], { encoding: "utf8" });
    expect([status, stderr]).toEqual([0, ""]);
    // The programs of a pipe and behind an assignment count too.
    const programs = command
      .replace(/"[^"]*"|'[^']*'|\$\([^)]*\)/g, "TEXT")
      .split(/\||&&|&/)
      .map((part) => part.trim().replace(/^(\w+=\S+ )+/, ""))
      .filter((part) => part !== "")
      .map((part) => part.split(" ")[0] ?? "");
    for (const program of programs) expect(Object.keys(NOT_HERE)).toContain(program);
  });
});

test("the documents show commands of each kind", () => {
  for (const part of ["npm start", "doctor", "migration -- new", "migration -- rollback"]) {
    expect([part, toRun.some((command) => command.includes(part))]).toEqual([part, true]);
  }
});

describe("following the documents on the embedded cloud", () => {
  const step = scenario();
  /** A copy of the project, because the commands write into it. */
  let copy: string;
  let held: ChildProcess | undefined;

  beforeAll(() => {
    copy = copyProject("docs");
  });
  afterAll(async () => {
    if (held) await end(held);
    rmSync(copy, { recursive: true, force: true });
  });

  /**
   * Runs a command as it stands; answers its exit code and, where it failed, what it said. A reader answers what a command
   * asks on the terminal; here there is none.
   */
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

  /** As Ctrl-C does; npm, which would end by the signal, is left to answer the command's own exit code. */
  async function end(child: ChildProcess): Promise<number | null> {
    held = undefined;
    if (child.exitCode !== null) return child.exitCode;
    const closed = once(child, "close") as Promise<[number | null]>;
    const started = startedBy(child.pid ?? 0);
    for (const { args, pid } of started) if (/^\S*node .*ops\/start\.ts/.test(args)) process.kill(pid, "SIGINT");
    return (await closed)[0];
  }

  step("npm start deploys from nothing and holds the stack open", async () => {
    const child = spawn("npm", ["start", "--", "--keep"], {
      cwd: copy,
      detached: true,
      stdio: ["ignore", "pipe", "inherit"],
    });
    held = child;
    let said = "";
    for await (const line of createInterface({ input: child.stdout })) {
      said += `${line}\n`;
      if (line.startsWith("Ctrl-C ends it")) break;
    }
    expect(said).toContain("settlement command accepted (200)");
  });

  step("every other command succeeds, in the order of the documents, and the schema is rolled back", async () => {
    for (const command of toRun.filter((each) => each !== "npm start")) {
      expect([command, await run(command)]).toEqual([command, { code: 0, said: "" }]);
      if (command.includes("migration -- new")) fillIn(command);
    }
    expect(readFileSync(join(copy, "Pulumi.local.yaml"), "utf8")).toMatch(/version: "20251025120000"/);
  });

  step("SIGINT ends npm start with exit code 0, and leaves no process running", async () => {
    expect(held && (await end(held))).toBe(0);
    await untilQuiet(copy);
  });

  /** What the guide shows goes into the file that was made. */
  function fillIn(command: string): void {
    const name = command.split(" ").at(-1) ?? "";
    const guide = readFileSync(join(ROOT, "docs", "CLOUD_SQL_MIGRATION_GUIDE.md"), "utf8");
    const [, sql = ""] = new RegExp("```sql migrations/\\d+_" + name + "\\.sql\\n([\\s\\S]*?)```").exec(guide) ?? [];
    expect(sql).not.toBe("");
    const made = readdirSync(join(copy, "migrations")).find((file) => file.endsWith(`_${name}.sql`)) ?? "";
    writeFileSync(join(copy, "migrations", made), sql);
  }
});
