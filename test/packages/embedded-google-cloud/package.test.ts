import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inLongForm } from "../../long-form.ts";

const PACKAGE = join(import.meta.dirname, "../../../packages/embedded-google-cloud");
const folder = mkdtempSync(join(tmpdir(), "package-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const run = (command: string, args: string[], cwd = folder) => execFileSync(command, args, { cwd, encoding: "utf8" });

// In the long form, because it needs the registry.
inLongForm("in an empty folder, the tarball installs, and the README's example and the command run", () => {
  run("npm", ["pack", "--silent", "--pack-destination", folder], PACKAGE);
  const [tarball = ""] = readdirSync(folder);
  const options = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"];
  run("npm", ["install", "--prefix", folder, ...options, join(folder, tarball)]);

  const [, example = ""] = /```js\n(.*?)```/s.exec(readFileSync(join(PACKAGE, "README.md"), "utf8")) ?? [];
  writeFileSync(join(folder, "example.mjs"), example);
  expect(run(process.execPath, ["example.mjs"])).toBe("hello\norders\n");
  expect(run(join(folder, "node_modules/.bin/embedded-google-cloud"), ["--help"])).toContain("Usage:");
});
