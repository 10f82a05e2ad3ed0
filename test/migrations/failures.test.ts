import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checksum, type Migration, readMigrations } from "../../infra/migrations/files.ts";
import { Importer, type SchemaState } from "../../infra/migrations/importer.ts";
import type { Aim, Fault } from "../../packages/embedded-google-cloud/server/faults.ts";
import {
  createInstance,
  done,
  ROOT,
  SERVICE,
  STORAGE,
  Volume,
} from "../packages/embedded-google-cloud/apis/cloudsql/setup.ts";
import { Embedded, PROJECT } from "../packages/embedded-google-cloud/embedded.ts";
import { LONG_FORM } from "../long-form.ts";

/**
 * The effect of each fault on the importer, with the embedded cloud. test/e2e/migrations.test.ts tests through the engine that
 * a failed update keeps the state and the service's revision, and what happens if the engine is killed.
 */

const INSTANCE = "failures";
const PASSWORD = "p1ssword";
const TWO = readMigrations(join(import.meta.dirname, "../../migrations"));

const embedded = new Embedded();
const importer = new Importer();
const volume = new Volume();
let state: SchemaState;
let count = 0;

function migration(up: string): Migration {
  const version = String(20_400_101_000_000 + ++count);
  const text = `-- migrate:up\n${up}\n\n-- migrate:down\nSELECT 1;\n`;
  return { version, file: `${version}_test.sql`, text, checksum: checksum(text) };
}

/** The state with new versions, their files in the bucket. */
async function plan(...more: Migration[]): Promise<SchemaState> {
  for (const { file, text } of more) {
    const name = encodeURIComponent(`migrations/${file}`);
    await embedded.post(`/upload/storage/v1/b/migrations/o?uploadType=media&name=${name}`, text);
  }
  const added = more.map(({ version, file, checksum: sum }) => ({ version, file, checksum: sum }));
  return { ...state, migrations: [...state.migrations, ...added], version: added.at(-1)?.version ?? state.version };
}

/** The state that the engine keeps. */
function kept({ outs }: { outs?: SchemaState }): SchemaState {
  if (!outs) throw new Error("The importer returned no state.");
  return outs;
}

const query = (sql: string) => volume.query("settlement_user", PASSWORD, "settlement_db", sql);

/** Everything that a migration could change. */
async function contents(): Promise<unknown> {
  const tables =
    "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2";
  return Promise.all([tables, "SELECT * FROM schema_migrations ORDER BY 1", "SELECT * FROM ticks"].map(query));
}

beforeAll(async () => {
  await embedded.start(SERVICE, STORAGE);
  process.env.GOOGLE_OAUTH_ACCESS_TOKEN = embedded.cloud.identities.ownerToken;
  process.env.SETTLEMENT_PATIENCE = "0.05";
  const config: Record<string, string> = {
    "gcp:sqlCustomEndpoint": `${embedded.cloud.url}/sql/v1beta4/`,
    "gcp:storageCustomEndpoint": `${embedded.cloud.url}/storage/v1/`,
  };
  await importer.configure({ get: (key: string) => config[key], require: (key: string) => config[key] ?? "" });
  await createInstance(embedded, INSTANCE);
  const make = async (collection: string, body: object) => {
    await done(embedded, await embedded.post(`${ROOT}/instances/${INSTANCE}/${collection}`, body));
  };
  await make("users", { name: "settlement_user", password: PASSWORD });
  await make("databases", { name: "settlement_db" });
  const { serviceAccountEmailAddress: reader } = (await embedded.get(`${ROOT}/instances/${INSTANCE}`)).body;
  await embedded.post(`/storage/v1/b?project=${PROJECT}`, { name: "migrations" });
  const members = [`serviceAccount:${String(reader)}`];
  await embedded.grant("/storage/v1/b/migrations/iam", { role: "roles/storage.objectViewer", members });
  await volume.open(embedded, `${PROJECT}:us-central1:${INSTANCE}`);

  state = {
    project: PROJECT,
    instance: INSTANCE,
    database: "settlement_db",
    user: "settlement_user",
    logins: ["settlement_user"],
    bucket: "migrations",
    migrations: [],
    version: "",
    retainedBackups: 1,
  };
  state = kept(await importer.create(await plan(...TWO, migration("CREATE TABLE ticks (version text);"))));
});

afterEach(() => {
  embedded.cloud.faults.clear();
});

afterAll(async () => {
  delete process.env.GOOGLE_OAUTH_ACCESS_TOKEN;
  delete process.env.SETTLEMENT_PATIENCE;
  await volume.close();
  await embedded.remove();
});

/** One row of the guide's table. */
interface Row {
  /** Whether it runs with FAULTS=all only. */
  readonly more?: true;
  /** Its text in the guide. */
  readonly what: string;
  readonly aim: Aim;
  readonly fault: Fault;
  /** The error of the update; without one it succeeds. */
  readonly says?: RegExp;
  /** Whether the database is migrated despite the error. */
  readonly migrated?: true;
}

