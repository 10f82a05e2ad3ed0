import { join } from "node:path";
import { directions, readMigrations } from "../../infra/migrations/files.ts";
import { type Answer, base64, type Embedded, message } from "../packages/embedded-google-cloud/embedded.ts";

/** The causes of the incident, in the order of its report. */
export const FAULTS = ["secret", "password", "tables", "access"] as const;
export type Fault = (typeof FAULTS)[number];

export const INSTANCE_SUFFIX = "a504713e";
export const CONNECTION_STRING = "settlement-db-connection-string";
export const PASSWORD_SECRET = "settlement-db-password";
export const PASSWORD = "Abcdefghij0123456789Klmno";
const IMAGE = "us-central1-docker.pkg.dev/fusion-prime/settlement/settlement-service";

/** The program that runs for the service's image. */
export const IMAGES = {
  [IMAGE]: {
    command: process.execPath,
    args: [join(import.meta.dirname, "../../packages/settlement-service/server.js")],
  },
};

/** Ids of the commands that are in the table before adoption. */
export const COMMANDS = ["cmd-1", "cmd-2", "cmd-3"];

interface Binding {
  readonly role: string;
  readonly members: readonly string[];
  readonly condition?: { readonly title: string };
}

/** Production as the manual commands of the incident left it, in one project of an embedded cloud. */
export class ManualProduction {
  readonly instance: string;
  readonly account: string;
  /** Another service that connects to the database, by the same binding. */
  readonly reports: string;
  private readonly sql: string;
  private readonly service: string;

  private readonly cloud: Embedded;
  readonly project: string;

  constructor(cloud: Embedded, project: string) {
    this.cloud = cloud;
    this.project = project;
    this.instance = `${project}-db-${INSTANCE_SUFFIX}`;
    this.account = `settlement-service@${project}.iam.gserviceaccount.com`;
    this.reports = `serviceAccount:reports@${project}.iam.gserviceaccount.com`;
    this.sql = `/sql/v1beta4/projects/${project}`;
    this.service = `/v2/projects/${project}/locations/us-central1/services`;
  }

  /**
   * Creates everything as `gcloud` does with only its required options.
   * @param faults The causes of the incident to include.
   */
  async create(...faults: readonly Fault[]): Promise<void> {
    const { account, cloud, instance, project, reports, sql } = this;
    const has = (fault: Fault) => faults.includes(fault);
    const apis = ["cloudresourcemanager", "iam", "run", "secretmanager", "sqladmin", "storage"];
    const serviceIds = apis.map((api) => `${api}.googleapis.com`);
    await this.post(`/v1/projects/${project}/services:batchEnable`, { serviceIds });

    const settings = { tier: "db-custom-1-3840", edition: "ENTERPRISE" };
    const body = { name: instance, region: "us-central1", databaseVersion: "POSTGRES_17", settings };
    await this.operation(await this.post(`${sql}/instances`, body));
    await this.operation(await this.post(`${sql}/instances/${instance}/databases`, { name: "settlement_db" }));
    const login = { name: "settlement_user", password: has("password") ? "TypedByAnOperator" : PASSWORD };
    await this.operation(await this.post(`${sql}/instances/${instance}/users`, login));

    await this.secret(PASSWORD_SECRET, PASSWORD);
    const socket = `/cloudsql/${project}:us-central1:${instance}`;
    const string = `postgresql+asyncpg://settlement_user:${PASSWORD}@/settlement_db?host=${socket}`;
    if (!has("secret")) await this.secret(CONNECTION_STRING, string);

    for (const accountId of ["settlement-service", "reports"]) {
      await this.post(`/v1/projects/${project}/serviceAccounts`, { accountId });
    }
    await this.bindClient([reports, `serviceAccount:${account}`]);
    if (!has("secret")) await this.bindSecret([`serviceAccount:${account}`]);

    await this.post(`/storage/v1/b?project=${project}`, { name: this.bucket, location: "US-CENTRAL1" });
    const { serviceAccountEmailAddress } = (await cloud.get(`${sql}/instances/${instance}`)).body;
    const reader = `serviceAccount:${String(serviceAccountEmailAddress)}`;
    const binding = { role: "roles/storage.objectViewer", members: [reader] };
    await ok(cloud.grant(`/storage/v1/b/${this.bucket}/iam`, binding));
    if (!has("tables")) await this.importSql("tables.sql", TABLES);

    const env = { name: "DATABASE_URL", valueSource: { secretKeyRef: { secret: CONNECTION_STRING, version: "1" } } };
    const template = {
      labels: { "client.knative.dev/nonce": "qkxwvbtzer" },
      scaling: { maxInstanceCount: 20 },
      serviceAccount: account,
      volumes: [{ name: "cloudsql", cloudSqlInstance: { instances: [`${project}:us-central1:${instance}`] } }],
      containers: [
        {
          name: "settlement-service-1",
          image: `${IMAGE}:manual`,
          ports: [{ name: "http1", containerPort: 8080 }],
          resources: { limits: { cpu: "1000m", memory: "512Mi" }, cpuIdle: true, startupCpuBoost: true },
          startupProbe: { timeoutSeconds: 240, periodSeconds: 240, failureThreshold: 1, tcpSocket: { port: 8080 } },
          env: has("secret") ? [] : [env],
          volumeMounts: [{ name: "cloudsql", mountPath: "/cloudsql" }],
        },
      ],
    };
    // As gcloud and the console leave it; gcloud writes the nonce into each template.
    const deployed = {
      template,
      client: "gcloud",
      clientVersion: "548.0.0",
      launchStage: "GA",
      ingress: "INGRESS_TRAFFIC_ALL",
      scaling: { maxInstanceCount: 20 },
      labels: { "goog-packaged-solution": "settlement" },
      annotations: { "cloud.example.com/note": "deployed by an operator" },
    };
    const { body: begun } = await this.post(`${this.service}?serviceId=settlement-service`, deployed);
    const created = await cloud.post(`/v2/${String(begun.name)}:wait`);
    // Without its variable the service does not start.
    expect([created.status, created.body.error === undefined]).toEqual([200, !has("secret")]);
    if (has("access")) {
      await this.bindClient([reports]);
      if (!has("secret")) await this.bindSecret([]);
    }
  }

