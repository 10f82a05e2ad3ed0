import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { LONG_FORM } from "../long-form.ts";
import { copyProject, untilQuiet } from "./copy.ts";

/** `npm start` as a process of its own, in a copy of the project, asked to end in the middle; test/faults kills. */

let copy: string;

beforeAll(() => {
  copy = copyProject("copy");
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
  const command = [join(copy, "ops", "start.ts"), ...args];
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

const SIGNALS = [
  ["SIGINT", 130, "settlement-schema creating"],
  ["SIGTERM", 143, "Previewing, with the policies applied"],
] as const;

test.each(SIGNALS.slice(0, LONG_FORM ? 2 : 1))(
  "%s ends everything that was started, with exit code %i, at: %s",
  async (signal, expected, text) => {
    const { code } = await start(["--reset"], text, (child) => child.kill(signal));
    expect(code).toBe(expected);
    await untilQuiet(copy);
  },
);

test.each([["pulumi/Pulumi.local.yaml"], ["cloud/owner-token"]])(
  "refuses an empty %s, and says how to start over",
  async (file) => {
    const path = join(copy, ".local", "start", file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, "");
    const { code, output } = await start([]);
    expect(output).toContain(file);
    expect(output).toContain("Start over with: npm start -- --reset");
    expect(output).not.toMatch(/^\s+at /m);
    expect(code).toBe(1);
    rmSync(path);
  },
);