const IMPORT = { method: "POST", path: /\/import$/ };
const BACKUP = /backup taken before it is \d+\.$/;

const ROWS: readonly Row[] = [
  {
    what: "the backup is refused",
    aim: { method: "POST", path: /backupRuns$/ },
    fault: { kind: "error", status: 403 },
    says: /^The caller does not have permission\.$/,
  },
  {
    more: true,
    what: "the backup fails",
    aim: { method: "POST", path: /backupRuns$/ },
    fault: { kind: "late" },
    says: /not finished/,
  },
  {
    what: "the upload is refused",
    aim: { method: "POST", path: /^\/upload\//, query: /name=imports/ },
    fault: { kind: "error", status: 403 },
    says: /did not start and changed nothing: The caller/,
  },
  {
    more: true,
    what: "the instance's account may not read the bucket yet",
    aim: { ...IMPORT, times: 3 },
    fault: { kind: "error", status: 403 },
  },
  {
    more: true,
    what: "the instance's account may not read the bucket",
    aim: IMPORT,
    // A pause of more than seven minutes ends the retries at once.
    fault: { kind: "error", status: 403, retryAfter: 421 },
    says: /failed and changed nothing: The caller/,
  },
  {
    more: true,
    what: "another operation is running on the instance",
    aim: { ...IMPORT, times: 3 },
    fault: { kind: "error", status: 409 },
  },
  {
    more: true,
    what: "Google answers 429 or 5xx, or the connection breaks",
    aim: { path: /./, times: 3 },
    fault: { kind: "error", status: 503, retryAfter: 1 },
  },
  {
    what: "these errors continue",
    aim: IMPORT,
    fault: { kind: "error", status: 500, retryAfter: 601 },
    says: /outcome is unknown; run the update again/,
  },
  { more: true, what: "a request gets no response", aim: { ...IMPORT, times: 1 }, fault: { kind: "silence" } },
  {
    what: "the connection breaks while the update waits",
    aim: { method: "GET", path: /\/operations\//, after: IMPORT, times: 3 },
    fault: { kind: "reset" },
  },
  {
    more: true,
    what: "the import ran, but its response was lost",
    aim: { ...IMPORT, times: 1 },
    fault: { kind: "lost" },
  },
  {
    more: true,
    what: "the import's operation fails inside Google",
    aim: IMPORT,
    fault: { kind: "late" },
    says: /outcome is unknown; run the update again.*not finished/,
  },
  {
    more: true,
    what: "a step after the import fails",
    aim: { method: "PUT", path: /\/users$/ },
    fault: { kind: "error", status: 403 },
    says: /succeeded, but a later step failed; run the update again/,
    migrated: true,
  },
];

const TRIED = ROWS.filter(({ more }) => !more || LONG_FORM);

test.each(TRIED)("$what", async ({ aim, fault, migrated, says }) => {
  const before = await contents();
  const next = migration("INSERT INTO ticks VALUES ('once');");
  const news = await plan(next);
  const { struck } = embedded.cloud.faults.inject(aim, fault);
  const ran = await importer.update(state, news).then(
    () => "",
    (error: unknown) => (error as Error).message,
  );
  expect(struck).not.toEqual([]);
  if (says) {
    expect(ran).toMatch(says);
    if (!aim.path.test("/backupRuns")) expect(ran).toMatch(BACKUP);
    if (!migrated) expect(await contents()).toEqual(before);
    // The engine keeps the old state, from which the next update starts.
    embedded.cloud.faults.clear();
    state = kept(await importer.update(state, news));
  } else {
    expect(ran).toBe("");
    state = kept(await importer.update(state, news));
  }
  const [, versions, ticks] = (await contents()) as Record<string, unknown>[][];
  expect(versions?.map(({ version }) => version)).toEqual(state.migrations.map(({ version }) => version));
  expect(ticks).toEqual([...((before as unknown[][])[2] ?? []), { version: "once" }]);
});

/** Rows of the guide with a test elsewhere. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  "a statement fails, in any file": "e2e/migrations.test.ts",
  "the update is killed during the import": "e2e/migrations.test.ts",
  "the database has a version that this checkout lacks": "migrations/import.test.ts",
  "an applied file was edited": "e2e/migrations.test.ts",
};

test("the guide has exactly these rows", () => {
  const guide = readFileSync(join(import.meta.dirname, "../../docs/CLOUD_SQL_MIGRATION_GUIDE.md"), "utf8");
  const [, section = ""] = guide.split("## When it fails\n");
  const rows = [...(section.split("\n## ")[0] ?? "").matchAll(/^\| ([^|]+?) +\|/gm)].map(([, first]) => first);
  const known = [...ROWS.map(({ what }) => what), ...Object.keys(ELSEWHERE)];
  expect(rows.slice(2).sort()).toEqual(known.sort());
});
