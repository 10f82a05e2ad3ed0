import fastify, { type FastifyInstance } from "fastify";
import { join } from "node:path";
import { readMigrations } from "../../infra/migrations/files.ts";
import { Importer, type SchemaState } from "../../infra/migrations/importer.ts";
import { without } from "../../packages/embedded-google-cloud/rest/fields.ts";

const MIGRATIONS = readMigrations(join(import.meta.dirname, "../../migrations"));
const PLAN: SchemaState = {
  project: "fusion-prime",
  instance: "db-1",
  database: "settlement_db",
  user: "settlement_user",
  logins: ["settlement_user", "settlement_user_b"],
  bucket: "fusion-prime-migrations",
  migrations: MIGRATIONS.map(({ version, file, checksum }) => ({ version, file, checksum })),
  retainedBackups: 5,
  version: MIGRATIONS.at(-1)?.version ?? "",
};

const REFUSAL = { error: { code: 400, message: "not like this" } };

/** Answers like Google; a test scripts the answers of import requests and operations, in turn. */
class FakeGoogle {
  readonly calls: string[] = [];
  readonly uploads: Record<string, string> = {};
  readonly userUpdates: Record<string, string>[] = [];
  readonly importUsers: string[] = [];
  backupRuns: { id: string; description?: string }[] = [];
  /** What Google lists; by default it does not answer. */
  users: { name: string; databaseRoles?: string[] }[] | undefined;
  operations: object[] = [];
  database = true;
  /** Requests that are always refused. */
  refused: ("backup" | "upload" | "users" | "deletion")[] = [];
  /** How many polls of the import lose their connection. */
  resets = 0;
  imports: { status: number; body: object; headers?: Record<string, string> }[] = [];
  /** Whether the next import request gets no answer. */
  silent = false;
  /** When each import was requested, in milliseconds. */
  readonly requestedAt: number[] = [];
  importOperations: object[] = [{ status: "DONE" }];
  objects = new Map(MIGRATIONS.map(({ file, text }) => [`migrations/${file}`, text]));
  private readonly app: FastifyInstance = fastify();

  async start(): Promise<string> {
    const { app } = this;
    app.addContentTypeParser("application/sql", { parseAs: "string" }, (_request, body, done) => {
      done(null, body);
    });
    app.addHook("onRequest", (request, _reply, done) => {
      this.calls.push(
        `${request.method} ${request.url.split("?")[0] ?? ""}`.replace("/sql/v1beta4/projects/fusion-prime", ""),
      );
      expect(request.headers.authorization).toBe("Bearer a-token");
      done();
    });
    app.get("/storage/v1/b/:bucket/o/:name", (request, reply) => {
      const text = this.objects.get((request.params as { name: string }).name);
      return text === undefined ? reply.code(404).send({ error: { message: "No such object" } }) : reply.send(text);
    });
    app.post("/upload/storage/v1/b/:bucket/o", (request, reply) => {
      if (this.refused.includes("upload")) return reply.code(400).send(REFUSAL);
      this.uploads[(request.query as { name: string }).name] = request.body as string;
      return reply.send({});
    });
    app.post("/sql/v1beta4/projects/:project/instances/:instance/backupRuns", (_request, reply) =>
      this.refused.includes("backup")
        ? reply.code(400).send(REFUSAL)
        : reply.send({ name: "backup", status: "DONE", backupContext: { backupId: "1700" } }),
    );
    app.post("/sql/v1beta4/projects/:project/instances/:instance/import", (request, reply) => {
      this.importUsers.push((request.body as { importContext: { importUser: string } }).importContext.importUser);
      this.requestedAt.push(performance.now());
      if (this.silent) {
        this.silent = false;
        return reply.hijack();
      }
      const answer: (typeof this.imports)[number] = this.imports.shift() ?? {
        status: 200,
        body: { name: "import", status: "PENDING" },
      };
      return reply
        .code(answer.status)
        .headers(answer.headers ?? {})
        .send(answer.body);
    });
    app.get("/sql/v1beta4/projects/:project/instances/:instance/backupRuns", (_request, reply) =>
      reply.send({ items: this.backupRuns }),
    );
    app.delete("/sql/v1beta4/projects/:project/instances/:instance/backupRuns/:id", (request, reply) => {
      const { id } = request.params as { id: string };
      if (this.refused.includes("deletion")) return reply.code(404).send(REFUSAL);
      this.backupRuns = this.backupRuns.filter((run) => run.id !== id);
      return reply.send({ name: "delete", status: "DONE" });
    });
    app.put("/sql/v1beta4/projects/:project/instances/:instance/users", (request, reply) => {
      if (this.refused.includes("users")) return reply.code(400).send(REFUSAL);
      this.userUpdates.push(request.query as Record<string, string>);
      return reply.send({ name: "user", status: "DONE" });
    });
    app.get("/sql/v1beta4/projects/:project/instances/:instance/users", (_request, reply) =>
      this.users ? reply.send({ items: this.users }) : reply.code(400).send(REFUSAL),
    );
    app.get("/sql/v1beta4/projects/:project/instances/:instance/databases/settlement_db", (_request, reply) =>
      this.database ? reply.send({ name: "settlement_db" }) : reply.code(404).send(REFUSAL),
    );
    app.get("/sql/v1beta4/projects/:project/operations", (_request, reply) => reply.send({ items: this.operations }));
    app.get("/sql/v1beta4/projects/:project/operations/import", (request, reply) => {
      if (this.resets-- > 0) {
        request.raw.socket.destroy();
        return reply.hijack();
      }
      return reply.send({ name: "import", status: "RUNNING", ...this.importOperations.shift() });
    });
    return app.listen({ host: "127.0.0.1", port: 0 });
  }

