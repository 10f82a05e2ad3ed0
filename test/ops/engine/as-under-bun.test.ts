import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../../ops/engine/stack-file.ts";
import { newFolder } from "../../folder.ts";

/** A policy pack that prints what the SDK has loaded before it, and after it the whole SDK. */
const PACK = `
  const loaded = (file) => Object.values(require.cache).some(({ filename }) => filename?.endsWith(file));
  const before = { compiler: loaded("typescript.js"), debugger: loaded("v8Hooks.js") };
  require("@pulumi/pulumi");
  const typescript = require("typescript");
  const withSdk = loaded("typescript.js");
  console.log(JSON.stringify({ ...before, withSdk, ofUse: typescript.SyntaxKind.Block > 0 && loaded("typescript.js") }));
  process.exit();
`;

// If this fails, the SDK has changed and ops/engine/as-under-bun.cjs may be obsolete.
test("the SDK loads a debugger and a compiler before a policy pack, but not under Bun; TypeScript is loaded when it is used", () => {
  const pack = newFolder("pack");
  writeFileSync(join(pack, "package.json"), "{}");
  writeFileSync(join(pack, "index.js"), PACK);
  const before = (...options: string[]) => {
    const start = ["--eval", "require('@pulumi/pulumi/cmd/run-policy-pack')", "run-policy-pack", "127.0.0.1:1", pack];
    const { stdout } = spawnSync(process.execPath, [...options, ...start], { cwd: ROOT, encoding: "utf8" });
    return JSON.parse(stdout) as object;
  };
  try {
    expect(before()).toEqual({ compiler: true, debugger: true, withSdk: true, ofUse: true });
    const late = { compiler: false, debugger: false, withSdk: false, ofUse: true };
    expect(before("--require", "./ops/engine/as-under-bun.cjs")).toEqual(late);
  } finally {
    rmSync(pack, { recursive: true });
  }
});
