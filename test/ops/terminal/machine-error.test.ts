import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, openSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../../ops/engine/stack-file.ts";
import { report } from "../../../ops/terminal/run.ts";

/** An error of the file system. */
function failed(code: string, syscall: string, path?: string): Error {
  const message = `${code}: something, ${syscall}${path === undefined ? "" : ` '${path}'`}`;
  return Object.assign(new Error(message), { code, syscall, ...(path !== undefined && { path }) });
}

const LOCAL = join(ROOT, ".local");

test.each([
  [
    "a full disk",
    failed("ENOSPC", "write"),
    "There is no space left on the disk: free some, and run the command again.",
  ],
  ["a full disk by its path", failed("ENOSPC", "open", "/x/y"), "There is no space left on the disk at /x/y: free"],
  ["a quota", failed("EDQUOT", "write"), "The disk quota is used up: free some"],
  [
    "a read-only checkout",
    failed("EROFS", "mkdir", join(LOCAL, "start")),
    `${LOCAL}/start cannot be opened or written, because the file system is read-only. Commands keep their state in ${LOCAL}: use a clone that this user may write.`,
  ],
  [
    "a checkout of another user",
    failed("EACCES", "open", join(ROOT, "Pulumi.prod.yaml")),
    "Pulumi.prod.yaml cannot be opened or written, because this user has no permission. Commands keep their state in",
  ],
  ["another folder", failed("EPERM", "open", "/etc/x"), "/etc/x cannot be opened or written, because this user has no"],
  [
    "a program that ran out of space",
    new Error("initdb: could not write: No space left on device"),
    "There is no space",
  ],
  ["the cause of another error", new Error("It failed.", { cause: failed("ENOSPC", "write") }), "There is no space"],
])("%s is reported in a sentence, with 1", (_what, error, said) => {
  const print = jest.spyOn(console, "error").mockReturnValue();
  const code = report(error, "");
  const printed = print.mock.calls.flat().join("\n");
  print.mockRestore();
  expect([code, printed]).toEqual([1, expect.stringContaining(said)]);
  expect(printed).not.toMatch(/\n\s+at /);
});

test("a missing folder for temporary files is reported in a sentence, with 1", () => {
  const args = [join(ROOT, "ops", "migration.ts"), "lint"];
  const env = { ...process.env, TMPDIR: "/nowhere" };
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: "utf8", env });
  expect([status, stderr]).toEqual([
    1,
    "The folder for temporary files, /nowhere, does not exist: create it, or set TMPDIR to one that does.\n",
  ]);
});

test.each([
  ["a program that is missing", failed("ENOENT", "open", "/x/y")],
  ["a port that is taken", Object.assign(new Error("listen EACCES"), { code: "EACCES", syscall: "listen" })],
])("a bug keeps its stack trace: %s", (_what, error) => {
  const print = jest.spyOn(console, "error").mockReturnValue();
  expect(report(error, "")).toBe(70);
  print.mockRestore();
});

/** A device on which every write fails, as on a full disk; Linux has it. */
const FULL = "/dev/full";

(existsSync(FULL) ? test : test.skip).each(["--help", "lint"])(
  "a command whose output goes to a full disk says so, with 1: migration %s",
  async (argument) => {
    const args = [join(ROOT, "ops", "migration.ts"), argument];
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ["ignore", openSync(FULL, "w"), "pipe"] });
    let text = "";
    child.stderr?.on("data", (chunk: Buffer) => (text += chunk.toString()));
    expect(await once(child, "close")).toEqual([1, null]);
    expect(text).toBe(
      "The output cannot be written. There is no space left on the disk: free some, and run the command again.\n",
    );
  },
);
