import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Program } from "../../../../../packages/embedded-google-cloud/apis/cloudrun/launch.ts";
import { isAlive } from "../../../../../packages/embedded-google-cloud/state/lock.ts";
import { ECHO, SOCKET } from "./programs.ts";
import { INSTANCE, MEMBER, Setting, until } from "./setting.ts";

describe("a revision's process", () => {
  /** Below a shell, a program is another one than Node.js for the embedded cloud. */
  const belowShell = (source: string): Program => ({
    command: "sh",
    args: ["-c", 'trap : TERM; "$0" --eval "$@"', process.execPath, source],
  });
  const setting = new Setting({
    echo: ECHO,
    socket: SOCKET,
    shell: belowShell(`
      const { existsSync, readdirSync } = require("node:fs");
      require("node:http").createServer((request, response) => {
        const { env } = process;
        const files = () => ({ home: readdirSync(env.HOME), gcloud: readdirSync(env.HOME + "/.config/gcloud") });
        response.end(JSON.stringify(request.url === "/files" ? files() : { env }));
      }).listen(process.env.PORT);
      process.on("SIGTERM", () => setTimeout(() => { console.log("the shell's program ends"); process.exit(0); }, 100));`),
    "shell-socket": belowShell(SOCKET),
  });
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
      GCE_METADATA_HOST: expect.stringMatching(/^127/) as unknown,
      GCE_METADATA_IP: seen.env.GCE_METADATA_HOST,
    });
    // A connection could take a higher port before the program listens.
    expect(Number(seen.env.PORT)).toBeLessThan(32_768);
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
    await startAndKillCloud({ command: process.execPath, args: ["--eval", lasting("begins")] }, "begins");
    await until(() => said().endsWith("ends"));
  });

  /** A Node.js program that writes to the log. */
  const lasting = (word: string) => `
    const fs = require("node:fs");
    fs.appendFileSync(${JSON.stringify(log())}, ${JSON.stringify(word)} + process.pid + " ");
    process.on("exit", () => fs.appendFileSync(${JSON.stringify(log())}, "ends"));
    setInterval(() => undefined, 1000);`;
  const log = () => join(setting.folder, "orphan.log");
  const said = () => (existsSync(log()) ? readFileSync(log(), "utf8") : "");
  /** Starts a program from a process like the embedded cloud, which is killed once the log has a word. */
  const startAndKillCloud = async (program: Program, word: string) => {
    const file = (name: string) =>
      JSON.stringify(
        join(import.meta.dirname, `../../../../../packages/embedded-google-cloud/apis/cloudrun/${name}.ts`),
      );
    const source = `
      const { launch } = require(${file("launch")});
      const { Process } = require(${file("program")});
      const { Log } = require(${file("logs")});
      const program = ${JSON.stringify(program)};
      const folder = ${JSON.stringify(setting.folder)};
      launch({ program, args: [], env: { PORT: "0" }, sockets: {}, folder }).then((launch) => {
        new Process({ launch, log: new Log("/dev/null", () => undefined), cleanUp: async () => undefined });
      });
      setInterval(() => undefined, 1000);`;
    const cloud = spawn(process.execPath, ["--eval", source], { stdio: "inherit" });
    try {
      await until(() => said().includes(word));
    } finally {
      cloud.kill("SIGKILL");
    }
  };

  describe("of another program than Node.js", () => {
    const test = spawnSync("unshare", ["--user", "--map-root-user", "--mount", "true"]).status === 0 ? it : it.skip;

    test("connects to the mounted socket, at its path in the container, as its account", async () => {
      await setting.deploy("shell", { ...mounted, image: "shell-socket" }, { template: { volumes } });
      expect((await ask("shell", `/cloudsql/${INSTANCE}`)).text).toBe(`${MEMBER} ${INSTANCE}`);
      expect(existsSync("/cloudsql")).toBe(false);
    });

    test("has its container's environment, the user's home and no credentials of gcloud", async () => {
      const home = join(setting.folder, "home");
      mkdirSync(join(home, ".config", "gcloud"), { recursive: true });
      writeFileSync(join(home, ".config", "gcloud", "application_default_credentials.json"), "{}");
      writeFileSync(join(home, "kept"), "");
      const { HOME } = process.env;
      Object.assign(process.env, { HOME: home, LEAK: "ours" });
      await setting.deploy("shell-env", { image: "shell" });
      Object.assign(process.env, { HOME });
      delete process.env.LEAK;
      const { env } = JSON.parse((await ask("shell-env")).text) as { env: Record<string, string> };
      const shells = ["OLDPWD", "PWD", "SHLVL", "_"];
      expect(
        Object.keys(env)
          .filter((name) => !shells.includes(name))
          .sort(),
      ).toEqual("GCE_METADATA_HOST GCE_METADATA_IP HOME K_CONFIGURATION K_REVISION K_SERVICE PATH PORT".split(" "));
      const { text } = await ask("shell-env", "/files");
      expect(JSON.parse(text)).toEqual({ home: [".config", "kept"], gcloud: [] });
    });

    test("gets the time to end by itself on SIGTERM, also below a shell", async () => {
      await setting.deploy("shell-end", { image: "shell" });
      const { latestReadyRevision = "" } = await setting.service("shell-end");
      await setting.redeploy("shell-end", { image: "shell", args: ["second"] });
      await until(() => setting.cloudRun.logsOf(latestReadyRevision).includes("Container called exit"));
      expect(setting.cloudRun.logsOf(latestReadyRevision)).toBe(
        "the shell's program ends\nContainer called exit(0).\n",
      );
    });

    test("ends with the embedded cloud, even if the latter is killed", async () => {
      const program = { command: "sh", args: ["-c", 'cd /; "$0" --eval "$1"', process.execPath, lasting("shell")] };
      await startAndKillCloud(program, "shell");
      const pid = Number(/shell(\d+)/.exec(said())?.[1]);
      await until(() => !isAlive(pid));
    });
  });
});
