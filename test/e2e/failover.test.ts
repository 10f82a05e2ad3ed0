import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { parseConnectionString } from "../../infra/connection.ts";
import { OWNER } from "../../packages/embedded-google-cloud/iam/identities.ts";
import { bareUp } from "../../ops/engine/bare-up.ts";
import { endpointConfig, endpointsOf } from "../../ops/engine/endpoints.ts";
import { failover as decide } from "../../ops/failover/failover.ts";
import { Google } from "../../infra/google.ts";
import { requireConfig } from "../../ops/engine/stack-values.ts";
import { share } from "../../ops/engine/held-open.ts";
import { type LocalEnvironment, startLocal } from "../../ops/engine/local.ts";
import { privateFolder } from "../../ops/engine/private-folder.ts";
import { setInStackFile } from "../../ops/engine/stack-file.ts";
import { outputsOf, readState } from "../../ops/engine/state.ts";
import { ask } from "../ask.ts";
import { killAll, type Running, startedBy, stillRunning } from "../processes.ts";
import { scenario } from "../scenario.ts";
import { deployAsPipeline } from "./bootstrapped.ts";
import { copyProject } from "./copy.ts";
import { measured } from "./recovery.ts";
import { PersistentClient } from "./persistent-client.ts";
import { shell, type ShellOptions } from "./shell.ts";

jest.setTimeout(900_000);

const PROJECT = "settlement-local";
const [HOME, AWAY] = ["us-central1", "us-east1"] as const;
const SQL = `/sql/v1beta4/projects/${PROJECT}/instances`;
const DATABASE = {
  tier: "db-perf-optimized-N-2",
  edition: "ENTERPRISE_PLUS",
  availability: "ZONAL",
  replica: { region: AWAY, tier: "db-perf-optimized-N-2" },
};
const REPLICA = { ...DATABASE.replica, disasterRecovery: false };

const DOMAIN = "settlement.localhost";

