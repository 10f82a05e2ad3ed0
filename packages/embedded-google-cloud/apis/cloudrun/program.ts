import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, closeSync, openSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** A program on this machine that replaces an image. */
export interface Program {
  /** Executable, such as `process.execPath`. */
  readonly command: string;
  readonly args: readonly string[];
}

/** How a process ended. */
export interface Exit {
  /** The exit code; for a signal, 128 plus its number, as in a shell. */
  readonly code: number;
}

/** Milliseconds between SIGTERM and SIGKILL: https://cloud.google.com/run/docs/container-contract#instance-shutdown */
const GRACE = 10_000;

const PRELOAD = join(import.meta.dirname, "mounts.cjs");

export interface ProcessOptions {
  readonly program: Program;
  /** Added to the program's own arguments. */
  readonly args: readonly string[];
  /** The whole environment except PATH. */
  readonly env: Readonly<Record<string, string>>;
  /** Real folders by mount path. */
  readonly mounts: Readonly<Record<string, string>>;
  /** The file for its output, readable only by its owner. */
  readonly log: string;
  /** Removes what only this process needed. */
  readonly cleanUp: () => Promise<void>;
}

/** A container's program, running as a process on this machine. */
export class Process {
  /** How it ended; undefined while it runs. */
  exit: Exit | undefined;
  /** Resolves when it has ended; never rejects. */
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
      // The fourth is a pipe that closes when the embedded cloud ends, even if it is killed; see mounts.cjs.
      stdio: ["ignore", output, output, "pipe"],
      // Its own process group: signals also reach its children, and Ctrl-C reaches only the embedded cloud.
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
        const number = signal ? constants.signals[signal] : 0;
        const status = code ?? 128 + number;
        end(status, signal ? `Container terminated on signal ${number}.` : `Container called exit(${status}).`);
      });
    });
    this.cleaned = this.exited.then(options.cleanUp).catch((error: unknown) => {
      writeLog(log, `Its folder could not be removed: ${(error as Error).message}`);
    });
  }

  /** Stops it and its children: SIGTERM, up to ten seconds of grace, SIGKILL. Then waits for the clean-up. */
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
      // ESRCH: the group has ended already.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

/** Appends a line of the platform to a log. */
export function writeLog(log: string, line: string): void {
  appendFileSync(log, `${line}\n`, { mode: 0o600 });
}
