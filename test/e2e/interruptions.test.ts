import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { LONG_FORM } from "../long-form.ts";
import { copyProject, untilQuiet } from "./copy.ts";
import { shell, type ShellOptions } from "./shell.ts";

/** Interrupts `npm start` in a copy of the project; test/faults kills it. */

let copy: string;

beforeAll(() => {
  copy = copyProject("copy");
});

afterAll(() => {
  rmSync(copy, { recursive: true, force: true });
});

const start = (args: string, at?: ShellOptions["at"]) =>
  shell(`exec "${process.execPath}" ops/start.ts ${args}`, { cwd: copy, ...(at && { at }) });

/** While Cloud SQL creates the instance, during an import, and in the preview. */
const SIGNALS = [
  ["SIGINT", 130, "settlement-instance creating"],
  ["SIGINT", 130, "settlement-schema creating"],
  ["SIGTERM", 143, "Previewing, with the policies applied"],
] as const;

test.each(LONG_FORM ? SIGNALS : SIGNALS.slice(0, 1))(
  "%s ends every process with exit code %i, at: %s",
  async (signal, expected, text) => {
    const { code } = await start("--reset", [text, (child) => child.kill(signal)]);
    expect(code).toBe(expected);
    await untilQuiet(copy);
  },
);

const FILES = [["cloud/owner-token"], ["pulumi/Pulumi.local.yaml"]] as const;

test.each(LONG_FORM ? FILES : FILES.slice(0, 1))("rejects an empty %s, and says how to start over", async (file) => {
  const path = join(copy, ".local", "start", file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, "");
  const { code, output } = await start("");
  expect(output).toContain(file);
  expect(output).toContain("Start over with: npm start -- --reset");
  expect(output).not.toMatch(/^\s+at /m);
  expect(code).toBe(1);
  rmSync(path);
});

test("refuses an empty command as the service", async () => {
  const { code, output } = await start("--service ' '");
  expect([code, output]).toEqual([2, expect.stringContaining("--service needs a command")]);
});
