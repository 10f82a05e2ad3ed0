import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";

const BIN = join(import.meta.dirname, "../../../packages/embedded-google-cloud/bin.ts");
const folder = mkdtempSync(join(tmpdir(), "bin-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const run = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...args], { encoding: "utf8" });
  return { status, stdout, stderr };
};

test.each(["SIGINT", "SIGTERM"] as const)(
  "answers at the printed address with the printed token until %s",
  async (signal) => {
    const child = spawn(process.execPath, [BIN, "--project", "my-project", "--folder", folder]);
    const all = text(child.stdout);
    const [url = "", tokenFile = ""] = await new Promise<string[]>((resolve) => {
      let output = "";
      child.stdout.on("data", (chunk) => {
        output += String(chunk);
        const lines = /(http:\S+)\n.* (\/\S+)\n/.exec(output);
        if (lines) resolve(lines.slice(1));
      });
    });
    const headers = { authorization: `Bearer ${readFileSync(tokenFile, "utf8")}` };
    expect(await (await fetch(`${url}/v1/projects/my-project`, { headers })).json()).toMatchObject({
      projectId: "my-project",
    });
    child.kill(signal);
    expect(await once(child, "exit")).toEqual([0, null]);
    expect(await all).not.toContain(headers.authorization);
  },
);

test("prints its options for --help", () => {
  expect(run("--help")).toMatchObject({
    status: 0,
    stderr: "",
    stdout: expect.stringContaining("--port PORT") as string,
  });
});

test.each([
  [[], "Name at least one project: --project ID"],
  [
    ["--project", "Ab"],
    '--project must be 6 to 30 lowercase letters, digits and hyphens, and begin with a letter, not "Ab".',
  ],
  [["--project", "my-project", "--port", "99999"], '--port must be 0 to 65535, not "99999".'],
  [["--prot", "1"], "Unknown option '--prot'"],
])("refuses the options %j with exit code 2", (args, sentence) => {
  const { status, stderr } = run(...args);
  expect([status, stderr.slice(0, sentence.length)]).toEqual([2, sentence]);
});
