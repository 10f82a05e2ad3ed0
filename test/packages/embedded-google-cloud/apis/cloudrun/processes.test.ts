import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ECHO, SOCKET } from "./programs.ts";
import { INSTANCE, MEMBER, Setting, until } from "./setting.ts";

describe("a revision's process", () => {
  const setting = new Setting({ echo: ECHO, socket: SOCKET });
  beforeAll(() => setting.start());
  afterAll(() => setting.end());

  const volumes = [{ name: "cloudsql", cloudSqlInstance: { instances: [INSTANCE] } }];
  const mounted = { image: "socket", volumeMounts: [{ name: "cloudsql", mountPath: "/cloudsql" }] };
  const ask = async (name: string, path = "") =>
    setting.call("GET", `${(await setting.service(name)).uri ?? ""}${path}`);

  it("has its container's environment, and not the embedded cloud's", async () => {
    process.env.LEAK = "ours";
    const env = [{ name: "MODE", value: "test" }];
    await setting.deploy("env", { image: "echo", env, args: ["--verbose"] });
    delete process.env.LEAK;
    const { latestReadyRevision = "" } = await setting.service("env");
    const seen = JSON.parse((await ask("env")).text) as { env: Record<string, string>; args: string[] };
    expect(seen.args).toEqual(["--verbose"]);
    expect(seen.env).toEqual({
      MODE: "test",
      PATH: process.env.PATH,
      PORT: expect.stringMatching(/^\d+$/) as unknown,
      K_SERVICE: "env",
      K_REVISION: latestReadyRevision.split("/").at(-1),
      K_CONFIGURATION: "env",
    });
  });

  it("gets secrets in its environment and nowhere else", async () => {
    const password = randomBytes(16).toString("hex");
    await setting.secret("password", password);
    setting.grant("roles/secretmanager.secretAccessor", MEMBER);
    const env = [{ name: "PASSWORD", valueSource: { secretKeyRef: { secret: "password", version: "1" } } }];
    await setting.deploy("secret", { image: "echo", env });
    const seen = JSON.parse((await ask("secret")).text) as { env: Record<string, string>; pid: number };
    expect(seen.env.PASSWORD).toBe(password);
    if (existsSync("/proc")) expect(readFileSync(`/proc/${seen.pid}/cmdline`, "utf8")).not.toContain(password);
    const state = join(setting.folder, "state");
    const files = readdirSync(state, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const holding = files.filter((file) => readFileSync(join(file.parentPath, file.name), "utf8").includes(password));
    const encoded = files.filter((file) =>
      readFileSync(join(file.parentPath, file.name), "utf8").includes(Buffer.from(password).toString("base64")),
    );
    expect(holding).toEqual([]);
    expect(encoded.map((file) => file.parentPath)).toEqual([join(state, "secret-versions")]);
  });

  it("connects to the mounted socket of Cloud SQL as its account", async () => {
    setting.grant("roles/cloudsql.client", MEMBER);
    await setting.deploy("mounted", mounted, { template: { volumes } });
    expect((await ask("mounted", `/cloudsql/${INSTANCE}`)).text).toBe(`${MEMBER} ${INSTANCE}`);
  });

  it("finds no socket at a path that is not mounted, such as one with a zone", async () => {
    const zone = INSTANCE.replace("us-central1", "us-central1-a");
    const answer = await ask("mounted", `/cloudsql/${zone}`);
    expect(answer).toMatchObject({ status: 500, text: `connect ENOENT /cloudsql/${zone}/.s.PGSQL.5432` });
  });

  it("is reachable on this machine only", async () => {
    await setting.deploy("loopback", { image: "echo" });
    const { env } = JSON.parse((await ask("loopback")).text) as { env: Record<string, string> };
    const table = existsSync("/proc/net/tcp")
      ? readFileSync("/proc/net/tcp", "utf8") + readFileSync("/proc/net/tcp6", "utf8")
      : "";
    const port = Number(env.PORT).toString(16).toUpperCase().padStart(4, "0");
    const listening = table.split("\n").filter((line) => new RegExp(`^ *\\d+: \\w+:${port} \\w+:0000 0A`).test(line));
    expect(listening.map((line) => /: (\w+):/.exec(line)?.[1])).toEqual(table === "" ? [] : ["0100007F"]);
  });

  it("ends with the embedded cloud, even if the latter is killed", async () => {
    const log = join(setting.folder, "orphan.log");
    const program = `
      const fs = require("node:fs");
      fs.appendFileSync(${JSON.stringify(log)}, "begins");
      process.on("exit", () => fs.appendFileSync(${JSON.stringify(log)}, "ends"));
      setInterval(() => undefined, 1000);`;
    const file = (name: string) =>
      JSON.stringify(
        join(import.meta.dirname, `../../../../../packages/embedded-google-cloud/apis/cloudrun/${name}.ts`),
      );
    // Like the embedded cloud, this process starts the program, and is killed.
    const source = `
      const { Process } = require(${file("program")});
      const { Log } = require(${file("logs")});
      new Process({
        program: { command: process.execPath, args: ["--eval", ${JSON.stringify(program)}] },
        args: [], env: { PORT: "0" }, mounts: {}, log: new Log("/dev/null", () => undefined), cleanUp: async () => undefined,
      });
      setInterval(() => undefined, 1000);`;
    const cloud = spawn(process.execPath, ["--eval", source], { stdio: "inherit" });
    const said = () => (existsSync(log) ? readFileSync(log, "utf8") : "");
    try {
      await until(() => said().includes("begins"));
      expect(said()).toBe("begins");
    } finally {
      cloud.kill("SIGKILL");
    }
    await until(() => said() === "beginsends");
  });
});
