import { spawnSync } from "node:child_process";
import { ROOT } from "../../../ops/engine/stack-file.ts";

test.each([
  ["--stack prod", "Add --rate N, the most requests a second that prod may get."],
  ["--stack prod --rate 0", '--rate must be a positive whole number, not "0".'],
  ["--stack prod --publish", "--publish needs --stack local, and no --rate."],
])("%s is refused", (line, sentence) => {
  const { status, stderr } = spawnSync(process.execPath, ["ops/load.ts", ...line.split(" ")], {
    cwd: ROOT,
    encoding: "utf8",
  });
  expect([status, stderr]).toEqual([2, expect.stringContaining(sentence)]);
});
