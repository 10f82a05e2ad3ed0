import { readMigrations, checksum, type Migration } from "../../infra/migrations/files.ts";
import { Importer, type SchemaState } from "../../infra/migrations/importer.ts";
import { Google } from "../../infra/google.ts";
import { differencesByLogin, logIn, type Contents } from "../../ops/doctor/login.ts";
import { endpointConfig, endpointsOf } from "../../ops/engine/endpoints.ts";
import { madeBy } from "../../ops/migration/drift.ts";
import { differencesByImport } from "../../ops/migration/drift-by-import.ts";
import { statusOfRecorded } from "../../ops/migration/status.ts";
import { join } from "node:path";
import { Embedded, PROJECT } from "../packages/embedded-google-cloud/embedded.ts";
import {
  createInstance,
  done,
  ROOT,
  SERVICE,
  STORAGE,
  Volume,
} from "../packages/embedded-google-cloud/apis/cloudsql/setup.ts";

/** The importer with the embedded cloud: real imports into a real PostgreSQL. */

const MIGRATIONS = readMigrations(join(import.meta.dirname, "../../migrations"));
const NEWEST = MIGRATIONS.at(-1)?.version ?? "";

const embedded = new Embedded();
const importer = new Importer();
const volumes = new Map<string, Volume>();
const readers: string[] = [];
const LOGINS = ["settlement_user", "settlement_user_b"];
const PASSWORD = "p1ssword";

beforeAll(async () => {
  await embedded.start(SERVICE, STORAGE);
  process.env.GOOGLE_OAUTH_ACCESS_TOKEN = embedded.cloud.identities.ownerToken;
  const config: Record<string, string> = {
    "gcp:sqlCustomEndpoint": `${embedded.cloud.url}/sql/v1beta4/`,
    "gcp:storageCustomEndpoint": `${embedded.cloud.url}/storage/v1/`,
  };
  await importer.configure({ get: (key: string) => config[key], require: (key: string) => config[key] ?? "" });
});

afterAll(async () => {
  delete process.env.GOOGLE_OAUTH_ACCESS_TOKEN;
  for (const volume of volumes.values()) await volume.close();
  await embedded.remove();
});

/** Creates an instance with an empty database, logins as Cloud SQL creates them, and a readable bucket. */
async function create(instance: string): Promise<void> {
  await createInstance(embedded, instance);
  const made = async (collection: string, body: object) => {
    const answer = await embedded.post(`${ROOT}/instances/${instance}/${collection}`, body);
    expect((await done(embedded, answer)).error).toBeUndefined();
  };
  for (const name of LOGINS) await made("users", { name, password: PASSWORD });
  await made("databases", { name: "settlement_db" });
  const { serviceAccountEmailAddress: reader } = (await embedded.get(`${ROOT}/instances/${instance}`)).body;
  readers.push(`serviceAccount:${String(reader)}`);
  await embedded.post(`/storage/v1/b?project=${PROJECT}`, { name: "migrations" });
  const binding = { role: "roles/storage.objectViewer", members: readers };
  expect((await embedded.grant("/storage/v1/b/migrations/iam", binding)).status).toBe(200);
  const volume = new Volume();
  await volume.open(embedded, `${PROJECT}:us-central1:${instance}`);
  volumes.set(instance, volume);
}

function migration(version: string, up: string, down = "SELECT 1;"): Migration {
  const text = `-- migrate:up\n${up}\n\n-- migrate:down\n${down}\n`;
  return { version, file: `${version}_test.sql`, text, checksum: checksum(text) };
}

/** The desired state, its files in the bucket. */
async function plan(instance: string, migrations: readonly Migration[], more: Partial<SchemaState> = {}) {
  for (const { file, text } of migrations) {
    const name = encodeURIComponent(`migrations/${file}`);
    await embedded.post(`/upload/storage/v1/b/migrations/o?uploadType=media&name=${name}`, text);
  }
  const state: SchemaState = {
    project: PROJECT,
    instance,
    database: "settlement_db",
    user: "settlement_user",
    logins: LOGINS,
    bucket: "migrations",
    migrations: migrations.map(({ version, file, checksum: sum }) => ({ version, file, checksum: sum })),
    version: migrations.at(-1)?.version ?? "",
    retainedBackups: 2,
    ...more,
  };
  return state;
}

