import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAlive, lock, LockedError } from "../../../../packages/embedded-google-cloud/state/lock.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lock-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

test("only one process can lock a folder, and unlocking leaves no file", () => {
  const unlock = lock(folder);
  expect(() => lock(folder)).toThrow(LockedError);
  expect(() => lock(folder)).toThrow(`Process ${process.pid} is already using ${folder}`);
  unlock();
  lock(folder)();
  expect(readdirSync(folder)).toEqual([]);
});

test("a zombie is not alive", async () => {
  // The shell starts a child, kills it, and never waits for it.
  const shell = spawn("sh", ["-c", "sleep 600 & echo $!; kill -9 $!; exec sleep 600"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  try {
    const [line] = (await once(shell.stdout, "data")) as [Buffer];
    const pid = Number(line.toString());
    while (isAlive(pid)) await new Promise(setImmediate);
  } finally {
    shell.kill("SIGKILL");
  }
});

test.each([
  ["a dead process", () => String(spawnSync("true").pid)],
  ["no process, because writing it was interrupted", () => ""],
])("replaces the lock of %s", (_owner, text) => {
  writeFileSync(join(folder, "lock"), text());
  const unlock = lock(folder);
  expect(() => lock(folder)).toThrow(LockedError);
  unlock();
  expect(existsSync(join(folder, "lock"))).toBe(false);
});
