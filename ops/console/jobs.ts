import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Board } from "../../packages/console/board.ts";
import { Refused } from "../../packages/console/server.ts";
import { ROOT } from "../engine/stack-file.ts";
import type { Cloud } from "./cloud.ts";

/** How much of a command's output is kept, in characters. */
const KEPT = 60_000;

/** How long output is collected before it is sent, in milliseconds. */
const PACE = 150;

/** Runs commands, one at a time, and shows their output. */
export class Jobs {
  private count = 0;
  private output = "";
  private running: { readonly stop: () => void } | undefined;
  private readonly board: Board;

  constructor(board: Board) {
    this.board = board;
  }

  /**
   * Runs a command of this project on the local stack.
   * @param command As a person would type it.
   * @param args The file and its arguments.
   * @throws Refused if another runs, or it fails.
   */
  run(command: string, args: readonly string[]): Promise<void> {
    return this.show({ command }, async (say) => {
      const preload = join(ROOT, "ops", "engine", "compile-cache.mjs");
      const child = spawn(process.execPath, ["--import", preload, ...args], {
        cwd: ROOT,
        env: ownEnvironment(),
        stdio: ["ignore", "pipe", "pipe"],
      });
      this.running = { stop: () => child.kill("SIGINT") };
      for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", say);
      const [code] = (await once(child, "close")) as [number | null];
      if (code !== 0) throw new Refused(`${command} ended with exit code ${code ?? "none"}.`);
    });
  }

  /** Does a command's work by requests, which are its output. @throws Refused if another runs, or a request fails. */
  request(command: string, cloud: Cloud, work: (cloud: Cloud) => Promise<void>): Promise<void> {
    return this.show({ command }, (say) =>
      work(
        cloud.reporting((line) => {
          say(`${line}\n`);
        }),
      ),
    );
  }

  /** @param work Gets what prints. @throws Refused if another runs, or it fails. */
  async show(
    what: { command: string } | { title: string },
    work: (say: (text: string) => void) => Promise<void>,
  ): Promise<void> {
    if (this.running) throw new Refused("A command is running; wait until it has ended.");
    this.running = { stop: () => undefined };
    const id = ++this.count;
    this.output = "";
    const shown = { title: "", ...what, id };
    const send = (state: "running" | "done" | "failed") => {
      this.board.set("job", { ...shown, output: this.output.slice(-KEPT), state });
    };
    const timer = setInterval(() => {
      send("running");
    }, PACE);
    send("running");
    try {
      await work((text) => (this.output += text));
      send("done");
    } catch (error) {
      this.output += `\n${(error as Error).message}\n`;
      send("failed");
      throw error;
    } finally {
      clearInterval(timer);
      this.running = undefined;
    }
  }

  /** Interrupts the running command. */
  stop(): void {
    this.running?.stop();
  }
}

/** Without variables that could lead a command to another stack or another cloud. */
export function ownEnvironment(): NodeJS.ProcessEnv {
  const foreign = /^(PULUMI_(BACKEND_URL|CONFIG_PASSPHRASE.*|STACK)|GOOGLE_.*|GCLOUD_.*|CLOUDSDK_.*)$/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)));
}
