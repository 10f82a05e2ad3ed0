import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { Board } from "../../packages/console/board.ts";
import type { Diagnosis } from "../../packages/console/data.ts";
import { ROOT } from "../engine/stack-file.ts";
import { ownEnvironment } from "./jobs.ts";
import { remedyFor } from "./remedies.ts";

/** Runs `npm run doctor -- --stack local --json`, which the page shows. */
export class LiveDoctor {
  private looking: Promise<readonly Diagnosis[]> | undefined;
  private next: Promise<readonly Diagnosis[]> | undefined;
  private readonly board: Board;
  private readonly project: string;
  private readonly socket: string | undefined;

  /** @param socket Folder of the instance's socket; without it, the doctor tries no login. */
  constructor(board: Board, project: string, socket: string | undefined) {
    this.board = board;
    this.project = project;
    this.socket = socket;
  }

  /** Looks, after the end of a look that has begun, which may have missed the newest changes. */
  look(): Promise<readonly Diagnosis[]> {
    if (this.looking === undefined) return this.begin();
    const after = () => {
      this.next = undefined;
      return this.begin();
    };
    return (this.next ??= this.looking.then(after, after));
  }

  private begin(): Promise<readonly Diagnosis[]> {
    this.looking = this.diagnose().finally(() => (this.looking = undefined));
    return this.looking;
  }

  private async diagnose(): Promise<readonly Diagnosis[]> {
    const before = this.board.get("doctor");
    this.board.set("doctor", { rows: [], ...before, running: true });
    const { code, output, said } = await this.run();
    const at = new Date().toISOString();
    if (code === null || code > 1) {
      this.board.set("doctor", { running: false, at, rows: [], problem: said.trim() || `exit code ${code ?? "none"}` });
      return [];
    }
    const { checks } = JSON.parse(output) as { checks: Omit<Diagnosis, "runs">[] };
    const rows = checks.map((row) => ({
      ...row,
      runs: row.fix !== undefined && remedyFor(row.fix, this.project) !== undefined,
    }));
    this.board.set("doctor", { running: false, at, rows });
    return rows;
  }

  private async run(): Promise<{ code: number | null; output: string; said: string }> {
    const file = (name: string) => join(ROOT, "ops", name);
    const socket = this.socket === undefined ? [] : ["--socket", this.socket];
    const child = spawn(
      process.execPath,
      ["--import", file("engine/compile-cache.mjs"), file("doctor.ts"), "--stack", "local", "--json", ...socket],
      { cwd: ROOT, env: ownEnvironment(), stdio: ["ignore", "pipe", "pipe"] },
    );
    const [output, said, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, "close") as Promise<[number | null]>,
    ]);
    return { code, output, said };
  }
}
