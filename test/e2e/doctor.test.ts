import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { readMigrations } from "../../infra/migrations/files.ts";
import type { Given } from "../../ops/engine/target.ts";
import { exitCode, type Row } from "../../ops/doctor/diagnosis.ts";
import { writeEntry } from "../../ops/doctor/log.ts";
import { render } from "../../ops/doctor/table.ts";
import { OWNER } from "../../packages/embedded-google-cloud/iam/identities.ts";
import { endpointEnv } from "../../ops/engine/endpoints.ts";
import { declare } from "../infra/declared.ts";
import { healthy, judge } from "../ops/doctor/recorded.ts";
import { done, instanceBody, ROOT as SQL } from "../packages/embedded-google-cloud/apis/cloudsql/setup.ts";
import { inLongForm, LONG_FORM } from "../long-form.ts";
import { CloudRunV1 } from "./cloud-run-v1.ts";
import {
  ACCOUNT,
  BROKEN,
  CLIENT,
  CLIENT_CONDITION,
  connectionString,
  DoctorSetting,
  ELSEWHERE,
  INSTANCE,
  MIGRATIONS,
  PASSWORD,
  PASSWORD_SECRET,
  PROJECT,
  READER,
  SCHEMA,
  SECRET,
  checksWith,
  VERSION,
  VIEWER,
} from "./doctor-setting.ts";
import { Ran } from "./printed.ts";
import { shell } from "./shell.ts";

jest.setTimeout(120_000);

const DAY = 24 * 3_600_000;
const missing = ["gcloud", "psql"].filter((program) => spawnSync("sh", ["-c", `command -v ${program}`]).status !== 0);
const REPLICA = `${PROJECT}-replica`;
const OTHER_PASSWORD = "Zyxwvutsrq9876543210Onmlk";

