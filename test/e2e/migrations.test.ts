import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { loadConfig } from "../../infra/config.ts";
import { parseConnectionString } from "../../infra/connection.ts";
import { Google } from "../../infra/google.ts";
import { checksum, type Migration, readMigrations } from "../../infra/migrations/files.ts";
import { patience } from "../../infra/migrations/importer.ts";
import { settlement } from "../../infra/settlement.ts";
import { OWNER } from "../../packages/embedded-google-cloud/iam/identities.ts";
import { bareUp } from "../../ops/engine/bare-up.ts";
import { endpointConfig, endpointsOf } from "../../ops/engine/endpoints.ts";
import { type LocalEnvironment, startLocal } from "../../ops/engine/local.ts";
import type { GoToOptions } from "../../ops/migration/go-to.ts";
import { driftByImport } from "../../ops/migration/drift-by-import.ts";
import { repair, type RepairOptions } from "../../ops/migration/repair.ts";
import { restore, restoreKept } from "../../ops/migration/restore.ts";
import { appliedSchema, statusOf } from "../../ops/migration/status.ts";
import { sendSettlementCommand } from "../../ops/service/smoke.ts";
import { forgetInstance, requireLost } from "../../ops/engine/lost-instance.ts";
import { outputsOf, readState, writeState } from "../../ops/engine/state.ts";
import { openPrivateStack } from "../../ops/engine/private-stack.ts";
import { ROOT, setInStackFile } from "../../ops/engine/stack-file.ts";
import { ask, send } from "../ask.ts";
import { killEngine } from "../kill-engine.ts";
import { measured } from "./recovery.ts";
import { scenario } from "../scenario.ts";
import { deployAsPipeline } from "./bootstrapped.ts";
import { newFolder } from "../folder.ts";

jest.setTimeout(600_000);

const TWO = readMigrations(join(ROOT, "migrations"));
const NEWEST = TWO.at(-1)?.version ?? "";

/** A migration newer than the repository's. */
function migration(version: string, up: string, down = "SELECT 1;"): Migration {
  const text = `-- migrate:up\n${up}\n\n-- migrate:down\n${down}\n`;
  return { version, file: `${version}_test.sql`, text, checksum: checksum(text) };
}

const NOTE = migration(
  "20300101000000",
  "ALTER TABLE settlement_commands ADD COLUMN note text;",
  "ALTER TABLE settlement_commands DROP COLUMN note;",
);
const THREE = [...TWO, NOTE];
const FIRST = migration("20300102000000", "CREATE TABLE one (a int);");
const BROKEN = migration("20300103000000", "SELECT 1;\nALTER TABLE nowhere ADD COLUMN a int;");
const LAST = migration("20300104000000", "CREATE TABLE three (a int);");

const SECRET = "/v1/projects/settlement-local/secrets/settlement-db-connection-string/versions/latest:access";
const SERVICE = "/v2/projects/settlement-local/locations/us-central1/services/settlement-service";
const OPERATIONS = "/sql/v1beta4/projects/settlement-local/operations";
const INSTANCES = "/sql/v1beta4/projects/settlement-local/instances";

/** A repeatable file. */
function view(columns: string): Migration {
  const text = `CREATE OR REPLACE VIEW commands AS SELECT ${columns} FROM settlement_commands;\n`;
  return { version: "", file: "repeatable/commands.sql", text, checksum: checksum(text) };
}

/** The columns of that view. */
const VIEWED =
  "SELECT string_agg(column_name, ', ' ORDER BY ordinal_position) AS columns FROM information_schema.columns WHERE table_name = 'commands'";

/** The number of rows. */
const ROWS = "SELECT count(*)::int AS count FROM settlement_commands";

