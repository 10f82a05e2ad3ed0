import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { startedBy } from "../processes.ts";

/** `npm start -- --keep` in a copy of the project, which holds the local stack open. */
export class HeldStart {
  /** What it printed. */
  said = "";

  private child: ChildProcess | undefined;

  /**
   * Starts it, and waits until the stack is deployed.
   * @throws Error with what it printed if it ends before.
   */
  async open(copy: string, ...args: string[]): Promise<void> {
    const child = spawn("npm", ["start", "--", "--keep", ...args], {
      cwd: copy,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child = child;
    await new Promise<void>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr])
        stream.on("data", (bytes: Buffer) => {
          this.said += bytes.toString();
          if (this.said.includes("Press Ctrl-C to stop.")) resolve();
        });
      child.once("close", (code) => {
        reject(new Error(`npm start ended with code ${code ?? "none"}:\n${this.said}`));
      });
    });
  }

  /** Interrupts the command but not npm, which then returns the command's exit code; undefined if it was never started. */
  async end(): Promise<number | null | undefined> {
    const { child } = this;
    if (child?.exitCode === null) {
      const closed = once(child, "close");
      for (const { args, pid } of startedBy(child.pid ?? 0))
        if (/^\S*node .*ops\/start\.ts/.test(args)) process.kill(pid, "SIGINT");
      await closed;
    }
    return child?.exitCode;
  }
}