async function query(instance: string, sql: string, login = "settlement_user"): Promise<Record<string, unknown>[]> {
  const volume = volumes.get(instance);
  if (!volume) throw new Error(`Instance ${instance} was not created.`);
  return volume.query(login, PASSWORD, "settlement_db", sql);
}

async function versions(instance: string): Promise<unknown[]> {
  return (await query(instance, "SELECT version FROM schema_migrations ORDER BY 1")).map(({ version }) => version);
}

/** What the database records. */
async function recorded(instance: string): Promise<Contents> {
  const [user = ""] = LOGINS;
  const connectionName = `${PROJECT}:us-central1:${instance}`;
  const socket = volumes.get(instance)?.folder ?? "";
  const login = await logIn({ socket, connectionName, database: "settlement_db", user, password: PASSWORD }, []);
  if (!login.ok || typeof login.contents === "string") throw new Error(JSON.stringify(login));
  return login.contents;
}

const ADD_NOTE = migration(
  "20260101000000",
  "ALTER TABLE settlement_commands ADD COLUMN note text;",
  "ALTER TABLE settlement_commands DROP COLUMN note;",
);

test("keeps data, and state and database agree, from 0 to 2, to 3, back to 2 and to 3 again", async () => {
  await create("journey");
  const two = await plan("journey", MIGRATIONS);
  const { outs } = await importer.create(two);
  await query(
    "journey",
    "INSERT INTO settlement_commands (command_id, workflow_id, account_ref, status) VALUES ('a', 'w', 'r', 's')",
  );
  const rows = "SELECT command_id FROM settlement_commands";

  const three = await plan("journey", [...MIGRATIONS, ADD_NOTE]);
  await importer.update(two, three);
  await query("journey", "UPDATE settlement_commands SET note = 'lost in the rollback'");
  expect(await versions("journey")).toEqual([...MIGRATIONS, ADD_NOTE].map(({ version }) => version));

  await importer.update(three, { ...two, target: NEWEST });
  expect(await versions("journey")).toEqual(MIGRATIONS.map(({ version }) => version));
  expect(await query("journey", "SELECT * FROM settlement_commands")).toEqual([
    expect.not.objectContaining({ note: null }),
  ]);

  await importer.update(two, three);
  expect(await query("journey", "SELECT command_id, note FROM settlement_commands")).toEqual([
    { command_id: "a", note: null },
  ]);
  expect(await query("journey", rows)).toEqual([{ command_id: "a" }]);

  // As `status --socket` shows it.
  const [first] = statusOfRecorded(await recorded("journey"), [...MIGRATIONS, ADD_NOTE]);
  const [row] = await query("journey", "SELECT applied_at FROM schema_migrations ORDER BY version");
  expect(first).toMatchObject({
    status: "applied",
    at: (row?.applied_at as Date | undefined)?.toISOString(),
    backup: outs?.applied?.[first?.version ?? ""]?.backup,
  });
});

/** The roles of a login, and whether it may create roles or databases. */
const RIGHTS = `SELECT u.rolcreaterole OR u.rolcreatedb AS creates, array_agg(DISTINCT g.rolname::text) AS roles
  FROM pg_roles u JOIN pg_auth_members m ON m.member = u.oid JOIN pg_roles g ON g.oid = m.roleid
 WHERE u.rolname = current_user GROUP BY 1`;
const OWNER_ONLY = [{ creates: false, roles: ["settlement_owner"] }];

