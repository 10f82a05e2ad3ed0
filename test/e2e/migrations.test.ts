import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { loadConfig } from "../../infra/config";
import { checksum, type Migration, readMigrations } from "../../infra/migrations/files";
import { settlement } from "../../infra/settlement";
import { type LocalEnvironment, startLocal } from "../../ops/local";
import { appliedSchema, statusOf } from "../../ops/migration/status";
import { sendSettlementCommand } from "../../ops/smoke";
import { ROOT } from "../../ops/workspace";

const TWO = readMigrations(join(ROOT, "migrations"));
const NEWEST = TWO.at(-1)?.version ?? "";

/** A version after the repository's. */
function migration(version: string, up: string, down: string): Migration {
  const text = `-- migrate:up\n${up}\n\n-- migrate:down\n${down}\n`;
  return { version, file: `${version}_test.sql`, text, checksum: checksum(text) };
}

const NOTE = migration(
  "20300101000000",
  "ALTER TABLE settlement_commands ADD COLUMN note text;",
  "ALTER TABLE settlement_commands DROP COLUMN note;",
);
const BROKEN = migration("20300102000000", "SELECT 1;\nALTER TABLE nowhere ADD COLUMN a int;", "SELECT 1;");

describe("the schema, through the real engine", () => {
  let folder: string;
  let local: LocalEnvironment;

  /** Deploys a checkout with these migrations; `version` is what a rollback writes into the configuration. */
  const deploy = async (migrations: readonly Migration[], version?: string) => {
    local.stack.workspace.program = () => {
      const config = loadConfig();
      return Promise.resolve(settlement({ ...config, schema: { ...config.schema, version } }, [...migrations]));
    };
    let said = "";
    const say = (text: string) => (said += text);
    await local.stack.up({ onOutput: say, onError: say }).catch((error: unknown) => {
      throw new Error(said, { cause: error });
    });
    return said;
  };
  const output = async (name: string) => String((await local.stack.outputs())[name]?.value);
  const ask = async (path: string) => {
    const headers = { authorization: `Bearer ${local.cloud.identities.ownerToken}` };
    return (await (await fetch(`${local.cloud.url}${path}`, { headers })).json()) as Record<string, unknown>;
  };
  const revision = async () => {
    const path = "/v2/projects/settlement-local/locations/us-central1/services/settlement-service";
    return (await ask(path)).latestReadyRevision;
  };
  const send = async () => sendSettlementCommand(await output("serviceUrl"), local.cloud.identities.ownerToken);

  beforeAll(async () => {
    mkdirSync(join(ROOT, ".local"), { recursive: true });
    folder = mkdtempSync(join(ROOT, ".local", "migrations-"));
    local = await startLocal(folder, () => undefined);
  });

  afterAll(async () => {
    await local.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("0 to 2, to 3, back to 2, and to 3 again: the service accepts commands at each", async () => {
    for (const [migrations, version] of [
      [TWO, undefined],
      [[...TWO, NOTE], undefined],
      [[...TWO, NOTE], NEWEST],
      [[...TWO, NOTE], undefined],
    ] as const) {
      await deploy(migrations, version);
      expect(await output("schemaVersion")).toBe(version ?? migrations.at(-1)?.version);
      expect(await send()).toBe(200);
    }
  });

  test("a version that fails leaves everything as it was, and says where and which backup there is", async () => {
    const [before, serving] = [await output("schemaVersion"), await revision()];
    await expect(deploy([...TWO, NOTE, BROKEN])).rejects.toThrow(
      /migrations\/20300102000000_test\.sql:3: relation "nowhere" does not exist[^]*backup taken before it is \d+/,
    );
    expect([await output("schemaVersion"), await revision()]).toEqual([before, serving]);
    expect(await send()).toBe(200);
  });

  test("the state knows when each version was applied, and after which backup", async () => {
    const versions = statusOf((await appliedSchema(local.stack))?.outputs, [...TWO, NOTE, BROKEN]);
    expect(versions.map(({ status }) => status)).toEqual(["applied", "applied", "applied", "pending"]);
    const { items } = await ask(
      `/sql/v1beta4/projects/settlement-local/instances/${await output("instanceName")}/backupRuns`,
    );
    const backups = (items as { id: string }[]).map(({ id }) => id);
    expect(backups).toContain(versions[2]?.backup);
  });

  test("an edited file, and a checkout older than the database, stop in preview", async () => {
    const [first, second] = TWO;
    if (!first || !second) throw new Error("The repository begins with two migrations.");
    const edited = { ...second, text: `${second.text}-- edited\n`, checksum: checksum(`${second.text}-- edited\n`) };
    await expect(deploy([first, edited, NOTE])).rejects.toThrow(`${second.file} was edited after it was applied`);
    await expect(deploy([...TWO])).rejects.toThrow(
      `Version ${NOTE.version} (migrations/${NOTE.file}) is applied but missing`,
    );
  });
});
