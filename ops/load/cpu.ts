import { readdirSync, readFileSync } from "node:fs";
import { cpus } from "node:os";

/** CPU seconds, since some moment. */
export interface Spent {
  /** Of the whole machine: everything that it ran. */
  readonly machine: number;
  /** Of this process, with the client and, if it runs here, the embedded cloud. */
  readonly own: number;
  /** Of the settlement service's processes; undefined without `/proc`, or if they are not descendants of this process. */
  readonly service: number | undefined;
  /** The same of PostgreSQL's. */
  readonly postgres: number | undefined;
}

/** What the machine and its processes have spent so far. */
export function spent(): Spent {
  const machine = cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1000;
  const { system, user } = process.cpuUsage();
  const processes = descendants();
  const of = (pattern: RegExp) => {
    const found = processes.filter(({ command }) => pattern.test(command));
    return found.length === 0 ? undefined : found.reduce((sum, { seconds }) => sum + seconds, 0);
  };
  return { machine, own: (user + system) / 1e6, service: of(/settlement-service/), postgres: of(/^[^ ]*postgres/) };
}

/** What was spent between two moments. */
export function between(before: Spent, after: Spent): Spent {
  const difference = (one: number | undefined, other: number | undefined) =>
    one === undefined || other === undefined ? undefined : other - one;
  return {
    machine: after.machine - before.machine,
    own: after.own - before.own,
    service: difference(before.service, after.service),
    postgres: difference(before.postgres, after.postgres),
  };
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  /** Its command line, with blanks. */
  readonly command: string;
  readonly seconds: number;
}

/** Ticks of `/proc` per second: USER_HZ, which is 100 on every architecture that Node.js runs on. */
const TICKS = 100;

/** The descendants of this process; none without `/proc`. */
function descendants(): Process[] {
  let names: string[];
  try {
    names = readdirSync("/proc");
  } catch {
    return [];
  }
  const all = new Map(names.flatMap((name) => (/^\d+$/.test(name) ? read(name) : [])).map((each) => [each.pid, each]));
  const belongs = ({ parent }: Process): boolean => {
    const above = all.get(parent);
    return parent === process.pid || (above !== undefined && belongs(above));
  };
  return [...all.values()].filter(belongs);
}

/** None if the process has just ended. */
function read(pid: string): Process[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // After the program's name, which may contain blanks: state, parent, and further on the ticks in user and system mode.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
    const seconds = (Number(fields[11]) + Number(fields[12])) / TICKS;
    return [{ pid: Number(pid), parent: Number(fields[1]), command, seconds }];
  } catch {
    return [];
  }
}
