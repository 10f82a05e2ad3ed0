import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../ops/engine/stack-file.ts";

/** What no command needs; the packages are linked. */
const LEFT_OUT = [".git", ".local", "node_modules", "docs", "test"];

/** Of other tests: they come and go. */
const PASSING = /[/\\](Pulumi|config)\.(wrong|stack)-[^/\\]*$/;

/**
 * Copies the project for commands that write into it.
 * @param name What the folder's name begins with.
 * @returns The copy, an ignored folder inside the repository.
 */
export function copyProject(name: string): string {
  mkdirSync(join(ROOT, ".local"), { recursive: true });
  const copy = mkdtempSync(join(ROOT, ".local", `${name}-`));
  const filter = (source: string) => !PASSING.test(source);
  for (const part of readdirSync(ROOT).filter((name) => !LEFT_OUT.includes(name)))
    cpSync(join(ROOT, part), join(copy, part), { recursive: true, filter });
  linkPackages(copy);
  return copy;
}

/** Each package is a link, and they count as installed: what a command of the copy installed would be the project's own. */
function linkPackages(copy: string): void {
  const [from, to] = [join(ROOT, "node_modules"), join(copy, "node_modules")];
  mkdirSync(to);
  for (const name of readdirSync(from).filter((each) => each !== ".installed"))
    symlinkSync(join(from, name), join(to, name));
  const lock = readFileSync(join(copy, "package-lock.json"));
  writeFileSync(join(to, ".installed"), createHash("sha256").update(lock).digest("hex"));
}

/** Waits until no process works for a copy any more. */
export async function untilQuiet(copy: string): Promise<void> {
  const end = Date.now() + 30_000;
  for (;;) {
    const rows = execFileSync("ps", ["-eo", "pid,args"], { encoding: "utf8" }).split("\n");
    const left = rows.filter((row) => row.includes(copy) && !row.includes("ps -eo"));
    if (left.length === 0) return;
    if (Date.now() > end) throw new Error(`Still running:\n${left.join("\n")}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