test("the tables belong to a role without login", async () => {
  expect(await query("journey", "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")).toEqual([
    { tableowner: "settlement_owner" },
  ]);
  expect(await query("journey", "SELECT rolcanlogin FROM pg_roles WHERE rolname = 'settlement_owner'")).toEqual([
    { rolcanlogin: false },
  ]);
});

test.each(LOGINS)(
  "%s is a member of the owner's role only, and can create neither roles nor databases",
  async (login) => {
    expect(await query("journey", RIGHTS, login)).toEqual(OWNER_ONLY);
    for (const sql of ["CREATE ROLE other", "CREATE DATABASE other", "SET ROLE cloudsqlsuperuser"]) {
      await expect(query("journey", sql, login)).rejects.toThrow("permission denied");
    }
    expect(await query("journey", "UPDATE settlement_commands SET payer = 'p' RETURNING payer", login)).toEqual([
      { payer: "p" },
    ]);
  },
);

test("changes nothing when run again after a lost answer", async () => {
  const state = await plan("journey", [...MIGRATIONS, ADD_NOTE]);
  const before = await query("journey", "SELECT * FROM schema_migrations ORDER BY 1");
  await importer.create(state);
  expect(await query("journey", "SELECT * FROM schema_migrations ORDER BY 1")).toEqual(before);
});

test("reports a failed statement with its file and line, keeps the versions before it, and goes on", async () => {
  await create("failing");
  const good = migration("20260201000000", "CREATE TABLE one (a int);");
  const bad = migration("20260202000000", "CREATE TABLE two (a int);\n\nALTER TABLE nowhere ADD COLUMN b int;");
  const last = migration("20260203000000", "CREATE TABLE three (a int);");
  const state = await plan("failing", [...MIGRATIONS, good, bad, last]);
  await expect(importer.create(state)).rejects.toThrow(
    /failed: [^]*migrations\/20260202000000_test\.sql:4: relation "nowhere" does not exist[^]*Version 20260202000000 was undone; the database is at version 20260201000000\.[^]*backup taken before it is \d+/,
  );
  expect(await versions("failing")).toEqual([...MIGRATIONS, good].map(({ version }) => version));
  const tables =
    "SELECT to_regclass('one') IS NOT NULL AS one, to_regclass('two') AS two, to_regclass('three') AS three";
  expect(await query("failing", tables)).toEqual([{ one: true, two: null, three: null }]);

  await importer.create(await plan("failing", [...MIGRATIONS, good, last]));
  expect(await versions("failing")).toContain(last.version);

  // A down script that fails: a new version undoes the change, and what was rolled back before it returns.
  const files = [...MIGRATIONS, good, last];
  const stuck = migration("20260204000000", "CREATE TABLE four (a int);", "DROP TABLE nowhere;");
  const five = migration("20260205000000", "CREATE TABLE five (a int);", "DROP TABLE five;");
  const forward = migration("20260206000000", "DROP TABLE four;");
  const older = await plan("failing", files);
  const newer = await plan("failing", [...files, stuck, five]);
  await importer.update(older, newer);
  await expect(importer.update(newer, { ...older, target: last.version })).rejects.toThrow(
    /migrations\/20260204000000_test\.sql:5: table "nowhere" does not exist[^]*The rollback of version 20260204000000 was undone; the database is at version 20260204000000\./,
  );
  await importer.update(newer, await plan("failing", [...files, stuck, five, forward]));
  expect((await versions("failing")).slice(-3)).toEqual([stuck, five, forward].map(({ version }) => version));
  expect(await query("failing", "SELECT to_regclass('four') AS four, to_regclass('five')::text AS five")).toEqual([
    { four: null, five: "five" },
  ]);
});

test("stops at a version that is not in the checkout, and reports both versions", async () => {
  await expect(importer.create(await plan("journey", MIGRATIONS))).rejects.toThrow(
    `the database has version ${ADD_NOTE.version}, which is not in this checkout: its newest is ${NEWEST}`,
  );
});