/** test/migrations tests the importer without the engine. */
describe("the schema, through the real engine", () => {
  const step = scenario();
  let folder: string;
  let sockets = "";
  let local: LocalEnvironment;
  let stopProviders: () => Promise<void>;
  let checkout: readonly Migration[] = TWO;
  let repeatables: Migration[] = [];
  let said = "";
  /** The backup taken before {@link NOTE}, and the number of rows in it. */
  let [backup, kept] = ["", 0];
  /** Requests of the first update whose responses were lost. */
  let lost: readonly string[] = [];

  /** Has the stack use the test's checkout and configuration. */
  const open = (stack: LocalEnvironment["stack"]) => {
    stack.workspace.program = () => Promise.resolve(settlement(loadConfig(), [...checkout], [], repeatables));
    local = { ...local, stack };
  };
  const say = (text: string) => (said += text);
  /** Deploys a checkout with these migrations. */
  const deploy = async (migrations: readonly Migration[], refresh = false) => {
    [checkout, said] = [migrations, ""];
    await bareUp(local.stack, { onOutput: say, onError: say, refresh }).catch((error: unknown) => {
      throw new Error(said, { cause: error });
    });
    outputs = outputsOf(await readState(local.stack));
  };
  /** Stack outputs after the last successful update. */
  let outputs: ReturnType<typeof outputsOf> = {};
  const output = (name: string) => String(outputs[name]);
  const get = <T = Record<string, unknown>>(path: string) => ask<T>(local.cloud, "GET", path);
  const revision = async () => (await get(SERVICE)).latestReadyRevision;
  const sendCommand = async () => sendSettlementCommand(output("serviceUrl"), local.cloud.identities.ownerToken);
  const instance = () => `${INSTANCES}/${output("instanceName")}`;
  const imports = async () => {
    const path = `${OPERATIONS}?instance=${output("instanceName")}`;
    const { items } = await get<{ items: { operationType: string }[] }>(path);
    return items.filter(({ operationType }) => operationType === "IMPORT").length;
  };
  const google = (token = local.stack.workspace.envVars.GOOGLE_OAUTH_ACCESS_TOKEN ?? "") =>
    new Google(endpointsOf(endpointConfig(local.cloud.url)), { patience, token: () => Promise.resolve(token) });
  const credential = async () => {
    const { payload } = await get<{ payload: { data: string } }>(SECRET);
    const parsed = parseConnectionString(Buffer.from(payload.data, "base64").toString());
    if (!parsed.ok) throw new Error(parsed.problem);
    return parsed.value;
  };
  /** Opens the socket of the stack's instance. */
  const connect = async () => {
    if (sockets !== "") rmSync(sockets, { recursive: true });
    sockets = mkdtempSync(join(tmpdir(), "m-"));
    const connectionName = output("connectionName");
    await local.cloud.openSocket({ connectionName, member: OWNER, folder: sockets, onRefused: () => undefined });
  };
  /** Queries the database with the service's credential. */
  const query = async (sql: string) => {
    const { database, password, user } = await credential();
    const client = new Client({ host: sockets, database, user, password });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  };
  /** Both state and database list exactly these versions. */
  const expectVersions = async (migrations: readonly Migration[]) => {
    const versions = migrations.map(({ version }) => version);
    const rows = await query("SELECT version FROM schema_migrations ORDER BY 1");
    const inState = (await appliedSchema(local.stack))?.outputs.migrations;
    expect([rows.map(({ version }) => version), inState?.map(({ version }) => version)]).toEqual([versions, versions]);
  };
  const configured = async () =>
    (await local.stack.workspace.stackSettings("local")).config?.["settlement:schema"] as unknown;
  /** As the commands do it, with the confirmation given. */
  const options: GoToOptions = {
    // Only into the engine's copy of the stack file.
    write: (version) => setInStackFile("local", ["settlement:schema"], { version }, [local.stack.workspace.workDir]),
    confirm: () => Promise.resolve(true),
    print: ({ markdown }) => say(markdown),
    progress: say,
    say,
  };
  beforeAll(async () => {
    process.env.SETTLEMENT_PATIENCE = "0.05";
    folder = newFolder("migrations");
    local = await startLocal(folder, () => undefined);
    stopProviders = await deployAsPipeline(local);
    open(local.stack);
    lost = local.cloud.faults.inject({ method: "POST", path: /\/import$/, times: 1 }, { kind: "lost" }).struck;
    await deploy(TWO);
    await connect();
  });

  afterAll(async () => {
    delete process.env.SETTLEMENT_PATIENCE;
    await stopProviders();
    await local.stop();
    for (const made of [folder, sockets]) rmSync(made, { recursive: true, force: true });
  });

  step("applies both migrations once even if the response to an import was lost", async () => {
    expect([lost, await imports()]).toEqual([["POST " + instance() + "/import"], 2]);
    await expectVersions(TWO);
    expect(output("schemaVersion")).toBe(NEWEST);
    expect(await sendCommand()).toBe(200);
  });

  step("lets a login use the tables again that was deleted, in the update that creates it", async () => {
    const login = `${instance()}/users?name=settlement_user`;
    expect((await send(local.cloud, "DELETE", login)).status).toBe(200);
    const before = await imports();
    await deploy(TWO, true);
    expect(await imports()).toBe(before + 1);
    expect(await sendCommand()).toBe(200);
  });

  step.inLongForm("imports nothing if nothing changes", async () => {
    const before = await imports();
    await deploy(TWO);
    expect(await imports()).toBe(before);
  });

  step(
    "finishes a migration in the next update if the engine was killed during the import, and applies a changed view again",
    async () => {
      const [rows] = await query(ROWS);
      kept = Number(rows?.count);
      const { password, user: name } = await credential();
      // The password in the backup differs from the current one.
      const changePassword = async (to: string) => {
        const path = `${instance()}/users?name=${name}`;
        const change = async () => {
          const response = await send(local.cloud, "PUT", path, { name, password: to });
          return (await response.json()) as Record<string, unknown>;
        };
        let answer = await change();
        // Google refuses it while another operation runs.
        while (answer.status !== "DONE") {
          await delay(20);
          answer = answer.error ? await change() : await get(`${OPERATIONS}/${String(answer.name)}`);
        }
      };
      await changePassword("the-password-of-yesterday");
      const waiting = local.cloud.faults.inject(
        { method: "GET", path: /\/operations\//, after: { method: "POST", path: /\/import$/ } },
        { kind: "silence" },
      );
      repeatables = [view("status")];
      await killEngine(deploy(THREE), waiting);
      await changePassword(password);

      const { envVars, pulumiCommand: command } = local.stack.workspace;
      const config = endpointConfig(local.cloud.url);
      open(await openPrivateStack({ name: "local", folder, command, config, env: envVars }, () => undefined));
      // The killed update applied the view's former text.
      expect(await query(VIEWED)).toEqual([{ columns: "status" }]);
      repeatables = [view("status, payer")];
      await deploy(THREE);
      expect(await query(VIEWED)).toEqual([{ columns: "status, payer" }]);
      await expectVersions(THREE);
      expect(await sendCommand()).toBe(200);
    },
  );

  step("names what was changed manually in the schema, by an import that changes nothing", async () => {
    await query("CREATE INDEX by_hand ON settlement_commands (status)");
    const { differences } = await driftByImport(local.stack, THREE, undefined, repeatables);
    expect(differences).toEqual(["table settlement_commands: index by_hand was created manually"]);
    await query("DROP INDEX by_hand");
    expect((await driftByImport(local.stack, THREE, undefined, repeatables)).differences).toEqual([]);
  });

  step.inLongForm("keeps the first of three files if a statement in the second fails, and names its line", async () => {
    const serving = await revision();
    await expect(deploy([...THREE, FIRST, BROKEN, LAST])).rejects.toThrow(
      /migrations\/20300103000000_test\.sql:3: relation "nowhere" does not exist[^]*backup taken before it is \d+/,
    );
    const rows = await query("SELECT version FROM schema_migrations ORDER BY 1");
    expect(rows.map(({ version }) => version)).toEqual([...THREE, FIRST].map(({ version }) => version));
    expect(await query("SELECT to_regclass('one')::text AS one, to_regclass('three') AS three")).toEqual([
      { one: "one", three: null },
    ]);
    expect([(await local.stack.outputs()).schemaVersion?.value, await revision()]).toEqual([NOTE.version, serving]);
    expect(await sendCommand()).toBe(200);
  });

  step("refuses an edited file, and a checkout older than the database, before changing anything", async () => {
    const [first, second] = TWO;
    if (!first || !second) throw new Error("The repository begins with two migrations.");
    const edited = { ...second, text: `${second.text}-- edited\n`, checksum: checksum(`${second.text}-- edited\n`) };
    checkout = [first, edited];
    said = "";
    await expect(local.stack.preview({ onOutput: say, onError: say })).rejects.toThrow();
    expect(said).toContain(`${second.file} was edited after it was applied`);
    expect(said).toContain(`Version ${NOTE.version} (migrations/${NOTE.file}) is applied but missing`);
  });

  step("records the applied versions in the state, with the backup taken before each", async () => {
    const versions = statusOf((await appliedSchema(local.stack))?.outputs, [...THREE, BROKEN]);
    expect(versions.map(({ status }) => status)).toEqual(["applied", "applied", "applied", "pending"]);
    const { items } = await get<{ items: { id: string }[] }>(`${instance()}/backupRuns`);
    expect(items.map(({ id }) => id)).toContain(versions[2]?.backup);
    // Not the one that the state names: the second update took that one after the interrupted import.
    const [row] = await query(`SELECT backup FROM schema_migrations WHERE version = '${NOTE.version}'`);
    backup = String(row?.backup);
  });

  step.inLongForm("restores nothing if that is declined, and can be run again after an interruption", async () => {
    checkout = THREE;
    const refused = { ...options, confirm: () => Promise.resolve(false) };
    expect(await restore(local.stack, google(), backup, refused)).toBe(false);
    expect(await query("SELECT version FROM schema_migrations")).toHaveLength([...THREE, FIRST].length);

    // An interruption between the restore and the update is repaired by running it again.
    const fault = local.cloud.faults.inject({ method: "POST", path: /\/import$/ }, { kind: "late" });
    await expect(restore(local.stack, google(), backup, options)).rejects.toThrow("Run this again");
    expect(await query("SELECT version FROM schema_migrations")).toHaveLength(TWO.length);
    fault.remove();
  });

  step("restores rows, versions and configuration from a backup, and keeps the current passwords", async () => {
    checkout = THREE;
    said = "";
    await expect(restore(local.stack, google(), "1", options)).rejects.toThrow(
      /has no backup 1 that can be restored.*\d/,
    );
    const [rows] = await query(ROWS);
    const began = performance.now();
    expect(await restore(local.stack, google(), backup, options)).toBe(true);
    expect(said).toContain(`It holds schema version ${NEWEST}; local is at ${NOTE.version}.`);
    await expectVersions(TWO);
    expect(await configured()).toEqual({ version: NEWEST });
    expect(await query(ROWS)).toEqual([{ count: kept }]);
    expect(await sendCommand()).toBe(200);
    const lost = Number(rows?.count) - kept;
    checkout = TWO; // the migration is reverted in the repository, too
    measured("migration", performance.now() - began, `the ${lost} rows that were written since the backup`);
  });

  step.inLongForm(
    "records the checksum of an edited file by a repair, with its reason, and applies a view that the backup lacked",
    async () => {
      const [first, second] = TWO;
      if (!first || !second) throw new Error("The repository begins with two migrations.");
      const text = `${second.text}-- explained\n`;
      const edited = { ...second, text, checksum: checksum(text) };
      checkout = [first, edited];
      const about = { by: "ann", at: "2026-11-27 21:00:00 UTC", why: "a comment was added" };
      const write: RepairOptions["write"] = (entry) =>
        setInStackFile("local", ["settlement:schema"], { repairs: [entry] }, [local.stack.workspace.workDir]);
      expect(await repair(local.stack, edited, about, { ...options, write })).toBe(true);
      await expectVersions(TWO);
      const [row] = await query(
        `SELECT r.why, r.former, m.checksum FROM schema_repairs r JOIN schema_migrations m USING (version)`,
      );
      expect(await query(VIEWED)).toEqual([{ columns: "status, payer" }]);
      expect(row).toEqual({ why: about.why, former: second.checksum, checksum: checksum(text) });
    },
  );

  step(
    "puts the rows of a deleted instance into the one that takes its place, from the backup that was kept",
    async () => {
      const settings = { retainBackupsOnDelete: true, finalBackupConfig: { enabled: true, retentionDays: 7 } };
      const manually = google(local.cloud.identities.ownerToken);
      const path = `projects/settlement-local/instances/${output("instanceName")}`;
      await manually.operate({ api: "sql", method: "PATCH", path, body: { settings } });
      const [before] = await query(ROWS);
      expect(before?.count).toBeGreaterThan(0);
      const former = output("instanceName");
      await manually.operate({ api: "sql", method: "DELETE", path });

      const began = performance.now();
      const lost = await requireLost(local.stack);
      expect(lost).toContain(`Instance ${former} does not exist any more`);
      const final = /restore --stack local --backup (\S+)/.exec(lost)?.[1] ?? "";
      await forgetInstance(local.stack);
      await deploy(checkout);
      expect(output("instanceName")).not.toBe(former);
      await connect();
      expect(await query(ROWS)).toEqual([{ count: 0 }]);

      said = "";
      const refused = { ...options, confirm: () => Promise.resolve(false) };
      expect(await restoreKept(local.stack, google(), final, refused)).toBe(false);
      await expect(restoreKept(local.stack, google(), `${final}0`, options)).rejects.toThrow("gcloud sql backups list");
      expect(await restoreKept(local.stack, google(), final, options)).toBe(true);
      expect(said).toContain(`Backup of ${former}, taken 20`);
      expect(await query(ROWS)).toEqual([before]);
      await expectVersions(TWO);
      expect(await sendCommand()).toBe(200);
      measured("instance", performance.now() - began, "no row, with a final backup");
    },
  );

  step.inLongForm("takes an earlier version of a lost state, and a refresh brings it up to date", async () => {
    const earlier = await readState(local.stack);
    const before = await query(ROWS);
    const maximum = ["settlement:service", "maxInstances"];
    setInStackFile("local", maximum, 3, [local.stack.workspace.workDir]);
    await deploy(checkout);

    const began = performance.now();
    await writeState(local.stack, earlier);
    await bareUp(local.stack, { refresh: true, onOutput: say, onError: say });
    expect(Object.keys((await local.stack.preview()).changeSummary)).toEqual(["same"]);
    measured("state", performance.now() - began, "nothing; the service answers meanwhile");
    expect([await query(ROWS), await sendCommand()]).toEqual([before, 200]);
  });
});
