import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ROOT } from "../../ops/workspace.ts";

/** Starts what the SDK starts before a plugin, and says what of it reaches Node.js. */
const PROGRAM = `
  const { Session } = require("node:inspector");
  const v8 = require("node:v8");
  const { post } = Session.prototype;
  Session.prototype.post = function (method, ...rest) {
    console.log(method);
    return post.call(this, method, ...rest);
  };
  const { setFlagsFromString } = v8;
  v8.setFlagsFromString = (flags) => {
    console.log(flags);
    setFlagsFromString(flags);
  };
  for (const file of process.argv.slice(1)) require(file);
  require("@pulumi/pulumi/runtime/closure/v8Hooks.js").isInitializedAsync().then(() => console.log("initialized"));
`;

function reaches(...first: string[]): string[] {
  const { stdout, stderr } = spawnSync(process.execPath, ["--eval", PROGRAM, ...first], {
    cwd: ROOT,
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  return stdout.trim().split("\n");
}

// Where the SDK no longer asks for them, ops/without-debugger.cjs has nothing to do any more, and goes.
test("the SDK asks for V8's debugger and for a flag, and gets neither in a plugin", () => {
  expect(reaches()).toEqual(["--allow-natives-syntax", "Debugger.enable", "initialized"]);
  expect(reaches(join(ROOT, "ops", "without-debugger.cjs"))).toEqual(["initialized"]);
});
