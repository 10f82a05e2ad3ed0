import { type Declared, UNKNOWN_TEXT } from "./declare.ts";

/** Compliant resources, as in the first preview of a stack; tests change one property at a time. */

const PROJECT = "fusion-prime";
export const CONNECTION_NAME = `${PROJECT}:us-central1:shop-db`;
export const ACCOUNT = `shop@${PROJECT}.iam.gserviceaccount.com`;
const LABELS = { app: "shop", environment: "prod", "managed-by": "pulumi" };

/** Access to the network of the instance's private address. */
export const VPC_ACCESS = {
  networkInterfaces: [{ network: "shop", subnetwork: "shop" }],
  egress: "PRIVATE_RANGES_ONLY",
};

type Props = Readonly<Record<string, unknown>>;

export function instance(settings: Props = {}, props: Props = {}, protect = true): Declared {
  return {
    type: "gcp:sql/databaseInstance:DatabaseInstance",
    name: "instance",
    protect,
    props: {
      name: "shop-db",
      project: PROJECT,
      region: "us-central1",
      databaseVersion: "POSTGRES_17",
      deletionProtection: true,
      settings: {
        tier: "db-custom-1-3840",
        availabilityType: "REGIONAL",
        diskAutoresize: true,
        deletionProtectionEnabled: true,
        ipConfiguration: { ipv4Enabled: false, sslMode: "ENCRYPTED_ONLY" },
        backupConfiguration: { enabled: true, pointInTimeRecoveryEnabled: true, transactionLogRetentionDays: 7 },
        retainBackupsOnDelete: true,
        finalBackupConfig: { enabled: true, retentionDays: 30 },
        databaseFlags: flags(),
        maintenanceWindow: { day: 7, hour: 3 },
        userLabels: LABELS,
        ...settings,
      },
      ...props,
    },
  };
}

/** The flags that the benchmark requires, with some changed; undefined leaves one out. */
export function flags(changed: Readonly<Record<string, string | undefined>> = {}) {
  const all: Record<string, string | undefined> = {
    "cloudsql.enable_pgaudit": "on",
    log_connections: "on",
    log_disconnections: "on",
    log_error_verbosity: "default",
    log_min_duration_statement: "-1",
    log_min_error_statement: "error",
    log_min_messages: "warning",
    log_statement: "ddl",
    ...changed,
  };
  return Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]));
}

export function generated(name = "password", length: unknown = 25): Declared {
  return {
    type: "random:index/randomPassword:RandomPassword",
    name,
    props: { length, special: false, result: UNKNOWN_TEXT },
  };
}

export function database(): Declared {
  return {
    type: "gcp:sql/database:Database",
    name: "database",
    protect: true,
    props: { name: "shop", instance: "shop-db" },
  };
}

export function user(password: unknown = UNKNOWN_TEXT, origin = "password"): Declared {
  return {
    type: "gcp:sql/user:User",
    name: "user",
    props: { name: "shop_user", instance: "shop-db", password },
    madeOf: { password: [origin], instance: ["instance"] },
  };
}

export function secret(secretId = "shop-database-url"): Declared {
  return {
    type: "gcp:secretmanager/secret:Secret",
    name: "secret",
    protect: true,
    props: { secretId, labels: LABELS },
  };
}

/** A connection string, changed in one part. */
export function connectionString(
  part: { driver?: string; user?: string; password?: string; database?: string; host?: string } = {},
) {
  const { driver = "postgresql+asyncpg", user = "shop_user", password = "generated1", database = "shop" } = part;
  return `${driver}://${user}:${password}@/${database}?host=/cloudsql/${part.host ?? CONNECTION_NAME}`;
}

export function version(
  secretData: unknown = UNKNOWN_TEXT,
  origins: readonly string[] = ["password", "user", "instance"],
): Declared {
  return {
    type: "gcp:secretmanager/secretVersion:SecretVersion",
    name: "version",
    props: { secret: UNKNOWN_TEXT, secretData, version: UNKNOWN_TEXT },
    madeOf: { secret: ["secret"], ...(origins.length > 0 && { secretData: origins }) },
  };
}

export function account(): Declared {
  return {
    type: "gcp:serviceaccount/account:Account",
    name: "account",
    props: { accountId: "shop", email: UNKNOWN_TEXT },
  };
}

export function client(role = "roles/cloudsql.client", props: Props = {}): Declared {
  return {
    type: "gcp:projects/iAMMember:IAMMember",
    name: "client",
    props: { project: PROJECT, role, member: UNKNOWN_TEXT, ...props },
    madeOf: { member: ["account"] },
  };
}

