import { execFileSync } from "node:child_process";

/** A running process. */
export interface Running {
  readonly pid: number;
  readonly parent: number;
  /** Its command line. */
  readonly args: string;
}

/** Every process on this machine, except zombies. */
export function running(): Running[] {
  const rows = execFileSync("ps", ["-eo", "pid=,ppid=,stat=,args="], { encoding: "utf8" }).split("\n").filter(Boolean);
  return rows.flatMap((row) => {
    const [pid = "", parent = "", stat = "", ...args] = row.trim().split(/\s+/);
    return stat.startsWith("Z") ? [] : [{ pid: Number(pid), parent: Number(parent), args: args.join(" ") }];
  });
}

/** Whether a process that was seen earlier is still running. */
export function stillRunning({ args, pid }: Running): boolean {
  return running().some((each) => each.pid === pid && each.args === args);
}

/** Every process that a process started, directly or indirectly. */
export function startedBy(pid: number, all = running()): Running[] {
  return all.filter(({ parent }) => parent === pid).flatMap((child) => [child, ...startedBy(child.pid, all)]);
}

/** The pid of the only process in a list; signalling pid 0 would end the tests themselves. */
export function only([one, ...others]: readonly Running[]): number {
  if (!one || others.length > 0) throw new Error(`${one ? others.length + 1 : "No"} such processes run.`);
  return one.pid;
}

/** Kills a process if it still runs; answers whether it did. */
export function kill(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    return false;
  }
}

/** Kills a process and everything it started. */
export function killAll(pid: number): void {
  const below = startedBy(pid);
  for (const each of [pid, ...below.map((child) => child.pid)]) kill(each);
}
