import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { parseConnectionString } from "../../infra/connection";
import { OWNER } from "../../local/identities";
import { type LocalEnvironment, startLocal } from "../../ops/local";
import { inspect } from "../../ops/preview/inspect";
import { update } from "../../ops/preview/update";
import { ROOT } from "../../ops/workspace";
import { SteadyClient } from "./steady-client";
import { BROKEN, HEALTHY_AND_FAILING } from "../local/cloudrun/programs";

jest.setTimeout(300_000);

const IMAGE = "us-central1-docker.pkg.dev/settlement-local/settlement/settlement-service";
const PROJECT = "/v1/projects/settlement-local";
const SERVICE = "/v2/projects/settlement-local/locations/us-central1/services/settlement-service";
const LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST";
const REVISION = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION";

interface Service {
  uri: string;
  latestReadyRevision: string;
  trafficStatuses: { type: string; revision?: string; percent?: number; tag?: string; uri?: string }[];
}

describe("a new revision, through the real engine", () => {
  let folder: string;
  let local: LocalEnvironment;
  /** What the engine and the rollout said in the last update, and the last preview. */
  let said = "";
  let shown = "";
  /** The revision that users are served by. */
  let old = "";

  const ask = async (method: string, path: string, body?: object) => {
    const response = await fetch(path.startsWith("http") ? path : local.cloud.url + path, {
      method,
      headers: { authorization: `Bearer ${local.cloud.identities.ownerToken}`, "content-type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json().catch<unknown>(() => ({})) };
  };
  const service = async () => (await ask("GET", SERVICE)).body as Service;
  const deploy = async (tag: string, refresh = false) => {
    await local.stack.setConfig("settlement:service.image", { value: `${IMAGE}:${tag}` }, true);
    said = "";
    return update(local.stack, {
      refresh,
      print: (markdown) => (shown = markdown),
      progress: (text) => (said += text),
      confirm: () => Promise.resolve(true),
    });
  };

  let client: SteadyClient;

  beforeAll(async () => {
    mkdirSync(join(ROOT, ".local"), { recursive: true });
    folder = mkdtempSync(join(ROOT, ".local", "rollout-"));
    const program = (source: string) => ({ command: process.execPath, args: ["-e", source, "--"] });
    local = await startLocal(folder, () => undefined, {
      [`${IMAGE}:broken`]: program(HEALTHY_AND_FAILING),
      [`${IMAGE}:ends`]: program(BROKEN),
    });
    // What `npm run bootstrap` makes for the shared stacks.
    const apis = ["iam.googleapis.com", "iamcredentials.googleapis.com"];
    await ask("POST", `${PROJECT}/services:batchEnable`, { serviceIds: apis });
    await ask("POST", `${PROJECT}/serviceAccounts`, { accountId: "deployer" });
    const value = "deployer@settlement-local.iam.gserviceaccount.com";
    await local.stack.setConfig("settlement:deployer", { value });
  });

  afterAll(async () => {
    await client.stop();
    await local.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("the first one gets the traffic at once", async () => {
    await deploy("1");
    expect(said).not.toContain("without traffic");
    const { latestReadyRevision, trafficStatuses, uri } = await service();
    expect(trafficStatuses).toEqual([{ type: LATEST, percent: 100 }]);
    old = latestReadyRevision.split("/").at(-1) ?? "";
    client = new SteadyClient(uri, local.cloud.identities.ownerToken);
  });

  test("one that does not start gets none", async () => {
    await expect(deploy("ends")).rejects.toThrow(
      new RegExp(
        "^The update of local stopped:\n  - settlement-service: Revision 'settlement-service-00002-...' is not ready [^]*\n" +
          `Users notice nothing: ${old} serves as before\\. Run it again to go on from there\\.$`,
      ),
    );
    expect((await service()).trafficStatuses).toEqual([{ type: LATEST, percent: 100 }]);
  });

  test("one that answers 500 never gets any either, and the error says so", async () => {
    await expect(deploy("broken")).rejects.toThrow(
      new RegExp(
        `^settlement-service-00003-... gets no traffic: POST /smoke-test answered 500: the table is gone\n` +
          `Users notice nothing: ${old} serves as before\\. Its log: gcloud run revisions logs read settlement-service-00003-... ` +
          `--region us-central1 --project settlement-local\nWhen it is mended: npm run up -- --stack local$`,
      ),
    );
    const { trafficStatuses, uri } = await service();
    const tagged = uri.replace("/run/", "/run/candidate---");
    expect(trafficStatuses).toEqual([
      { type: REVISION, revision: old, percent: 100 },
      { type: LATEST, tag: "candidate", uri: tagged },
    ]);
    expect((await ask("GET", `${tagged}/commands/any`)).status).toBe(500);
  });

  test("one that works is tried first and then gets all of it; state and cloud agreed until then", async () => {
    await deploy("2", true);
    expect(shown).toContain("Nothing was changed by hand since the last update.");
    expect(said).toMatch(/^Making the new revision without traffic; [^]*^Trying [^]*^Giving it the traffic \.\.\.$/m);
    const { latestReadyRevision, trafficStatuses, uri } = await service();
    expect(trafficStatuses).toEqual([{ type: LATEST, percent: 100 }]);
    expect(latestReadyRevision).toContain("settlement-service-00004-");
    expect((await ask("GET", uri.replace("/run/", "/run/candidate---"))).status).toBe(404);
    expect((await inspect(local.stack, { refresh: true })).markdown).toMatch(/^### ✅ local is unchanged: /);
  });

  test("a client that sent twenty commands a second all the time saw no failure, and the trials left no row", async () => {
    const statuses = await client.stop();
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(statuses.length).toBeGreaterThan(100);
    expect(await rows()).toEqual([{ workflow_id: "client", count: String(statuses.length) }]);
  });

  /** The commands in the database, counted by who sent them. */
  async function rows(): Promise<unknown[]> {
    const secret = `${PROJECT}/secrets/settlement-db-connection-string/versions/latest:access`;
    const { payload } = (await ask("GET", secret)).body as { payload: { data: string } };
    const parsed = parseConnectionString(Buffer.from(payload.data, "base64").toString());
    if (!parsed.ok) throw new Error(parsed.problem);
    const { database, password, user } = parsed.value;
    const connectionName = String((await local.stack.outputs()).connectionName?.value);
    const host = mkdtempSync(join(tmpdir(), "r-"));
    const socket = await local.cloud.openSocket({ connectionName, member: OWNER, folder: host, onRefused: fail });
    const connection = new Client({ host, database, user, password });
    try {
      await connection.connect();
      const counted = "select workflow_id, count(*) from settlement_commands group by 1";
      return (await connection.query<object>(counted)).rows;
    } finally {
      await connection.end();
      await socket.close();
      rmSync(host, { recursive: true });
    }
  }
});

function fail(reason: string): never {
  throw new Error(reason);
}