  stop(): Promise<void> {
    return this.app.close();
  }
}

describe("an import", () => {
  let google: FakeGoogle;
  let importer: Importer;

  beforeEach(async () => {
    process.env.GOOGLE_OAUTH_ACCESS_TOKEN = "a-token";
    process.env.SETTLEMENT_PATIENCE = "0.02";
    google = new FakeGoogle();
    const url = await google.start();
    importer = new Importer();
    const config: Record<string, string> = {
      "gcp:sqlCustomEndpoint": `${url}/sql/v1beta4/`,
      "gcp:storageCustomEndpoint": `${url}/storage/v1/`,
    };
    await importer.configure({ get: (key: string) => config[key], require: (key: string) => config[key] ?? "" });
  });

  afterEach(async () => {
    delete process.env.GOOGLE_OAUTH_ACCESS_TOKEN;
    delete process.env.SETTLEMENT_PATIENCE;
    await google.stop();
  });

  test("backs up, uploads one script, and waits for Cloud SQL", async () => {
    google.importOperations = [{ status: "PENDING" }, { status: "RUNNING" }, { status: "DONE" }];
    const { id, outs } = await importer.create(PLAN);
    expect(id).toBe("fusion-prime/db-1/settlement_db");
    const applied = { at: expect.stringMatching(/^\d{4}-.*Z$/) as string, backup: "1700" };
    expect(outs).toEqual({ ...PLAN, applied: { "20251025120000": applied, "20251025120100": applied } });
    expect(google.calls.slice(2)).toEqual([
      "POST /instances/db-1/backupRuns",
      "POST /upload/storage/v1/b/fusion-prime-migrations/o",
      "POST /instances/db-1/import",
      "GET /operations/import",
      "GET /operations/import",
      "GET /operations/import",
      "PUT /instances/db-1/users",
      "PUT /instances/db-1/users",
      "GET /instances/db-1/backupRuns",
    ]);
    expect(Object.keys(google.uploads)).toEqual([expect.stringMatching(/^imports\/20251025120100-[0-9a-f]{12}\.sql$/)]);
  });

  const alone = (name: string) => ({ name, databaseRoles: "settlement_owner", revokeExistingRoles: "true" });

  test("reduces the logins to the owner's role", async () => {
    await importer.create(PLAN);
    expect(google.userUpdates).toEqual([alone("settlement_user"), alone("settlement_user_b")]);
  });

  test("runs as the new login, because only that one still has rights to drop", async () => {
    const before = without(PLAN, "logins");
    await importer.update(before, PLAN);
    expect(google.userUpdates).toEqual([
      { name: "settlement_user_b", databaseRoles: "settlement_owner" },
      alone("settlement_user"),
      alone("settlement_user_b"),
    ]);
    expect(google.importUsers).toEqual(["settlement_user_b"]);
  });

  const IMPORTED = {
    operationType: "IMPORT",
    insertTime: "2026-11-28T03:00:00.001Z",
    importContext: { uri: "gs://fusion-prime-migrations/imports/20251025120100-0123456789ab.sql" },
  };
  const CREATED = { operationType: "CREATE_USER", insertTime: "2026-11-28T03:00:00.002Z" };
  const both = (roles?: string[]) => [
    { name: "settlement_user", ...(roles && { databaseRoles: roles }) },
    { name: "settlement_user_b", databaseRoles: ["settlement_owner"] },
  ];

  test("puts back what a login or a database lost that was deleted and created again, and only then", async () => {
    const changes = async () => (await importer.diff(PLAN, PLAN)).changes;
    const manual = { ...IMPORTED, insertTime: CREATED.insertTime, importContext: { uri: "gs://other/imports/x.sql" } };
    const failed = { ...CREATED, insertTime: "2026-11-28T04:00:00Z", error: { errors: [{ code: "INTERNAL" }] } };
    const seen: [object[], ReturnType<typeof both>, boolean][] = [
      [[IMPORTED], both(), false],
      [[IMPORTED, CREATED], both(), true],
      [[manual, CREATED, IMPORTED], both(), true],
      [[{ ...IMPORTED, insertTime: "2026-11-28T03:00:01Z" }, CREATED, failed], both(), false],
      [[CREATED], both(["settlement_owner"]), false],
      [[IMPORTED], both(["cloudsqlsuperuser"]), true],
      [[IMPORTED], both().slice(1), true],
    ];
    for (const [operations, users, expected] of seen) {
      Object.assign(google, { operations, users });
      expect([operations, users, await changes()]).toEqual([operations, users, expected]);
    }
    google.operations = [{ ...CREATED, operationType: "CREATE_DATABASE" }, IMPORTED];
    google.users = both(["settlement_owner"]);
    expect(await changes()).toBe(true);
    Object.assign(google, { database: false, operations: [] });
    expect(await changes()).toBe(true);
    // The login does not exist, which the state does not know.
    Object.assign(google, { database: true, users: both().slice(1) });
    await expect(importer.update(PLAN, PLAN)).rejects.toThrow(
      "The login settlement_user does not exist on db-1 any more. An update with --refresh creates it.",
    );
    google.users = both(["cloudsqlsuperuser"]);
    await importer.update(PLAN, PLAN);
    const lent = { name: "settlement_user", databaseRoles: "cloudsqlsuperuser" };
    expect(google.userUpdates).toEqual([lent, alone("settlement_user"), alone("settlement_user_b")]);
    expect(google.importUsers).toEqual(["settlement_user"]);
    // As for a stopped instance.
    google.users = undefined;
    expect(await changes()).toBe(false);
  });

  test("revokes the right that it lent for pgAudit if the import fails", async () => {
    google.importOperations = [{ status: "DONE", error: { errors: [{ code: "ERROR_RDBMS", message: "no" }] } }];
    await expect(importer.update({ ...PLAN, withoutAudit: true }, PLAN)).rejects.toThrow(/failed: no\n/);
    expect(google.userUpdates).toEqual([
      { name: "settlement_user", databaseRoles: "cloudsqlsuperuser" },
      alone("settlement_user"),
    ]);
  });

  test("says that the login keeps the right if revoking it fails too", async () => {
    google.refused = ["users"];
    const failed = importer.update({ ...PLAN, withoutAudit: true }, PLAN);
    await expect(failed).rejects.toThrow(/^not like this\nThe login settlement_user keeps cloudsqlsuperuser until/);
  });

  test("omits the files that the state records as applied", async () => {
    const [first] = PLAN.migrations;
    if (!first) throw new Error("The repository has a migration.");
    const older = { ...PLAN, migrations: [first], version: first.version };
    await importer.update(older, PLAN);
    expect(google.calls.filter((call) => call.startsWith("GET /storage"))).toHaveLength(PLAN.migrations.length - 1);
    const [script = ""] = Object.values(google.uploads);
    expect(script).toContain(first.checksum);
    expect(script).not.toContain("CREATE TABLE settlement_commands");
    expect(script).toContain("CREATE TABLE webhook_subscriptions");
  });

  test("sends all files if the database lacks one that the state records", async () => {
    const message = "psql:<stdin>:80: ERROR:  the database lacks version 20251025120000, which the state has";
    google.importOperations = [
      { status: "DONE", error: { errors: [{ code: "ERROR_RDBMS", message }] } },
      { status: "DONE" },
    ];
    await importer.update(PLAN, { ...PLAN, retainedBackups: 4 });
    expect(google.calls.filter((call) => call.endsWith("/backupRuns") && call.startsWith("POST"))).toHaveLength(1);
    const [first = "", second = ""] = Object.values(google.uploads);
    expect(first).not.toContain("CREATE TABLE settlement_commands");
    expect(second).toContain("CREATE TABLE settlement_commands");
  });

  test("keeps the newest backups of migrations, and all others", async () => {
    google.backupRuns = [
      ...[1, 2, 3].map((id) => ({ id: String(id), description: `before schema version ${id}` })),
      { id: "4" },
      { id: "5", description: "an operator's own" },
    ];
    await importer.create({ ...PLAN, retainedBackups: 2 });
    expect(google.backupRuns.map(({ id }) => id)).toEqual(["2", "3", "4", "5"]);
  });

  test("is retried during another operation, while a binding propagates, and after server errors", async () => {
    google.imports = [409, 403, 412, 429, 500, 503].map((status) => ({
      status,
      body: { error: { message: "not now" } },
    }));
    await importer.create(PLAN);
    expect(google.calls.filter((call) => call === "POST /instances/db-1/import")).toHaveLength(7);
  });

  const posts = () => google.calls.filter((call) => call === "POST /instances/db-1/import").length;

  test("honours Retry-After, in seconds or as a date", async () => {
    const moment = new Date(Date.now() + 60_000).toUTCString();
    google.imports = ["20", moment].map((wish) => ({ status: 429, body: {}, headers: { "retry-after": wish } }));
    await importer.create(PLAN);
    const [first = 0, second = 0, third = 0] = google.requestedAt;
    expect(second - first).toBeGreaterThanOrEqual(399);
    expect(third - second).toBeGreaterThan(399);
  });

  test("gives up at once if Retry-After exceeds ten minutes", async () => {
    google.imports = [{ status: 503, body: { error: { message: "closed" } }, headers: { "retry-after": "601" } }];
    await expect(importer.create(PLAN)).rejects.toThrow(/outcome is unknown; run the update again.*: closed\n.*1700/);
    expect(posts()).toBe(1);
  });

  test("is retried without an answer", async () => {
    google.silent = true;
    await importer.create(PLAN);
    expect(posts()).toBeGreaterThan(1);
  });

  test.each([
    [403, 421, "changed nothing: not yet"],
    [409, 601, "changed nothing: not yet"],
    [500, 601, "outcome is unknown; run the update again, which skips applied versions: not yet"],
  ])("that Google answers with %d gives up if the pause is %d seconds", async (status, seconds, words) => {
    const answer = { status, body: { error: { message: "not yet" } } };
    google.imports = [answer, { ...answer, headers: { "retry-after": String(seconds) } }];
    await expect(importer.create(PLAN)).rejects.toThrow(words);
    expect(posts()).toBe(2);
  });

  test("says how long it was retried, and for what", async () => {
    const pace = process.env.SETTLEMENT_PATIENCE;
    process.env.SETTLEMENT_PATIENCE = "0.0005";
    google.imports = Array.from({ length: 500 }, () => ({ status: 403, body: { error: { message: "not yet" } } }));
    const failure = importer.create(PLAN).finally(() => (process.env.SETTLEMENT_PATIENCE = pace));
    await expect(failure).rejects.toThrow(
      /not yet It was retried for ([6-9]|\d{2,}) minutes, because a new role of the instance's account on the bucket may take that long/,
    );
  });

  test("that may have started before it was refused has an unknown outcome", async () => {
    google.imports = [
      { status: 500, body: {} },
      { status: 400, body: { error: { message: "another one runs" } } },
    ];
    await expect(importer.create(PLAN)).rejects.toThrow(/outcome is unknown.*: another one runs\n/);
  });

  test("that fails inside Google has an unknown outcome", async () => {
    google.importOperations = [{ status: "DONE", error: { errors: [{ code: "INTERNAL_ERROR", message: "oh" }] } }];
    await expect(importer.create(PLAN)).rejects.toThrow(/outcome is unknown.*: oh\n/);
  });

  test("that succeeded is reported as such if a later step fails", async () => {
    google.refused = ["users"];
    await expect(importer.create(PLAN)).rejects.toThrow(/succeeded, but a later step failed.*: not like this\n.*1700/);
  });

  test("ignores that an old backup is already deleted", async () => {
    google.backupRuns = [1, 2].map((id) => ({ id: String(id), description: `before schema version ${id}` }));
    google.refused = ["deletion"];
    await importer.create({ ...PLAN, retainedBackups: 1 });
    expect(google.calls.at(-1)).toBe("DELETE /instances/db-1/backupRuns/1");
  });

  test.each(["backup", "upload"] as const)("does not start if the %s is refused", async (step) => {
    google.refused = [step];
    await expect(importer.create(PLAN)).rejects.toThrow("not like this");
    expect(google.calls).not.toContain("POST /instances/db-1/import");
    expect(Object.keys(google.uploads)).toEqual([]);
  });

  test("is polled again after lost connections", async () => {
    google.resets = 3;
    await importer.create(PLAN);
    expect(google.calls.filter((call) => call === "POST /instances/db-1/import")).toHaveLength(1);
  });

  test("that fails reports PostgreSQL's message, the script and the backup", async () => {
    google.importOperations = [
      { status: "DONE", error: { errors: [{ code: "ERROR_RDBMS", message: 'relation "x" exists' }] } },
    ];
    await expect(importer.create(PLAN)).rejects.toThrow(
      /schema version 20251025120100 into db-1\/settlement_db failed: relation "x" exists\n.*gs:\/\/fusion-prime-migrations\/imports\/.*1700/,
    );
  });

  test("does not start if the bucket and the checkout differ", async () => {
    const [first] = MIGRATIONS;
    google.objects.set(`migrations/${first?.file ?? ""}`, "DROP TABLE settlement_commands;");
    await expect(importer.create(PLAN)).rejects.toThrow("differs from the file in this checkout");
    expect(google.calls.filter((call) => call.startsWith("POST"))).toEqual([]);
  });

  test("does not retry a request that cannot succeed", async () => {
    google.objects.clear();
    await expect(importer.create({ ...PLAN, migrations: PLAN.migrations.slice(0, 1) })).rejects.toThrow(
      "No such object",
    );
    expect(google.calls).toHaveLength(1);
  });
});

