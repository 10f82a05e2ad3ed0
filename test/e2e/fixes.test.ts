import { type ChildProcess, spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { Client } from "pg";
import { parseConnectionString } from "../../infra/connection.ts";
import type { Given } from "../../ops/engine/target.ts";
import { summary } from "../../ops/doctor/verdict.ts";
import { scenario } from "../scenario.ts";
import { CloudRunV1 } from "./cloud-run-v1.ts";
import { copyProject, untilQuiet } from "./copy.ts";
import { look } from "./doctor-deployed.ts";
import { HeldStart } from "./held-start.ts";
import { Ran } from "./printed.ts";
import { shell } from "./shell.ts";

jest.setTimeout(600_000);

const PROJECT = "settlement-local";
const RUN = `/v2/projects/${PROJECT}/locations/us-central1/services/settlement-service`;
/** The administrator's password, for which psql asks. */
const ADMINISTRATOR = "Abcdefghij0123456789Klmno";
const GCLOUD = spawnSync("sh", ["-c", "command -v gcloud"]).status === 0;
const ACCOUNT = `settlement-service@${PROJECT}.iam.gserviceaccount.com`;
const SECRET = `/v1/projects/${PROJECT}/secrets/settlement-db-connection-string`;

/** A fault of a deployed stack, and what the doctor says. */
interface Fault {
  readonly make: () => Promise<unknown>;
  /** The first finding. */
  readonly check: string;
  readonly found: RegExp;
  readonly fix: RegExp;
  /** Whether requests fail meanwhile, and whether the cause alone says so; false by default. */
  readonly fails?: true | "as the cause says";
  /** Whether it is part of the long form only; false by default. */
  readonly slow?: true;
  /** What the doctor is given; the stack by default. */
  readonly given?: () => Given;
}

const LOCAL: Given = { stack: "local" };

describe("the fixes that the doctor prints, executed by a shell on a deployed stack", () => {
  const step = scenario();
  let copy: string;
  const start = new HeldStart();
  let instance = "";
  const cloudRun = new CloudRunV1();
  const ran = new Ran("fixes.test.ts");
  /** The shell's lines that lead gcloud to the embedded cloud, as the user of `npm start` has them, and `gcloud run` too. */
  let tools = "";

  beforeAll(async () => {
    copy = copyProject("fixes");
    await start.open(copy);
    const { items } = (await ask("GET", `/sql/v1beta4/projects/${PROJECT}/instances`)) as { items: { name: string }[] };
    instance = `/sql/v1beta4/projects/${PROJECT}/instances/${items[0]?.name ?? ""}`;
    const port = readFileSync(join(copy, ".local", "start", "port"), "utf8");
    tools = `. .local/start/env; ${await cloudRun.start(`http://127.0.0.1:${port}`)}; `;
  });
  afterAll(async () => {
    await cloudRun.stop();
    await start.end();
    await untilQuiet(copy);
    rmSync(copy, { recursive: true, force: true });
    ran.compare();
  });

  /** A request to the embedded cloud, as its owner; waits for an operation. */
  async function ask(method: string, path: string, body?: object | string): Promise<Record<string, unknown>> {
    const folder = join(copy, ".local", "start");
    const url = `http://127.0.0.1:${readFileSync(join(folder, "port"), "utf8")}`;
    const token = readFileSync(join(folder, "cloud", "owner-token"), "utf8");
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const text = typeof body === "object" ? JSON.stringify(body) : body;
    const response = await fetch(url + path, { method, headers, ...(text !== undefined && { body: text }) });
    const answer = JSON.parse((await response.text()) || "{}") as Record<string, unknown>;
    expect([path, response.ok, answer]).toEqual([path, true, expect.anything()]);
    if (path.startsWith("/v2/") && typeof answer.name === "string" && answer.name.includes("/operations/")) {
      if (answer.done !== true) await ask("POST", `/v2/${answer.name}:wait`, {});
    }
    let operation = answer;
    while (operation.kind === "sql#operation" && operation.status !== "DONE")
      operation = await ask("GET", `/sql/v1beta4/projects/${PROJECT}/operations/${String(operation.name)}`);
    if (operation.kind === "sql#operation") expect([path, operation.error]).toEqual([path, undefined]);
    return answer;
  }

  /** Runs SQL, by default as the tables' owner, as somebody with psql would. */
  async function sql(text: string, user = "settlement_user"): Promise<void> {
    const object = "/upload/storage/v1/b/settlement-local-migrations/o?uploadType=media&name=manual.sql";
    await ask("POST", object, text);
    await ask("POST", `${instance}/import`, {
      importContext: {
        ...{ fileType: "SQL", uri: "gs://settlement-local-migrations/manual.sql" },
        ...{ database: "settlement_db", importUser: user },
      },
    });
  }

  /** Ends the service's connections, without which Google refuses to delete a database. */
  const disconnect = () =>
    sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE 'settlement_user%';", "postgres");

  /** How the service connects. */
  async function credential() {
    const { payload } = (await ask("GET", `${SECRET}/versions/latest:access`)) as { payload: { data: string } };
    const parsed = parseConnectionString(Buffer.from(payload.data, "base64").toString());
    if (!parsed.ok) throw new Error(parsed.problem);
    const { database, password, user } = parsed.value;
    return { database, host: join(copy, ".local", "start", "sql"), password, user };
  }

  /** Changes the service, as somebody in Google's console would. */
  async function changeService(change: (service: Service) => void): Promise<void> {
    const service = (await ask("GET", RUN)) as unknown as Service;
    change(service);
    await ask("PATCH", RUN, service);
  }

  const examine = (given: Given) => look({ root: copy }, given, join(copy, "migrations"));

  async function isContent(given: Given = LOCAL): Promise<void> {
    const rows = await examine(given);
    expect(rows.filter(({ verdict }) => ["finding", "consequence"].includes(verdict))).toEqual([]);
    expect(summary(rows)).toMatch(/^(No fault found, and the|The) service answers/);
  }

  /** As a user types it: without a terminal, a command that asks needs `--yes`. */
  function typed(fix: string, { stack }: Given): string {
    if (fix.startsWith("psql ")) return `export PGPASSWORD=${ADMINISTRATOR}; ${fix}`;
    return (stack === "local" ? "" : tools) + (/^npm run (up|rotate|migration)/.test(fix) ? `${fix} --yes` : fix);
  }

  function tried(name: string, fault: Fault): void {
    const { check, fails = false, fix: form, found, make } = fault;
    const runs = GCLOUD || !form.source.includes("gcloud");
    (fault.slow ? step.inLongForm : runs ? step : step.skip)(name, async () => {
      const given = fault.given?.() ?? LOCAL;
      await make();
      let rows = await examine(given);
      // Each call uses up a connection from before.
      for (let calls = 0; calls < 10 && fails === true && !summary(rows).includes("Users get errors"); calls++)
        rows = await examine(given);
      const [row] = rows;
      expect([row?.check, row?.verdict, row?.found, row?.fix]).toEqual([
        check,
        "finding",
        expect.stringMatching(found),
        expect.stringMatching(form),
      ]);
      if (fails !== "as the cause says")
        expect(summary(rows)).toContain(fails ? "Users get errors" : "The service answers");
      const fix = typed(row?.fix ?? "", given);
      const { code, output } = await shell(fix, {
        cwd: copy,
      });
      expect([fix, code, code === 0 ? "" : output]).toEqual([fix, 0, ""]);
      if (row) ran.note(name, row);
      await isContent(given);
    });
  }

  step("the doctor is content", () => isContent());

  tried("a table that was dropped", {
    make: () => sql("SET ROLE settlement_owner; DROP TABLE settlement_commands;"),
    check: "tables",
    found: /lacks settlement_commands, though 2 of 2 versions are recorded/,
    fix: /^npm run migration -- recreate --stack=local$/,
    fails: true,
  });

  tried("a record of a version that was deleted", {
    make: () => sql("SET ROLE settlement_owner; DELETE FROM schema_migrations WHERE version = '20251025120100';"),
    check: "schema-version",
    found: /pending: 20251025120100/,
    fix: /^npm run migration -- recreate/,
    slow: true,
  });

  tried("a login that was deleted, which the service uses", {
    make: () => ask("DELETE", `${instance}/users?name=settlement_user`),
    check: "user",
    found: /^the login settlement_user does not exist on/,
    fix: /^npm run up -- --stack=local --refresh$/,
    fails: true,
    slow: true,
  });

  tried("a login that was deleted, to which the next rotation moves the service", {
    make: () => ask("DELETE", `${instance}/users?name=settlement_user_b`),
    check: "rotation",
    found: /^the login settlement_user_b, to which the next rotation moves the service, does not exist$/,
    fix: /^npm run up -- --stack=local --refresh$/,
    slow: true,
  });

  tried("a login that lost its membership", {
    make: () => {
      const roles = "databaseRoles=cloudsqlsuperuser&revokeExistingRoles=true";
      return ask("PUT", `${instance}/users?name=settlement_user&${roles}`, { name: "settlement_user" });
    },
    check: "privileges",
    found: /^the login settlement_user is not a member of settlement_owner, which owns the tables$/,
    fix: /^npm run migration -- recreate --stack=local$/,
    fails: true,
    slow: true,
  });

  tried("the role that owns the tables dropped with them", {
    make: async () => {
      await sql("DROP OWNED BY settlement_owner;");
      await sql(
        "SET ROLE cloudsqlsuperuser; REVOKE ALL ON SCHEMA public FROM settlement_owner; DROP ROLE settlement_owner;",
        "postgres",
      );
    },
    check: "tables",
    found: /lacks settlement_commands and webhook_subscriptions|tables/,
    fix: /^npm run migration -- recreate --stack=local$/,
    fails: true,
    slow: true,
  });

  tried("a database that was deleted", {
    make: () => disconnect().then(() => ask("DELETE", `${instance}/databases/settlement_db`)),
    check: "database",
    found: /^settlement_db does not exist on/,
    fix: /^npm run up -- --stack=local --refresh$/,
    fails: true,
    slow: true,
  });

  tried("a migrations bucket that was deleted", {
    make: async () => {
      const bucket = "/storage/v1/b/settlement-local-migrations";
      const { items = [] } = (await ask("GET", `${bucket}/o?versions=true`)) as {
        items?: { name: string; generation: string }[];
      };
      for (const { generation, name } of items)
        await ask("DELETE", `${bucket}/o/${encodeURIComponent(name)}?generation=${generation}`);
      await ask("DELETE", bucket);
    },
    check: "bucket",
    found: /^gs:\/\/settlement-local-migrations does not exist$/,
    fix: /^npm run up -- --stack=local --refresh$/,
    slow: true,
  });

  tried("the service's account deleted", {
    make: () => ask("DELETE", `/v1/projects/${PROJECT}/serviceAccounts/${ACCOUNT}`),
    check: "account",
    found: /does not exist/,
    fix: /^npm run up -- --stack=local --refresh$/,
    fails: true,
    slow: true,
  });

  tried("the service's binding on the secret removed", {
    make: () => ask("POST", `${SECRET}:setIamPolicy`, { policy: { bindings: [] } }),
    check: "accessor",
    found: /lacks roles\/secretmanager.secretAccessor/,
    fix: /gcloud secrets add-iam-policy-binding/,
    slow: true,
  });

  tried("a version of the secret that was destroyed", {
    make: async () => {
      await ask("PATCH", `${SECRET}?updateMask=versionDestroyTtl`, {});
      const { versions } = (await ask("GET", `${SECRET}/versions`)) as { versions: { name: string; state: string }[] };
      for (const { name } of versions.filter(({ state }) => state === "ENABLED"))
        await ask("POST", `/v1/${name}:destroy`, {});
    },
    check: "secret",
    found: /is destroyed$/,
    fix: /^npm run up -- --stack=local --refresh$/,
    slow: true,
  });

  tried("a login that may not log in", {
    make: () => sql("SET ROLE cloudsqlsuperuser; ALTER ROLE settlement_user NOLOGIN;", "postgres").then(disconnect),
    check: "user",
    found: /^the login settlement_user may not log in$/,
    fix: /^npm run migration -- recreate --stack=local$/,
    fails: true,
    slow: true,
  });

  tried("a database that no login may connect to", {
    make: async () => {
      await ask("PUT", `${instance}/users?name=postgres`, { name: "postgres", password: ADMINISTRATOR });
      await sql("SET ROLE cloudsqlsuperuser; REVOKE CONNECT ON DATABASE settlement_db FROM PUBLIC;", "postgres");
    },
    check: "login",
    found: /permission denied for database "settlement_db"/,
    fix: /^psql .*GRANT CONNECT ON DATABASE settlement_db TO PUBLIC;/,
    fails: true,
    slow: true,
  });

  tried("a migration that failed because somebody held a lock", {
    make: async () => {
      const file = "20300101000000_remark.sql";
      const text =
        "-- migrate:up\nALTER TABLE settlement_commands ADD COLUMN remark text;\n-- migrate:down\nALTER TABLE settlement_commands DROP COLUMN remark;\n";
      writeFileSync(join(copy, "migrations", file), text);
      const holder = new Client(await credential());
      await holder.connect();
      await holder.query("BEGIN; LOCK TABLE settlement_commands");
      const { code, output } = await shell("npm run up -- --stack local --yes", { cwd: copy });
      await holder.end();
      expect([code, output]).toEqual([1, expect.stringContaining("lock timeout")]);
    },
    check: "migration",
    found: /20300101000000-.* failed: .*lock timeout/,
    fix: /^npm run up -- --stack=local --refresh$/,
    slow: true,
  });

  tried("a login whose password has expired", {
    make: () =>
      sql("SET ROLE cloudsqlsuperuser; ALTER ROLE settlement_user VALID UNTIL '2025-10-25';", "postgres").then(
        disconnect,
      ),
    check: "login",
    found: /^PostgreSQL refuses the login settlement_user, because its password has expired$/,
    fix: /^npm run migration -- recreate --stack=local$/,
    fails: true,
    slow: true,
  });

  tried("a service that was deleted", {
    make: () => ask("DELETE", RUN),
    check: "service",
    found: /does not exist/,
    fix: /^npm run up -- --stack=local --refresh$/,
    fails: "as the cause says",
    slow: true,
  });

  tried("an image that does not exist", {
    make: () =>
      changeService(({ template }) => {
        for (const container of template.containers)
          container.image = "us-central1-docker.pkg.dev/settlement-local/settlement/none:1";
      }),
    check: "revision",
    found: /still serves.*; the stack declares us-central1-docker/,
    fix: /^npm run up -- --stack=local --refresh$/,
    slow: true,
  });

  tried("a version of the secret that does not exist", {
    make: () => changeService(readVersion("7")),
    check: "secret",
    found: /version 7 does not exist/,
    fix: /^npm run up -- --stack=local --refresh$/,
    slow: true,
  });

  tried("more instances than the database has connections for", {
    make: () => changeService(({ template }) => (template.scaling = { maxInstanceCount: 90 })),
    check: "connection-budget",
    found: /^90 instances/,
    fix: /^npm run up -- --stack=local --refresh$/,
    slow: true,
  });

  tried("a service that mounts no instance", {
    make: () =>
      changeService(({ template }) => {
        template.volumes = [];
        for (const container of template.containers) container.volumeMounts = [];
      }),
    check: "connection-name",
    found: /mounts no Cloud SQL socket/,
    fix: /^npm run up -- --stack=local --refresh$/,
    slow: true,
  });

  tried("a secret that was deleted", {
    make: () => ask("DELETE", SECRET),
    check: "secret",
    found: /does not exist/,
    fix: /^npm run up -- --stack=local --refresh$/,
    slow: true,
  });

  tried("a rollout that was stopped before its revision got the traffic", {
    make: async () => {
      const file = join(copy, "Pulumi.local.yaml");
      const stack = parse(readFileSync(file, "utf8")) as { config: { "settlement:service": object } };
      Object.assign(stack.config["settlement:service"], { maxInstances: 3 });
      writeFileSync(file, stringify(stack));
      const interrupt = ({ pid = 0 }: ChildProcess) => process.kill(-pid, "SIGINT");
      const { code, output } = await shell("npm run up -- --stack=local --yes", {
        cwd: copy,
        at: ["without traffic, at http", interrupt],
      });
      expect([code === 0, output]).toEqual([false, expect.not.stringContaining("Moving the traffic")]);
    },
    check: "traffic",
    found: /^pinned: 100 % to .*: its rollout was stopped, or is running$/,
    fix: /^npm run up -- --stack=local$/,
    slow: true,
  });

  step.inLongForm("a column that was added manually: what the doctor prints lists it", async () => {
    await sql("SET ROLE settlement_owner; ALTER TABLE settlement_commands ADD COLUMN note text;");
    const [row] = await examine({ ...LOCAL, socket: join(copy, ".local", "start", "sql") });
    const found = "table settlement_commands: column note was created manually";
    expect([row?.check, row?.found, row?.fix]).toEqual([
      "schema-drift",
      found,
      expect.stringMatching(/^npm run migration -- drift --stack=local --socket=/),
    ]);
    const { code, output } = await shell(row?.fix ?? "", { cwd: copy });
    expect([code, output]).toEqual([1, expect.stringContaining(found)]);
    if (row) ran.note("a column that was added manually", row);
    await sql("SET ROLE settlement_owner; ALTER TABLE settlement_commands DROP COLUMN note;");
    await isContent();
  });

  tried("another password, set manually", {
    make: () =>
      ask("PUT", `${instance}/users?name=settlement_user`, {
        name: "settlement_user",
        password: "Other0Password0Other0Pass",
      }),
    check: "login",
    found: /refuses the login/,
    fix: /^npm run rotate -- --stack=local$/,
    fails: true,
    slow: true,
  });

  /** As who has no stack file sees it. */
  const names = (): Given => ({
    project: PROJECT,
    region: "us-central1",
    socket: join(copy, ".local", "start", "sql"),
  });

  tried("a connection string that names no login, while the second one is in use", {
    make: async () => {
      const { versions } = (await ask("GET", `${SECRET}/versions`)) as { versions: { name: string; state: string }[] };
      const enabled = versions.filter(({ state }) => state === "ENABLED");
      for (const { name } of enabled) await ask("POST", `/v1/${name}:disable`, {});
      const data = Buffer.from("sqlite:///./settlement.db").toString("base64");
      const { name } = await ask("POST", `${SECRET}:addVersion`, { payload: { data } });
      await changeService(readVersion(String(name).split("/").at(-1) ?? ""));
    },
    given: names,
    check: "connection-string",
    found: /uses the driver "sqlite"/,
    fix: /^password=\$\(gcloud .*settlement_user_b:%s/,
    slow: true,
  });

  // test/ops/preview/lost-instance.test.ts says the same without the engine.
  step.inLongForm(
    "a preview does not call a stack well whose instance was deleted, nor does --take-over bring it back",
    async () => {
      await ask("DELETE", instance);
      for (const line of [
        "npm run preview -- --stack local --refresh",
        "npm run up -- --stack local --take-over --yes",
      ]) {
        const { code, output } = await shell(line, { cwd: copy });
        expect([line, code, output]).toEqual([line, 1, expect.stringContaining("does not exist any more")]);
        expect(output).toContain("npm run up -- --stack local --new-instance");
        expect(output).toContain("local is blocked by 1 error");
        expect(output).not.toContain("✅");
        // Without a refresh, it tells what was changed in the service above, which can be undone.
        if (line.includes("--refresh")) expect(output).not.toContain("undo");
      }
    },
  );

  tried("an instance that was deleted: one command creates another, empty, and the service answers", {
    make: () => Promise.resolve(),
    check: "instance",
    found: /settlement-local-db-[0-9a-f]{8} does not exist any more/,
    fix: /^npm run up -- --stack=local --new-instance$/,
    fails: true,
    slow: true,
  });
});

/** Has a service read another version of its secret. */
function readVersion(version: string) {
  return ({ template }: Service) => {
    for (const { valueSource } of template.containers[0]?.env ?? [])
      if (valueSource) valueSource.secretKeyRef.version = version;
  };
}

/** The parts of a service that are changed here. */
interface Service {
  readonly template: {
    readonly containers: {
      image: string;
      env: { valueSource?: { secretKeyRef: { version: string } } }[];
      volumeMounts?: object[];
    }[];
    volumes?: object[];
    scaling?: { maxInstanceCount?: number };
  };
  readonly scaling?: object;
}
