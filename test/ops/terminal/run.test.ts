import { spawn } from "node:child_process";
import { once } from "node:events";
import { ROOT } from "../../../ops/engine/workspace.ts";

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

test("a command whose output nobody reads any more is brought to its end", async () => {
  const child = spawn(process.execPath, ["-e", COMMAND], { cwd: ROOT });
  child.stdout.destroy();
  child.stderr.destroy();
  child.stdin.write("go\n");
  expect(await once(child, "exit")).toEqual([3, null]);
});
