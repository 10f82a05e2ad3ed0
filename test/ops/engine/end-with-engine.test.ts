import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { ROOT } from "../../../ops/engine/stack-file.ts";

/** Stands in for the engine: it sends first, and then waits for a response that a plugin's connection does not send. */
const ENGINE = `
  require("node:net")
    .createServer((socket) => socket.on("error", () => undefined).write("SETTINGS", () => process.send("connected")))
    .listen(0, "127.0.0.1", function () { process.send(this.address().port); });`;

test("a plugin exits when its engine is killed, and not before", async () => {
  const engine = spawn(process.execPath, ["-e", ENGINE], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const [port] = (await once(engine, "message")) as [number];
  const first = join(ROOT, "ops", "engine", "end-with-engine.cjs");
  const plugin = spawn(process.execPath, [
    ...["--require", first, "-e", "setInterval(() => undefined, 1000)"],
    `127.0.0.1:${port}`,
  ]);
  const ended = once(plugin, "exit");
  try {
    await once(engine, "message");
    expect(plugin.exitCode).toBeNull();
    engine.kill("SIGKILL");
    expect(await ended).toEqual([0, null]);
  } finally {
    plugin.kill("SIGKILL");
    engine.kill("SIGKILL");
  }
});
