import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../ops/engine/stack-file.ts";
import { type Figure, type Measured, ratio } from "./figure.ts";

/** The result of a process and its descendants. */
export interface Run {
  readonly seconds: number;
  /** Peak resident memory, counting shared memory for each process. Linux only. */
  readonly mebibytes: number | undefined;
  readonly output: string;
}

/** How to start a process. */
export interface Command {
  readonly args: readonly string[];
  /** Default: Node.js. */
  readonly program?: string;
  /** Default: the repository. */
  readonly cwd?: string;
}

/** Starts a file of `subjects/` the way the project's commands start. */
export function subject(file: string, ...args: string[]): Command {
  const compileCache = join(ROOT, "ops", "engine", "compile-cache.mjs");
  return { args: ["--import", compileCache, join(import.meta.dirname, "subjects", file), ...args] };
}

/** Memory sampling interval in milliseconds. */
const SAMPLING = 50;

/** Runs a process to its end. @throws Error with the process's output if it fails. */
export function runChild({ program = process.execPath, args, cwd = ROOT }: Command): Promise<Run> {
  return new Promise((resolve, reject) => {
    const start = process.hrtime.bigint();
    const child = spawn(program, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let errors = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
    let most: number | undefined;
    const sampling = setInterval(() => {
      const now = child.pid === undefined ? undefined : residentMemory(child.pid);
      if (now !== undefined) most = Math.max(most ?? 0, now);
    }, SAMPLING);
    child.once("error", reject);
    child.once("close", (code) => {
      clearInterval(sampling);
      const seconds = Number(process.hrtime.bigint() - start) / 1e9;
      if (code === 0) resolve({ seconds, mebibytes: most, output });
      else {
        const tail = errors.slice(-2000) + output.slice(-1000);
        reject(new Error(`${args.slice(-3).join(" ")} exited with code ${String(code)}:\n${tail}`));
      }
    });
  });
}

/** Resident memory of a process and its descendants, in MiB; undefined without /proc. */
function residentMemory(root: number): number | undefined {
  const parents = new Map<number, { parent: number; pages: number }>();
  try {
    for (const name of readdirSync("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      const fields = stat(name);
      if (fields) parents.set(Number(name), { parent: Number(fields[1]), pages: Number(fields[21]) });
    }
  } catch {
    return undefined;
  }
  const belongs = (pid: number): boolean =>
    pid === root || (parents.has(pid) && belongs(parents.get(pid)?.parent ?? 0));
  const pages = [...parents].reduce((sum, [pid, own]) => sum + (belongs(pid) ? own.pages : 0), 0);
  return (pages * 4096) / 2 ** 20;
}

/** The fields after the program's name, which may contain blanks; undefined if the process has just ended. */
function stat(pid: string): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

/** Runs per side after a warm-up: enough for a median that ignores an outlier. */
const RUNS = 7;

/**
 * Runs sides in turns, so that other load on the machine affects them alike.
 * @param say Prints progress.
 * @param options How often each side runs, and whether after a warm-up run.
 */
export async function inTurns<Name extends string, Result extends Run>(
  sides: Readonly<Record<Name, () => Promise<Result>>>,
  say: (line: string) => void,
  { turns = RUNS, warmUp = true } = {},
): Promise<Record<Name, Result[]>> {
  const names = Object.keys(sides) as Name[];
  const runs = Object.fromEntries(names.map((name) => [name, [] as Result[]])) as Record<Name, Result[]>;
  for (let turn = warmUp ? 0 : 1; turn <= turns; turn++) {
    for (const name of names) {
      const run = await sides[name]();
      say(`  ${turn === 0 ? "warm-up" : `${turn} of ${turns}`}  ${name}  ${run.seconds.toFixed(2)} s`);
      if (turn > 0) runs[name].push(run);
    }
  }
  return runs;
}

/** The run times of a side. */
export function time(name: string, runs: readonly Run[]): Measured {
  return { name, unit: "s", values: runs.map(({ seconds }) => seconds) };
}

/** The peak memory of a side's runs; undefined if it cannot be read. */
export function memory(name: string, runs: readonly Run[]): Measured | undefined {
  const values = runs.flatMap(({ mebibytes }) => mebibytes ?? []);
  return values.length === runs.length ? { name, unit: "MiB", values } : undefined;
}

type Side = readonly [name: string, runs: readonly Run[]];

/**
 * The ratios of one side's time and peak memory to the other's.
 * @param name Returns the name of the figure for `time` or `memory`.
 * @param most The limit for each ratio; none by default.
 */
export function timeAndMemory(name: (measure: string) => string, one: Side, other: Side, most?: number): Figure[] {
  const limit = most === undefined ? undefined : { most };
  const [ours, theirs] = [memory(...one), memory(...other)];
  return [
    ratio(name("time"), time(...one), time(...other), limit),
    ...(ours && theirs ? [ratio(name("memory"), ours, theirs, limit)] : []),
  ];
}
