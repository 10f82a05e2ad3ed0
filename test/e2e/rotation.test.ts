import { hash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { parseConnectionString } from "../../infra/connection.ts";
import { type Aim } from "../../packages/embedded-google-cloud/server/faults.ts";
import { OWNER } from "../../packages/embedded-google-cloud/iam/identities.ts";
import { bareUp } from "../../ops/engine/bare-up.ts";
import { share } from "../../ops/engine/held-open.ts";
import { type LocalEnvironment, SERVICE_IMAGE, startLocal } from "../../ops/engine/local.ts";
import { privateFolder } from "../../ops/engine/private-folder.ts";
import { outputsOf, readState } from "../../ops/engine/state.ts";
import { programOf } from "../../ops/service/own.ts";
import { smokeTest } from "../../ops/service/smoke.ts";
import { ask, send } from "../ask.ts";
import { LONG_FORM } from "../long-form.ts";
import { killAll, only, type Running, startedBy, stillRunning } from "../processes.ts";
import { scenario } from "../scenario.ts";
import { deployAsPipeline } from "./bootstrapped.ts";
import { copyProject } from "./copy.ts";
import { filesBelow, holders } from "./leaks.ts";
import { installPythonService } from "./python-service.ts";
import { type Ended, shell, type ShellOptions } from "./shell.ts";
import { SteadyClient } from "./steady-client.ts";

jest.setTimeout(600_000);

const SECRET = "/v1/projects/settlement-local/secrets/settlement-db-connection-string";
const IAM = "settlement-local.iam.gserviceaccount.com";
const SERVICE = "/v2/projects/settlement-local/locations/us-central1/services/settlement-service";

/** The long form rotates the sample service. */
const python = LONG_FORM ? "the long form does not use it" : installPythonService();
const [service, missing] = typeof python === "string" ? [undefined, python] : [python, ""];

describe(`npm run rotate, through the real engine, as the deployer, with the service in ${service ? "Python" : "Node.js"}`, () => {
  const step = scenario();
  const inPython = service ? step : step.skip;
  /** A copy of the project, because the command writes the stack file. */
  let copy: string;
  let folder: string;
  let sockets: string;
  let local: LocalEnvironment;
  let stopProviders: () => Promise<void>;
  let client: SteadyClient;
  /** Every connection string used so far, the newest last. */
  const strings: string[] = [];
  /** The revision before the rotation. */
  let old = "";
  /** The output of all runs. */
  let printed = "";

  const get = <T = Record<string, unknown>>(path: string) => ask<T>(local.cloud, "GET", path);
  const rotate = async (at?: ShellOptions["at"]): Promise<Ended> => {
    const ended = await shell("npm run rotate -- --stack local --yes", { cwd: copy, ...(at && { at }) });
    printed += ended.output;
    await remember();
    return ended;
  };
  const remember = async () => {
    const { payload } = await get<{ payload: { data: string } }>(`${SECRET}/versions/latest:access`);
    const string = Buffer.from(payload.data, "base64").toString();
    if (!strings.includes(string)) strings.push(string);
  };
  /** Logs in with a connection string; returns the name of the login, or PostgreSQL's error code. */
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
    const { versions } = await get<{ versions: { name: string; state: string }[] }>(`${SECRET}/versions`);
    return versions.map(({ name, state }) => `${name.split("/").at(-1) ?? ""} ${state}`);
  };
  /** `settlement:rotation.step` in the stack file. */
  const stepInFile = () => Number(/ step: (\d+)/.exec(readFileSync(join(copy, "Pulumi.local.yaml"), "utf8"))?.[1]);
  const expectService = async () => {
    const { uri } = await get<{ uri: string }>(SERVICE);
    expect((await send(local.cloud, "GET", `${uri}/health`)).status).toBe(200);
  };
  const expectStopped = async ({ code, output }: Ended) => {
    expect([code, output]).toEqual([1, expect.stringContaining("Run this again to resume.")]);
    await expectService();
  };
  /** Runs the command against a failing request. */
  const interrupt = async (aim: Aim) => {
    const fault = local.cloud.faults.inject(aim, { kind: "error", status: 500 });
    await expectStopped(await rotate());
    expect(fault.struck).not.toEqual([]);
    fault.remove();
  };
  /** Kills only the engine, when the output contains a text. */
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
    const more = service && { images: { [SERVICE_IMAGE]: programOf(service.command) } };
    local = await startLocal(folder, () => undefined, more);
    stopProviders = await deployAsPipeline(local);
    // The command finds the running cloud's token in this file.
    writeFileSync(privateFolder(folder).ownerToken, local.stack.workspace.envVars.GOOGLE_OAUTH_ACCESS_TOKEN ?? "");
    await bareUp(local.stack, { onOutput: () => undefined });
    share(folder);
    await remember();
    const outputs = outputsOf(await readState(local.stack));
    await local.cloud.openSocket({
      connectionName: String(outputs.connectionName),
      member: OWNER,
      folder: sockets,
      onRefused: () => undefined,
    });
    old = String((await get(SERVICE)).latestReadyRevision).replace(/.*\//, "");
    client = new SteadyClient(String(outputs.serviceUrl), local.cloud.identities.ownerToken, 50);
  });

  afterAll(async () => {
    await client.stop();
    await stopProviders();
    await local.stop();
    for (const made of [copy, sockets]) rmSync(made, { recursive: true, force: true });
  });

  inPython(`runs a program of another language as Cloud Run does${missing && `: ${missing}`}`, async () => {
    const { uri } = await get<{ uri: string }>(SERVICE);
    const token = local.cloud.identities.ownerToken;
    await smokeTest(uri, token, () => undefined);
    const { environment, url } = await get<{ environment: string[]; url: string }>(`${uri}/health`);
    expect(url).toBe(hash("sha256", strings.at(-1) ?? ""));
    const names = ["DATABASE_URL", "HOME", "K_CONFIGURATION", "K_REVISION", "K_SERVICE", "PATH", "PORT"];
    expect(environment).toEqual(expect.arrayContaining(names));

    // With Google's library, as the service's account: it may read one secret and not the other.
    const read = (secret: string) => ({ url: `${local.cloud.url}${secret}/versions/latest:access` });
    const found = { project: "settlement-local", account: `settlement-service@${IAM}`, parts: 3 };
    expect(await ask(local.cloud, "POST", `${uri}/google`, read(SECRET))).toEqual({ ...found, status: 200 });
    const other = SECRET.replace("connection-string", "password");
    expect(await ask(local.cloud, "POST", `${uri}/google`, read(other))).toEqual({ ...found, status: 403 });

    const { entries } = await ask<{ entries: object[] }>(local.cloud, "POST", "/v2/entries:list", {
      resourceNames: ["projects/settlement-local"],
      filter: 'resource.labels.service_name="settlement-service" AND log_id("run.googleapis.com/stdout")',
    });
    expect(entries).toContainEqual(
      expect.objectContaining({ severity: "NOTICE", jsonPayload: { message: "the Python service starts" } }),
    );
  });

  step.inLongForm("keeps the service working after every interruption of the first half", async () => {
    await interrupt(USERS);
    await interrupt({ method: "POST", path: /connection-string:addVersion$/ });
    await interrupt({ method: "PATCH", path: /\/services\/settlement-service$/, from: 2 });
    await expectStopped(await killedAt("settlement-service updating"));
    expect(stepInFile()).toBe(1);
  });

  step.inLongForm(
    "keeps both credentials valid after the engine was killed in the second half, and records the step in the stack file",
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
    const { name } = await ask(local.cloud, "PATCH", `${SERVICE}?updateMask=traffic`, body);
    await ask(local.cloud, "POST", `/v2/${String(name)}:wait`);
  };

  step("finishes: the old credential is rejected, and the stack is unchanged afterwards", async () => {
    const { code, output } = await rotate();
    expect(output).toContain(
      "settlement-db-connection-string-version (gcp.secretmanager.SecretVersion) is deleted; this loses the value of " +
        "this version, which is disabled now and destroyed 7 days later. This command intends it.",
    );
    expect(output).toContain("settlement_user_b of local has a new password");
    expect(code).toBe(0);
    expect(await Promise.all(strings.map(login))).toEqual(["28P01", "settlement_user_b"]);
    expect(await states()).toEqual(["2 ENABLED", "1 DISABLED"]);
    expect(Object.keys((await local.stack.preview()).changeSummary)).toEqual(["same"]);
  });

  step.inLongForm("returns to the first login in the next rotation, after errors of each API", async () => {
    await interrupt(USERS);
    await interrupt({ ...USERS, from: 2 });
    await interrupt({ method: "POST", path: /:destroy$/ });
    expect(stepInFile()).toBe(4);
    expect((await rotate()).code).toBe(0);
    expect(await Promise.all(strings.map(login))).toEqual(["28P01", "28P01", "settlement_user"]);
    expect(await states()).toEqual(["3 ENABLED", "2 DISABLED", "1 DISABLED"]);
  });

  step.inLongForm(
    "finishes after the command was killed in the first half and every process in the second",
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

  /** Kills when the output contains a text, and waits until no process of the command is left. */
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

  step("answers every request of a client that sends twenty a second", async () => {
    const statuses = await client.stop();
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(statuses.length).toBeGreaterThan(100);
  });

  step("leaves no credential, old or new, in the output or in a file other than Secret Manager's", () => {
    const passwords = strings.map((string) => /:([^:@]+)@/.exec(string)?.[1] ?? "");
    const found = holders([["output", printed], ...filesBelow(folder)], [...strings, ...passwords]);
    expect(found).not.toEqual([]);
    expect(found.filter((place) => !place.startsWith("/cloud/secret"))).toEqual([]);
  });
});