describe("the doctor on the embedded cloud", () => {
  const setting = new DoctorSetting();
  const cloudRun = new CloudRunV1();
  const ran = new Ran("doctor.test.ts");
  /** The lines of shell that lead gcloud to the embedded cloud. */
  let tools = "";
  beforeAll(async () => {
    await setting.start();
    await setting.deploy();
    tools = `${await setting.tools(cloudRun)}; export PGPASSWORD=${OTHER_PASSWORD}`;
    // psql asks for the password of the administrator.
    const administrator = { name: "postgres", password: OTHER_PASSWORD };
    await done(
      setting.embedded,
      await setting.embedded.put(`${SQL}/instances/${INSTANCE}/users?name=postgres`, administrator),
    );
  });
  afterAll(async () => {
    await cloudRun.stop();
    await setting.end();
    ran.compare();
  });

  /** The sentence with which a table begins. */
  const firstPart = (text: string) => text.split("\n\n")[0]?.replaceAll("\n", " ");

  /** The table, which never contains a secret. */
  function shown(rows: readonly Row[]): string {
    const text = render(rows, false);
    for (const password of [PASSWORD, OTHER_PASSWORD]) expect(text + JSON.stringify(rows)).not.toContain(password);
    return text;
  }

  /** What a printed line says. In `npm test`, the record tells that the long form has run it. */
  async function expectOutput(name: string, row: Row | undefined, code: number, text: string): Promise<void> {
    if (row === undefined) throw new Error("Nothing was printed.");
    if (!LONG_FORM) {
      ran.requireRecorded(name, row);
      return;
    }
    const ended = await shell(`${tools}; ${row.fix ?? ""}`, { cwd: setting.root });
    expect(ended).toEqual({ code, output: expect.stringContaining(text) as unknown });
    ran.note(name, row);
  }

  /** Without what users get: the service may still have connections from before the fault. */
  const consequences = (rows: readonly Row[]) =>
    checksWith(rows, "consequence").filter((check) => !["answer", "errors"].includes(check));

  /** The causes of 25 October 2025. Those without tables run first: tables are missing only before the import. */
  const HEALTHY = { secret: false, password: false, access: false, tables: false };
  type Causes = typeof HEALTHY;
  let imported: Promise<unknown> | undefined;

  async function breakStack({ secret, password, access, tables }: Causes): Promise<void> {
    if (!tables) expect(await (imported ??= setting.importSchema())).not.toHaveProperty("error");
    await setting.putSecret(SECRET, connectionString());
    await setting.bindSecret(SECRET, !access);
    if (secret) await setting.embedded.delete(`/v1/projects/${PROJECT}/secrets/${SECRET}`);
    await setting.setPassword(password ? OTHER_PASSWORD : PASSWORD);
    await setting.bindProject(...(access ? [] : [CLIENT]));
    await setting.deploy();
  }
  const recover = () => breakStack(HEALTHY);

  describe("diagnoses the four causes of 25 October 2025, alone and in every combination", () => {
    /** Every combination of causes, one bit each. */
    const combinations = [...Array(16).keys()].map((bits) => ({
      secret: (bits & 1) > 0,
      password: (bits & 2) > 0,
      access: (bits & 4) > 0,
      tables: (bits & 8) > 0,
    }));

    /** The checks that report the causes, likeliest first; a missing secret hides missing access to it. */
    function expected({ secret, password, access, tables }: Causes): string[] {
      return [
        ...(secret ? ["secret"] : []),
        ...(access && !secret ? ["accessor"] : []),
        ...(access ? ["client"] : []),
        ...(password ? ["login"] : []),
        ...(tables ? ["tables"] : []),
      ];
    }

    const named = (causes: Causes) =>
      Object.entries(causes)
        .filter(([, set]) => set)
        .map(([name]) => name)
        .join(" and ") || "none";

    async function expectDiagnosis(causes: Causes): Promise<void> {
      await breakStack(causes);
      const rows = await setting.look();
      expect(checksWith(rows, "finding")).toEqual(expected(causes));
      shown(rows);
      const fails = causes.secret || causes.password || causes.access;
      expect(consequences(rows)).toEqual(fails ? ["revision"] : []);
      expect(exitCode(rows)).toBe(expected(causes).length > 0 ? 1 : 0);

      // Without secrets and login, only the log may tell the password; the failing revision is then a finding itself.
      const seen = await setting.look(VIEWER);
      const visible = expected({ ...causes, password: false });
      const found = checksWith(seen, "finding");
      expect(found.filter((check) => !["login", "revision"].includes(check))).toEqual(visible);
      const login = seen.find(({ check }) => check === "login");
      if (found.includes("login")) expect(login?.found).toMatch(/^PostgreSQL refuses the login of the service: 28P01/);
      else expect(login).toMatchObject({ verdict: "unseen", role: "roles/cloudsql.client on the project" });
      if (causes.password) expect(found).toContainEqual(expect.stringMatching(/^(login|revision|secret|accessor)$/));
    }

    test.each(combinations.reverse().map((causes) => [named(causes), causes] as const))("%s", (_name, causes) =>
      expectDiagnosis(causes),
    );
  });

  describe("diagnoses other faults and suggests a fix", () => {
    beforeAll(recover);
    const { embedded } = setting;
    const secretPath = (id: string) => `/v1/projects/${PROJECT}/secrets/${id}`;
    const patchInstance = async (settings: object) => {
      await done(embedded, await embedded.patch(`${SQL}/instances/${INSTANCE}`, { settings }));
    };
    const string = (parts: Parameters<typeof connectionString>[0]) => async () => {
      await setting.putSecret(SECRET, connectionString(parts));
      await setting.deploy();
    };
    const pinned = (version: string) => ({
      env: [{ name: "DATABASE_URL", valueSource: { secretKeyRef: { secret: SECRET, version } } }],
    });
    const zoned = `${PROJECT}:us-central1-a:${INSTANCE}`;

    interface Fault {
      readonly make: () => Promise<unknown>;
      readonly undo?: () => Promise<unknown>;
      /** Ends a cause that the command cannot end here. */
      readonly repaired?: () => unknown;
      /** The doctor's user. */
      readonly as?: string;
      /** Options of the command line. */
      readonly given?: Given;
      /** The findings, likeliest cause first; then the text and the fix of the first one. */
      readonly findings: readonly string[];
      readonly found: RegExp;
      readonly fix: RegExp;
      readonly consequences?: readonly string[];
      /** The fix without a stack, where it differs. */
      readonly alone?: RegExp;
      /** What the printed command does to the fault; it repairs it by default. */
      readonly effect?:
        | "shows more"
        /** Only the check is content then: the fault is an option of the command line. */
        | "repairs the check";
      /** Whether its command runs in `npm test` too, as one of its kind; false by default. */
      readonly short?: true;
      /** Days from now on which the doctor looks; today by default. */
      readonly days?: number;
    }

    const UPDATE = /^npm run up -- --stack=test --refresh$/;
    const RECREATE = /^npm run migration -- recreate --stack=test$/;
    /** As who has no stack file sees it. */
    const ALONE: Given = { project: PROJECT, region: "us-central1" };
    const nothing = () => Promise.resolve();
    const redeploy = () => setting.deploy();
    const repair = string({});

    /** Lets the instance use a new certificate. */
    const rotateCertificate = async () => {
      for (const method of ["addServerCa", "rotateServerCa"])
        await done(embedded, await embedded.post(`${SQL}/instances/${INSTANCE}/${method}`));
    };

    /** Has Cloud Monitoring return a value that no test can cause. */
    const measured = (metric: string, value: number) => {
      let end: () => void = () => undefined;
      const type = `cloudsql.googleapis.com/database/${metric}`;
      return {
        make: () => Promise.resolve((end = embedded.cloud.gauges.pretend(type, value))),
        repaired: () => {
          end();
        },
        undo: () => {
          end();
          return Promise.resolve();
        },
      };
    };

    const faults: Record<string, Fault> = {
      "a disk that is nearly full": {
        ...measured("disk/utilization", 0.97),
        as: VIEWER,
        findings: ["disk"],
        found: /^97 % of 10 GB, grows automatically$/,
        fix: /sql instances patch .*--storage-size=15GB --storage-auto-increase/,
      },
      "connections nearly used up": {
        // 3.75 GB take 100; the instance has four databases.
        ...measured("postgresql/num_backends", 23),
        as: VIEWER,
        findings: ["connections"],
        found: /^92 of 100; a restart ends all/,
        fix: /sql instances restart/,
      },
      "a pool for which the database has too few connections": {
        make: () => setting.deploy({ env: [...pinned("1").env, { name: "DATABASE_POOL_SIZE", value: "25" }] }),
        undo: redeploy,
        as: VIEWER,
        findings: ["connection-budget"],
        found: /^4 instances × 25 connections \+ 10 reserved = 110 of 100$/,
        fix: UPDATE,
        alone: /run services update .*--max-instances=3/,
      },
      "a zone in the service's connection name": {
        make: () => setting.deploy({ instance: zoned }),
        undo: redeploy,
        as: VIEWER,
        findings: ["connection-name"],
        found: /carries the zone "us-central1-a" where the region belongs/,
        fix: UPDATE,
        alone:
          /gcloud run services update .*--set-cloudsql-instances=fusion-prime:us-central1:fusion-prime-db-a504713e/,
        consequences: ["revision"],
      },
      "a zone in the connection string": {
        make: string({ name: zoned }),
        undo: repair,
        findings: ["connection-string"],
        found: /carries the zone "us-central1-a"/,
        fix: UPDATE,
        consequences: ["revision"],
        alone: /^password=\$\(gcloud .*--update-secrets=DATABASE_URL=/,
      },
      "a stopped instance": {
        make: () => patchInstance({ activationPolicy: "NEVER" }),
        undo: () => patchInstance({ activationPolicy: "ALWAYS" }),
        as: VIEWER,
        findings: ["instance"],
        found: /was stopped/,
        fix: /sql instances patch .*--activation-policy=ALWAYS/,
        short: true,
      },
      "a disabled secret version": {
        make: () => embedded.post(`${secretPath(SECRET)}/versions/1:disable`).then(redeploy),
        undo: () => embedded.post(`${secretPath(SECRET)}/versions/1:enable`).then(redeploy),
        as: VIEWER,
        findings: ["secret"],
        found: /version 1, which the service reads, is disabled/,
        fix: /secrets versions enable 1 --secret=settlement-db-connection-string/,
        consequences: ["revision"],
      },
      "a version that does not exist": {
        make: () => setting.deploy(pinned("7")),
        undo: redeploy,
        as: VIEWER,
        findings: ["secret"],
        found: /version 7 does not exist/,
        fix: UPDATE,
        consequences: ["pinned-version", "revision"],
        alone: /--update-secrets=DATABASE_URL=settlement-db-connection-string:1/,
      },
      "a rotated password, and a service that reads the previous version": {
        make: async () => {
          await setting.setPassword(OTHER_PASSWORD);
          await setting.addVersion(SECRET, connectionString({ password: OTHER_PASSWORD }));
          await setting.putSecret(PASSWORD_SECRET, OTHER_PASSWORD);
          await setting.deploy();
        },
        undo: async () => {
          await setting.setPassword(PASSWORD);
          await setting.putSecret(PASSWORD_SECRET, PASSWORD);
          await repair();
        },
        findings: ["pinned-version"],
        found: /reads version 1 of .*; the newest is 2/,
        fix: /^npm run rotate/,
        consequences: ["login", "revision"],
        alone: /--update-secrets=DATABASE_URL=settlement-db-connection-string:2/,
      },
      "a version of the secret that is newer than the one that works, and junk": {
        make: () => setting.addVersion(SECRET, "junk"),
        undo: repair,
        findings: ["pinned-version"],
        found: /version 2 .* cannot be used by the service/,
        fix: /^gcloud secrets versions disable 2/,
      },
      "a client role for another instance": {
        make: () =>
          setting
            .bindProject({ ...CLIENT, expression: CLIENT_CONDITION.replace(INSTANCE, "fusion-prime-db-00000000") })
            .then(redeploy),
        undo: () => setting.bindProject(CLIENT).then(redeploy),
        as: VIEWER,
        findings: ["client"],
        found: /its condition "settlement-instance" is false for projects\/fusion-prime\/instances/,
        fix: /gcloud projects add-iam-policy-binding .*--condition=title=/,
        consequences: ["revision"],
      },
      "a client role that has expired": {
        make: () =>
          setting
            .bindProject({ ...CLIENT, expression: 'request.time < timestamp("2025-10-25T00:00:00Z")' })
            .then(redeploy),
        undo: () => setting.bindProject(CLIENT).then(redeploy),
        as: VIEWER,
        findings: ["client"],
        found: /expired on 2025-10-25T00:00:00/,
        fix: /gcloud projects add-iam-policy-binding/,
        consequences: ["revision"],
      },
      "an accessor role with a wrong condition": {
        make: () => setting.bindSecret(SECRET, true, 'resource.name.endsWith("/versions/9")').then(redeploy),
        undo: () => setting.bindSecret(SECRET, true).then(redeploy),
        as: VIEWER,
        findings: ["accessor"],
        found: /its condition "accessor" is false/,
        fix: /secrets add-iam-policy-binding settlement-db-connection-string/,
        consequences: ["revision"],
      },
      "a failed migration": {
        make: () => setting.importSchema("CREATE TABLE ledger (id int);\nSELECT nothing;", "20260101000000"),
        undo: () => setting.importSchema("DROP TABLE ledger;"),
        as: VIEWER,
        findings: ["migration"],
        found: /imports\/20260101000000-.* failed: .*column "nothing" does not exist/,
        fix: UPDATE,
        alone: /^gcloud sql operations describe/,
        effect: "shows more",
      },
      "a schema partly created manually": {
        make: () => setting.importSchema("DROP TABLE webhook_subscriptions;"),
        undo: () => setting.importSchema(`DROP TABLE settlement_commands, schema_migrations;\n${SCHEMA}`),
        findings: ["tables"],
        found: /settlement_db lacks webhook_subscriptions, though 2 of 2 versions are recorded/,
        fix: RECREATE,
        consequences: ["schema-drift"],
        alone: /^gcloud sql backups list/,
        effect: "shows more",
      },
      "tables created manually, without a version": {
        make: () => setting.importSchema("DROP TABLE schema_migrations;"),
        undo: () => setting.importSchema(`DROP TABLE settlement_commands, webhook_subscriptions;\n${SCHEMA}`),
        findings: ["tables"],
        found: /no version is recorded: they were created manually/,
        fix: RECREATE,
        alone: /^gcloud sql backups list/,
        effect: "shows more",
      },
      "a pending migration": {
        make: () => setting.importSchema(`DELETE FROM schema_migrations WHERE version = '${VERSION}';`),
        undo: () =>
          setting.importSchema(`DROP TABLE schema_migrations, settlement_commands, webhook_subscriptions;\n${SCHEMA}`),
        findings: ["schema-version"],
        found: new RegExp(`pending: ${VERSION}`),
        fix: RECREATE,
        consequences: ["schema-drift"],
        alone: /^gcloud sql backups list/,
        effect: "shows more",
      },
      "a column that was added manually": {
        make: () => setting.importSchema("ALTER TABLE settlement_commands ADD COLUMN note text;"),
        undo: () => setting.importSchema("ALTER TABLE settlement_commands DROP COLUMN note;"),
        findings: ["schema-drift"],
        found: /^table settlement_commands: column note was created manually$/,
        fix: /^npm run migration -- drift/,
        alone: /^PGPASSWORD=.*psql/,
        effect: "shows more",
      },
      "a bucket that the instance may not read": {
        make: () => setting.bindBucket([]),
        undo: () => setting.bindBucket(),
        as: VIEWER,
        findings: ["bucket"],
        found: /the instance's account lacks roles\/storage.objectViewer on gs:\/\/fusion-prime-migrations/,
        fix: /gcloud storage buckets add-iam-policy-binding/,
      },
      "a connection string for another database": {
        make: string({ database: "postgres" }),
        undo: repair,
        findings: ["connection-string"],
        found: /the database is postgres, not settlement_db/,
        fix: UPDATE,
        alone: /^password=\$\(gcloud .*--update-secrets=DATABASE_URL=/,
      },
      "a connection string with its parts in the wrong order": {
        make: string({ user: PASSWORD, password: "settlement_user" }),
        undo: repair,
        findings: ["connection-string"],
        found: /the user is not settlement_user/,
        fix: UPDATE,
        consequences: ["login", "revision"],
        alone: /^password=\$\(gcloud .*--update-secrets=DATABASE_URL=/,
      },
      "a connection string for SQLite": {
        make: async () => {
          await setting.putSecret(SECRET, "sqlite:///./settlement.db");
          await setting.deploy();
        },
        undo: repair,
        findings: ["connection-string"],
        found: /uses the driver "sqlite", which is not PostgreSQL/,
        fix: UPDATE,
        consequences: ["revision"],
        alone: /^password=\$\(gcloud .*--update-secrets=DATABASE_URL=/,
      },
      "no DATABASE_URL": {
        make: () => setting.deploy({ env: [] }),
        undo: redeploy,
        as: VIEWER,
        findings: ["database-url"],
        found: /DATABASE_URL is not set/,
        fix: /--update-secrets=DATABASE_URL=/,
        consequences: ["revision"],
      },
      "a plain-text password in the service's environment": {
        make: () => setting.deploy({ env: [{ name: "DATABASE_URL", value: connectionString() }] }),
        undo: redeploy,
        as: VIEWER,
        findings: ["database-url"],
        found: /is plain text, not a reference to a secret/,
        fix: /--remove-env-vars=DATABASE_URL --update-secrets=DATABASE_URL=/,
      },
      "a fallback to SQLite": {
        make: () =>
          setting.deploy({ env: [...pinned("1").env, { name: "FALLBACK_URL", value: "sqlite:///./settlement.db" }] }),
        undo: redeploy,
        as: VIEWER,
        findings: ["database-url"],
        found: /FALLBACK_URL names another database/,
        fix: /--remove-env-vars=FALLBACK_URL/,
      },
      "an image that does not exist": {
        make: () => setting.deploy({ image: "us-docker.pkg.dev/fusion-prime/settlement/nothing:1" }),
        undo: redeploy,
        as: VIEWER,
        findings: ["revision"],
        found: /not ready, settlement-service-\d+-\w+ still serves: .*Image '.*' not found/,
        fix: /--image=/,
      },
      "an image that does not start": {
        make: () => setting.deploy({ image: BROKEN }),
        undo: redeploy,
        as: VIEWER,
        findings: ["revision"],
        found: /failed to start and listen/,
        fix: /run services update .*--image=/,
      },
      "a login whose password has expired": {
        make: () => setting.alterLogin("VALID UNTIL '2025-10-25'"),
        undo: () => setting.alterLogin("VALID UNTIL 'infinity'"),
        findings: ["login"],
        found: /^PostgreSQL refuses the login settlement_user, because its password has expired$/,
        fix: RECREATE,
        alone: /^psql .*--username=postgres .*ALTER ROLE settlement_user VALID UNTIL .*infinity/,
      },
      "another password, set manually": {
        make: () => setting.setPassword(OTHER_PASSWORD),
        // The log tells of a refused login until one succeeds.
        undo: () => setting.setPassword(PASSWORD).then(() => setting.look()),
        findings: ["login"],
        found: /^PostgreSQL refuses the login/,
        fix: /^npm run rotate/,
        alone: /gcloud sql users set-password settlement_user .*--flags-file=-/,
      },
      "a secret that does not exist": {
        make: () => embedded.delete(secretPath(SECRET)).then(redeploy),
        undo: repair,
        as: VIEWER,
        findings: ["secret"],
        found: /settlement-db-connection-string does not exist/,
        fix: UPDATE,
        alone: /gcloud secrets create settlement-db-connection-string/,
        consequences: ["revision"],
      },
      "a login that may not log in": {
        make: () => setting.alterLogin("NOLOGIN"),
        undo: () => setting.alterLogin("LOGIN"),
        findings: ["user"],
        found: /^the login settlement_user may not log in$/,
        fix: RECREATE,
        consequences: ["login"],
        alone: /^psql .*--username=postgres .*ALTER ROLE settlement_user LOGIN;/,
        short: true,
      },
      "a login that is not a member of the role that owns the tables": {
        make: () => setting.importSchema("SET ROLE cloudsqlsuperuser; REVOKE settlement_owner FROM settlement_user;"),
        undo: () => setting.importSchema("SET ROLE cloudsqlsuperuser; GRANT settlement_owner TO settlement_user;"),
        findings: ["privileges"],
        found: /^the login settlement_user is not a member of settlement_owner, which owns the tables$/,
        fix: RECREATE,
        alone: /^psql .*--username=postgres .*GRANT settlement_owner TO settlement_user;/,
      },
      "no connection left": {
        make: () => setting.alterLogin("CONNECTION LIMIT 0"),
        undo: () => setting.alterLogin("CONNECTION LIMIT -1"),
        findings: ["connections"],
        found: /too many connections for role "settlement_user"/,
        fix: /^npm run rotate/,
        alone: /^psql .*--username=postgres .*CONNECTION LIMIT -1/,
      },
      "a connection string with another password than the password's secret": {
        make: async () => {
          await setting.putSecret(SECRET, connectionString({ password: OTHER_PASSWORD }));
          await setting.deploy();
        },
        undo: repair,
        findings: ["login"],
        found: /password authentication failed .*; it accepts the password in settlement-db-password/,
        fix: UPDATE,
        consequences: ["revision"],
        alone: /^password=\$\(gcloud .*--update-secrets=DATABASE_URL=/,
      },
      "a password secret that differs from the working connection string": {
        make: () => setting.putSecret(PASSWORD_SECRET, OTHER_PASSWORD),
        undo: () => setting.putSecret(PASSWORD_SECRET, PASSWORD),
        findings: ["password-secret"],
        found: /does not match the password in the connection string, which PostgreSQL accepts/,
        fix: /^gcloud secrets versions access 1 .* \| sed .* \| gcloud secrets versions add settlement-db-password --data-file=-/,
        short: true,
      },
      "a login that does not exist": {
        make: nothing,
        as: VIEWER,
        given: { user: "settlement_other" },
        findings: ["user"],
        found: /the login settlement_other does not exist on/,
        fix: UPDATE,
        alone: /gcloud sql users create settlement_other .*--flags-file=-/,
        effect: "repairs the check",
      },
      "a certificate about to expire": {
        make: async () => {
          // Made almost ten years ago.
          const then = new Date(Date.now() + 20 * DAY);
          jest.useFakeTimers({ now: then.setFullYear(then.getFullYear() - 10), advanceTimers: true });
          await rotateCertificate();
          jest.useRealTimers();
        },
        undo: () => rotateCertificate(),
        as: VIEWER,
        findings: ["certificate"],
        found: /^expires in (19|20) days$/,
        fix: /^gcloud sql ssl server-ca-certs create .* && gcloud sql ssl server-ca-certs rotate/,
      },
      "a deleted service account": {
        make: () => embedded.delete(`/v1/projects/${PROJECT}/serviceAccounts/${ACCOUNT}`),
        undo: async () => {
          await embedded.post(`/v1/projects/${PROJECT}/serviceAccounts`, { accountId: "settlement-service" });
          await setting.bindProject(CLIENT);
          await setting.bindSecret(SECRET, true);
          await setting.deploy();
        },
        as: VIEWER,
        findings: ["account"],
        found: /settlement-service@\S+ does not exist/,
        fix: UPDATE,
        alone: /^gcloud iam service-accounts create settlement-service/,
        consequences: ["accessor", "client"],
      },
      "an image of another project, whose policies the user may not see": {
        make: () => setting.deploy({ image: ELSEWHERE }),
        undo: redeploy,
        as: VIEWER,
        findings: ["revision"],
        found: /^not ready, .* still serves: service-\d+@serverless-robot-prod\S+ may not read the image us-docker/,
        fix: /^gcloud artifacts repositories add-iam-policy-binding settlement --location=us .* && gcloud run services update/,
      },
      "an image of another project that Cloud Run may not read": {
        make: async () => {
          const home = "/v1/projects/fusion-spare";
          const { body } = await embedded.post(`${home}:getIamPolicy`);
          const viewer = { role: "roles/iam.securityReviewer", members: [READER] };
          const policy = { ...body, bindings: [...(body.bindings as object[]), viewer] };
          await embedded.post(`${home}:setIamPolicy`, { policy });
          await embedded.post(`${home}/locations/us/repositories/settlement:setIamPolicy`, { policy: {} });
          await setting.deploy({ image: ELSEWHERE });
        },
        undo: redeploy,
        findings: ["image"],
        found: /lacks roles\/artifactregistry.reader on the image's repository/,
        fix: /^gcloud artifacts repositories add-iam-policy-binding settlement --location=us --project=fusion-spare/,
        consequences: ["revision"],
      },
      "an older script that was imported again": {
        make: async () => {
          await setting.importSchema("SELECT 1;");
          await setting.importSchema("SELECT 1;", MIGRATIONS[0]?.version);
        },
        undo: () => setting.importSchema("SELECT 1;"),
        as: VIEWER,
        findings: ["schema-version"],
        found: /by the last import; expected/,
        fix: UPDATE,
        alone:
          /^gcloud sql import sql fusion-prime-db-a504713e gs:\/\/fusion-prime-migrations\/imports\/\S+ --database=settlement_db --user=settlement_user/,
      },
      "a database that does not exist": {
        make: nothing,
        as: VIEWER,
        given: { database: "settlement_other" },
        findings: ["database"],
        found: /settlement_other does not exist/,
        fix: UPDATE,
        consequences: ["tables"],
        alone: /gcloud sql databases create settlement_other/,
        effect: "repairs the check",
      },
      "an instance that does not exist": {
        make: nothing,
        as: VIEWER,
        given: { instance: "fusion-prime-db-00000000" },
        findings: ["instance"],
        found: /fusion-prime-db-00000000 does not exist/,
        fix: UPDATE,
        alone: /gcloud sql instances list/,
        effect: "shows more",
      },
      "a service that does not exist": {
        make: nothing,
        as: VIEWER,
        given: { service: "settlement-other" },
        findings: ["service"],
        found: /settlement-other does not exist in us-central1/,
        fix: UPDATE,
        alone: /gcloud run services list/,
        effect: "shows more",
      },
      "an API that is not enabled": {
        make: () => embedded.post(`/v1/projects/${PROJECT}/services/secretmanager.googleapis.com:disable`),
        undo: () => embedded.post(`/v1/projects/${PROJECT}/services/secretmanager.googleapis.com:enable`),
        as: VIEWER,
        findings: ["apis"],
        found: /not enabled: secretmanager.googleapis.com/,
        fix: /gcloud services enable secretmanager.googleapis.com/,
      },
      "a disabled service account": {
        make: () => embedded.post(`/v1/projects/${PROJECT}/serviceAccounts/${ACCOUNT}:disable`),
        undo: () => embedded.post(`/v1/projects/${PROJECT}/serviceAccounts/${ACCOUNT}:enable`),
        as: VIEWER,
        findings: ["account"],
        found: /is disabled/,
        fix: /gcloud iam service-accounts enable/,
      },
      "backups that are off": {
        make: () => patchInstance({ backupConfiguration: { enabled: false } }),
        undo: () => patchInstance({ backupConfiguration: { enabled: true } }),
        as: VIEWER,
        findings: ["backup"],
        found: /automatic backups are off/,
        fix: /--backup-start-time=/,
      },
      "a backup that is overdue": {
        make: nothing,
        days: 2,
        findings: ["backup"],
        found: /^\d+ hours old$/,
        fix: /^gcloud sql backups create/,
      },
      "a password that is due for rotation": {
        make: nothing,
        undo: () =>
          setting
            .setPassword(PASSWORD)
            .then(() => setting.putSecret(PASSWORD_SECRET, PASSWORD))
            .then(repair),
        days: 100,
        findings: ["rotation", "backup"],
        found: /^100 days old; rotation is due after 90$/,
        fix: /^npm run rotate -- --stack=test$/,
        alone: /^openssl rand .*gcloud sql users set-password settlement_user .*--flags-file=-/,
      },
      "no password secret": {
        make: () => embedded.delete(secretPath(PASSWORD_SECRET)),
        undo: () => setting.putSecret(PASSWORD_SECRET, PASSWORD),
        findings: ["password-secret"],
        found: /settlement-db-password does not exist/,
        fix: UPDATE,
        alone: /gcloud secrets create settlement-db-password/,
      },
      "a password secret whose version was destroyed": {
        make: () => embedded.post(`${secretPath(PASSWORD_SECRET)}/versions/1:destroy`),
        undo: () => setting.putSecret(PASSWORD_SECRET, PASSWORD),
        findings: ["password-secret"],
        found: /the newest version of settlement-db-password is not enabled/,
        fix: /gcloud secrets versions add settlement-db-password/,
      },
      "duplicate alerts and uptime checks": {
        make: async () => {
          const both = { userLabels: { app: "settlement" }, displayName: "Failed backup" };
          const condition = { displayName: "it failed", conditionMatchedLog: { filter: "severity>=ERROR" } };
          const policy = {
            ...both,
            ...{ combiner: "OR", conditions: [condition] },
            alertStrategy: { notificationRateLimit: { period: "300s" } },
          };
          const host = { project_id: PROJECT, host: "settlement.example.com" };
          const uptime = {
            ...{ ...both, displayName: "Settlement service", period: "60s", timeout: "10s" },
            ...{ monitoredResource: { type: "uptime_url", labels: host }, httpCheck: { path: "/health" } },
          };
          for (const [collection, body] of Object.entries({ alertPolicies: policy, uptimeCheckConfigs: uptime })) {
            for (let copies = 0; copies < 2; copies++) {
              const { status, body: answer } = await embedded.post(`/v3/projects/${PROJECT}/${collection}`, body);
              expect([status, answer]).toEqual([200, expect.anything()]);
            }
          }
        },
        undo: async () => {
          for (const collection of ["alertPolicies", "uptimeCheckConfigs"]) {
            const { body } = await embedded.get(`/v3/projects/${PROJECT}/${collection}`);
            for (const { name } of (body[collection] ?? []) as { name: string }[]) await embedded.delete(`/v3/${name}`);
          }
        },
        findings: ["doubles"],
        found: /^"Failed backup", "Settlement service" exist more than once/,
        fix: /^gcloud alpha monitoring policies delete .* && gcloud monitoring uptime delete/,
      },
      "a bucket that does not exist": {
        make: nothing,
        as: VIEWER,
        given: { bucket: "fusion-prime-other" },
        findings: ["bucket"],
        found: /gs:\/\/fusion-prime-other does not exist/,
        fix: UPDATE,
        alone: /^gcloud storage buckets create gs:\/\/fusion-prime-other/,
        effect: "repairs the check",
      },
      "more access than needed": {
        make: () => setting.bindProject(CLIENT, { role: "roles/editor" }),
        undo: () => setting.bindProject(CLIENT),
        as: VIEWER,
        findings: ["breadth"],
        found: /the service's account has roles\/editor on fusion-prime/,
        fix: /remove-iam-policy-binding fusion-prime .*--role=roles\/editor/,
        short: true,
      },
    };

    /** Those that take a second server to make. */
    const slow: Record<string, Fault> = {
      "a replica that was stopped, and does not replicate": {
        make: async () => {
          await patchInstance({ backupConfiguration: { enabled: true, pointInTimeRecoveryEnabled: true } });
          // At least as large as the primary's, which the fix of a full disk has enlarged.
          const body = {
            ...instanceBody(REPLICA, { dataDiskSizeGb: "15" }),
            region: "us-east1",
            masterInstanceName: INSTANCE,
          };
          const { error } = await done(embedded, await embedded.post(`${SQL}/instances`, body));
          expect(error).toBeUndefined();
          const settings = { activationPolicy: "NEVER", databaseReplicationEnabled: false };
          await done(embedded, await embedded.patch(`${SQL}/instances/${REPLICA}`, { settings }));
        },
        undo: async () => {
          await done(embedded, await embedded.delete(`${SQL}/instances/${REPLICA}`));
          await patchInstance({ backupConfiguration: { pointInTimeRecoveryEnabled: false } });
        },
        as: VIEWER,
        findings: ["replica"],
        found: /^fusion-prime-replica in us-east1 was stopped/,
        fix: /^gcloud sql instances patch fusion-prime-replica --activation-policy=ALWAYS/,
      },
    };

    test.each(Object.entries({ ...faults, ...(LONG_FORM && slow) }))("%s", async (name, fault) => {
      const { as = READER, given = {} } = fault;
      let { days = 0 } = fault;
      const now = () => new Date(Date.now() + days * DAY);
      const look = async (user: string, more: Given = {}) =>
        (await setting.count(user, { ...given, ...more }, now())).rows;
      try {
        await fault.make();
        const rows = await look(as);
        expect(checksWith(rows, "finding")).toEqual(fault.findings);
        expect(rows[0]?.found).toMatch(fault.found);
        expect(rows[0]?.fix).toMatch(fault.fix);
        expect(consequences(rows)).toEqual(fault.consequences ?? []);
        expect(firstPart(shown(rows))).toContain(`Most likely cause: ${rows[0]?.title ?? ""}: `);
        const [first] = fault.alone ? await look(as, ALONE) : rows;
        expect([first?.check, first?.fix]).toEqual([
          fault.findings[0],
          expect.stringMatching(fault.alone ?? fault.fix),
        ]);
        if (first && missing.length === 0 && (LONG_FORM || fault.short))
          await run(name, first, { ...fault, repaired: () => ((days = 0), fault.repaired?.()) }, look);
        else if (first) ran.requireRecorded(name, first);
      } finally {
        await fault.undo?.(); // otherwise the next fault is not the only finding
      }
    });

    test("nothing is left of them", async () => {
      expect(checksWith(await setting.look(), "finding")).toEqual([]);
    });

    /** Runs what is printed first, looks again, and so on, as an operator does. */
    async function run(
      name: string,
      first: Row,
      { alone, as = READER, effect, findings, repaired }: Fault,
      look: (user: string, more?: Given) => Promise<Row[]>,
    ) {
      const more = alone ? ALONE : {};
      for (let row: Row | undefined = first, rounds = 0; row?.verdict === "finding" && rounds < 5; rounds++) {
        // gcloud asks before it deletes, and an operator confirms.
        const yes = "export CLOUDSDK_CORE_DISABLE_PROMPTS=1";
        const asks = row.fix?.includes(" delete ") ? `${yes}; ` : "";
        const { code, output } = await shell(`${tools}; ${asks}${row.fix ?? ""}`, { cwd: setting.root });
        expect([row.fix, code, code === 0 ? "" : output]).toEqual([row.fix, 0, ""]);
        ran.note(name, row);
        repaired?.();
        if (effect === "shows more") return;
        const rows = await look(as, more);
        const isOk = rows.some(({ check, verdict }) => check === findings[0] && verdict === "ok");
        row = effect === "repairs the check" && isOk ? undefined : rows[0];
      }
      if (effect !== "repairs the check") expect(checksWith(await look(READER, more), "finding")).toEqual([]);
    }
  });

  test("shows the operations of an instance that Google has suspended, as printed", async () => {
    const record = healthy();
    for (const instance of record[`sql projects/${PROJECT}/instances`].items) instance.state = "SUSPENDED";
    const [row] = await judge(record);
    expect(row).toMatchObject({ check: "instance", verdict: "finding" });
    await expectOutput("shows the operations of an instance that Google has suspended, as printed", row, 0, "DONE");
  });

  test("asks for larger poolers as printed, which the embedded cloud refuses in Google's words", async () => {
    const name = "asks for larger poolers as printed, which the embedded cloud refuses in Google's words";
    const record = healthy();
    const flags = [
      { name: "max_client_connections", value: "1" },
      { name: "max_pool_size", value: "1" },
    ];
    for (const { settings } of record[`sql projects/${PROJECT}/instances`].items)
      Object.assign(settings, {
        tier: "db-perf-optimized-N-8",
        databaseFlags: [],
        connectionPoolConfig: { connectionPoolingEnabled: true, flags },
      });
    const row = (await judge(record, {})).find(({ check }) => check === "connection-budget");
    expect(row?.fix).toMatch(/^gcloud beta sql instances patch .*--connection-pool-flags=/);
    await expectOutput(name, row, 1, "only supported for Enterprise Plus edition");
  });

  test("brings an older checkout and an edited version up to date, as printed", async () => {
    await recover();
    const clone = join(setting.root, "clone");
    const files = join(import.meta.dirname, "../../migrations");
    const git = async (cwd: string, line: string) => {
      const { code, output } = await shell(line, { cwd });
      expect([line, code, code === 0 ? "" : output]).toEqual([line, 0, ""]);
    };
    const commit = "git add . && git -c user.name=test -c user.email=test@local.test commit -qm step";
    const [first, second] = MIGRATIONS;
    await git(
      setting.root,
      `git init -q origin && mkdir origin/migrations && cp '${files}/${first?.file ?? ""}' origin/migrations && cd origin && ${commit} && git clone -q . ../clone && cp '${files}/${second?.file ?? ""}' migrations && ${commit}`,
    );
    const look = async () =>
      (await setting.count(READER, {}, undefined, readMigrations(join(clone, "migrations")))).rows;
    const older = (await look())[0];
    expect([older?.check, older?.fix]).toEqual(["schema-version", "git pull"]);
    await git(clone, older?.fix ?? "");
    expect(checksWith(await look(), "finding")).toEqual([]);

    appendFileSync(join(clone, "migrations", first?.file ?? ""), "-- edited\n");
    const edited = (await look())[0];
    expect([edited?.check, edited?.fix]).toEqual(["schema-version", `git restore migrations/${first?.file ?? ""}`]);
    await git(clone, edited?.fix ?? "");
    expect(checksWith(await look(), "finding")).toEqual([]);
    for (const row of [older, edited])
      if (row) ran.note("brings an older checkout and an edited version up to date, as printed", row);
  });

  test("says that users get errors when somebody sets another password, though it cannot log in", async () => {
    await recover();
    const service = `/v2/projects/${PROJECT}/locations/us-central1/services/settlement-service`;
    const invokers = async (...members: string[]) => {
      const policy = { bindings: members.length === 0 ? [] : [{ role: "roles/run.invoker", members }] };
      expect((await setting.embedded.post(`${service}:setIamPolicy`, { policy })).status).toBe(200);
    };
    await invokers(VIEWER);
    await setting.setPassword(OTHER_PASSWORD);
    // Each call uses up a connection from before.
    let rows: Row[] = [];
    for (let calls = 0; calls < 10 && rows[0]?.verdict !== "finding"; calls++) rows = await setting.look(VIEWER);
    expect(rows[0]).toMatchObject({ check: "login", verdict: "finding" });
    expect(firstPart(shown(rows))).toMatch(
      /^Most likely cause: Login: PostgreSQL refuses the login of the service: 28P01\. Users get errors: GET \/(health answers 503|commands answers 500)/,
    );
    // Who may not call it sees the same in its log.
    await invokers();
    const seen = await setting.look(VIEWER);
    expect(seen[0]).toMatchObject({ check: "login", verdict: "finding" });
    const log = seen.find(({ check }) => check === "errors");
    const name = "says that users get errors when somebody sets another password, though it cannot log in";
    await expectOutput(name, log, 0, "28P01");
    expect(shown(seen)).toMatch(/Last errors: \d+ of \d+ requests failed in the last\s+15/);
    await recover();
  });

  describe("permissions of the user", () => {
    beforeAll(recover);
    /** A user who has only these roles on the project. */
    async function userWith(...roles: string[]): Promise<string> {
      const member = "user:limited@example.com";
      const path = `/v1/projects/${PROJECT}`;
      const { body } = await setting.embedded.post(`${path}:getIamPolicy`, { options: { requestedPolicyVersion: 3 } });
      const bindings = body.bindings as { members: string[] }[];
      const others = bindings.map((each) => ({ ...each, members: each.members.filter((one) => one !== member) }));
      const policy = { ...body, bindings: [...others, ...roles.map((role) => ({ role, members: [member] }))] };
      expect((await setting.embedded.post(`${path}:setIamPolicy`, { policy })).status).toBe(200);
      return member;
    }
    const unseen = (rows: readonly Row[]) =>
      Object.fromEntries(rows.filter(({ verdict }) => verdict === "unseen").map(({ check, role }) => [check, role]));

    test("a reader with access to secrets and a login sees everything, in at most 25 requests", async () => {
      const { rows, requests } = await setting.count(READER);
      expect(unseen(rows)).toEqual({});
      expect(requests).toBeLessThanOrEqual(25);
      expect(exitCode(rows)).toBe(0);
    });

    test("Viewer and Security Reviewer see everything except secrets and logins", async () => {
      const rows = await setting.look(VIEWER);
      const accessor = `roles/secretmanager.secretAccessor on ${SECRET}`;
      expect(unseen(rows)).toEqual({
        answer: "roles/run.invoker on the service",
        "connection-string": accessor,
        login: "roles/cloudsql.client on the project",
        privileges: "roles/cloudsql.client on the project",
        "schema-drift": "roles/cloudsql.client on the project",
      });
      expect(exitCode(rows)).toBe(0);
      expect(firstPart(shown(rows))).toMatch(
        /^Whether the service answers was not looked at; \d+ of \d+ checks find nothing, 5 could/,
      );
      const last = shown(rows).trimEnd().split("\n\n").at(-1)?.replaceAll("\n", " ");
      expect(last).toMatch(
        /^Not looked at: Connection string: .*; Login: .*; Table privileges, Schema drift: .* add --socket DIR .*; Service answers: .*run\.invoker/,
      );
    });

    test("Viewer alone does not see the policy of the bucket", async () => {
      const rows = await setting.look(await userWith("roles/viewer"));
      expect(unseen(rows)).toMatchObject({ bucket: "roles/iam.securityReviewer on the project" });
      expect(checksWith(rows, "finding")).toEqual([]);
    });

    test("Security Reviewer alone cannot examine even a healthy stack", async () => {
      const rows = await setting.look(await userWith("roles/iam.securityReviewer"));
      expect(unseen(rows)).toMatchObject({ service: "roles/viewer on the project" });
      expect(exitCode(rows)).toBe(3);
    });

    test("suspects a manual password change when no login can be tried", async () => {
      const suspicion = async () => (await setting.look(VIEWER)).find(({ check }) => check === "login")?.found;
      await setting.putSecret(SECRET, connectionString());
      expect(await suspicion()).not.toContain("Suspicious");
      await setting.setPassword(PASSWORD);
      expect(await suspicion()).toContain("Suspicious: owner@local.test changed a login");
    });
  });

  describe("the nightly run", () => {
    let filters: Record<string, string>;
    beforeAll(async () => {
      await recover();
      const { resources } = await declare();
      const logs = resources.flatMap(({ name, inputs }) => {
        const [condition] = (inputs.conditions ?? []) as { conditionMatchedLog?: { filter: string } }[];
        const filter = condition?.conditionMatchedLog?.filter;
        return filter?.includes("settlement-doctor") ? [[name.replace("settlement-alert-", ""), filter]] : [];
      });
      filters = Object.fromEntries(logs) as Record<string, string>;
    });

    /** The alerts that match the log entry of a doctor run this many days from now. */
    async function alerted(days = 0): Promise<string[]> {
      const { rows } = await setting.count(READER, {}, new Date(Date.now() + days * DAY));
      const since = new Date().toISOString();
      await writeEntry(setting.place(OWNER), rows);
      const matched = Object.entries(filters).map(async ([what, filter]) => {
        const body = { resourceNames: [`projects/${PROJECT}`], filter: `${filter} AND timestamp>="${since}"` };
        const answer = await setting.embedded.post("/v2/entries:list", body);
        expect(answer.status).toBe(200);
        return ((answer.body.entries ?? []) as unknown[]).length > 0 ? [what] : [];
      });
      return (await Promise.all(matched)).flat();
    }

    test("each alert matches only the log entries of its own fault", async () => {
      expect(Object.keys(filters).sort()).toEqual(["certificate", "half-migrated", "old-backup", "rotation"]);
      expect(await alerted()).toEqual([]);
      expect(await alerted(2)).toEqual(["old-backup"]);
      expect(await alerted(100)).toEqual(["old-backup", "rotation"]);
      expect(await alerted(3650)).toEqual(["old-backup", "certificate", "rotation"]);
      await setting.importSchema("CREATE TABLE ledger (id int);\nSELECT nothing;", "20260101000000");
      expect(await alerted()).toEqual(["half-migrated"]);
      await setting.importSchema("DROP TABLE webhook_subscriptions;");
      expect(await alerted()).toEqual(["half-migrated"]);
      await setting.importSchema(`DROP TABLE ledger, settlement_commands, schema_migrations;\n${SCHEMA}`);
      expect(await alerted()).toEqual([]);
    });
  });

  describe("the command", () => {
    beforeAll(recover);
    const run = async (args: readonly string[], env: Record<string, string> = {}) => {
      const child = spawn(process.execPath, ["ops/doctor.ts", ...args], {
        cwd: join(import.meta.dirname, "../.."),
        env: { PATH: process.env.PATH, HOME: setting.root, ...env },
      });
      const texts = [child.stdout, child.stderr].map(text);
      const [code] = (await once(child, "close")) as [number];
      const [stdout = "", stderr = ""] = await Promise.all(texts);
      return { code, stdout, stderr };
    };
    const names = ["--project", PROJECT, "--region", "us-central1"];

    const MISTAKES = [
      ["no stack and no names", [], "Specify what to inspect"],
      ["an unknown stack", ["--stack", "nowhere"], 'There is no stack "nowhere"'],
      ["an unknown option", ["--colour"], "Unknown option"],
    ] as const;
    test.each(LONG_FORM ? MISTAKES : MISTAKES.slice(0, 1))("ends with 2 for %s", async (_what, args, sentence) => {
      const { code, stderr, stdout } = await run(args);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(stderr).toContain(sentence);
    });

    test("ends with 3 without credentials", async () => {
      const { code, stderr } = await run(names);
      expect(code).toBe(3);
      expect(stderr).toContain("No Google credentials found: run `gcloud auth application-default login`.");
    });

    /** The environment that sends a member's requests to the embedded cloud. */
    const cloud = (member: string) => ({
      GOOGLE_OAUTH_ACCESS_TOKEN: setting.token(member),
      ...endpointEnv(setting.embedded.cloud.url),
    });

    test("looks at a stack by its names, without a stack file", async () => {
      const { code, stdout } = await run([...names, "--socket", setting.socket.folder], cloud(READER));
      expect(stdout.split("\n")[0]).toBe("No fault found, and the service answers.");
      expect(stdout).not.toContain("\u001b[");
      expect(code).toBe(0);
    });

    test("ends with 1 when it finds a fault; --log writes the result to the log", async () => {
      const nightly = "user:nightly@example.com";
      const project = `/v1/projects/${PROJECT}`;
      const { body } = await setting.embedded.post(`${project}:getIamPolicy`, {
        options: { requestedPolicyVersion: 3 },
      });
      const roles = ["roles/viewer", "roles/iam.securityReviewer", "roles/logging.logWriter"];
      const bindings = [...(body.bindings as object[]), ...roles.map((role) => ({ role, members: [nightly] }))];
      await setting.embedded.post(`${project}:setIamPolicy`, { policy: { ...body, bindings } });
      const args = [...names, "--database", "settlement_other", "--log"];
      const { code, stdout, stderr } = await run(args, cloud(nightly));
      expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
      const listed = await setting.embedded.post("/v2/entries:list", {
        resourceNames: [`projects/${PROJECT}`],
        filter: 'jsonPayload.checks.database.found:"settlement_other"',
      });
      expect(listed.body.entries).toMatchObject([
        {
          logName: `projects/${PROJECT}/logs/settlement-doctor`,
          severity: "ERROR",
          jsonPayload: { message: firstPart(stdout), checks: { instance: { verdict: "ok" } } },
        },
      ]);
    });

    test("--json prints the checks for programs; --log ends with 3 without permission", async () => {
      const other = [...names, "--service", "settlement-other", "--json", "--log"];
      const { code, stderr, stdout } = await run(other, cloud(VIEWER));
      const { checks, target } = JSON.parse(stdout) as { target: { project: string }; checks: Row[] };
      expect(code).toBe(3);
      expect(stderr).toBe(
        "The log entry was not written: permission denied (needs roles/logging.logWriter on the project).\n",
      );
      expect(target).toMatchObject({ project: PROJECT, service: "settlement-other" });
      expect(checks[0]).toEqual({
        check: "service",
        title: "Service",
        verdict: "finding",
        found: "settlement-other does not exist in us-central1",
        fix: "gcloud run services list --region=us-central1 --project=fusion-prime",
      });
    });

    inLongForm("ends with 3 without permission to look", async () => {
      const { code, stdout } = await run(names, cloud("user:stranger@example.com"));
      expect(code).toBe(3);
      expect(stdout).toContain("(needs roles/viewer on the project)");
    });

    inLongForm("prints its help", async () => {
      const { code, stdout } = await run(["--help"]);
      expect(code).toBe(0);
      expect(stdout).toContain("npm run doctor -- --stack S");
    });
  });
});
