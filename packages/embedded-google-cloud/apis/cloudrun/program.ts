import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, closeSync, openSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** What stands for an image: a program on this machine. */
export interface Program {
  /** Executable, such as `process.execPath`. */
  readonly command: string;
  readonly args: readonly string[];
}

/** How a process ended. */
export interface Exit {
  /** Exit code; 128 and the signal's number where a signal ended it, as a shell counts. */
  readonly code: number;
}

/** Milliseconds between SIGTERM and SIGKILL: https://cloud.google.com/run/docs/container-contract#instance-shutdown */
const GRACE = 10_000;

const PRELOAD = join(import.meta.dirname, "mounts.cjs");

export interface ProcessOptions {
  readonly program: Program;
  /** Added to the program's own arguments. */
  readonly args: readonly string[];
  /** The whole environment, apart from PATH. */
  readonly env: Readonly<Record<string, string>>;
  /** Mounted path and the real folder behind it. */
  readonly mounts: Readonly<Record<string, string>>;
  /** File that gets its output; made readable by its owner only. */
  readonly log: string;
  /** Takes away what the process alone needed. */
  readonly cleanUp: () => Promise<void>;
}

/** A program of a container, running as a process of this machine. */
export class Process {
  /** How it ended; undefined while it runs. */
  exit: Exit | undefined;
  /** Settles when it has ended; never rejects. */
  readonly exited: Promise<Exit>;
  private readonly cleaned: Promise<void>;
  private readonly child: ChildProcess;

  constructor(options: ProcessOptions) {
    const { program, env, log } = options;
    const output = openSync(log, "a", 0o600);
    this.child = spawn(program.command, [...program.args, ...options.args], {
      env: {
        PATH: process.env.PATH,
        ...env,
        EMBEDDED_MOUNTS: JSON.stringify(options.mounts),
        NODE_OPTIONS: `${env.NODE_OPTIONS ?? ""} --require ${JSON.stringify(PRELOAD)}`.trim(),
      },
      // The fourth is a pipe that ends when the embedded cloud does, even if it is killed; see mounts.cjs.
      stdio: ["ignore", output, output, "pipe"],
      // A group of its own: signals reach what it started too, and the terminal's Ctrl-C only the embedded cloud.
      detached: true,
    });
    closeSync(output);
    this.exited = new Promise((resolve) => {
      const end = (code: number, words: string) => {
        this.exit = { code };
        writeLog(log, words);
        resolve(this.exit);
      };
      this.child.once("error", (error) => {
        end(127, `Application failed to start: ${error.message}`);
      });
      this.child.once("exit", (code, signal) => {
        const status = code ?? 128 + signalNumber(signal);
        end(
          status,
          signal ? `Container terminated on signal ${signalNumber(signal)}.` : `Container called exit(${status}).`,
        );
      });
    });
    this.cleaned = this.exited.then(options.cleanUp).catch((error: unknown) => {
      writeLog(log, `Its folder is left behind: ${(error as Error).message}`);
    });
  }

  /** Ends it and what it started: SIGTERM, ten seconds to finish, SIGKILL. Then what it alone needed is gone too. */
  async stop(): Promise<void> {
    if (!this.exit) {
      this.signal("SIGTERM");
      const patience = new AbortController();
      await Promise.race([this.exited, delay(GRACE, undefined, { signal: patience.signal }).catch(() => undefined)]);
      patience.abort();
      this.signal("SIGKILL");
    }
    await this.cleaned;
  }

  private signal(signal: NodeJS.Signals): void {
    const { pid } = this.child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch (error) {
      // The group has ended; anything else is a mistake of ours.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

/** Adds a line of the platform's own to a log. */
export function writeLog(log: string, line: string): void {
  appendFileSync(log, `${line}\n`, { mode: 0o600 });
}

function signalNumber(signal: NodeJS.Signals | null): number {
  return signal ? constants.signals[signal] : 0;
}
