import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { directions, readMigrations } from "../../../infra/migrations/files.ts";
import { base64, Embedded, message, PROJECT } from "../embedded-google-cloud/embedded.ts";
import {
  createInstance,
  done,
  failure,
  importSql,
  ROOT as SQL,
  Volume,
} from "../embedded-google-cloud/apis/cloudsql/setup.ts";

const PROGRAM = {
  command: process.execPath,
  args: [join(import.meta.dirname, "../../../packages/settlement-service/server.js")],
};
const IMAGE = "us-docker.pkg.dev/fusion-prime/settlement/settlement-service:1";
const ACCOUNT = `settlement-service@${PROJECT}.iam.gserviceaccount.com`;
const MEMBER = `serviceAccount:${ACCOUNT}`;
const CONNECTION_NAME = `${PROJECT}:us-central1:db-one`;
const PASSWORD = "Abcdefghij0123456789Klmno";
const SECRET = "settlement-db-connection-string";
const RUN = `/v2/projects/${PROJECT}/locations/us-central1`;

/** A command that the integration test of 25 October 2025 sent. */
const COMMAND = {
  command_id: "cmd-1",
  workflow_id: "wf-1",
  account_ref: "acc-1",
  payer: "alice",
  payee: "bob",
  asset_symbol: "USDC",
  amount_numeric: "12345678901234567890.123456789012345678",
};

const SUBSCRIPTION = {
  subscription_id: "sub/1",
  url: "https://example.com/hook",
  secret: "hook-secret",
  event_types: ["settlement.completed", "settlement.failed"],
};

const urlOf = (name = CONNECTION_NAME, password = PASSWORD) =>
  `postgresql+asyncpg://settlement_user:${password}@/settlement_db?host=/cloudsql/${name}`;

/** The up part of every migration. */
const SCHEMA = readMigrations(join(import.meta.dirname, "../../../migrations"))
  .map(({ file, text }) => directions(file, text).up)
  .join("\n");

jest.setTimeout(120_000);