describe("npm run failover, through the real engine, as the deployer", () => {
  const step = scenario();
  let copy: string;
  let local: LocalEnvironment;
  let stopProviders: () => Promise<void>;
  let names: readonly [home: string, away: string];
  let urls: string[] = [];
  let client: PersistentClient | undefined;

  const get = <T = Record<string, unknown>>(path: string) => ask<T>(local.cloud, "GET", path);
  const configure = (path: readonly string[], value: unknown) => {
    setInStackFile("local", ["settlement:database", ...path], value, [copy, local.stack.workspace.workDir]);
  };
  const failover = (options = "", at?: ShellOptions["at"]) =>
    shell(`npm run failover -- --stack local --yes ${options}`, { cwd: copy, ...(at && { at }) });
  /** The options of a failover in this process. */
  const inProcess = () => {
    const google = new Google(endpointsOf(endpointConfig(local.cloud.url)), {
      token: () => Promise.resolve(local.cloud.identities.ownerToken),
    });
    const config = requireConfig("local");
    return {
      config: {
        ...config,
        database: { ...config.database, replica: { ...REPLICA, promoted: false, underway: false } },
      },
      drill: false,
      google,
      probe: google,
      write: () => undefined,
      progress: () => undefined,
      say: () => undefined,
    };
  };
  const urlIn = async (region: string) =>
    (await get<{ uri: string }>(`/v2/projects/${PROJECT}/locations/${region}/services/settlement-service`)).uri;
  /** The commands of the client that an instance has. */
  const stored = async (region: string, name: string) => {
    const secret = `/v1/projects/${PROJECT}/secrets/settlement-db-connection-string/versions/latest:access`;
    const { payload } = await get<{ payload: { data: string } }>(secret);
    const parsed = parseConnectionString(Buffer.from(payload.data, "base64").toString());
    if (!parsed.ok) throw new Error(parsed.problem);
    const { database, password, user } = parsed.value;
    const folder = mkdtempSync(join(tmpdir(), "f-"));
    const connectionName = `${PROJECT}:${region}:${name}`;
    const socket = await local.cloud.openSocket({ connectionName, member: OWNER, folder, onRefused: () => undefined });
    const connection = new Client({ host: folder, database, user, password });
    try {
      await connection.connect();
      const ids = "select command_id as id from settlement_commands where workflow_id = 'persistent'";
      return (await connection.query<{ id: string }>(ids)).rows.map(({ id }) => id);
    } finally {
      await connection.end();
      await socket.close();
      rmSync(folder, { recursive: true });
    }
  };
  /** Kills every process of the command when its output contains a text. */
  const killedAt = async (text: string) => {
    let left: Running[] = [];
    const { code, output } = await failover("", [
      text,
      ({ pid = 0 }) => {
        left = startedBy(pid);
        killAll(pid);
      },
    ]);
    expect([code === 0, output]).toEqual([false, expect.stringContaining(text)]);
    while (left.some(stillRunning)) await delay(100);
    return output;
  };
  const inFile = (text: string) => readFileSync(join(copy, "Pulumi.local.yaml"), "utf8").includes(text);
  const promoted = () => inFile("promoted: true");
  const underway = () => inFile("underway: true");
  /** Whether the service at an address accepts a command. */
  const writes = async (url = "") => {
    const headers = {
      authorization: `Bearer ${local.cloud.identities.ownerToken}`,
      "content-type": "application/json",
    };
    const body = JSON.stringify({ command_id: randomUUID(), workflow_id: "other", account_ref: "client" });
    return (await fetch(`${url}/commands`, { method: "POST", headers, body })).status === 200;
  };
  const expectUnchanged = async () => {
    expect(Object.keys((await local.stack.preview()).changeSummary)).toEqual(["same"]);
  };

  beforeAll(async () => {
    copy = copyProject("failover");
    const folder = join(copy, ".local", "start");
    local = await startLocal(folder, () => undefined);
    stopProviders = await deployAsPipeline(local, { frontend: { domain: DOMAIN } });
    writeFileSync(privateFolder(folder).ownerToken, local.stack.workspace.envVars.GOOGLE_OAUTH_ACCESS_TOKEN ?? "");
    configure([], DATABASE);
    setInStackFile("local", ["settlement:frontend"], { domain: DOMAIN }, [copy, local.stack.workspace.workDir]);
    await bareUp(local.stack, { onOutput: () => undefined });
    share(folder);
  });

  afterAll(async () => {
    await client?.stop();
    await stopProviders();
    await local.stop();
    rmSync(copy, { recursive: true, force: true });
  });

  step.inLongForm("deploys a replica in a second region with a service beside it", async () => {
    const { instanceName } = outputsOf(await readState(local.stack));
    names = [String(instanceName), `${String(instanceName)}-${AWAY}`];
    expect(await get(`${SQL}/${names[1]}`)).toMatchObject({
      masterInstanceName: `${PROJECT}:${names[0]}`,
      region: AWAY,
    });
    urls = [await urlIn(HOME), await urlIn(AWAY)];
    await expectUnchanged();
    let shown = "";
    const declined = await decide(local.stack, {
      ...inProcess(),
      print: ({ markdown }) => (shown = markdown),
      confirm: () => Promise.resolve(false),
    });
    expect([declined, shown]).toEqual([undefined, expect.stringContaining("settlement-standby-service")]);
    expect([shown.includes("settlement-user"), promoted(), underway()]).toEqual([false, false, false]);
    await expectUnchanged();
    const refused = await failover("--drill");
    expect([refused.code, refused.output]).toEqual([1, expect.stringContaining("disasterRecovery")]);
    configure(["replica", "disasterRecovery"], true);
    await bareUp(local.stack, { onOutput: () => undefined });
    expect(await get(`${SQL}/${names[1]}`)).toMatchObject({ replicationCluster: { drReplica: true } });
  });

  step.inLongForm("drills: goes to the second region and comes back, and loses nothing", async () => {
    client = new PersistentClient([`${local.cloud.url}/https/${DOMAIN}`], local.cloud.identities.ownerToken);
    const { code, output } = await failover("--drill");
    expect([code, output]).toEqual([0, expect.stringContaining("Nothing that was committed is lost.")]);
    expect(output).toContain(`The service there answers at https://${DOMAIN}`);
    await client.finish();
    const ids = await stored(HOME, names[0]);
    expect(client.sent).toBeGreaterThan(50);
    expect(client.accepted.length).toBe(client.sent);
    expect([...ids].sort()).toEqual(client.accepted.map(({ id }) => id).sort());
    measured("drill", client.longestGap, `none of ${client.sent} commands`);
    expect(promoted()).toBe(false);
    await expectUnchanged();
  });

  step.inLongForm(
    "fails over when the primary is lost: what was accepted and is missing is not older than the lag shown",
    async () => {
      client = new PersistentClient([`${local.cloud.url}/https/${DOMAIN}`], local.cloud.identities.ownerToken);
      while (client.accepted.length < 20) await delay(20);
      await local.cloud.outages.sever(PROJECT, names[1]); // the lag grows
      const until = client.accepted.length + 20;
      while (client.accepted.length < until) await delay(20);
      await local.cloud.outages.begin(PROJECT, names[0]);
      const lostAt = performance.now();
      const { code, output } = await failover();
      expect([code, output]).toEqual([0, expect.stringContaining("is lost: it is")]);
      await client.finish();
      const shown = Number(/is lost: it is ([\d.]+) s behind/.exec(output)?.[1]);
      const ids = new Set(await stored(AWAY, names[1]));
      const missing = client.accepted.filter(({ id }) => !ids.has(id));
      const oldest = Math.max(0, ...missing.map(({ at }) => lostAt - at));
      const lost = `the last ${(oldest / 1000).toFixed(1)} s, of a lag of ${shown} s that was shown`;
      measured("primary", client.longestGap, lost);
      expect(missing.length).toBeGreaterThanOrEqual(15);
      expect(oldest / 1000).toBeLessThanOrEqual(shown + 0.1);
      const env = { ...process.env, GOOGLE_OAUTH_ACCESS_TOKEN: local.cloud.identities.ownerToken };
      const doctor = await shell("npm run --silent doctor -- --stack local --json", { cwd: copy, env });
      expect(doctor.output).toContain(`${DOMAIN} leads to ${AWAY}`);
      await expectUnchanged();
    },
  );

  step.inLongForm(
    "takes the lost instance back as the replica, and fails back, interrupted at every step",
    async () => {
      await local.cloud.outages.end(PROJECT, names[0]);
      const primaryAlready = `${names[0]} in ${HOME} is the primary already.`;
      for (const [text, before] of [
        ["Nothing that was committed is lost.", `${names[0]} in ${HOME} and`],
        ["takes writes.", ""],
        ["settlement-standby-service updating", primaryAlready],
        ["Testing ", primaryAlready],
        ["Moving the traffic to it", primaryAlready],
      ] as const) {
        expect(await killedAt(text)).toContain(before);
        expect(promoted()).toBe(false);
      }
      const { code, output } = await failover();
      expect([code, output]).toEqual([0, expect.stringContaining(`The primary of local is in ${HOME}.`)]);
      expect(await get(`${SQL}/${names[1]}`)).toMatchObject({ masterInstanceName: `${PROJECT}:${names[0]}` });
      await expectUnchanged();
    },
  );

  step.inLongForm(
    "fails over when the region is lost, leaves what is in it, and finishes once it is back",
    async () => {
      client = new PersistentClient([`${local.cloud.url}/https/${DOMAIN}`], local.cloud.identities.ownerToken);
      while (client.accepted.length < 20) await delay(20);
      await local.cloud.outages.beginRegion(HOME);
      const { code, output } = await failover();
      expect([code, output]).toEqual([0, expect.stringContaining(`${HOME} does not answer: `)]);
      await client.finish();
      expect(output).toContain("settlement-instance, ");
      expect(output).toContain(`Once ${HOME} answers again: npm run failover -- --stack local`);
      const ids = new Set(await stored(AWAY, names[1]));
      const missing = client.accepted.filter(({ id }) => !ids.has(id)).length;
      measured("region", client.longestGap, `${missing} of ${client.sent} commands, with a replica that kept up`);
      expect([promoted(), underway()]).toEqual([true, true]);

      await local.cloud.outages.endRegion(HOME);
      expect(await get(`${SQL}/${names[0]}`)).toMatchObject({ masterInstanceName: `${PROJECT}:${names[1]}` });
      expect(await writes(urls[0])).toBe(false);
      const finished = await failover();
      expect([finished.code, finished.output]).toEqual([0, expect.stringContaining("is the primary already")]);
      expect([promoted(), underway()]).toEqual([true, false]);
      expect(await writes(urls[0])).toBe(true);
      await expectUnchanged();
      const back = await failover();
      expect([back.code, back.output]).toEqual([0, expect.stringContaining(`The primary of local is in ${HOME}.`)]);
    },
  );

  step.inLongForm(
    "promotes a replica that is not designated when the region is lost, once, and stops its former primary",
    async () => {
      const designation = { replicationCluster: { failoverDrReplicaName: "" } };
      const { name } = await ask<{ name: string }>(local.cloud, "PATCH", `${SQL}/${names[0]}`, designation);
      const ended = async () => (await get(`${SQL.replace("instances", "operations")}/${name}`)).status === "DONE";
      while (!(await ended())) await delay(50);
      configure(["replica", "disasterRecovery"], false);
      await bareUp(local.stack, { onOutput: () => undefined, refresh: true });
      await local.cloud.outages.beginRegion(HOME);
      const { code, output } = await failover();
      expect([code, output]).toEqual([0, expect.stringContaining(`${HOME} does not answer: `)]);
      expect(await writes(urls[1])).toBe(true);

      await local.cloud.outages.endRegion(HOME);
      expect((await get(`${SQL}/${names[0]}`)).masterInstanceName).toBeUndefined();
      expect(await writes(urls[0])).toBe(false); // it still uses the former primary, which its account may not reach
      const finished = await failover();
      expect([finished.code, finished.output]).toEqual([
        0,
        expect.stringContaining(`${names[0]} in ${HOME} is stopped.`),
      ]);
      expect(await get(`${SQL}/${names[0]}`)).toMatchObject({ settings: { activationPolicy: "NEVER" } });
      expect(await writes(urls[0])).toBe(true);
      await expectUnchanged();
      const again = await failover();
      expect([again.code, again.output]).toEqual([1, expect.stringContaining("stands alone since the last failover")]);
      expect(promoted()).toBe(true);
    },
  );

  step.inLongForm(
    "makes new instances in place of deleted ones, a replica too, and destroys replicas first",
    async () => {
      const left = async () => (await get<{ items: { name: string }[] }>(SQL)).items.map(({ name }) => name);
      await ask(local.cloud, "DELETE", `${SQL}/${names[1]}`);
      while ((await left()).length > 1) await delay(50);
      const { code, output } = await shell("npm run up -- --stack local --yes --new-instance", { cwd: copy });
      expect([code, output]).toEqual([
        0,
        expect.stringContaining(`${names[0]} exists, and leaves the stack as it is.`),
      ]);
      expect([promoted(), inFile("disasterRecovery: true")]).toEqual([false, false]);
      expect(await writes(urls[0])).toBe(true);
      const { instanceName: created } = outputsOf(await readState(local.stack));
      expect(await get(`${SQL}/${created ?? ""}-${AWAY}`)).toMatchObject({
        masterInstanceName: `${PROJECT}:${created ?? ""}`,
      });
      await expectUnchanged();
      await local.stack.destroy();
      expect(await left()).toEqual([names[0]]);
    },
  );
});
