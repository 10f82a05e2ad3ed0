import { execFileSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commitOf } from "../../../ops/engine/commit.ts";
import { UserError } from "../../../ops/terminal/user-error.ts";

test("is the one that is checked out; without one, the command says what it needs", () => {
  const folder = mkdtempSync(join(tmpdir(), "commit-"));
  const git = (...args: string[]) => execFileSync("git", args, { cwd: folder, encoding: "utf8" });
  const none = `What this command writes names the commit that it was made of, and git finds none in ${folder}: run it in a git clone.`;
  expect(() => commitOf(folder)).toThrow(new UserError(none));
  git("init", "--quiet");
  expect(() => commitOf(folder)).toThrow(new UserError(none));
  const author = ["-c", "user.name=Settlement", "-c", "user.email=settlement@example.com"];
  git(...author, "commit", "--quiet", "--allow-empty", "--message=First");
  expect(commitOf(folder)).toBe(git("log", "-1", "--format=%H").trim());
});
