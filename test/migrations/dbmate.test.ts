import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { resolveBinary } from "dbmate";
import { Client } from "pg";
import { readMigrations } from "../../infra/migrations/files.ts";
import { changeScript } from "../../infra/migrations/script.ts";
import { OWNER_ROLE } from "../../infra/names.ts";
import { lintMigrations } from "../../ops/lint/lint.ts";
import { describeSchema } from "../../ops/migration/schema.ts";
import {
  createInstance,
  failure,
  importSql,
  ROOT,
  SERVICE,
  STORAGE,
} from "../packages/embedded-google-cloud/apis/cloudsql/setup.ts";
import { Embedded, PROJECT } from "../packages/embedded-google-cloud/embedded.ts";

const FOLDER = join(import.meta.dirname, "../../migrations");
const ENTRY_POINT = join(FOLDER, "entrypoint.sh");
const MIGRATIONS = readMigrations(FOLDER);
const NEWEST = MIGRATIONS.at(-1)?.version ?? "";
const INSTANCE = "db-one";
const CONNECTION_NAME = `${PROJECT}:us-central1:${INSTANCE}`;
const LOGIN = { user: "settlement_user", password: "p1ssword" };

const embedded = new Embedded();
const temporary = mkdtempSync(join(tmpdir(), "job-"));
const socket = join(temporary, CONNECTION_NAME);

beforeAll(async () => {
  mkdirSync(socket);
  await embedded.start(SERVICE, STORAGE);
  await createInstance(embedded, INSTANCE);
  await embedded.post(`${ROOT}/instances/${INSTANCE}/users`, { name: LOGIN.user, password: LOGIN.password });
  for (const name of ["settlement_db", "empty", "guide"])
    await embedded.post(`${ROOT}/instances/${INSTANCE}/databases`, { name });
  await embedded.cloud.openSocket({
    connectionName: CONNECTION_NAME,
    member: "user:owner@local.test",
    folder: socket,
    onRefused: (reason) => {
      throw new Error(reason);
    },
  });
});
afterAll(async () => {
  await embedded.remove();
  rmSync(temporary, { recursive: true });
});

/** The service's connection string, as in the secret but with another socket folder. */
function connectionString(database: string): string {
  return `postgresql+asyncpg://${LOGIN.user}:${LOGIN.password}@/${database}?host=${socket}`;
}

/** The result of an execution of the job. */
interface Ended {
  /** Exit code. */
  readonly code: number;
  readonly output: string;
}

/** Runs the job: the image's entry point, with dbmate on its PATH. */
function job(args: string[], env: Record<string, string> = {}, dbmate = dirname(resolveBinary())): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(
      ENTRY_POINT,
      args,
      {
        cwd: temporary,
        env: {
          PATH: [dbmate, process.env.PATH].join(delimiter),
          DBMATE_MIGRATIONS_DIR: FOLDER,
          DATABASE_URL: connectionString("settlement_db"),
          ...env,
        },
      },
      (error, stdout, stderr) => {
        resolve({ code: error ? Number(error.code) : 0, output: stdout + stderr });
      },
    );
  });
}

/** Imports the schema as `pulumi up` does. */
async function importSchema(): Promise<string | undefined> {
  const script = await changeScript({ up: MIGRATIONS, down: [], user: LOGIN.user, logins: [LOGIN.user] });
  return failure(await importSql(embedded, INSTANCE, "settlement_db", LOGIN.user, script));
}

