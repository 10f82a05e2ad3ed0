import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeToolSettings } from "../../../ops/engine/tools.ts";
import { command } from "../../../ops/terminal/command.ts";

test("the settings for tools work in a folder with a space, and except this machine from the shell's proxy", () => {
  const root = mkdtempSync(join(tmpdir(), "tools-"));
  try {
    const folder = join(root, "a folder's name");
    mkdirSync(folder);
    const token = join(folder, "token");
    writeFileSync(token, "secret-token");
    const place = { url: "http://127.0.0.1:4510", project: "p", region: "r", socket: folder, database: "d" };
    const file = writeToolSettings({ ...place, folder, token });
    const script = `${command(".", file)}; echo "$GOOGLE_OAUTH_ACCESS_TOKEN|$PGHOST|$NO_PROXY|$no_proxy"`;
    const env = { PATH: process.env.PATH, no_proxy: "example.com" };
    expect(execFileSync("sh", ["-c", script], { encoding: "utf8", env })).toBe(
      `secret-token|${folder}|localhost,127.0.0.1,::1|example.com,localhost,127.0.0.1,::1\n`,
    );
  } finally {
    rmSync(root, { recursive: true });
  }
});
