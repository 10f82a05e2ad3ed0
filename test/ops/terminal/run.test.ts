import { execFileSync, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { once } from "node:events";
import { ROOT } from "../../../ops/engine/stack-file.ts";
import { EXIT_CODES, report } from "../../../ops/terminal/run.ts";
import { CannotInspect } from "../../../ops/google/reader.ts";
import { UserError } from "../../../ops/terminal/user-error.ts";
import { StoreError } from "../../../packages/embedded-google-cloud/state/store.ts";

const COMMAND = `
  const { run } = require("./ops/terminal/run.ts");
  run("", async () => {
    await new Promise((resolve) => process.stdin.once("data", resolve));
    for (const line of ["one", "two", "three"]) {
      console.log(line);
      console.error(line);
      await new Promise(setImmediate);
    }
    process.exit(3);
  });
`;

test("a command finishes even if its output is closed", async () => {
  const child = spawn(process.execPath, ["-e", COMMAND], { cwd: ROOT });
  child.stdout.destroy();
  child.stderr.destroy();
  child.stdin.write("go\n");
  expect(await once(child, "exit")).toEqual([3, null]);
});

test("a damaged data folder is reported with the command that resets it", () => {
  const print = jest.spyOn(console, "error").mockReturnValue();
  expect(report(new StoreError("/state/port", "it is empty"), "")).toBe(1);
  expect(print).toHaveBeenCalledWith(
    "A state file is damaged: /state/port (it is empty). Start over with: npm start -- --reset",
  );
  print.mockRestore();
});

test("what the user can fix ends with 1, what could not be found out with 3", () => {
  const print = jest.spyOn(console, "error").mockReturnValue();
  expect(report(new UserError("It does not exist."), "")).toBe(1);
  expect(report(new CannotInspect("Nobody may look."), "")).toBe(3);
  print.mockRestore();
});

test("the exit codes are those of all commands, and every help ends with them", () => {
  const code = 'require("./ops/terminal/run.ts").run("Help.\\n", () => Promise.resolve())';
  const help = execFileSync(process.execPath, ["-e", code, "--", "--help"], { cwd: ROOT, encoding: "utf8" });
  expect(help).toBe(`Help.\n${EXIT_CODES}`);
  for (const file of readdirSync(join(ROOT, "ops")).filter((name) => name.endsWith(".ts"))) {
    const text = readFileSync(join(ROOT, "ops", file), "utf8");
    expect([file, text]).toEqual([file, expect.stringMatching(/^run\(HELP, /m)]);
    expect([file, text]).toEqual([file, expect.not.stringMatching(/^Exit codes?:/m)]);
  }
});
