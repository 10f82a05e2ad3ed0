import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../ops/engine/stack-file.ts";
import { running } from "../processes.ts";
import { newFolder } from "../folder.ts";

/** What no command needs; packages are linked instead. */
const LEFT_OUT = [".git", ".local", "node_modules", "docs", "test"];

/** Stack files and policies that other tests create and remove meanwhile. */
const PASSING = /[/\\](Pulumi|config)\.stack-[^/\\]*$/;

/**
 * Copies the project, for commands that write into it.
 * @param name Prefix of the folder's name.
 */
export function copyProject(name: string): string {
  const copy = newFolder(name);
  const filter = (source: string) => !PASSING.test(source);
  for (const part of readdirSync(ROOT).filter((name) => !LEFT_OUT.includes(name)))
    cpSync(join(ROOT, part), join(copy, part), { recursive: true, filter });
  linkPackages(copy);
  mkdirSync(join(copy, ".local", "start"), { recursive: true, mode: 0o700 });
  writeFileSync(join(copy, ".local", "start", "port"), String(ownPort()));
  return copy;
}

let copies = 0;

/**
 * A port for a copy's local stack alone. A stack keeps its port, so with the usual one another test's could take it while the
 * copy's is stopped. Below the ports that Linux gives to connections.
 */
function ownPort(): number {
  return 20_000 + (process.pid % 1000) * 10 + (copies++ % 10);
}

/** Links each package and marks them as installed; otherwise a command in the copy would install into the project. */
function linkPackages(copy: string): void {
  const [from, to] = [join(ROOT, "node_modules"), join(copy, "node_modules")];
  mkdirSync(to);
  for (const name of readdirSync(from).filter((each) => each !== ".installed"))
    symlinkSync(join(from, name), join(to, name));
  const lock = readFileSync(join(copy, "package-lock.json"));
  writeFileSync(join(to, ".installed"), createHash("sha256").update(lock).digest("hex"));
}

/** Waits until no process of a copy is running any more. */
export async function untilQuiet(copy: string): Promise<void> {
  const end = Date.now() + 30_000;
  for (;;) {
    const left = running().filter(({ args }) => args.includes(copy));
    if (left.length === 0) return;
    if (Date.now() > end) throw new Error(`Still running:\n${left.map(({ args }) => args).join("\n")}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