test("stops at a file that was edited after it was applied", async () => {
  const edited = migration(ADD_NOTE.version, "ALTER TABLE settlement_commands ADD COLUMN other text;");
  await expect(importer.create(await plan("journey", [...MIGRATIONS, edited]))).rejects.toThrow(
    `version ${ADD_NOTE.version} was edited after it was applied`,
  );
  await plan("journey", [ADD_NOTE]);
});

test("migrates tables named like the script's variables", async () => {
  const names = ["plan", "applied", "versions", "checksums", "mismatch", "guards", "step", "what", "detail", "adopted"];
  const first = migration(
    "20260201000000",
    names
      .map(
        (name) => `CREATE TABLE ${name} (id bigint PRIMARY KEY, name text); CREATE VIEW ${name}_view AS TABLE ${name};`,
      )
      .join("\n"),
  );
  const second = migration(
    "20260202000000",
    names
      .map(
        (name) => `ALTER TABLE ${name} ADD COLUMN price numeric; INSERT INTO ${name} VALUES (1, 'a', 2);
          CREATE INDEX ${name}_name ON ${name} (name); COMMENT ON TABLE ${name} IS 'ours';`,
      )
      .join("\n"),
  );
  const third = migration("20260203000000", names.map((name) => `DROP TABLE ${name} CASCADE;`).join("\n"));
  await create("shadowed");
  const one = await plan("shadowed", [first]);
  const two = await plan("shadowed", [first, second]);
  await importer.create(one);
  await importer.update(one, two);
  for (const name of names) {
    const [row] = await query(
      "shadowed",
      `SELECT price::int, obj_description('public.${name}'::regclass) AS comment, c.relpersistence AS view,
              to_regclass('public.${name}_name') IS NOT NULL AS index
         FROM public.${name}, pg_class c WHERE c.oid = 'public.${name}_view'::regclass`,
    );
    expect({ name, ...row }).toEqual({ name, price: 2, comment: "ours", view: "p", index: true });
  }
  await importer.update(two, await plan("shadowed", [first, second, third]));
  const left = await query("shadowed", "SELECT tablename FROM pg_tables WHERE schemaname = 'public'");
  expect(left).toEqual([{ tablename: "schema_migrations" }]);
});

