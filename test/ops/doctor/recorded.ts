import { readMigrations } from "../../../infra/migrations/files.ts";
import { join } from "node:path";
import type { Client } from "../../../ops/doctor/answer.ts";
import { CHECKS } from "../../../ops/doctor/checks.ts";
import { diagnose, type Row } from "../../../ops/doctor/diagnosis.ts";
import { Facts } from "../../../ops/doctor/facts.ts";
import { type Question, type Reader, NotVisible } from "../../../ops/google/reader.ts";
import type { Target } from "../../../ops/engine/target.ts";
import { expectRun } from "../../e2e/printed.ts";

export const TARGET: Target = {
  project: "fusion-prime",
  region: "us-central1",
  database: "settlement_db",
  user: "settlement_user",
  service: "settlement-service",
  secret: "settlement-db-connection-string",
  passwordSecret: "settlement-db-password",
  bucket: "fusion-prime-migrations",
};

/** What a stack of this project declares. */
export const DECLARED = { public: false, deployer: "deployer@fusion-prime.iam.gserviceaccount.com", network: false };

const INSTANCE = "fusion-prime-db-a504713e";
const CONNECTION_NAME = `fusion-prime:us-central1:${INSTANCE}`;
const ACCOUNT = "settlement-service@fusion-prime.iam.gserviceaccount.com";
const SQL_ACCOUNT = "p1004-abcdef@gcp-sa-cloud-sql.iam.gserviceaccount.com";
export const RUN_AGENT = "service-1004@serverless-robot-prod.iam.gserviceaccount.com";
export const PASSWORD = "Abcdefghij0123456789Klmno";
export const NOW = new Date("2026-02-01T03:00:00Z");
export const MIGRATIONS = readMigrations(join(import.meta.dirname, "../../../migrations"));

/** Google's answer for a version of a secret. */
export const encoded = (text: string) => ({ payload: { data: Buffer.from(text).toString("base64") } });
const bound = (role: string, ...members: string[]) => ({ role, members });
const version = (id: string) => ({
  versions: [{ name: `projects/1004/secrets/${id}/versions/1`, state: "ENABLED", createTime: "2026-01-30T12:00:00Z" }],
});
/** A metric with one point. */
export const metric = (value: number) => ({ timeSeries: [{ points: [{ value: { doubleValue: value } }] }] });

/** @param reads The uptime check whose metric the policy reads. */
export const alertPolicy = (id: string, displayName: string, mutateTime: string, reads = "") => ({
  name: `projects/fusion-prime/alertPolicies/${id}`,
  displayName,
  userLabels: { app: "settlement" },
  conditions: [{ conditionThreshold: { filter: `metric.labels.check_id="${reads}"` } }],
  creationRecord: { mutateTime },
});
export const uptimeCheck = (id: string) => ({
  name: `projects/fusion-prime/uptimeCheckConfigs/settlement-service-${id}`,
  displayName: "Settlement service",
  userLabels: { app: "settlement" },
});