export function accessor(role = "roles/secretmanager.secretAccessor", props: Props = {}): Declared {
  return {
    type: "gcp:secretmanager/secretIamMember:SecretIamMember",
    name: "accessor",
    props: { secretId: UNKNOWN_TEXT, role, member: UNKNOWN_TEXT, ...props },
    madeOf: { member: ["account"], secretId: ["secret"] },
  };
}

export function schema(): Declared {
  return { type: "pulumi-nodejs:dynamic/settlement:ImportedSchema", name: "schema", props: { version: "1" } };
}

/** The service; `template` changes its template. */
export function service(template: Props = {}, props: Props = {}, dependsOn: readonly string[] = ["schema"]): Declared {
  return {
    type: "gcp:cloudrunv2/service:Service",
    name: "service",
    props: {
      name: "shop",
      location: "us-central1",
      labels: LABELS,
      template: {
        serviceAccount: UNKNOWN_TEXT,
        scaling: { maxInstanceCount: 4 },
        vpcAccess: VPC_ACCESS,
        volumes: [{ name: "cloudsql", cloudSqlInstance: { instances: [CONNECTION_NAME] } }],
        containers: [container([url()])],
        ...template,
      },
      ...props,
    },
    dependsOn,
    madeOf: { template: ["account", "instance", "secret", "version"] },
  };
}

export function container(envs: readonly unknown[], props: Props = {}) {
  const volumeMounts = [{ name: "cloudsql", mountPath: "/cloudsql" }];
  return { image: `us-docker.pkg.dev/${PROJECT}/shop/shop:1`, envs, volumeMounts, ...props };
}

/** DATABASE_URL from a secret. */
export function url(secretId: unknown = "shop-database-url", pinned: unknown = UNKNOWN_TEXT) {
  return { name: "DATABASE_URL", valueSource: { secretKeyRef: { secret: secretId, version: pinned } } };
}

/** The service in Cloud Run's API v1, with annotations and a spec. */
export function serviceV1(
  annotation: string | undefined,
  envs: readonly unknown[] = [urlV1()],
  serviceAccountName: unknown = UNKNOWN_TEXT,
): Declared {
  return {
    type: "gcp:cloudrun/service:Service",
    name: "service",
    props: {
      name: "shop",
      location: "us-central1",
      template: {
        metadata: {
          annotations: {
            "run.googleapis.com/cloudsql-instances": annotation,
            "run.googleapis.com/network-interfaces": '[{"network":"shop","subnetwork":"shop"}]',
          },
        },
        spec: { serviceAccountName, containers: [container(envs)] },
      },
    },
    dependsOn: ["schema"],
    madeOf: { template: ["account", "instance", "secret"] },
  };
}

export function urlV1(name = "shop-database-url") {
  return { name: "DATABASE_URL", valueFrom: { secretKeyRef: { name, key: "latest" } } };
}

export function bucket(props: Props = {}, protect = true): Declared {
  return {
    type: "gcp:storage/bucket:Bucket",
    name: "bucket",
    protect,
    props: {
      name: "shop-migrations",
      location: "US-CENTRAL1",
      uniformBucketLevelAccess: true,
      publicAccessPrevention: "enforced",
      versioning: { enabled: true },
      labels: LABELS,
      ...props,
    },
  };
}

/** A grant on a project. */
export function grant(
  role: string,
  member: unknown,
  type = "gcp:projects/iAMMember:IAMMember",
  props: Props = {},
): Declared {
  return { type, name: "grant", props: { project: PROJECT, role, member, ...props } };
}

/** A compliant stack; given resources replace those with the same name, or are added. */
export function stack(...changed: readonly Declared[]): Declared[] {
  const all = [
    ...[generated(), instance(), database(), user(), secret(), version(), account(), client(), accessor()],
    ...[bucket(), schema(), service()],
  ];
  const replaced = all.map((one) => changed.find(({ name }) => name === one.name) ?? one);
  return [...replaced, ...changed.filter(({ name }) => !all.some((one) => one.name === name))];
}

/** The compliant stack without bucket and schema, which not every service has. */
export function program(...changed: readonly Declared[]): Declared[] {
  return stack(...changed).filter(({ name }) => name !== "bucket" && name !== "schema");
}

/** The compliant stack without some resources. */
export function stackWithout(...names: readonly string[]): Declared[] {
  return stack().filter(({ name }) => !names.includes(name));
}
