import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { parseConnectionString } from "../../infra/connection.ts";
import { type Aim } from "../../packages/embedded-google-cloud/server/faults.ts";
import { OWNER } from "../../packages/embedded-google-cloud/iam/identities.ts";
import { bareUp } from "../../ops/engine/bare-up.ts";
import { holdOpen, type LocalEnvironment, startLocal } from "../../ops/engine/local.ts";
import { outputsOf, readState } from "../../ops/engine/state.ts";
import { scenario } from "../scenario.ts";
import { copyProject } from "./copy.ts";
import { only, type Running, startedBy, stillRunning } from "./engines.ts";
import { killAll } from "./kill-all.ts";
import { filesBelow, holders } from "./leaks.ts";
import { type Ended, shell, type ShellOptions } from "./shell.ts";
import { SteadyClient } from "./steady-client.ts";

jest.setTimeout(600_000);

const SECRET = "/v1/projects/settlement-local/secrets/settlement-db-connection-string";
const SERVICE = "/v2/projects/settlement-local/locations/us-central1/services/settlement-service";

describe("a rotation, by its command and through the real engine", () => {
  const step = scenario();
  /** The command writes into the stack's file. */
  let copy: string;
  let folder: string;
  let sockets: string;
  let local: LocalEnvironment;
  let client: SteadyClient;
  /** Connection strings that were in use, the newest last. */
  const strings: string[] = [];
  /** The revision from before the rotation. */
  let old = "";
  /** What all runs printed. */
  let printed = "";

  const ask = async (method: string, path: string, body?: object) => {
    const response = await fetch(local.cloud.url + path, {
      method,
      headers: { authorization: `Bearer ${local.cloud.identities.ownerToken}`, "content-type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    });
    return (await response.json()) as Record<string, unknown>;
  };
  const rotate = async (at?: ShellOptions["at"]): Promise<Ended> => {
    const ended = await shell("npm run rotate -- --stack local --yes", { cwd: copy, ...(at && { at }) });
    printed += ended.output;
    await remember();
    return ended;
  };
  const remember = async () => {
    const { payload } = (await ask("GET", `${SECRET}/versions/latest:access`)) as { payload: { data: string } };
    const string = Buffer.from(payload.data, "base64").toString();
    if (!strings.includes(string)) strings.push(string);
  };
  /** Logs in with a connection string; the name of the login, or PostgreSQL's code. */
  const login = async (string: string) => {
    const parsed = parseConnectionString(string);
    if (!parsed.ok) throw new Error(parsed.problem);
    const { database, password, user } = parsed.value;
    const connection = new Client({ host: sockets, database, user, password });
    try {
      await connection.connect();
      return (await connection.query<{ name: string }>("SELECT current_user AS name")).rows[0]?.name;
    } catch (error) {
      return (error as { code?: string }).code;
    } finally {
      await connection.end();
    }
  };
  const states = async () => {
    const { versions } = (await ask("GET", `${SECRET}/versions`)) as { versions: { name: string; state: string }[] };
    return versions.map(({ name, state }) => `${name.split("/").at(-1) ?? ""} ${state}`);
  };
  /** `settlement:rotation.step` of the stack's file. */
  const stepInFile = () => Number(/ step: (\d+)/.exec(readFileSync(join(copy, "Pulumi.local.yaml"), "utf8"))?.[1]);
  const expectService = async () => {
    const { uri } = (await ask("GET", SERVICE)) as { uri: string };
    const headers = { authorization: `Bearer ${local.cloud.identities.ownerToken}` };
    expect((await fetch(`${uri}/health`, { headers })).status).toBe(200);
  };
  const expectStopped = async ({ code, output }: Ended) => {
    expect([code, output]).toEqual([1, expect.stringContaining("Run it again to go on from there.")]);
    await expectService();
  };
  /** Runs into an error of Google's. */
  const interrupt = async (aim: Aim) => {
    const fault = local.cloud.faults.inject(aim, { kind: "error", status: 500 });
    await expectStopped(await rotate());
    expect(fault.struck).not.toEqual([]);
    fault.remove();
  };
  /** Kills the engine alone when something is said. */
  const killedAt = async (text: string) => {
    let orphans: Running[] = [];
    const ended = await rotate([
      text,
      ({ pid = 0 }) => {
        const engine = only(startedBy(pid).filter(({ args }) => args.includes("pulumi up ")));
        orphans = startedBy(engine);
        process.kill(engine, "SIGKILL");
      },
    ]);
    for (const { pid } of orphans.filter(stillRunning)) process.kill(pid, "SIGKILL");
    return ended;
  };
  const USERS = { method: "PUT", path: /\/users$/ };

  beforeAll(async () => {
    copy = copyProject("rotation");
    folder = join(copy, ".local", "start");
    sockets = mkdtempSync(join(tmpdir(), "r-"));
    local = await startLocal(folder, () => undefined);
    await bareUp(local.stack, { onOutput: () => undefined });
    holdOpen(folder);
    await remember();
    const outputs = outputsOf(await readState(local.stack));
    await local.cloud.openSocket({
      connectionName: String(outputs.connectionName),
      member: OWNER,
      folder: sockets,
      onRefused: () => undefined,
    });
    old = String((await ask("GET", SERVICE)).latestReadyRevision).replace(/.*\//, "");
    client = new SteadyClient(String(outputs.serviceUrl), local.cloud.identities.ownerToken, 50);
  });

  afterAll(async () => {
    await client.stop();
    await local.stop();
    for (const made of [copy, sockets]) rmSync(made, { recursive: true, force: true });
  });

  step.inLongForm("the service works, whatever interrupts the first half", async () => {
    await interrupt(USERS);
    await interrupt({ method: "POST", path: /connection-string:addVersion$/ });
    await interrupt({ method: "PATCH", path: /\/services\/settlement-service$/, from: 2 });
    await expectStopped(await killedAt("settlement-service updating"));
    expect(stepInFile()).toBe(1);
  });

  step.inLongForm(
    "both credentials work after the engine was killed in the second half, and the stack file says which step began",
    async () => {
      const unanswered = local.cloud.faults.inject(
        { ...USERS, query: /name=settlement_user(&|$)/ },
        { kind: "silence" },
      );
      await expectStopped(await killedAt("settlement-user updating"));
      unanswered.remove();
      expect(stepInFile()).toBe(2);
      expect(await Promise.all(strings.map(login))).toEqual(["settlement_user", "settlement_user_b"]);
    },
  );

  step.inLongForm("refuses to finish while a revision with the old credential has traffic", async () => {
    await traffic({ type: "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", revision: old });
    const { code, output } = await rotate();
    const sentence = `${old}, with 100% of the traffic, still uses the former credential`;
    expect([code, output]).toEqual([1, expect.stringContaining(sentence)]);
    expect(await Promise.all(strings.map(login))).toEqual(["settlement_user", "settlement_user_b"]);
    await traffic({ type: "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST" });
  });

  const traffic = async (target: object) => {
    const body = { traffic: [{ ...target, percent: 100 }] };
    const { name } = await ask("PATCH", `${SERVICE}?updateMask=traffic`, body);
    await ask("POST", `/v2/${String(name)}:wait`);
  };

  step("finishes: the old credential is refused, and nothing is left to do", async () => {
    const { code, output } = await rotate();
    expect(output).toContain(
      "`settlement-db-connection-string-version` (gcp.secretmanager.SecretVersion) is deleted; lost is the value of " +
        "this version, which is disabled now and destroyed 7 days later. This command is for that.",
    );
    expect(output).toContain("settlement_user_b of local works with a new password");
    expect(code).toBe(0);
    expect(await Promise.all(strings.map(login))).toEqual(["28P01", "settlement_user_b"]);
    expect(await states()).toEqual(["2 ENABLED", "1 DISABLED"]);
    expect(Object.keys((await local.stack.preview()).changeSummary)).toEqual(["same"]);
  });

  step.inLongForm("the next rotation returns to the first login, whatever Google refuses", async () => {
    await interrupt(USERS);
    await interrupt({ ...USERS, from: 2 });
    await interrupt({ method: "POST", path: /:destroy$/ });
    expect(stepInFile()).toBe(4);
    expect((await rotate()).code).toBe(0);
    expect(await Promise.all(strings.map(login))).toEqual(["28P01", "28P01", "settlement_user"]);
    expect(await states()).toEqual(["3 ENABLED", "2 DISABLED", "1 DISABLED"]);
  });

  step.inLongForm(
    "finishes after the command was killed in the first half, and every process in the second",
    async () => {
      await killedWholeAt("settlement-service updating", (pid) => {
        const commands = startedBy(pid).filter(({ args }) => /^\S*node .*ops\/rotate\.ts/.test(args));
        process.kill(only(commands), "SIGKILL");
      });
      expect(stepInFile()).toBe(5);
      await killedWholeAt("settlement-user updating", killAll);
      expect(stepInFile()).toBe(6);
      expect((await rotate()).code).toBe(0);
      expect(await Promise.all(strings.map(login))).toEqual(["28P01", "28P01", "28P01", "settlement_user_b"]);
      expect(await states()).toEqual(["4 ENABLED", "3 DISABLED", "2 DISABLED", "1 DISABLED"]);
    },
  );

  /** Kills when something is said, and waits until nothing is left of the command. */
  const killedWholeAt = async (text: string, kill: (pid: number) => void) => {
    let left: Running[] = [];
    const { code, output } = await rotate([
      text,
      ({ pid = 0 }) => {
        left = startedBy(pid);
        kill(pid);
      },
    ]);
    expect([code === 0, output]).toEqual([false, expect.stringContaining(text)]);
    while (left.some(stillRunning)) await delay(100);
    await expectService();
  };

  step("a client that sent twenty requests a second saw no failure", async () => {
    const statuses = await client.stop();
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(statuses.length).toBeGreaterThan(100);
  });

  step("no credential, old or new, is in the output or in a file other than Secret Manager's", () => {
    const passwords = strings.map((string) => /:([^:@]+)@/.exec(string)?.[1] ?? "");
    const found = holders([["output", printed], ...filesBelow(folder)], [...strings, ...passwords]);
    expect(found).not.toEqual([]);
    expect(found.filter((place) => !place.startsWith("/cloud/secret"))).toEqual([]);
  });
});
