import { type ChildProcess, spawn } from "node:child_process";

/** Exit code and output of a line. */
export interface Ended {
  readonly code: number | null;
  readonly output: string;
}

export interface ShellOptions {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Called once, when the output contains the text. */
  readonly at?: readonly [text: string, call: (child: ChildProcess) => void];
}

/** Runs a line as a pipeline does: with bash, without a terminal. */
export function shell(line: string, { at, cwd, env = process.env }: ShellOptions): Promise<Ended> {
  const child = spawn("bash", ["-e", "-c", line], { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let waiting = at;
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (!waiting || !output.includes(waiting[0])) return;
      const [, call] = waiting;
      waiting = undefined;
      call(child);
    });
  return new Promise((resolve) => {
    child.on("close", (code) => {
      resolve({ code, output });
    });
  });
}