async function connected<T>(use: (client: Client) => Promise<T>, database = "settlement_db"): Promise<T> {
  const client = new Client({ ...LOGIN, host: socket, database });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

const schema = (database?: string) => connected(describeSchema, database);
const versions = () =>
  connected(
    async (client) => (await client.query("SELECT * FROM schema_migrations ORDER BY version")).rows as unknown[],
  );

test("the job fails on an empty database, because the first import creates the owner role", async () => {
  const { code, output } = await job(["migrate"], { DATABASE_URL: connectionString("empty") });
  expect(code).not.toBe(0);
  expect(output).toContain('role "settlement_owner" does not exist');
});

describe("an imported schema", () => {
  let imported: string;
  let recorded: unknown[];
  beforeAll(async () => {
    expect(await importSchema()).toBeUndefined();
    imported = await schema();
    recorded = await versions();
    expect(recorded).toHaveLength(MIGRATIONS.length);
  });

  test("counts as applied for dbmate", async () => {
    const { code, output } = await job(["status"]);
    expect([code, output.match(/^\[.\].*$/gm)]).toEqual([0, MIGRATIONS.map(({ file }) => `[X] ${file}`)]);
    expect(output).toContain("Pending: 0");
  });

  test("is rolled back and migrated again by dbmate, with the same owner", async () => {
    expect(await job(["rollback"])).toMatchObject({ code: 0 });
    expect(await versions()).toEqual(recorded.slice(0, -1));
    expect(await schema()).not.toBe(imported);

    expect(await job(["migrate"])).toMatchObject({ code: 0 });
    expect(await schema()).toBe(imported);
    expect(await versions()).toMatchObject([...recorded.slice(0, -1), { version: NEWEST, checksum: null }]);
  });

  test("gets only the checksum in the next import", async () => {
    const before = await versions();
    expect(await importSchema()).toBeUndefined();
    expect(await schema()).toBe(imported);
    const checksum = MIGRATIONS.at(-1)?.checksum;
    expect(await versions()).toEqual([...before.slice(0, -1), { ...(before.at(-1) as object), checksum }]);
  });

  test("is the same after all migrations were rolled back and applied again", async () => {
    for (const { file } of MIGRATIONS) {
      const { code, output } = await job(["rollback"]);
      expect([code, output, file]).toEqual([0, expect.stringContaining("Rolled back: "), file]);
    }
    expect(await schema()).toBe("");
    expect(await job(["migrate"])).toMatchObject({ code: 0 });
    expect(await schema()).toBe(imported);
  });

  test("takes migrations that cannot run in a transaction from a separate folder and table", async () => {
    const folder = join(temporary, "job");
    mkdirSync(folder);
    writeFileSync(
      join(folder, "20260101000000_index.sql"),
      "-- migrate:up transaction:false\nCREATE INDEX CONCURRENTLY IF NOT EXISTS by_status ON settlement_commands (status);\n" +
        "-- migrate:down transaction:false\nDROP INDEX CONCURRENTLY IF EXISTS by_status;\n",
    );
    const args = [`--migrations-dir=${folder}`, "--migrations-table=job_migrations"];
    expect(await job([...args, "migrate"])).toMatchObject({ code: 0 });
    expect(await schema()).toContain("index by_status USING btree (status)");
    expect(await importSchema()).toBeUndefined();
    expect(await job([...args, "rollback"])).toMatchObject({ code: 0 });
    expect(await schema()).not.toContain("by_status");
  });
});

describe("the files in the guide", () => {
  const guide = readFileSync(join(import.meta.dirname, "../../docs/CLOUD_SQL_MIGRATION_GUIDE.md"), "utf8");
  const shown = [...guide.matchAll(/^```sql migrations\/(\S+)\n(.*?)^```$/gms)].map(([, path = "", text = ""]) => ({
    path,
    text,
  }));
  const folder = join(temporary, "migrations");
  const inOrder = [...shown].sort((a, b) => (basename(a.path) < basename(b.path) ? -1 : 1));
  const first = basename(inOrder[0]?.path ?? "");
  const ways = { import: [], job: [`--migrations-dir=${folder}/job`, "--migrations-table=job_migrations"] };
  const env = { DBMATE_MIGRATIONS_DIR: folder, DATABASE_URL: connectionString("guide") };
  const run = (path: string, command: string) =>
    job([...ways[path.startsWith("job/") ? "job" : "import"], command], env);
  const query = (sql: string) =>
    connected(async (client) => (await client.query(sql)).rows as Record<string, unknown>[], "guide");

  beforeAll(async () => {
    mkdirSync(join(folder, "job"), { recursive: true });
    for (const { file, text } of MIGRATIONS) if (file < first) writeFileSync(join(folder, file), text);
    // The import above created the role, but schema privileges are per database.
    const grant = `GRANT CREATE, USAGE ON SCHEMA public TO ${OWNER_ROLE};`;
    expect(failure(await importSql(embedded, INSTANCE, "guide", "cloudsqlsuperuser", grant))).toBeUndefined();
    expect(await run("", "migrate")).toMatchObject({ code: 0 });
  });

  test("run in order, by import or job, and roll back", async () => {
    expect(shown.length).toBeGreaterThan(0);
    const before = await schema("guide");
    await query(
      "INSERT INTO settlement_commands (command_id, workflow_id, account_ref, status) VALUES ('c', 'w', 'a', 's')",
    );
    for (const { path, text } of inOrder) {
      writeFileSync(join(folder, path), text);
      const ended = await run(path, "migrate");
      expect(ended).toMatchObject({ code: 0, output: expect.stringContaining(basename(path)) as string });
    }
    expect(Number((await query("SELECT fee FROM settlement_commands"))[0]?.fee)).toBe(0);
    expect(await schema("guide")).toContain("index settlement_commands_status USING btree (status)");

    for (const { path } of [...inOrder].reverse()) expect(await run(path, "rollback")).toMatchObject({ code: 0 });
    await query("DROP TABLE job_migrations");
    expect(sorted(await schema("guide"))).toBe(sorted(before));
  });

  test("pass the linter without errors", async () => {
    for (const { path, text } of shown) writeFileSync(join(folder, path), text);
    expect((await lintMigrations(folder)).filter(({ level }) => level === "error")).toEqual([]);
  });
});

test("the job fails with PostgreSQL's message and changes nothing if a statement fails", async () => {
  const before = await schema();
  const folder = join(temporary, "failing");
  mkdirSync(folder);
  writeFileSync(
    join(folder, "29990101000000_failing.sql"),
    "-- migrate:up\nCREATE TABLE half (a int);\nSELECT 1 / 0;\n-- migrate:down\nDROP TABLE half;\n",
  );
  const { code, output } = await job(["migrate"], { DBMATE_MIGRATIONS_DIR: folder });
  expect(code).not.toBe(0);
  expect(output).toContain("division by zero");
  expect(await schema()).toBe(before);
});

test("the job waits at most ten seconds for a lock", async () => {
  const { output } = await job(["migrate"], { DBMATE_MIGRATIONS_DIR: settings("current_setting('lock_timeout')") });
  expect(output).toContain("10s");
});

describe("the connection string", () => {
  test("reaches dbmate through the environment with the plain scheme, never as an argument", async () => {
    const fake = join(temporary, "fake");
    mkdirSync(fake);
    writeFileSync(join(fake, "dbmate"), '#!/bin/sh\necho "arguments: $*"\necho "url: $DATABASE_URL"\n');
    chmodSync(join(fake, "dbmate"), 0o755);
    const { output } = await job(["--wait", "migrate"], {}, fake);
    expect(output).toBe(
      `arguments: --no-dump-schema --wait migrate\nurl: ${connectionString("settlement_db").replace("+asyncpg", "")}\n`,
    );
  });

  test("is reported as missing in a sentence", async () => {
    const { code, output } = await job(["migrate"], { DATABASE_URL: "" });
    expect(code).not.toBe(0);
    expect(output).toContain("DATABASE_URL: is not set: the job has no connection string");
  });
});

/** A folder with a migration that fails with the value of an expression. */
function settings(expression: string): string {
  const folder = mkdtempSync(join(temporary, "settings-"));
  writeFileSync(
    join(folder, "29990101000000_settings.sql"),
    `-- migrate:up\nDO $$ BEGIN RAISE EXCEPTION '%', ${expression}; END $$;\n-- migrate:down\nSELECT 1;\n`,
  );
  return folder;
}

/** Ignores the order of columns: one that was dropped and added again is last. */
function sorted(description: string): string {
  return description.split("\n").sort().join("\n");
}
