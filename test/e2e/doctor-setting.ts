import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { directions, readMigrations } from "../../infra/migrations/files.ts";
import { LOGINS, OWNER_ROLE } from "../../infra/names.ts";
import { clientOf } from "../../ops/doctor/answer.ts";
import { CHECKS } from "../../ops/doctor/checks.ts";
import { diagnose, type Row } from "../../ops/doctor/diagnosis.ts";
import { Facts } from "../../ops/doctor/facts.ts";
import { RestReader } from "../../ops/google/reader.ts";
import { writeToolSettings } from "../../ops/engine/tools.ts";
import type { CloudRunV1 } from "./cloud-run-v1.ts";
import { type Given, locate, type Place } from "../../ops/engine/target.ts";
import { endpointConfig } from "../../ops/engine/endpoints.ts";
import { base64, Embedded, PROJECT } from "../packages/embedded-google-cloud/embedded.ts";
import { expectRun } from "./printed.ts";
import { createInstance, done, ROOT as SQL, Volume } from "../packages/embedded-google-cloud/apis/cloudsql/setup.ts";

export { PROJECT };
export const INSTANCE = `${PROJECT}-db-a504713e`;
export const CONNECTION_NAME = `${PROJECT}:us-central1:${INSTANCE}`;
export const SECRET = "settlement-db-connection-string";
export const PASSWORD_SECRET = "settlement-db-password";
export const ACCOUNT = `settlement-service@${PROJECT}.iam.gserviceaccount.com`;
export const MEMBER = `serviceAccount:${ACCOUNT}`;
export const BUCKET = `${PROJECT}-migrations`;
export const PASSWORD = "Abcdefghij0123456789Klmno";
export const CLIENT_CONDITION = `resource.service == "sqladmin.googleapis.com" && resource.name == "projects/${PROJECT}/instances/${INSTANCE}"`;
export const MIGRATIONS = readMigrations(join(import.meta.dirname, "../../migrations"));
export const VERSION = MIGRATIONS.at(-1)?.version ?? "";

/** The result of the migrations: the tables, which belong to the owner's role, and their versions. */
export const SCHEMA = [
  "BEGIN;",
  `DO $$ BEGIN
     IF EXISTS (SELECT FROM pg_roles WHERE rolname = '${OWNER_ROLE}') THEN RETURN; END IF;
     SET LOCAL ROLE cloudsqlsuperuser;
     CREATE ROLE ${OWNER_ROLE};
     GRANT ${OWNER_ROLE} TO settlement_user;
     SET LOCAL ROLE settlement_user;
   END $$;`,
  `GRANT CREATE, USAGE ON SCHEMA public TO ${OWNER_ROLE};`,
  `SET LOCAL ROLE ${OWNER_ROLE};`,
  "CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY, checksum varchar(64));",
  ...MIGRATIONS.map(
    ({ file, text, version, checksum }) =>
      `${directions(file, text).up};\nINSERT INTO schema_migrations VALUES ('${version}', '${checksum}');`,
  ),
  "COMMIT;",
].join("\n");

const IMAGE = "us-docker.pkg.dev/fusion-prime/settlement/settlement-service";
const PROGRAM = {
  command: process.execPath,
  args: [join(import.meta.dirname, "../../packages/settlement-service/server.js")],
};
/** An image whose program exits immediately. */
export const BROKEN = "us-docker.pkg.dev/fusion-prime/settlement/broken:1";
/** The same program as an image of another project. */
export const ELSEWHERE = "us-docker.pkg.dev/fusion-spare/settlement/settlement-service:1";
const RUN = `/v2/projects/${PROJECT}/locations/us-central1/services`;

/** An image that prints its arguments. */
export const MIGRATION = "us-docker.pkg.dev/fusion-prime/settlement/settlement-migration:1";

/** Users of the doctor: with Viewer and Security Reviewer only, or also with access to secrets and login. */
export const VIEWER = "user:viewer@example.com";
export const READER = "user:reader@example.com";

/** The value of the service's secret. */
export function connectionString(parts: { user?: string; password?: string; database?: string; name?: string } = {}) {
  const { user = "settlement_user", password = PASSWORD, database = "settlement_db", name = CONNECTION_NAME } = parts;
  return `postgresql+asyncpg://${user}:${password}@/${database}?host=/cloudsql/${name}`;
}

/** A binding of the service's account on the project. */
export interface Bound {
  readonly role: string;
  readonly expression?: string;
}

export const CLIENT: Bound = { role: "roles/cloudsql.client", expression: CLIENT_CONDITION };

/** How a deployment differs from the healthy one. */
export interface Deployment {
  readonly image?: string;
  readonly env?: readonly object[];
  readonly instance?: string;
}

