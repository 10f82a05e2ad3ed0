import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { parseConnectionString } from "../../infra/connection";
import { type Aim } from "../../local/faults";
import { OWNER } from "../../local/identities";
import { endpointConfig } from "../../ops/endpoints";
import { type LocalEnvironment, startLocal } from "../../ops/local";
import { rotate } from "../../ops/rotation/rotate";
import { openPrivateStack, ROOT } from "../../ops/workspace";
import { engines, stillRunning } from "./engines";
import { filesBelow, holders } from "./leaks";
import { SteadyClient } from "./steady-client";

jest.setTimeout(600_000);

const SECRET = "/v1/projects/settlement-local/secrets/settlement-db-connection-string";
const SERVICE = "/v2/projects/settlement-local/locations/us-central1/services/settlement-service";

describe("a rotation, through the real engine", () => {
  let folder: string;
  let sockets: string;
  let local: LocalEnvironment;
  let client: SteadyClient;
  /** Connection strings that were in use, the newest last. */
  const strings: string[] = [];
  /** `settlement:rotation.step` of the stack's file. */
  let step = 0;
  /** The revision that the first rotation made. */
  let old = "";
  /** Previews and progress of the last run. */
  let shown = "";
  /** Those of all runs. */
  let everything = "";

  const ask = async (method: string, path: string, body?: object) => {
    const response = await fetch(local.cloud.url + path, {
      method,
      headers: { authorization: `Bearer ${local.cloud.identities.ownerToken}`, "content-type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    });
    return (await response.json()) as Record<string, unknown>;
  };
  /** Runs the command; `answer` is given to its questions. */
  const run = async (answer: (question: string) => boolean = () => true) => {
    shown = "";
    const note = (text: string) => {
      shown += text;
      everything += text;
    };
    const reached = await rotate(local.stack, {
      step,
      write: async (next) => {
        step = next;
        await local.stack.setConfig("settlement:rotation.step", { value: String(next) }, true);
      },
      confirm: (question) => Promise.resolve(answer(question)),
      print: note,
      progress: note,
      say: note,
    });
    await remember();
    return reached;
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
  const revision = async () =>
    String((await ask("GET", SERVICE)).latestReadyRevision)
      .split("/")
      .at(-1) ?? "";

  beforeAll(async () => {
    mkdirSync(join(ROOT, ".local"), { recursive: true });
    folder = mkdtempSync(join(ROOT, ".local", "rotation-"));
    sockets = mkdtempSync(join(tmpdir(), "r-"));
    local = await startLocal(folder, () => undefined);
    await local.stack.up({ onOutput: () => undefined });
    await remember();
    const outputs = await local.stack.outputs();
    await local.cloud.openSocket({
      connectionName: String(outputs.connectionName?.value),
      member: OWNER,
      folder: sockets,
      onRefused: () => undefined,
    });
    client = new SteadyClient(String(outputs.serviceUrl?.value), local.cloud.identities.ownerToken);
  });

  afterAll(async () => {
    await client.stop();
    await local.stop();
    for (const made of [folder, sockets]) rmSync(made, { recursive: true, force: true });
  });

  test("the other login takes over with a new password, and what was valid before is refused", async () => {
    expect(await run()).toBe(2);
    old = await revision();
    expect(await Promise.all(strings.map(login))).toEqual(["28P01", "settlement_user_b"]);
    expect(await states()).toEqual(["2 ENABLED", "1 DISABLED"]);
    expect(shown).toContain(
      "`settlement-db-connection-string-version` (gcp.secretmanager.SecretVersion) is deleted; lost is the value of " +
        "this version, which is disabled now and destroyed 7 days later. This command is for that.",
    );
  });

  /** Interrupts a run: by an error of Google's, or by the end of the engine when it says something. */
  const interrupt = async (what: Aim | string) => {
    if (typeof what === "string") await killedAt(what);
    else {
      const fault = local.cloud.faults.inject(what, { kind: "error", status: 500 });
      await expect(run()).rejects.toThrow("Run it again to go on from there.");
      expect(fault.struck).not.toEqual([]);
      fault.remove();
    }
    const { uri } = (await ask("GET", SERVICE)) as { uri: string };
    const headers = { authorization: `Bearer ${local.cloud.identities.ownerToken}` };
    expect((await fetch(`${uri}/health`, { headers })).status).toBe(200);
  };

  test("interrupted, it leaves a service that works", async () => {
    // Each is followed by the next run, which goes on from there.
    if (process.env.FAULTS === "all") {
      await interrupt({ method: "PUT", path: /\/users$/ });
      await interrupt({ method: "POST", path: /connection-string:addVersion$/ });
      await interrupt({ method: "PATCH", path: /\/services\/settlement-service$/, from: 2 });
    }
    await interrupt("settlement-service updating");
    expect(step).toBe(3);
  });

  test("after the first half both credentials work, and a revision can be rolled back with its own", async () => {
    expect(await run((question) => !question.startsWith("Refuse"))).toBe(3);
    expect(await Promise.all(strings.slice(-2).map(login))).toEqual(["settlement_user_b", "settlement_user"]);

    const type = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION";
    await traffic({ type, revision: old });
    await expect(run()).rejects.toThrow(`${old}, with 100% of the traffic, still uses the former credential`);
    expect(await Promise.all(strings.slice(-2).map(login))).toEqual(["settlement_user_b", "settlement_user"]);
    await traffic({ type: "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST" });
  });

  const traffic = async (target: object) => {
    const body = { traffic: [{ ...target, percent: 100 }] };
    const { name } = await ask("PATCH", `${SERVICE}?updateMask=traffic`, body);
    await ask("POST", `/v2/${String(name)}:wait`);
  };

  test("run again, it finishes, however often it is interrupted", async () => {
    if (process.env.FAULTS === "all") {
      await interrupt({ method: "PUT", path: /\/users$/ });
      await interrupt({ method: "POST", path: /:destroy$/ });
      expect(step).toBe(4);
    }
    expect(await run()).toBe(4);
    expect(await Promise.all(strings.map(login))).toEqual(["28P01", "28P01", "settlement_user"]);
    expect(await states()).toEqual([`${strings.length} ENABLED`, "2 DISABLED", "1 DISABLED"]);
    const { changeSummary } = await local.stack.preview();
    expect(Object.keys(changeSummary)).toEqual(["same"]);
  });

  test("a client at twenty requests a second through all of that counts no failure", async () => {
    const statuses = await client.stop();
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(statuses.length).toBeGreaterThan(200);
  });

  test("no credential, old or new, is in what was printed or in a file, but for Secret Manager's own", () => {
    const passwords = strings.map((string) => /:([^:@]+)@/.exec(string)?.[1] ?? "");
    const found = holders([["output", everything], ...filesBelow(folder)], [...strings, ...passwords]);
    expect(found).not.toEqual([]);
    expect(found.filter((place) => !place.startsWith("/cloud/secret"))).toEqual([]);
  });

  /** Kills the engine in the middle, and opens the stack as the next run of a command does. */
  async function killedAt(text: string): Promise<void> {
    let orphans: ReturnType<typeof engines> = [];
    const kill = () => {
      const all = engines();
      orphans = all.filter(({ engine }) => !engine);
      for (const { pid } of all.filter(({ engine }) => engine)) process.kill(pid, "SIGKILL");
    };
    const up = local.stack.up.bind(local.stack);
    const spy = jest.spyOn(local.stack, "up").mockImplementation((options) =>
      up({
        ...options,
        onOutput: (output) => {
          options?.onOutput?.(output);
          if (output.includes(text)) kill();
        },
      }),
    );
    await expect(run()).rejects.toThrow("Run it again to go on from there.");
    for (const { pid } of orphans.filter(stillRunning)) process.kill(pid, "SIGKILL");
    spy.mockRestore();
    const { envVars, pulumiCommand: command } = local.stack.workspace;
    const stack = await openPrivateStack(
      { name: "local", folder, command, config: endpointConfig(local.cloud.url), env: envVars },
      () => undefined,
    );
    await stack.setConfig("settlement:rotation.step", { value: String(step) }, true);
    local = { ...local, stack };
  }
});