describe("manually created tables", () => {
  const createManually = async (instance: string, change = "") => {
    await create(instance);
    for (const { text } of MIGRATIONS) {
      await query(instance, text.slice(0, text.indexOf("-- migrate:down")));
    }
    if (change) await query(instance, change);
  };
  test("are adopted with their rows if they match the files", async () => {
    await createManually(
      "manual",
      "INSERT INTO settlement_commands (command_id, workflow_id, account_ref, status) VALUES ('a', 'w', 'r', 's')",
    );
    const { logins, ...one } = await plan("manual", MIGRATIONS, { baseline: NEWEST });
    await importer.create(one);
    expect(await versions("manual")).toEqual(MIGRATIONS.map(({ version }) => version));
    expect(await query("manual", "SELECT command_id FROM settlement_commands")).toEqual([{ command_id: "a" }]);
    expect(await query("manual", "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")).toEqual([
      { tableowner: "settlement_owner" },
    ]);
    expect(await query("manual", "SELECT nspname FROM pg_namespace WHERE nspname = 'settlement_baseline'")).toEqual([]);

    // A stack from before the second login.
    expect(await query("manual", RIGHTS)).toEqual(OWNER_ONLY);
    expect(await query("manual", RIGHTS, "settlement_user_b")).not.toEqual(OWNER_ONLY);
    await importer.update(one, { ...one, ...(logins && { logins }) });
    for (const login of LOGINS) expect(await query("manual", RIGHTS, login)).toEqual(OWNER_ONLY);
  });

  const kept = async (instance: string) => (await query(instance, "SELECT k FROM s ORDER BY 1")).map(({ k }) => k);

  describe("are not adopted if a file reaches them", () => {
    const first = migration("20260301000000", "CREATE TABLE s (k text);");
    beforeAll(async () => {
      await createManually("reached");
      await query("reached", "CREATE TABLE s (k text); INSERT INTO s VALUES ('a'), ('b'); CREATE SEQUENCE counter");
    });

    test.each([
      ["DELETE FROM public.s;", 'names the schema "public"'],
      ["INSERT INTO public.s SELECT k FROM public.s;", 'names the schema "public"'],
      ["TRUNCATE public.s;", 'names the schema "public"'],
      ["WITH gone AS (DELETE FROM public.s RETURNING k) SELECT count(*) FROM gone;", 'names the schema "public"'],
      ["DROP TABLE public.s;", 'names the schema "public"'],
      ["COMMENT ON COLUMN public.s.k IS 'x';", 'names the schema "public"'],
      ["SELECT setval('public.counter', 7);", 'names the schema "public"'],
      ["DO $$ BEGIN DELETE FROM public.s; END $$;", 'names the schema "public"'],
      ["SET search_path = public;\nDELETE FROM s;", "changes search_path"],
      ["SELECT set_config('search_path', 'public', true);\nDELETE FROM s;", "changes a setting"],
      ["RESET ALL;", "changes all settings"],
      ["SET ROLE settlement_user;", "changes role"],
    ])("%s", async (sql, problem) => {
      const second = migration("20260302000000", `-- destructive: a test\n${sql}`);
      const refused = importer.create(await plan("reached", [first, second], { baseline: second.version }));
      await expect(refused).rejects.toThrow(`migrations/${second.file}:3: `);
      await expect(refused).rejects.toThrow(problem);
      expect(await kept("reached")).toEqual(["a", "b"]);
      expect(await query("reached", "SELECT last_value::int AS value FROM counter")).toEqual([{ value: 1 }]);
    });
  });

  test("keep their rows if a file reaches them undetected", async () => {
    await createManually("undetected");
    await query("undetected", "CREATE TABLE s (k text); INSERT INTO s VALUES ('a'), ('b')");
    const dynamic = migration(
      "20260301000000",
      `CREATE TABLE s (k text);
       DO $$ BEGIN EXECUTE 'DELETE FROM ' || quote_ident('public') || '.s'; END $$;`,
    );
    await importer.create(await plan("undetected", [dynamic], { baseline: dynamic.version }));
    expect(await kept("undetected")).toEqual(["a", "b"]);
    expect(await versions("undetected")).toEqual([dynamic.version]);
  });

  test("stop the import with every difference in their columns, and stay unchanged", async () => {
    await createManually(
      "differs",
      `ALTER TABLE settlement_commands ALTER COLUMN payer TYPE varchar(64), DROP COLUMN payee, ADD COLUMN extra int;
       ALTER TABLE webhook_subscriptions ALTER COLUMN enabled DROP DEFAULT`,
    );
    const failed = importer.create(await plan("differs", MIGRATIONS, { baseline: NEWEST }));
    for (const difference of [
      "table settlement_commands: column payer is character varying(64), expected character varying(128)",
      "table settlement_commands: column payee is missing",
      "table settlement_commands: column extra was created manually",
      "table webhook_subscriptions: column enabled is boolean not null, expected boolean not null default true",
    ]) {
      await expect(failed).rejects.toThrow(difference);
    }
    expect(await versions("differs")).toEqual([]);
  });
});

