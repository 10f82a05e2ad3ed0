import { execFileSync } from "node:child_process";

/** Kills a process and whatever it has started, directly or not, as a machine that goes away does. */
export function killAll(pid: number): void {
  const rows = execFileSync("ps", ["-eo", "pid=,ppid="], { encoding: "utf8" }).trim().split("\n");
  const all = rows.map((row) => row.trim().split(/\s+/).map(Number));
  const below = (one: number): number[] =>
    all.flatMap(([child = 0, parent]) => (parent === one ? [child, ...below(child)] : []));
  for (const each of [pid, ...below(pid)]) {
    try {
      process.kill(each, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // it ended by itself
    }
  }
}
