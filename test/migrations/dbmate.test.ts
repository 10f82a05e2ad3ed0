import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { resolveBinary } from "dbmate";
import { Client } from "pg";
import { readMigrations } from "../../infra/migrations/files.ts";
import { changeScript } from "../../infra/migrations/script.ts";
import { OWNER_ROLE } from "../../infra/names.ts";
import { lintMigrations } from "../../ops/migration/lint.ts";
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

/** The service's connection string, as the secret holds it; only the folder of the socket is another. */
function connectionString(database: string): string {
  return `postgresql+asyncpg://${LOGIN.user}:${LOGIN.password}@/${database}?host=${socket}`;
}

/** What an execution of the job ends with; `code` is 0 where all went well. */
interface Ended {
  readonly code: number;
  readonly output: string;
}

/** Executes the job: the image's entry point, with dbmate on its PATH. */
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

/** The way of `pulumi up`. */
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

test("the job does not begin a database: the first import makes the role that owns the tables", async () => {
  const { code, output } = await job(["migrate"], { DATABASE_URL: connectionString("empty") });
  expect(code).not.toBe(0);
  expect(output).toContain('role "settlement_owner" does not exist');
});

describe("what the stack imported", () => {
  let imported: string;
  let recorded: unknown[];
  beforeAll(async () => {
    expect(await importSchema()).toBeUndefined();
    imported = await schema();
    recorded = await versions();
    expect(recorded).toHaveLength(MIGRATIONS.length);
  });

  test("dbmate knows as applied", async () => {
    const { code, output } = await job(["status"]);
    expect([code, output.match(/^\[.\].*$/gm)]).toEqual([0, MIGRATIONS.map(({ file }) => `[X] ${file}`)]);
    expect(output).toContain("Pending: 0");
  });

  test("dbmate takes back and brings again, owned by the same role", async () => {
    expect(await job(["rollback"])).toMatchObject({ code: 0 });
    expect(await versions()).toEqual(recorded.slice(0, -1));
    expect(await schema()).not.toBe(imported);

    expect(await job(["migrate"])).toMatchObject({ code: 0 });
    expect(await schema()).toBe(imported);
    expect(await versions()).toMatchObject([...recorded.slice(0, -1), { version: NEWEST, checksum: null }]);
  });

  test("the next import has nothing to do but to add the checksum", async () => {
    const before = await versions();
    expect(await importSchema()).toBeUndefined();
    expect(await schema()).toBe(imported);
    const checksum = MIGRATIONS.at(-1)?.checksum;
    expect(await versions()).toEqual([...before.slice(0, -1), { ...(before.at(-1) as object), checksum }]);
  });

  test("all the way down and up again leaves the same schema", async () => {
    for (const { file } of MIGRATIONS) {
      const { code, output } = await job(["rollback"]);
      expect([code, output, file]).toEqual([0, expect.stringContaining("Rolled back: "), file]);
    }
    expect(await schema()).toBe("");
    expect(await job(["migrate"])).toMatchObject({ code: 0 });
    expect(await schema()).toBe(imported);
  });

  test("what cannot run in a transaction runs beside it, in a folder and a table of its own", async () => {
    const folder = join(temporary, "job");
    mkdirSync(folder);
    writeFileSync(
      join(folder, "20260101000000_index.sql"),
      "-- migrate:up transaction:false\nCREATE INDEX CONCURRENTLY IF NOT EXISTS by_status ON settlement_commands (status);\n" +
        "-- migrate:down transaction:false\nDROP INDEX CONCURRENTLY IF EXISTS by_status;\n",
    );
    const args = [`--migrations-dir=${folder}`, "--migrations-table=job_migrations"];
    expect(await job([...args, "migrate"])).toMatchObject({ code: 0 });
    expect(await schema()).toContain("CREATE INDEX by_status ON public.settlement_commands");
    expect(await importSchema()).toBeUndefined();
    expect(await job([...args, "rollback"])).toMatchObject({ code: 0 });
    expect(await schema()).not.toContain("by_status");
  });
});

describe("the files that the guide shows", () => {
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
    // The role is there since the import above, but a schema's rights are the database's own.
    const grant = `GRANT CREATE, USAGE ON SCHEMA public TO ${OWNER_ROLE};`;
    expect(failure(await importSql(embedded, INSTANCE, "guide", "cloudsqlsuperuser", grant))).toBeUndefined();
    expect(await run("", "migrate")).toMatchObject({ code: 0 });
  });

  test("run one after the other, each in its way, and back", async () => {
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
    expect(await schema("guide")).toContain("CREATE INDEX settlement_commands_status");

    for (const { path } of [...inOrder].reverse()) expect(await run(path, "rollback")).toMatchObject({ code: 0 });
    await query("DROP TABLE job_migrations");
    expect(sorted(await schema("guide"))).toBe(sorted(before));
  });

  test("are clean", async () => {
    for (const { path, text } of shown) writeFileSync(join(folder, path), text);
    expect((await lintMigrations(folder)).filter(({ level }) => level === "error")).toEqual([]);
  });
});

test("a failing statement ends the job with PostgreSQL's message, and changes nothing", async () => {
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

test("the job waits ten seconds for a lock at most", async () => {
  const { output } = await job(["migrate"], { DBMATE_MIGRATIONS_DIR: settings("current_setting('lock_timeout')") });
  expect(output).toContain("10s");
});

describe("the connection string", () => {
  test("reaches dbmate by the environment, with the plain scheme, and by no argument", async () => {
    const fake = join(temporary, "fake");
    mkdirSync(fake);
    writeFileSync(join(fake, "dbmate"), '#!/bin/sh\necho "arguments: $*"\necho "url: $DATABASE_URL"\n');
    chmodSync(join(fake, "dbmate"), 0o755);
    const { output } = await job(["--wait", "migrate"], {}, fake);
    expect(output).toBe(
      `arguments: --no-dump-schema --wait migrate\nurl: ${connectionString("settlement_db").replace("+asyncpg", "")}\n`,
    );
  });

  test("is missed in a sentence", async () => {
    const { code, output } = await job(["migrate"], { DATABASE_URL: "" });
    expect(code).not.toBe(0);
    expect(output).toContain("DATABASE_URL: is not set: the job has no connection string");
  });
});

/** A folder whose one migration stops with the value of an expression. */
function settings(expression: string): string {
  const folder = mkdtempSync(join(temporary, "settings-"));
  writeFileSync(
    join(folder, "29990101000000_settings.sql"),
    `-- migrate:up\nDO $$ BEGIN RAISE EXCEPTION '%', ${expression}; END $$;\n-- migrate:down\nSELECT 1;\n`,
  );
  return folder;
}

/** A column that was dropped and added again is the last one. */
function sorted(description: string): string {
  return description.split("\n").sort().join("\n");
}
