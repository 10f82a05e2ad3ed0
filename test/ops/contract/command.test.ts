import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { ROOT } from "../../../ops/engine/stack-file.ts";
import { inLongForm } from "../../long-form.ts";

async function contract(...args: string[]): Promise<{ code: number; text: string }> {
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ["ops/contract.ts", ...args], { cwd: ROOT });
    return { code: 0, text: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, text: stdout + stderr };
  }
}

test.each([
  [["--target", "google", "--project", "acme-test"], 1, "there is no terminal to confirm on. Add --yes"],
  [["--target", "google"], 2, "Which project? Add --project P."],
  [["--target", "azure"], 2, "Which cloud? Add --target google or --target embedded."],
])("npm run contract -- %j stops before anything is created", async (args, code, problem) => {
  const answer = await contract(...args);
  expect(answer.code).toBe(code);
  expect(answer.text).toContain(problem);
});

inLongForm(
  "the embedded cloud answers as in the recordings",
  async () => {
    expect(await contract("--target", "embedded")).toMatchObject({
      code: 0,
      text: expect.stringContaining("No differences from the recordings.") as unknown,
    });
  },
  300_000,
);