/** Google's answers for a healthy stack, by API and path (or its prefix, or a metric). */
export function healthy() {
  return {
    "serviceUsage projects/fusion-prime/services": {
      services: ["cloudresourcemanager", "iam", "run", "secretmanager", "sqladmin", "storage"].map((api) => ({
        config: { name: `${api}.googleapis.com` },
      })),
    },
    "resourceManager projects/fusion-prime:getIamPolicy": {
      bindings: [
        bound("roles/owner", "user:owner@example.com"),
        bound("roles/run.serviceAgent", `serviceAccount:${RUN_AGENT}`),
        {
          ...bound("roles/cloudsql.client", `serviceAccount:${ACCOUNT}`),
          condition: {
            title: "settlement-instance",
            expression: `resource.service == "sqladmin.googleapis.com" && resource.name == "projects/fusion-prime/instances/${INSTANCE}"`,
          },
        },
      ] as { role: string; members: string[]; condition?: { title: string; expression: string } }[],
    },
    "resourceManager projects/fusion-prime": { projectNumber: "1004" },
    "iamBeta projects/fusion-prime/serviceAccounts/": { email: ACCOUNT },
    "cloudRunV2 projects/fusion-prime/locations/us-central1/services/settlement-service": {
      template: {
        serviceAccount: ACCOUNT,
        scaling: { maxInstanceCount: 4 },
        volumes: [{ name: "cloudsql", cloudSqlInstance: { instances: [CONNECTION_NAME] } }],
        containers: [
          {
            image: "gcr.io/fusion-prime/settlement-service:1",
            env: [{ name: "DATABASE_URL", valueSource: { secretKeyRef: { secret: TARGET.secret, version: "1" } } }],
          },
        ],
      },
      uri: "https://settlement-service.example.com",
      ingress: "INGRESS_TRAFFIC_ALL",
      traffic: [{ type: "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", percent: 100 }] as object[],
      latestCreatedRevision: "settlement-service-00001-abc",
      latestReadyRevision: "settlement-service-00001-abc",
      terminalCondition: { state: "CONDITION_SUCCEEDED" } as { state: string; message?: string },
    },
    "cloudRunV2 projects/fusion-prime/locations/us-central1/services/settlement-service:getIamPolicy": {
      bindings: [
        bound(
          "roles/run.invoker",
          "serviceAccount:deployer@fusion-prime.iam.gserviceaccount.com",
          "serviceAccount:service-1004@gcp-sa-monitoring-notification.iam.gserviceaccount.com",
        ),
      ],
    },
    "cloudRunV2 projects/fusion-prime/locations/us-central1/jobs/settlement-migration":
      {} as gapi.client.run.GoogleCloudRunV2Job,
    "sql projects/fusion-prime/instances": {
      items: [
        {
          name: INSTANCE,
          region: "us-central1",
          gceZone: "us-central1-a",
          state: "RUNNABLE",
          createTime: "2026-01-30T10:00:00Z",
          connectionName: CONNECTION_NAME,
          serviceAccountEmailAddress: SQL_ACCOUNT,
          serverCaCert: { createTime: "2026-01-28T10:00:00Z", expirationTime: "2036-01-28T10:00:00Z" },
          outOfDiskReport: { sqlOutOfDiskState: "NORMAL" },
          settings: {
            tier: "db-custom-2-7680",
            activationPolicy: "ALWAYS",
            dataDiskSizeGb: "10",
            storageAutoResize: true,
            backupConfiguration: { enabled: true },
            connectorEnforcement: "REQUIRED",
            ipConfiguration: { ipv4Enabled: true, sslMode: "ENCRYPTED_ONLY" } as object,
            databaseFlags: [{ name: "max_connections", value: "100" }],
          },
        },
      ],
    },
    [`sql projects/fusion-prime/instances/${INSTANCE}/databases`]: { items: [{ name: "settlement_db" }] },
    [`sql projects/fusion-prime/instances/${INSTANCE}/users`]: {
      items: [{ name: "settlement_user" }, { name: "settlement_user_b" }],
    },
    [`sql projects/fusion-prime/instances/${INSTANCE}/backupRuns`]: {
      items: [{ status: "SUCCESSFUL", endTime: "2026-01-31T03:05:00Z" }],
    },
    "sql projects/fusion-prime/operations": {
      items: [
        { name: "op-create", operationType: "CREATE", status: "DONE", insertTime: "2026-01-30T10:00:00Z" },
        {
          name: "op-import",
          operationType: "IMPORT",
          status: "DONE",
          insertTime: "2026-01-30T12:30:00Z",
          importContext: {
            uri: `gs://fusion-prime-migrations/imports/${MIGRATIONS.at(-1)?.version ?? ""}-0123456789ab.sql`,
            database: "settlement_db",
          },
        },
      ] as object[],
    },
    "secretManager projects/fusion-prime/secrets/settlement-db-connection-string/versions": version(TARGET.secret),
    "secretManager projects/fusion-prime/secrets/settlement-db-connection-string/versions/1:access": encoded(
      `postgresql+asyncpg://settlement_user:${PASSWORD}@/settlement_db?host=/cloudsql/${CONNECTION_NAME}`,
    ),
    "secretManager projects/fusion-prime/secrets/settlement-db-connection-string:getIamPolicy": {
      bindings: [bound("roles/secretmanager.secretAccessor", `serviceAccount:${ACCOUNT}`)],
    },
    "secretManager projects/fusion-prime/secrets/settlement-db-password/versions": version(TARGET.passwordSecret),
    "secretManager projects/fusion-prime/secrets/settlement-db-password/versions/1:access": encoded(PASSWORD),
    "secretManager projects/fusion-prime/secrets/settlement-db-password:getIamPolicy": { bindings: [] },
    "storage b/fusion-prime-migrations/iam": {
      bindings: [bound("roles/storage.objectViewer", `serviceAccount:${SQL_ACCOUNT}`)],
    },
    "logging entries:list": { entries: [] as gapi.client.logging.LogEntry[] },
    "monitoring disk/utilization": metric(0.31),
    "monitoring postgresql/num_backends": metric(12),
    "monitoring v3/projects/fusion-prime/alertPolicies": {
      alertPolicies: [alertPolicy("1", "Service does not answer", "2026-01-30T12:40:00Z", "settlement-service-b")],
    },
    "monitoring v3/projects/fusion-prime/uptimeCheckConfigs": { uptimeCheckConfigs: [uptimeCheck("b")] },
  };
}

export type Recorded = ReturnType<typeof healthy>;
type Part = {
  readonly [Key in keyof Recorded | `compute ${string}`]?: Key extends keyof Recorded
    ? Recorded[Key] | object | undefined
    : object | undefined;
};

/** Answers from a record: a missing key does not exist, an undefined value is not visible. */
class RecordReader implements Reader {
  private readonly record: Part;

  constructor(record: Part) {
    this.record = record;
  }

  read<T>({ api, path, role }: Question): Promise<T | undefined> {
    const name = new URLSearchParams(path.split("?")[1]).get("filter")?.match(/database\/([a-z_/]+)/)?.[1];
    const asked = `${api} ${name ?? path.split("?")[0] ?? ""}`;
    const key = Object.keys(this.record).find(
      (known) => known === asked || (known.endsWith("/") && asked.startsWith(known)),
    );
    if (key === undefined) return Promise.resolve(undefined);
    const answer = this.record[key as keyof Recorded];
    return answer === undefined
      ? Promise.reject(new NotVisible("permission denied", role))
      : Promise.resolve(structuredClone(answer) as T);
  }
}

/**
 * The doctor's diagnosis of a record, by default for the stack `prod`.
 * @param ofState Reads the password of a login from the stack's state; by default there is none.
 * @param client Calls the service, which answers by default.
 */
export async function judge(
  record: Part,
  target: Partial<Target> = { stack: "prod" },
  ofState?: (login: string) => Promise<string>,
  client: Client = () => Promise.resolve(undefined),
): Promise<Row[]> {
  const reader = new RecordReader(record);
  const rows = await diagnose(
    CHECKS,
    new Facts(
      { ...TARGET, ...(target.stack !== undefined && { declared: DECLARED }), ...target },
      reader,
      MIGRATIONS,
      NOW,
      ofState,
      [],
      client,
    ),
  );
  expectRun(rows);
  return rows;
}
