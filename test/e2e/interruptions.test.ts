import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../ops/workspace";

/** `npm start` as a process of its own, in a copy of the project, asked to end in several ways; test/faults kills. */

let copy: string;

beforeAll(() => {
  mkdirSync(join(ROOT, ".local"), { recursive: true });
  copy = mkdtempSync(join(ROOT, ".local", "copy-"));
  for (const part of ["infra", "local", "migrations", "ops", "policies", "package.json", "tsconfig.json"]) {
    cpSync(join(ROOT, part), join(copy, part), { recursive: true });
  }
  for (const file of ["Pulumi.yaml", "Pulumi.local.yaml"]) cpSync(join(ROOT, file), join(copy, file));
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
});

afterAll(() => {
  rmSync(copy, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Starts it; `at` is called once, when the output holds the text. */
function start(args: readonly string[], text?: string, at?: (child: ChildProcess) => void): Promise<Ended> {
  const command = ["--import", "tsx", join(copy, "ops", "start.ts"), ...args];
  const child = spawn(process.execPath, command, { cwd: copy, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let waits = text !== undefined;
  const read = (chunk: Buffer) => {
    output += chunk.toString();
    if (waits && output.includes(text ?? "")) {
      waits = false;
      at?.(child);
    }
  };
  child.stdout.on("data", read);
  child.stderr.on("data", read);
  return new Promise((resolve) => {
    child.on("close", (code) => {
      resolve({ code, output });
    });
  });
}

/** Processes that still work for the copy. */
function leftovers(): string[] {
  const rows = execFileSync("ps", ["-eo", "pid,args"], { encoding: "utf8" }).split("\n");
  return rows.filter((row) => row.includes(copy) && !row.includes("ps -eo"));
}

/** Waits until no process works for the copy any more. */
async function untilQuiet(): Promise<void> {
  const end = Date.now() + 30_000;
  while (leftovers().length > 0) {
    if (Date.now() > end) throw new Error(`Still running:\n${leftovers().join("\n")}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const group = (child: ChildProcess, signal: NodeJS.Signals) => process.kill(-(child.pid ?? 0), signal);

test.each(["SIGINT", "SIGTERM"] as const)("%s in the middle ends everything that was started", async (signal) => {
  const { code } = await start(["--reset"], "settlement-schema creating", (child) => child.kill(signal));
  expect(code).toBe(signal === "SIGINT" ? 130 : 143);
  await untilQuiet();
});

test("Ctrl-C ends a run that is held open, with exit code 0", async () => {
  const { code, output } = await start(["--reset", "--keep"], "Ctrl-C ends it.", (child) => group(child, "SIGINT"));
  expect([code, output]).toEqual([0, expect.stringContaining("settlement command accepted (200)")]);
  await untilQuiet();
});

test.each([["pulumi/Pulumi.local.yaml"], ["cloud/owner-token"]])(
  "an empty %s is named, with the way out",
  async (file) => {
    writeFileSync(join(copy, ".local", "start", file), "");
    const { code, output } = await start([]);
    expect(output).toContain(file);
    expect(output).toContain("Start over with: npm start -- --reset");
    expect(output).not.toMatch(/^\s+at /m);
    expect(code).toBe(1);
    rmSync(join(copy, ".local", "start", file));
  },
);
