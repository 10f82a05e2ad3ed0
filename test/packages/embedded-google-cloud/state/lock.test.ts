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

test("a folder has one holder at a time, and leaves nothing when it is free", () => {
  const unlock = lock(folder);
  expect(() => lock(folder)).toThrow(LockedError);
  expect(() => lock(folder)).toThrow(`Process ${process.pid} already works on ${folder}`);
  unlock();
  lock(folder)();
  expect(readdirSync(folder)).toEqual([]);
});

test("a killed process is dead even while its parent has not noticed", async () => {
  // The shell starts a child, kills it, and goes on without waiting for it.
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
  ["nobody, because it was cut off", () => ""],
])("the lock of %s is taken over", (_whose, text) => {
  writeFileSync(join(folder, "lock"), text());
  const unlock = lock(folder);
  expect(() => lock(folder)).toThrow(LockedError);
  unlock();
  expect(existsSync(join(folder, "lock"))).toBe(false);
});