describe("pgAudit", () => {
  const EXTENSION = "SELECT extowner::regrole::text AS owner FROM pg_extension WHERE extname = 'pgaudit'";
  const LOADED = { databaseFlags: [{ name: "cloudsql.enable_pgaudit", value: "on" }] };
  const load = async (instance: string) => {
    const path = `${ROOT}/instances/${instance}`;
    expect((await done(embedded, await embedded.patch(path, { settings: LOADED }))).error).toBeUndefined();
  };

  test("is created by the first import where the instance loads it, and does not belong to a login", async () => {
    await create("audited");
    await load("audited");
    await importer.create(await plan("audited", MIGRATIONS));
    expect(await query("audited", EXTENSION)).toEqual([{ owner: "cloudsqlsuperuser" }]);
  });

  test("is created by the update that loads it", async () => {
    await create("later");
    const { outs } = await importer.create(await plan("later", MIGRATIONS, { withoutAudit: true }));
    expect(await query("later", EXTENSION)).toEqual([]);

    await load("later");
    const news = await plan("later", MIGRATIONS);
    if (!outs) throw new Error("The importer returned no state.");
    expect(await importer.diff(outs, news)).toMatchObject({ changes: true, replaces: [] });
    await importer.update(outs, news);
    expect(await query("later", EXTENSION)).toEqual([{ owner: "cloudsqlsuperuser" }]);
    for (const login of LOGINS) expect(await query("later", RIGHTS, login)).toEqual(OWNER_ONLY);
  });
});

test("the logins grant nothing, so that the roles of each can be revoked, and a deleted one is named", async () => {
  const grants = `SELECT FROM pg_auth_members WHERE grantor = ANY ('{${LOGINS.join()}}'::regrole[])`;
  expect(await query("journey", grants)).toEqual([]);
  await create("revoked");
  const state = await plan("revoked", MIGRATIONS);
  await importer.create(state);
  for (const name of LOGINS) {
    const path = `${ROOT}/instances/revoked/users?name=${name}&revokeExistingRoles=true`;
    expect((await done(embedded, await embedded.put(path, { name }))).error).toBeUndefined();
  }

  const deleted = await embedded.delete(`${ROOT}/instances/revoked/users?name=settlement_user`);
  expect((await done(embedded, deleted)).error).toBeUndefined();
  await expect(importer.update(state, state)).rejects.toThrow(
    "The login settlement_user does not exist on revoked any more. An update with --refresh creates it.",
  );
});

describe("declared extensions and schemas", () => {
  const inApp = migration(
    "20260401000000",
    `CREATE EXTENSION IF NOT EXISTS pgcrypto;
     CREATE SCHEMA IF NOT EXISTS app;
     CREATE TABLE app.codes (code text DEFAULT encode(digest('a', 'sha256'), 'hex'));`,
    "DROP TABLE app.codes;",
  );
  const owners = `SELECT (SELECT extowner::regrole::text FROM pg_extension WHERE extname = 'pgcrypto') AS extension,
    (SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'app') AS schema,
    has_database_privilege('settlement_owner', current_database(), 'CREATE') AS creates`;
  const expected = [{ extension: "cloudsqlsuperuser", schema: "settlement_owner", creates: false }];
  const declared = { extensions: ["pgcrypto"], schemas: ["app"] };

  test("are created by the first import, before the files", async () => {
    await create("declared");
    const { outs } = await importer.create(await plan("declared", [inApp], declared));
    expect(await query("declared", owners)).toEqual(expected);
    for (const login of LOGINS) expect(await query("declared", RIGHTS, login)).toEqual(OWNER_ONLY);
    if (!outs) throw new Error("The importer returned no state.");
    const news = await plan("declared", [inApp], { ...declared, extensions: ["citext", "pgcrypto"] });
    expect(await importer.diff(outs, news)).toMatchObject({ changes: true, replaces: [] });
    expect(await importer.diff(outs, { ...news, ...declared })).toMatchObject({ changes: false });
  });

  test("are created by a later update, with a right that is lent for it", async () => {
    await create("declared-later");
    const before = await plan("declared-later", MIGRATIONS);
    await importer.create(before);
    await expect(importer.update(before, await plan("declared-later", [...MIGRATIONS, inApp]))).rejects.toThrow(
      /20260401000000_test\.sql:2: permission denied/,
    );
    await importer.update(before, await plan("declared-later", [...MIGRATIONS, inApp], declared));
    expect(await query("declared-later", owners)).toEqual(expected);
    for (const login of LOGINS) expect(await query("declared-later", RIGHTS, login)).toEqual(OWNER_ONLY);
  });
});