/** The settlement stack on an embedded cloud, created by REST, and a doctor that examines it. */
export class DoctorSetting {
  readonly embedded = new Embedded({
    [BROKEN]: { command: process.execPath, args: ["--eval", "process.exit(1)"] },
    [IMAGE]: PROGRAM,
    [ELSEWHERE]: PROGRAM,
    [MIGRATION]: { command: process.execPath, args: ["--eval", "console.log(process.argv.slice(1).join(' '))", "--"] },
  });
  readonly socket = new Volume();
  /** The stack file's folder. */
  readonly root = mkdtempSync(join(tmpdir(), "doctor-"));
  private deployments = 0;

  /** Creates everything but the schema. */
  async start(): Promise<void> {
    const { embedded } = this;
    const apis = [
      "artifactregistry",
      "cloudresourcemanager",
      "iam",
      "logging",
      "monitoring",
      "run",
      "secretmanager",
      "sqladmin",
      "storage",
    ];
    await embedded.start(...apis.map((api) => `${api}.googleapis.com`));
    await createInstance(embedded, INSTANCE, {
      backupConfiguration: { enabled: true },
      connectorEnforcement: "REQUIRED",
      ipConfiguration: { ipv4Enabled: true, sslMode: "ENCRYPTED_ONLY" },
    });
    await embedded.post(`${SQL}/instances/${INSTANCE}/databases`, { name: "settlement_db" });
    for (const name of LOGINS) await embedded.post(`${SQL}/instances/${INSTANCE}/users`, { name, password: PASSWORD });
    await embedded.post(`/v1/projects/${PROJECT}/serviceAccounts`, { accountId: "settlement-service" });
    await embedded.post(`/storage/v1/b?project=${PROJECT}`, { name: BUCKET });
    await this.bindBucket();
    await this.bindProject(CLIENT);
    await this.putSecret(SECRET, connectionString());
    await this.putSecret(PASSWORD_SECRET, PASSWORD);
    await done(embedded, await embedded.post(`${SQL}/instances/${INSTANCE}/backupRuns`));
    await this.socket.open(embedded, CONNECTION_NAME, READER);
    const config = { "gcp:project": PROJECT, "gcp:region": "us-central1", ...endpointConfig(embedded.cloud.url) };
    writeFileSync(join(this.root, "Pulumi.test.yaml"), stringify({ config }));
  }

  async end(): Promise<void> {
    await this.socket.close();
    await this.embedded.remove();
    rmSync(this.root, { recursive: true });
  }

  /** Runs the doctor as a member; it tries a login only if the member may read secrets. */
  async look(member = READER, given: Given = {}): Promise<Row[]> {
    return (await this.count(member, given)).rows;
  }

  /** The same, with the number of requests. */
  async count(
    member = READER,
    given: Given = {},
    now = new Date(),
    migrations = MIGRATIONS,
  ): Promise<{ rows: Row[]; requests: number }> {
    const socket = member === READER ? { socket: this.socket.folder } : {};
    const place = this.place(member, { ...socket, ...given });
    const reader = new RestReader(place.endpoints, place.token);
    const facts = new Facts(place.target, reader, migrations, now, undefined, [], clientOf(place));
    const rows = await diagnose(CHECKS, facts);
    expectRun(rows);
    return { rows, requests: reader.requests };
  }

  /**
   * Leads gcloud to the embedded cloud.
   * @returns Lines of shell.
   */
  async tools(run: CloudRunV1): Promise<string> {
    const { cloud, folder: state } = this.embedded;
    const folder = join(this.root, "tools");
    mkdirSync(folder, { recursive: true });
    const file = writeToolSettings({
      ...{ url: cloud.url, folder, token: join(state, "owner-token"), project: PROJECT },
      ...{ region: "us-central1", socket: undefined, database: "settlement_db" },
    });
    return `. '${file}'; ${await run.start(cloud.url)}`;
  }

  /** The stack as a member sees it. */
  place(member: string, given: Given = {}): Place {
    // Names alone do not say where the embedded cloud is.
    const { endpoints } = locate({ stack: "test" }, this.root);
    const place = locate(given.project === undefined ? { stack: "test", ...given } : given, this.root);
    return { ...place, endpoints, token: () => Promise.resolve(this.token(member)) };
  }

  token(member: string): string {
    return this.embedded.cloud.identities.tokenFor(member);
  }

  /** Imports a script, by default the repository's schema; returns the operation. */
  async importSchema(script = SCHEMA, version = VERSION) {
    const name = `imports/${version}-0123456789ab.sql`;
    const object = `/upload/storage/v1/b/${BUCKET}/o?uploadType=media&name=${encodeURIComponent(name)}`;
    await this.embedded.post(object, script);
    const importContext = {
      uri: `gs://${BUCKET}/${name}`,
      database: "settlement_db",
      fileType: "SQL",
      importUser: "settlement_user",
    };
    const begun = await this.embedded.post(`${SQL}/instances/${INSTANCE}/import`, { importContext });
    return done(this.embedded, begun);
  }