describe("the settlement service on the embedded cloud", () => {
  const embedded = new Embedded({ "us-docker.pkg.dev/fusion-prime/settlement/settlement-service": PROGRAM });
  const apis = ["cloudresourcemanager", "iam", "run", "secretmanager", "sqladmin", "storage"];

  beforeAll(async () => {
    await embedded.start(...apis.map((api) => `${api}.googleapis.com`));
    await createInstance(embedded, "db-one");
    await embedded.post(`${SQL}/instances/db-one/databases`, { name: "settlement_db" });
    await embedded.post(`${SQL}/instances/db-one/users`, { name: "settlement_user", password: PASSWORD });
    await embedded.post(`/v1/projects/${PROJECT}/serviceAccounts`, { accountId: "settlement-service" });
  });
  afterAll(() => embedded.remove());

  /** Grants the account exactly these roles. */
  async function grant(...roles: string[]): Promise<void> {
    const path = `/v1/projects/${PROJECT}`;
    const policy = (await embedded.post(`${path}:getIamPolicy`)).body as { bindings: { role: string }[] };
    const kept = policy.bindings.filter(({ role }) => ["roles/owner", "roles/run.serviceAgent"].includes(role));
    const bindings = [...kept, ...roles.map((role) => ({ role, members: [MEMBER] }))];
    expect((await embedded.post(`${path}:setIamPolicy`, { policy: { ...policy, bindings } })).status).toBe(200);
  }

  /** Replaces the secret with one that has a single version. */
  async function putSecret(url: string): Promise<void> {
    await embedded.delete(`/v1/projects/${PROJECT}/secrets/${SECRET}`);
    await embedded.post(`/v1/projects/${PROJECT}/secrets?secretId=${SECRET}`, { replication: { automatic: {} } });
    const path = `/v1/projects/${PROJECT}/secrets/${SECRET}:addVersion`;
    expect((await embedded.post(path, { payload: { data: base64(url) } })).status).toBe(200);
  }

  /** Deploys the service under a name; returns why it is not ready, if so. */
  async function deploy(name: string, container: object = {}, instance = CONNECTION_NAME): Promise<string | undefined> {
    const begun = await embedded.post(`${RUN}/services?serviceId=${name}`, {
      template: {
        serviceAccount: ACCOUNT,
        volumes: [{ name: "cloudsql", cloudSqlInstance: { instances: [instance] } }],
        containers: [
          {
            image: IMAGE,
            env: [{ name: "DATABASE_URL", valueSource: { secretKeyRef: { secret: SECRET, version: "1" } } }],
            volumeMounts: [{ name: "cloudsql", mountPath: "/cloudsql" }],
            ...container,
          },
        ],
      },
    });
    return message(await embedded.post(`/v2/${begun.body.name as string}:wait`));
  }

  /** Path of the service's URL. */
  async function pathOf(name: string): Promise<string> {
    return new URL((await embedded.get(`${RUN}/services/${name}`)).body.uri as string).pathname;
  }

  async function send(name: string, body: object = COMMAND) {
    return embedded.post(`${await pathOf(name)}/commands`, body);
  }

  /** The log of the latest revision. */
  async function logOf(name: string): Promise<string> {
    const { latestCreatedRevision } = (await embedded.get(`${RUN}/services/${name}`)).body as {
      latestCreatedRevision: string;
    };
    const folder = join(embedded.folder, "cloudrun-logs");
    const file = readdirSync(folder).find((entry) => entry.includes(latestCreatedRevision.split("/").at(-1) ?? ""));
    return readFileSync(join(folder, file ?? ""), "utf8");
  }

  describe("25 October 2025", () => {
    it("cause 1: without the secret the revision is not ready", async () => {
      await grant("roles/secretmanager.secretAccessor", "roles/cloudsql.client");
      expect(await deploy("cause-1")).toMatch(
        /^Revision 'cause-1-00001-...' is not ready and cannot serve traffic\. spec\.template\.spec\.containers\[0\]\.env\[0\]\.value_from\.secret_key_ref\.name: Secret projects\/\d+\/secrets\/settlement-db-connection-string\/versions\/1 was not found$/,
      );
      expect((await send("cause-1")).status).toBe(503);
    });

    it("cause 4: without the accessor role the revision is not ready", async () => {
      await putSecret(urlOf());
      await grant("roles/cloudsql.client");
      const why = await deploy("cause-4-secret");
      expect(why).toContain(`for Revision service account ${ACCOUNT}. The service account used must be granted`);
      expect(why).toContain("Permission denied on secret: projects/");
    });

    it("cause 4: without the client role it starts, but returns 500", async () => {
      await grant("roles/secretmanager.secretAccessor");
      expect(await deploy("cause-4-client")).toBeUndefined();
      const answer = await send("cause-4-client");
      expect(answer.status).toBe(500);
      expect(message(answer)).toContain("PostgreSQL: ");
      expect(await logOf("cause-4-client")).toContain("Possibly missing permission cloudsql.instances.connect");
      expect((await embedded.get(`${await pathOf("cause-4-client")}/health`)).status).toBe(503);
    });

    it("with a zone in the connection name of the string, or also of the volume, it returns 500", async () => {
      const zoned = `${PROJECT}:us-central1-a:db-one`;
      await grant("roles/secretmanager.secretAccessor", "roles/cloudsql.client");
      await putSecret(urlOf(zoned));
      expect(await deploy("zone-in-string")).toBeUndefined();
      const answer = await send("zone-in-string");
      expect(answer).toMatchObject({ status: 500, body: { error: { code: "ENOENT" } } });
      expect(message(answer)).toContain(`/cloudsql/${zoned}/.s.PGSQL.5432`);
      expect(await deploy("zone-in-volume", {}, zoned)).toBeUndefined();
      expect((await send("zone-in-volume")).status).toBe(500);
      expect(await logOf("zone-in-volume")).toContain("zone");
    });

    it("cause 2: with a wrong password it returns 500, without the password", async () => {
      await putSecret(urlOf(CONNECTION_NAME, "wrongwrongwrong"));
      expect(await deploy("cause-2")).toBeUndefined();
      const answer = await send("cause-2");
      expect(answer).toMatchObject({
        status: 500,
        body: {
          error: { code: "28P01", message: 'PostgreSQL: password authentication failed for user "settlement_user"' },
        },
      });
      expect(answer.bytes.toString() + (await logOf("cause-2"))).not.toContain("wrongwrongwrong");
    });

    it("cause 2: with a startup probe on /health it does not become ready", async () => {
      const startupProbe = { httpGet: { path: "/health" }, periodSeconds: 1, timeoutSeconds: 1, failureThreshold: 1 };
      expect(await deploy("cause-2-probed", { startupProbe })).toContain("failed the configured startup probe checks");
    });

    it("cause 3: without the tables it returns 500, though it is healthy", async () => {
      await putSecret(urlOf());
      expect(await deploy("cause-3")).toBeUndefined();
      const answer = await send("cause-3");
      expect(answer).toMatchObject({
        status: 500,
        body: { error: { code: "42P01", message: 'PostgreSQL: relation "settlement_commands" does not exist' } },
      });
      expect(await embedded.get(`${await pathOf("cause-3")}/health`)).toMatchObject({
        status: 200,
        body: { status: "ok", database: "settlement_db", user: "settlement_user" },
      });
    });

    it("with all causes fixed, it accepts the command", async () => {
      expect((await importSql(embedded, "db-one", "settlement_db", "settlement_user", SCHEMA)).error).toBeUndefined();
      expect(await send("cause-3")).toMatchObject({ status: 200, body: { ...COMMAND, status: "RECEIVED" } });
    });
  });

  it("returns stored rows, without the secret of a webhook", async () => {
    const path = await pathOf("cause-3");
    expect(await embedded.get(`${path}/commands/cmd-1`)).toMatchObject({ status: 200, body: COMMAND });
    expect(await embedded.get(`${path}/commands/cmd-2`)).toMatchObject({ status: 404 });

    const kept = {
      subscription_id: "sub/1",
      url: SUBSCRIPTION.url,
      event_types: "settlement.completed,settlement.failed",
      enabled: true,
    };
    expect(await embedded.post(`${path}/webhooks`, SUBSCRIPTION)).toMatchObject({ status: 200, body: kept });
    const read = await embedded.get(`${path}/webhooks/sub%2F1`);
    expect(read).toMatchObject({ status: 200, body: { ...kept, description: null } });
    expect(read.body.secret).toBeUndefined();
  });

  it("accepts a repeated command, and refuses another one with its id", async () => {
    expect(await send("cause-3")).toMatchObject({ status: 200, body: COMMAND });
    expect(await send("cause-3", { ...COMMAND, amount_numeric: "1" })).toMatchObject({ status: 409 });
    const answer = await send("cause-3", { ...COMMAND, payee: null });
    expect(message(answer)).toBe('Refused: another settlement_commands has the command_id "cmd-1".');
    expect((await embedded.get(`${await pathOf("cause-3")}/commands/cmd-1`)).body).toMatchObject(COMMAND);
  });

  it("completes requests that arrive while its database restarts", async () => {
    const owner = new Volume();
    await owner.open(embedded, CONNECTION_NAME);
    const login = ["settlement_user", PASSWORD, "settlement_db"] as const;
    await (await owner.connect(...login)).query("begin; lock table settlement_commands");
    const waiting = [send("cause-3", { ...COMMAND, command_id: "late" })];
    const waits =
      "select from pg_stat_activity where wait_event_type = 'Lock' and query like 'insert into settlement%'";
    while ((await owner.query(...login, waits)).length === 0);
    const restart = await embedded.post(`${SQL}/instances/db-one/restart`);
    // During the restart, when the database refuses connections.
    waiting.push(send("cause-3", { ...COMMAND, command_id: "later" }));
    expect(failure(await done(embedded, restart))).toBeUndefined();
    expect((await Promise.all(waiting)).map(({ body, status }) => [status, body.command_id])).toEqual([
      [200, "late"],
      [200, "later"],
    ]);
    await owner.close();
  });

  it("opens no more connections than DATABASE_POOL_SIZE, and keeps other requests waiting", async () => {
    const url = { name: "DATABASE_URL", valueSource: { secretKeyRef: { secret: SECRET, version: "1" } } };
    expect(await deploy("pooled", { env: [url, { name: "DATABASE_POOL_SIZE", value: "2" }] })).toBeUndefined();
    const owner = new Volume();
    await owner.open(embedded, CONNECTION_NAME);
    const login = ["settlement_user", PASSWORD, "settlement_db"] as const;
    const blocker = await owner.connect(...login);
    await blocker.query("begin; lock table settlement_commands");
    const blocked = "select from pg_stat_activity where wait_event_type = 'Lock'";
    const sent = [1, 2, 3, 4].map((number) => send("pooled", { ...COMMAND, command_id: `pooled-${number}` }));
    while ((await owner.query(...login, blocked)).length < 2);
    await pathOf("pooled");
    expect(await owner.query(...login, blocked)).toHaveLength(2);
    await blocker.query("rollback");
    expect((await Promise.all(sent)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    await owner.close();
  });

  it("smoke-tests a command without storing it", async () => {
    const path = await pathOf("cause-3");
    const tried = { ...COMMAND, command_id: "tried" };
    const answer = await embedded.post(`${path}/smoke-test`, tried);
    expect(answer).toMatchObject({ status: 200, body: tried });
    expect(await embedded.get(`${path}/commands/tried`)).toMatchObject({ status: 404 });
    expect((await embedded.post(`${path}/smoke-test`, tried)).status).toBe(200);
    expect((await embedded.post(`${path}/smoke-test`, { ...tried, command_id: "cmd-1", payer: "x" })).status).toBe(409);
    expect((await embedded.post(`${path}/smoke-test`, { command_id: "tried" })).status).toBe(400);
    expect((await embedded.get(`${path}/smoke-test`)).status).toBe(405);
  });

  it.each([
    ["commands", "account_ref is missing", { command_id: "x", workflow_id: "x" }],
    ["commands", "amount_numeric must be a decimal number", { ...COMMAND, amount_numeric: "1e3" }],
    ["commands", "payer must be a string of 1 to 128 characters", { ...COMMAND, payer: "x".repeat(129) }],
    ["commands", "colour is not a field of settlement_commands", { ...COMMAND, colour: "red" }],
    ["commands", "the body is not JSON", "{"],
    ["webhooks", "url must be an http or https URL", { ...SUBSCRIPTION, url: "ftp://x" }],
    ["webhooks", "event_types must be a list", { ...SUBSCRIPTION, event_types: [] }],
  ])("refuses invalid %s: %s", async (collection, sentence, body) => {
    const answer = await embedded.post(`${await pathOf("cause-3")}/${collection}`, body);
    expect(answer.status).toBe(400);
    expect(message(answer)).toContain(sentence);
  });
});

describe("the settlement service without a cloud", () => {
  async function run(url: string | undefined, env: NodeJS.ProcessEnv = {}) {
    const child = spawn(PROGRAM.command, PROGRAM.args, {
      env: { PATH: process.env.PATH, PORT: "0", ...(url !== undefined && { DATABASE_URL: url }), ...env },
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text: Buffer) => (output += text.toString()));
    return { child, output: () => output };
  }

  it.each([
    ["no value", undefined, "DATABASE_URL is not set"],
    ["an empty string", "", "DATABASE_URL is not set"],
    ["SQLite", "sqlite:///./settlement.db", 'uses the driver "sqlite", which is not PostgreSQL'],
    ["no host", "postgresql+asyncpg://user:pa55word@/settlement_db", "does not have the form"],
    ["an invalid encoding", "postgresql://user:pa55%zzword@localhost/settlement_db", "invalid percent-encoding"],
  ])("does not start with %s in DATABASE_URL", async (_what, url, sentence) => {
    const { child, output } = await run(url);
    const [code] = (await once(child, "close")) as [number];
    expect(code).toBe(1);
    expect(output()).toContain(sentence);
    expect(output().trim().split("\n")).toHaveLength(1);
    expect(output()).not.toContain("pa55");
  });

  it.each(["0", "ten", "-1", "2.5", ""])('does not start with "%s" as DATABASE_POOL_SIZE', async (size) => {
    const { child, output } = await run(urlOf(), { DATABASE_POOL_SIZE: size });
    expect(await once(child, "close")).toEqual([1, null]);
    expect(output()).toBe(`DATABASE_POOL_SIZE is "${size}"; expected a positive whole number.\n`);
  });

  it("exits on SIGTERM", async () => {
    const { child, output } = await run(urlOf());
    await once(child.stdout, "data");
    expect(output()).toContain("Listening");
    child.kill("SIGTERM");
    expect(await once(child, "close")).toEqual([0, null]);
  });
});