describe("a preview", () => {
  const importer = new Importer();
  // Nothing listens there.
  beforeAll(() => importer.configure({ get: () => "http://127.0.0.1:9/", require: () => "" }));
  const [first, second] = PLAN.migrations;
  if (!first || !second) throw new Error("The repository needs two migrations.");
  const older: SchemaState = { ...PLAN, migrations: [first], version: first.version };

  test("shows a new version as a change, and nothing else", async () => {
    expect(await importer.diff(older, PLAN)).toMatchObject({ changes: true, replaces: [] });
    expect(await importer.diff({ ...PLAN, applied: {} }, PLAN)).toMatchObject({ changes: false });
    expect(await importer.diff(PLAN, { ...PLAN, user: "other" })).toMatchObject({ changes: false });
  });

  test("shows a new login as a change, and nothing else", async () => {
    const before = without(PLAN, "logins");
    expect(await importer.diff(before, PLAN)).toMatchObject({ changes: true, replaces: [] });
  });

  test("replaces the schema on a new instance", async () => {
    expect(await importer.diff(PLAN, { ...PLAN, instance: "db-2" })).toMatchObject({ replaces: ["instance"] });
  });

  test("stops if an applied file was edited", async () => {
    const edited = { ...PLAN, migrations: [{ ...first, checksum: "0".repeat(64) }, second] };
    const { failures } = await importer.check(PLAN, edited);
    expect(failures).toEqual([{ property: "migrations", reason: expect.stringContaining("was edited") as string }]);
  });

  test("stops if the checkout is older than the database", async () => {
    const { failures } = await importer.check(PLAN, older);
    expect(failures).toEqual([
      {
        property: "migrations",
        reason: expect.stringContaining(`${second.version} (migrations/${second.file})`) as string,
      },
    ]);
  });

  test("rolls back only as far as the configuration says", async () => {
    const rollback = { ...older, target: first.version };
    expect((await importer.check(PLAN, rollback)).failures).toEqual([]);
    expect(await importer.diff(PLAN, rollback)).toMatchObject({ changes: true, replaces: [] });
    const { failures } = await importer.check(PLAN, { ...PLAN, migrations: [second], target: second.version });
    expect(failures).toEqual([{ property: "migrations", reason: expect.stringContaining(first.version) as string }]);
  });

  test("refuses an older version that was merged later, if the configuration says so", async () => {
    const newer: SchemaState = { ...PLAN, migrations: [second] };
    expect((await importer.check(newer, PLAN)).failures).toEqual([]);
    const { failures } = await importer.check(newer, { ...PLAN, inOrder: true });
    expect(failures).toEqual([
      {
        property: "migrations",
        reason: expect.stringMatching(`${first.file} is older than the applied version`) as string,
      },
    ]);
    expect((await importer.check(older, { ...PLAN, inOrder: true })).failures).toEqual([]);
  });

  test("accepts a new version and a new instance", async () => {
    expect((await importer.check(older, PLAN)).failures).toEqual([]);
    expect((await importer.check(PLAN, { ...older, instance: "db-2" })).failures).toEqual([]);
  });
});
