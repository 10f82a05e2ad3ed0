import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../ops/engine/stack-file.ts";
import { type Figure, type Measured, ratio } from "./figure.ts";

/** A process that ran to its end, with all that it started. */
export interface Run {
  /** From its start to its end. */
  readonly seconds: number;
  /** The most that it and its descendants held at one time: resident memory, what they share counted for each. Linux only. */
  readonly mebibytes: number | undefined;
  readonly output: string;
}

/** What a process is started with. */
export interface Command {
  readonly args: readonly string[];
  /** Node.js by default. */
  readonly program?: string;
  /** The repository by default. */
  readonly cwd?: string;
}

/** A file of `subjects/`, started as the project's commands are. */
export function subject(file: string, ...args: string[]): Command {
  const compileCache = join(ROOT, "ops", "engine", "compile-cache.mjs");
  return { args: ["--import", compileCache, join(import.meta.dirname, "subjects", file), ...args] };
}

/** Time between two looks at the memory, in milliseconds. */
const SAMPLING = 50;

/** @throws Error with what the process said, where it fails. */
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
        const said = errors.slice(-2000) + output.slice(-1000);
        reject(new Error(`${args.slice(-3).join(" ")} ended with ${String(code)}:\n${said}`));
      }
    });
  });
}

/** Resident memory of a process and its descendants, in MiB; undefined where there is no /proc. */
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

/** The fields behind the name of the program, which may hold blanks; undefined where the process has just ended. */
function stat(pid: string): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

/** Runs of each side after a warm-up: enough for a median that one disturbance does not move. */
const RUNS = 7;

/**
 * Runs sides in turns, so that whatever else the machine does meets all of them alike.
 * @param say Prints progress.
 * @param options How often each side runs, and whether it does so once more before, as a warm-up.
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

/** The time of a side's runs. */
export function time(name: string, runs: readonly Run[]): Measured {
  return { name, unit: "s", values: runs.map(({ seconds }) => seconds) };
}

/** The peak memory of a side's runs; undefined where it cannot be read. */
export function memory(name: string, runs: readonly Run[]): Measured | undefined {
  const values = runs.flatMap(({ mebibytes }) => mebibytes ?? []);
  return values.length === runs.length ? { name, unit: "MiB", values } : undefined;
}

type Side = readonly [name: string, runs: readonly Run[]];

/**
 * The ratios of one side's time and peak memory to the other's.
 * @param name Names the figure of `time` or `memory`.
 * @param most The limit of each ratio; none by default.
 */
export function timeAndMemory(name: (measure: string) => string, one: Side, other: Side, most?: number): Figure[] {
  const limit = most === undefined ? undefined : { most };
  const [ours, theirs] = [memory(...one), memory(...other)];
  return [
    ratio(name("time"), time(...one), time(...other), limit),
    ...(ours && theirs ? [ratio(name("memory"), ours, theirs, limit)] : []),
  ];
}