test("records which repeatable files were applied, and with which text", async () => {
  const text = "CREATE OR REPLACE VIEW statuses AS SELECT status FROM settlement_commands;";
  const view = { version: "", file: "repeatable/statuses.sql", text, checksum: checksum(text) };
  const other = { ...view, file: "repeatable/other.sql" };
  await create("viewed");
  await plan("viewed", [view]);
  await importer.create(await plan("viewed", MIGRATIONS, { repeatables: [view] }));
  const contents = await recorded("viewed");
  expect(contents.repeatables).toEqual(new Map([[view.file, view.checksum]]));
  const due = statusOfRecorded(contents, MIGRATIONS, [{ ...view, checksum: "new" }, other]).slice(MIGRATIONS.length);
  expect(due.map(({ file, status }) => [file, status])).toEqual([
    [view.file, "apply again"],
    [other.file, "pending"],
  ]);
});

describe("drift of the schema", () => {
  const all = [...MIGRATIONS, ADD_NOTE];
  const token = () => Promise.resolve(embedded.cloud.identities.ownerToken);
  const google = () => new Google(endpointsOf(endpointConfig(embedded.cloud.url)), { token });
  /** The differences, which must be the same by a login and by an import. */
  const differences = async () => {
    const wanted = await madeBy(all, {});
    const [user = ""] = LOGINS;
    const socket = volumes.get("drifted")?.folder ?? "";
    const request = { socket, connectionName: "", database: "settlement_db", user, password: PASSWORD };
    const byLogin = await differencesByLogin(request, wanted);
    expect(await differencesByImport(google(), await plan("drifted", all), wanted)).toEqual(byLogin);
    return byLogin;
  };

  test("is none after an import", async () => {
    await create("drifted");
    await importer.create(await plan("drifted", all));
    expect(await differences()).toEqual([]);
  });

  test("names each object that was changed, created or dropped manually, and changes nothing", async () => {
    await query(
      "drifted",
      `ALTER TABLE settlement_commands DROP COLUMN note, ALTER payer TYPE varchar(200), DROP CONSTRAINT settlement_commands_pkey;
       CREATE INDEX by_payer ON settlement_commands (payer);
       GRANT SELECT ON webhook_subscriptions TO settlement_user_b;
       ALTER TABLE webhook_subscriptions OWNER TO settlement_user;
       CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS 'SELECT 1';
       CREATE TABLE "of ;; us" (id int PRIMARY KEY)`,
    );
    const expected = [
      "function f(a integer) was created manually",
      'table "of ;; us" was created manually',
      "table settlement_commands: column note is missing",
      "table settlement_commands: column payer is character varying(200), expected character varying(128)",
      "table settlement_commands: constraint settlement_commands_pkey is missing",
      "table settlement_commands: index by_payer was created manually",
      "table webhook_subscriptions: grant to settlement_user_b was created manually",
      "table webhook_subscriptions: owner is settlement_user, expected settlement_owner",
    ];
    expect(await differences()).toEqual(expected);
    expect(await differences()).toEqual(expected);
    const { items = [] } = (await embedded.get("/storage/v1/b/migrations/o?prefix=drift/")).body as {
      items?: object[];
    };
    expect(items).toEqual([]);
  });

  test("is named completely if it does not fit into one error", async () => {
    const names = Array.from({ length: 60 }, (_, index) => `${"long_".repeat(11)}${index}`).sort();
    await query("drifted", names.map((name) => `CREATE SEQUENCE ${name};`).join("\n"));
    const found = await differences();
    for (const name of names) expect(found).toContain(`sequence ${name} was created manually`);
  });
});

test("keeps the newest backups taken before migrations", async () => {
  await importer.create(await plan("journey", [...MIGRATIONS, ADD_NOTE], { retainedBackups: 2 }));
  const { items } = (await embedded.get(`${ROOT}/instances/journey/backupRuns`)).body as { items: object[] };
  expect(items).toHaveLength(2);
});
