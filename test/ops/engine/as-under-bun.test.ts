import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../../ops/engine/stack-file.ts";

/** A policy pack that prints what the SDK has loaded before it. */
const PACK = `
  const loaded = (file) => Object.keys(require.cache).some((path) => path.endsWith(file));
  console.log(JSON.stringify({ compiler: loaded("typescript.js"), debugger: loaded("v8Hooks.js") }));
  process.exit();
`;

// If this fails, the SDK has changed and ops/engine/as-under-bun.cjs may be obsolete.
test("the SDK loads a debugger and a compiler before a policy pack, but not under Bun", () => {
  mkdirSync(join(ROOT, ".local"), { recursive: true });
  const pack = mkdtempSync(join(ROOT, ".local", "pack-"));
  writeFileSync(join(pack, "package.json"), "{}");
  writeFileSync(join(pack, "index.js"), PACK);
  const before = (...options: string[]) => {
    const start = ["--eval", "require('@pulumi/pulumi/cmd/run-policy-pack')", "run-policy-pack", "127.0.0.1:1", pack];
    const { stdout } = spawnSync(process.execPath, [...options, ...start], { cwd: ROOT, encoding: "utf8" });
    return JSON.parse(stdout) as object;
  };
  try {
    expect(before()).toEqual({ compiler: true, debugger: true });
    expect(before("--require", "./ops/engine/as-under-bun.cjs")).toEqual({ compiler: false, debugger: false });
  } finally {
    rmSync(pack, { recursive: true });
  }
});