  /** Sets which accesses to Cloud SQL the project logs: `auditLogConfigs` of its policy. */
  async logAccesses(...auditLogConfigs: readonly object[]): Promise<void> {
    const auditConfigs = [{ service: "cloudsql.googleapis.com", auditLogConfigs }];
    const body = { policy: { version: 3, auditConfigs }, updateMask: "auditConfigs" };
    await this.post(`/v1/projects/${this.project}:setIamPolicy`, body);
  }

  get bucket(): string {
    return `${this.project}-migrations`;
  }

  /** The bindings of the project. */
  async bindings(): Promise<readonly Binding[]> {
    const options = { requestedPolicyVersion: 3 };
    const { body } = await this.post(`/v1/projects/${this.project}:getIamPolicy`, { options });
    return body.bindings as Binding[];
  }

  /** The service, as Cloud Run returns it. */
  async liveService() {
    const { body } = await this.cloud.get(`${this.service}/settlement-service`);
    return body as { uri: string; latestReadyRevision: string; template: { containers: { env: unknown }[] } };
  }

  /** The instance, as Cloud SQL returns it. */
  async liveInstance() {
    const { body } = await this.cloud.get(`${this.sql}/instances/${this.instance}`);
    return body as { name: string; createTime: string; settings: Record<string, unknown> };
  }

  /** The ids of the secrets. */
  async secretIds(): Promise<string[]> {
    const { body } = await this.cloud.get(`/v1/projects/${this.project}/secrets`);
    return ((body.secrets ?? []) as { name: string }[]).map(({ name }) => name).sort();
  }

  /** The secrets, with the states of their versions. */
  async secrets(): Promise<Record<string, string[]>> {
    const secrets: Record<string, string[]> = {};
    for (const id of [PASSWORD_SECRET, CONNECTION_STRING]) {
      const { body } = await this.cloud.get(`/v1/projects/${this.project}/secrets/${id}/versions`);
      const versions = (body.versions ?? []) as { name: string; state: string }[];
      secrets[id] = versions.map(({ name, state }) => `${name.split("/").at(-1) ?? ""} ${state}`).sort();
    }
    return secrets;
  }

  /** A command, as the service returns it. */
  async command(id: string): Promise<unknown> {
    return (await this.cloud.get(`${new URL((await this.liveService()).uri).pathname}/commands/${id}`)).body;
  }

  private async importSql(name: string, sql: string): Promise<void> {
    await this.post(`/upload/storage/v1/b/${this.bucket}/o?uploadType=media&name=${name}`, sql);
    const uri = `gs://${this.bucket}/${name}`;
    const importContext = { uri, database: "settlement_db", fileType: "SQL", importUser: "settlement_user" };
    await this.operation(await this.post(`${this.sql}/instances/${this.instance}/import`, { importContext }));
  }

  private async secret(id: string, value: string): Promise<void> {
    await this.post(`/v1/projects/${this.project}/secrets?secretId=${id}`, { replication: { automatic: {} } });
    await this.post(`/v1/projects/${this.project}/secrets/${id}:addVersion`, { payload: { data: base64(value) } });
  }

  private async bindSecret(members: readonly string[]): Promise<void> {
    const bindings = [{ role: "roles/secretmanager.secretAccessor", members }];
    await this.post(`/v1/projects/${this.project}/secrets/${CONNECTION_STRING}:setIamPolicy`, { policy: { bindings } });
  }

  private async bindClient(members: readonly string[]): Promise<void> {
    const others = (await this.bindings()).filter(({ role }) => role !== "roles/cloudsql.client");
    const policy = { version: 3, bindings: [...others, { role: "roles/cloudsql.client", members }] };
    await this.post(`/v1/projects/${this.project}:setIamPolicy`, { policy });
  }

  private async post(path: string, body?: unknown): Promise<Answer> {
    return ok(this.cloud.post(path, body));
  }

  private async operation({ body }: Answer): Promise<void> {
    let operation = body as { name: string; status: string; error?: unknown };
    while (operation.status !== "DONE") {
      operation = (await this.cloud.get(`${this.sql}/operations/${operation.name}`)).body as typeof operation;
    }
    expect(operation.error).toBeUndefined();
  }
}

/** The tables with rows, but without a record of their versions. */
const TABLES = [
  ...readMigrations(`${import.meta.dirname}/../../migrations`).map(({ file, text }) => directions(file, text).up),
  `INSERT INTO settlement_commands (command_id, workflow_id, account_ref, status) VALUES
     ${COMMANDS.map((id) => `('${id}', 'w', 'a', 'RECEIVED')`).join(", ")};`,
].join("\n");

async function ok(request: Promise<Answer>): Promise<Answer> {
  const answer = await request;
  expect({ status: answer.status, message: message(answer) }).toEqual({ status: 200 });
  return answer;
}
