import { spawn } from "node:child_process";
import { once } from "node:events";
import { ROOT } from "../../../ops/engine/stack-file.ts";
import { report } from "../../../ops/terminal/run.ts";
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
