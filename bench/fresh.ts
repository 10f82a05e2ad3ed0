import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../ops/engine/stack-file.ts";
import { inTurns, runChild, time } from "./child.ts";
import { absolute, type Figure } from "./figure.ts";

/**
 * How long a newcomer waits after `git clone`, with the CLI installed: `npm start` installs the packages, deploys, and sends
 * a settlement command. The figure has no limit because it depends on the registry and the network.
 */
export async function fresh(say: (line: string) => void): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), "bench-fresh-"));
  const start = async () => {
    const clone = join(folder, "clone");
    rmSync(clone, { recursive: true, force: true });
    execFileSync("git", ["clone", "--quiet", ROOT, clone]);
    return runChild({ program: "npm", args: ["start"], cwd: clone });
  };
  try {
    const { runs } = await inTurns({ runs: start }, say, { turns: 3, warmUp: false });
    return [absolute("fresh clone to a settlement command, CLI installed", time("npm start", runs))];
  } finally {
    rmSync(folder, { recursive: true });
  }
}
