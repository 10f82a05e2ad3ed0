import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lock, LockedError } from "../../local/lock";

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
