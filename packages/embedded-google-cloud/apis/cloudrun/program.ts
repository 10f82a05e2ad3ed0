import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import type { Launch } from "./launch.ts";
import type { Log } from "./logs.ts";

/** How a process ended. */
export interface Exit {
  /** The exit code; for a signal, 128 plus its number, as in a shell. */
  readonly code: number;
}

/** Milliseconds between SIGTERM and SIGKILL: https://cloud.google.com/run/docs/container-contract#instance-shutdown */
const GRACE = 10_000;

export interface ProcessOptions {
  readonly launch: Launch;
  /** Gets its output. */
  readonly log: Log;
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
    const { launch, log } = options;
    this.child = spawn(launch.command, launch.args, {
      env: launch.env,
      // The fourth is a pipe that closes when the embedded cloud ends, even if it is killed; see launch.ts and mounts.cjs.
      stdio: ["ignore", "pipe", "pipe", "pipe"],
      // Its own process group: signals also reach its children, and Ctrl-C reaches only the embedded cloud.
      detached: true,
    });
    const { stdout, stderr } = this.child;
    if (stdout) log.follow("stdout", stdout);
    if (stderr) log.follow("stderr", stderr);
    // Without this, what it leaves running could hold its output open.
    this.child.once("exit", () => {
      this.signal("SIGKILL");
    });
    this.exited = new Promise((resolve) => {
      const end = (code: number, words: string) => {
        if (this.exit) return;
        this.exit = { code };
        log.system(words, code === 0 ? "INFO" : "ERROR");
        resolve(this.exit);
      };
      this.child.once("error", (error) => {
        end(127, `Application failed to start: ${error.message}`);
      });
      // Once its output has been read, too.
      this.child.once("close", (code, signal) => {
        const number = signal ? constants.signals[signal] : 0;
        const status = code ?? 128 + number;
        end(status, signal ? `Container terminated on signal ${number}.` : `Container called exit(${status}).`);
      });
    });
    this.cleaned = this.exited.then(options.cleanUp).catch((error: unknown) => {
      log.system(`Its folder could not be removed: ${(error as Error).message}`, "WARNING");
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