  /** Replaces the bindings of the service's account on the project. */
  async bindProject(...bound: readonly Bound[]): Promise<void> {
    const users = [VIEWER, READER];
    const { projectNumber } = (await this.embedded.get(`/v1/projects/${PROJECT}`)).body;
    const agent = `serviceAccount:service-${projectNumber as string}@serverless-robot-prod.iam.gserviceaccount.com`;
    const bindings = [
      { role: "roles/run.serviceAgent", members: [agent] },
      { role: "roles/owner", members: ["user:owner@local.test"] },
      { role: "roles/viewer", members: users },
      { role: "roles/iam.securityReviewer", members: users },
      { role: "roles/cloudsql.client", members: [READER] },
      { role: "roles/run.invoker", members: [READER] },
      ...bound.map(({ role, expression }) => ({
        role,
        members: [MEMBER],
        ...(expression !== undefined && { condition: { title: "settlement-instance", expression } }),
      })),
    ];
    await this.expectOk(
      this.embedded.post(`/v1/projects/${PROJECT}:setIamPolicy`, { policy: { version: 3, bindings } }),
    );
  }

  /** Replaces the readers of the bucket, by default only the instance's account. */
  async bindBucket(members?: readonly string[]): Promise<void> {
    const { serviceAccountEmailAddress } = (await this.embedded.get(`${SQL}/instances/${INSTANCE}`)).body;
    const reader = `serviceAccount:${serviceAccountEmailAddress as string}`;
    const binding = { role: "roles/storage.objectViewer", members: members ?? [reader] };
    await this.expectOk(this.embedded.grant(`/storage/v1/b/${BUCKET}/iam`, binding));
  }

  /** Recreates a secret with one version; the service may read it if it is the connection string. */
  async putSecret(id: string, value: string): Promise<void> {
    await this.embedded.delete(`/v1/projects/${PROJECT}/secrets/${id}`);
    await this.embedded.post(`/v1/projects/${PROJECT}/secrets?secretId=${id}`, { replication: { automatic: {} } });
    await this.addVersion(id, value);
    await this.bindSecret(id, id === SECRET);
  }

  async addVersion(id: string, value: string): Promise<void> {
    const path = `/v1/projects/${PROJECT}/secrets/${id}:addVersion`;
    await this.expectOk(this.embedded.post(path, { payload: { data: base64(value) } }));
  }

  /** @param service Whether the service may read it too. */
  async bindSecret(id: string, service: boolean, expression?: string): Promise<void> {
    const role = "roles/secretmanager.secretAccessor";
    const bindings = [
      { role, members: [READER] },
      ...(service
        ? [
            {
              role,
              members: [MEMBER],
              ...(expression !== undefined && { condition: { title: "accessor", expression } }),
            },
          ]
        : []),
    ];
    const path = `/v1/projects/${PROJECT}/secrets/${id}:setIamPolicy`;
    await this.expectOk(this.embedded.post(path, { policy: { version: 3, bindings } }));
  }

  /** Changes the service's role in PostgreSQL, as an operator with `psql` would. */
  async alterLogin(how: string): Promise<void> {
    const script = `SET ROLE cloudsqlsuperuser; ALTER ROLE settlement_user ${how};`;
    expect((await this.importSchema(script)).error).toBeUndefined();
  }

  async setPassword(password: string): Promise<void> {
    const path = `${SQL}/instances/${INSTANCE}/users?name=settlement_user`;
    await this.expectOk(this.embedded.put(path, { name: "settlement_user", password }));
  }

  /** Deploys a new revision, and waits until it is ready or has failed. */
  async deploy({ image = `${IMAGE}:1`, env, instance = CONNECTION_NAME }: Deployment = {}): Promise<void> {
    const body = {
      template: {
        labels: { deployment: String(++this.deployments) },
        serviceAccount: ACCOUNT,
        scaling: { maxInstanceCount: 4 },
        volumes: [{ name: "cloudsql", cloudSqlInstance: { instances: [instance] } }],
        containers: [
          {
            image,
            env: env ?? [{ name: "DATABASE_URL", valueSource: { secretKeyRef: { secret: SECRET, version: "1" } } }],
            volumeMounts: [{ name: "cloudsql", mountPath: "/cloudsql" }],
            startupProbe: { httpGet: { path: "/health" }, periodSeconds: 1, timeoutSeconds: 1, failureThreshold: 1 },
          },
        ],
      },
    };
    const exists = (await this.embedded.get(`${RUN}/settlement-service`)).status === 200;
    const begun = exists
      ? await this.embedded.patch(`${RUN}/settlement-service`, body)
      : await this.embedded.post(`${RUN}?serviceId=settlement-service`, body);
    expect([begun.status, begun.body]).toEqual([200, expect.anything()]);
    await this.embedded.post(`/v2/${begun.body.name as string}:wait`);
  }

  private async expectOk(answer: Promise<{ status: number; body: unknown }>): Promise<void> {
    const { status, body } = await answer;
    expect({ status, body: status === 200 ? {} : body }).toEqual({ status: 200, body: {} });
  }
}

/** Ids of the checks with a verdict, in the order of the table. */
export function checksWith(rows: readonly Row[], verdict: Row["verdict"]): string[] {
  return rows.filter((row) => row.verdict === verdict).map(({ check }) => check);
}
