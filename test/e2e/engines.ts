import { execFileSync } from "node:child_process";

/** A process that the test's own updates began. */
export interface Running {
  readonly pid: number;
  readonly parent: number;
  readonly args: string;
  /** Whether it is an engine, and not what an engine began. */
  readonly engine: boolean;
}

/** The engines whose updates this process began, and whatever these began. */
export function engines(): Running[] {
  const all = running();
  const own = all.filter(({ args, parent }) => parent === process.pid && args.includes("pulumi up "));
  return own.flatMap((one) => [{ ...one, engine: true }, ...descendants(all, one.pid)]);
}

/** Whether a process that was seen before has not ended. */
export function stillRunning({ args, pid }: Running): boolean {
  return running().some((one) => one.pid === pid && one.args === args);
}

/** The pid of the only one there is: a kill that found none, and so pid 0, would meet the tests themselves. */
export function only([one, ...others]: readonly Running[]): number {
  if (!one || others.length > 0) throw new Error(`${one ? others.length + 1 : "No"} such processes run.`);
  return one.pid;
}

function running(): Running[] {
  const rows = execFileSync("ps", ["-eo", "pid=,ppid=,args="], { encoding: "utf8" }).split("\n").filter(Boolean);
  return rows.map((row) => {
    const [pid = "", parent = "", ...args] = row.trim().split(/\s+/);
    return { pid: Number(pid), parent: Number(parent), args: args.join(" "), engine: false };
  });
}

/** Whatever a process has started, directly or not. */
export function startedBy(pid: number): Running[] {
  return descendants(running(), pid);
}

function descendants(all: readonly Running[], of: number): Running[] {
  return all.filter(({ parent }) => parent === of).flatMap((one) => [one, ...descendants(all, one.pid)]);
}
