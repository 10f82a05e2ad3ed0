import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../ops/engine/stack-file.ts";
import type { Step } from "../scenario.ts";
import { ON_THE_STACK, OTHERS, REFUSED } from "./documented.ts";
import { compareLines, recordedLines } from "./lines.ts";
import { shell } from "./shell.ts";

/** The record of these lines: {@link recordedLines}. */
const FILE = "documents.test.ts";

/** Those of {@link OTHERS} that this machine has. */
export const INSTALLED = OTHERS.filter((program) => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0);

/** The lines of docs/DEPLOYMENT.md that rehearse a pipeline. */
export const REHEARSAL =
  /### Rehearsing a pipeline[^]*?```sh\n([^]*?)```/
    .exec(readFileSync(join(ROOT, "docs", "DEPLOYMENT.md"), "utf8"))?.[1]
    ?.trim()
    .split("\n") ?? [];

/**
 * Runs with the real gcloud, in the long form, what the documents print. The stack is held open, with staging's projects.
 * @param folder The project's folder, once the stack is open.
 * @param greeting What `npm start` said.
 */
export function gcloudSteps(steps: Step, folder: () => string, greeting: () => string): void {
  const step = INSTALLED.includes("gcloud") ? steps.inLongForm : steps.skip;
  const ran: string[] = [];

  step("does what the documents print with gcloud", async () => {
    const copy = folder();
    const list = ". .local/start/env; gcloud sql instances list --format='value(name)'";
    const env = { ...process.env, INSTANCE: (await shell(list, { cwd: copy })).output.trim() };
    // Another local stack may have the proxy's port.
    const missing = OTHERS.filter(
      (one) => !INSTALLED.includes(one) || (one === "cloud-sql-proxy" && greeting().includes("3307")),
    );
    const all = [...ON_THE_STACK.map((run) => [...run, 0] as const), ...REFUSED.map((run) => [...run, 1] as const)];
    const runs = all.filter(([line]) => !missing.some((one) => line.includes(`${one} `)));
    for (const [line, said, expected] of runs) {
      const { code, output } = await shell(`. .local/start/env; ${line}`, { cwd: copy, env });
      expect([line, code, output]).toEqual([line, expected, expect.stringContaining(said)]);
      ran.push(line);
    }
  });

  step("rehearses staging's pipeline, line by line", async () => {
    const { code, output } = await shell(REHEARSAL.join("\n"), { cwd: folder() });
    expect({ code, output: output.slice(-4_000) }).toEqual({
      code: 0,
      output: expect.stringContaining("staging is unchanged") as string,
    });
    expect(output).toContain("settlement-service accepts settlement commands");
    ran.push(...REHEARSAL);
  });

  test("each of these lines has been run in the long form", () => {
    compareLines(FILE, ran);
    // Few machines have the Auth Proxy.
    const lines = [...[...ON_THE_STACK, ...REFUSED].map(([line]) => line), ...REHEARSAL];
    const recorded = recordedLines(FILE);
    expect(lines.filter((line) => !recorded.includes(line) && !line.includes("cloud-sql-proxy "))).toEqual([]);
  });
}
