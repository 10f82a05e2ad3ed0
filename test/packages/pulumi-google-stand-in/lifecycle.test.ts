import type { Fields } from "../../../packages/embedded-google-cloud/rest/fields.ts";
import { secret } from "../../../packages/pulumi-google-stand-in/values.ts";
import { enable, Engine, PROJECT, startTestCloud, type TestCloud } from "./engine.ts";

/** A resource type, with programs and the expected outputs and changes. */
interface Case {
  readonly type: string;
  /** Resources to create first. */
  readonly parents?: readonly { readonly type: string; readonly program: Fields }[];
  readonly program: Fields;
  /** The id, the import id if it differs, and some outputs. */
  readonly id: string | RegExp;
  readonly importId?: string;
  readonly outputs: Fields;
  /** A changed program, and the changes; a trailing `!` marks a replacement. */
  readonly changed?: { readonly program: Fields; readonly changes: readonly string[]; readonly outputs: Fields };
  readonly replaced: { readonly program: Fields; readonly changes: readonly string[] };
}

const SECRET = "gcp:secretmanager/secret:Secret";
const BUCKET = "gcp:storage/bucket:Bucket";
const ACCOUNT = "gcp:serviceaccount/account:Account";
const EMAIL = `settlement-service@${PROJECT}.iam.gserviceaccount.com`;
const MEMBER = `serviceAccount:${EMAIL}`;

const settings = {
  tier: "db-custom-1-3840",
  edition: "ENTERPRISE",
  backupConfiguration: { enabled: true, startTime: "03:00", pointInTimeRecoveryEnabled: true },
  databaseFlags: [
    { name: "log_statement", value: "ddl" },
    { name: "log_connections", value: "on" },
  ],
  userLabels: { app: "settlement" },
};
const instance = { name: "db-1", databaseVersion: "POSTGRES_17", deletionProtection: false, settings };
const service = (env: string) => ({
  name: "settlement-service",
  location: "us-central1",
  deletionProtection: false,
  template: {
    scaling: { maxInstanceCount: 2 },
    containers: [
      {
        image: "hello",
        ports: { containerPort: 8080 },
        envs: [{ name: "GREETING", value: env }],
        resources: { limits: { cpu: "1", memory: "512Mi" } },
        startupProbe: { httpGet: { path: "/" }, periodSeconds: 1 },
      },
    ],
  },
});
const job = (retries: number) => ({
  name: "settlement-migration",
  location: "us-central1",
  deletionProtection: false,
  template: { template: { maxRetries: retries, containers: [{ image: "hello" }] } },
});
const range = (labels: Fields) => ({
  name: "services",
  network: "settlement",
  addressType: "INTERNAL",
  purpose: "VPC_PEERING",
  address: "10.9.0.0",
  prefixLength: 24,
  labels,
});
const uptimeCheck = (period: string) => ({
  displayName: "health",
  timeout: "10s",
  period,
  monitoredResource: { type: "uptime_url", labels: { host: "example.com", project_id: PROJECT } },
  httpCheck: { path: "/health", useSsl: true, serviceAgentAuthentication: { type: "OIDC_TOKEN" } },
});
const auditConfig = (...types: string[]) => ({
  project: PROJECT,
  service: "cloudsql.googleapis.com",
  auditLogConfigs: types.map((logType) => ({ logType })),
});

const parent = {
  instance: { type: "gcp:sql/databaseInstance:DatabaseInstance", program: instance },
  service: { type: "gcp:cloudrunv2/service:Service", program: service("hello") },
  secret: { type: SECRET, program: { secretId: "db-password", replication: { auto: {} } } },
  bucket: { type: BUCKET, program: { name: "migrations", location: "US-CENTRAL1", uniformBucketLevelAccess: true } },
  account: { type: ACCOUNT, program: { accountId: "settlement-service" } },
};

/** The parts of a load balancer, each after those that it uses. */
const global = (collection: string, name = "settlement") => `projects/${PROJECT}/global/${collection}/${name}`;
const groupId = (region: string) => `projects/${PROJECT}/regions/${region}/networkEndpointGroups/settlement`;
const MANAGED = "EXTERNAL_MANAGED";
const endpoints = (region: string) => ({ name: "settlement", region, cloudRun: { service: "settlement-service" } });
const balancer = (region: string) => ({
  name: "settlement",
  loadBalancingScheme: MANAGED,
  backends: [{ group: groupId(region) }],
});
const certificateFor = (domain: string) => ({ name: "settlement", managed: { domains: [domain] } });
const proxy = (...certificates: string[]) => ({
  name: "settlement",
  urlMap: global("urlMaps"),
  sslCertificates: certificates.map((name) => global("sslCertificates", name)),
});
const rule = (labels: Fields) => ({
  name: "settlement",
  loadBalancingScheme: MANAGED,
  ipAddress: "203.0.113.1",
  portRange: "443",
  target: global("targetHttpsProxies"),
  labels,
});
const GROUP = "gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup";
const BACKEND = "gcp:compute/backendService:BackendService";
const MAP = "gcp:compute/uRLMap:URLMap";
const CERTIFICATE = "gcp:compute/managedSslCertificate:ManagedSslCertificate";
const PROXY = "gcp:compute/targetHttpsProxy:TargetHttpsProxy";
const toBackend = [
  { type: GROUP, program: endpoints("us-central1") },
  { type: GROUP, program: endpoints("us-east1") },
  { type: BACKEND, program: balancer("us-central1") },
];
const mapTo = (service: string) => ({ name: "settlement", defaultService: global("backendServices", service) });
const toMap = [...toBackend, { type: MAP, program: mapTo("settlement") }];
const toProxy = [
  ...toMap,
  { type: CERTIFICATE, program: certificateFor("settlement.localhost") },
  { type: CERTIFICATE, program: { ...certificateFor("other.localhost"), name: "other" } },
];

const condition = { title: "one-instance", expression: "resource.name == 'x'" };

const cases: readonly Case[] = [
  {
    type: "gcp:projects/service:Service",
    program: { service: "sqladmin.googleapis.com", disableOnDestroy: true },
    id: `${PROJECT}/sqladmin.googleapis.com`,
    outputs: { service: "sqladmin.googleapis.com", project: PROJECT, disableOnDestroy: true },
    changed: {
      program: { service: "sqladmin.googleapis.com", disableOnDestroy: true, disableDependentServices: true },
      changes: ["disableDependentServices"],
      outputs: { disableDependentServices: true },
    },
    replaced: {
      program: { service: "pubsub.googleapis.com", disableOnDestroy: true, disableDependentServices: true },
      changes: ["service!"],
    },
  },
  {
    type: ACCOUNT,
    program: { accountId: "settlement-service", displayName: "Settlement service" },
    id: `projects/${PROJECT}/serviceAccounts/${EMAIL}`,
    outputs: { email: EMAIL, member: MEMBER, accountId: "settlement-service", project: PROJECT, disabled: false },
    changed: {
      program: { accountId: "settlement-service", displayName: "Settlement", disabled: true },
      changes: ["displayName", "disabled"],
      outputs: { displayName: "Settlement", disabled: true },
    },
    replaced: {
      program: { accountId: "settlement-other", displayName: "Settlement", disabled: true },
      changes: ["accountId!"],
    },
  },
  {
    type: "gcp:projects/iAMMember:IAMMember",
    parents: [parent.account],
    program: { project: PROJECT, role: "roles/cloudsql.client", member: MEMBER, condition },
    id: `${PROJECT}/roles/cloudsql.client/${MEMBER}/one-instance/resource.name == 'x'`,
    importId: `${PROJECT} roles/cloudsql.client ${MEMBER} one-instance`,
    outputs: { role: "roles/cloudsql.client", member: MEMBER, condition },
    replaced: {
      program: { project: PROJECT, role: "roles/cloudsql.client", member: MEMBER },
      changes: ["condition!"],
    },
  },
  {
    type: "gcp:compute/globalAddress:GlobalAddress",
    parents: [{ type: "gcp:compute/network:Network", program: { name: "settlement" } }],
    program: range({ app: "settlement" }),
    id: `projects/${PROJECT}/global/addresses/services`,
    outputs: { labels: { app: "settlement" }, address: "10.9.0.0" },
    changed: {
      program: range({ tier: "db" }),
      changes: ['labels["app"]', 'labels["tier"]'],
      outputs: { labels: { tier: "db" }, address: "10.9.0.0" },
    },
    replaced: { program: { ...range({ tier: "db" }), address: "10.9.1.0" }, changes: ["address!"] },
  },
  {
    type: GROUP,
    program: endpoints("us-east1"),
    id: groupId("us-east1"),
    outputs: { networkEndpointType: "SERVERLESS", region: "us-east1" },
    replaced: { program: endpoints("us-central1"), changes: ["region!"] },
  },
  {
    type: BACKEND,
    parents: toBackend.slice(0, 2),
    program: balancer("us-central1"),
    id: global("backendServices"),
    outputs: { backends: [{ capacityScaler: 1 }], connectionDrainingTimeoutSec: 300 },
    changed: {
      program: balancer("us-east1"),
      changes: ["backends"],
      outputs: { backends: [{ group: expect.stringContaining(groupId("us-east1")) as string }] },
    },
    replaced: { program: { ...balancer("us-east1"), name: "other" }, changes: ["name!"] },
  },
  {
    type: MAP,
    parents: [...toBackend, { type: BACKEND, program: { ...balancer("us-east1"), name: "other" } }],
    program: mapTo("settlement"),
    id: global("urlMaps"),
    outputs: {},
    changed: { program: mapTo("other"), changes: ["defaultService"], outputs: {} },
    replaced: { program: { ...mapTo("other"), name: "other" }, changes: ["name!"] },
  },
  {
    type: CERTIFICATE,
    program: certificateFor("settlement.localhost"),
    id: global("sslCertificates"),
    outputs: { type: "MANAGED" },
    replaced: { program: certificateFor("other.localhost"), changes: ["managed.domains[0]!"] },
  },
  {
    type: "gcp:compute/sSLPolicy:SSLPolicy",
    program: { name: "settlement", minTlsVersion: "TLS_1_2", profile: "MODERN" },
    id: global("sslPolicies"),
    outputs: { profile: "MODERN" },
    changed: {
      program: { name: "settlement", minTlsVersion: "TLS_1_2", profile: "RESTRICTED" },
      changes: ["profile"],
      outputs: { profile: "RESTRICTED" },
    },
    replaced: {
      program: { name: "other", minTlsVersion: "TLS_1_2", profile: "RESTRICTED" },
      changes: ["name!"],
    },
  },
  {
    type: PROXY,
    parents: toProxy,
    program: proxy("settlement"),
    id: global("targetHttpsProxies"),
    outputs: { quicOverride: "NONE" },
    changed: { program: proxy("other"), changes: ["sslCertificates[0]"], outputs: {} },
    replaced: { program: { ...proxy("other"), name: "other" }, changes: ["name!"] },
  },
  {
    type: "gcp:compute/globalForwardingRule:GlobalForwardingRule",
    parents: [
      ...toProxy,
      { type: PROXY, program: proxy("settlement") },
      { type: "gcp:compute/globalAddress:GlobalAddress", program: { name: "settlement" } },
    ],
    program: rule({ app: "settlement" }),
    id: global("forwardingRules"),
    outputs: { networkTier: "PREMIUM", ipProtocol: "TCP" },
    changed: { program: rule({ tier: "web" }), changes: ['labels["app"]', 'labels["tier"]'], outputs: {} },
    replaced: { program: { ...rule({ tier: "web" }), portRange: "8443" }, changes: ["portRange!"] },
  },
  {
    type: SECRET,
    program: { secretId: "db-password", replication: { auto: {} }, labels: { app: "settlement", tier: "db" } },
    id: `projects/${PROJECT}/secrets/db-password`,
    outputs: { secretId: "db-password", labels: { app: "settlement", tier: "db" }, deletionProtection: false },
    changed: {
      program: { secretId: "db-password", replication: { auto: {} }, labels: { app: "other" } },
      changes: ['labels["app"]', 'labels["tier"]'],
      outputs: { labels: { app: "other" } },
    },
    replaced: {
      program: { secretId: "db-secret", replication: { auto: {} }, labels: { app: "other" } },
      changes: ["secretId!"],
    },
  },
  {
    type: "gcp:secretmanager/secretIamMember:SecretIamMember",
    parents: [parent.account, parent.secret],
    program: { secretId: "db-password", role: "roles/secretmanager.secretAccessor", member: MEMBER },
    id: `projects/${PROJECT}/secrets/db-password/roles/secretmanager.secretAccessor/${MEMBER}`,
    importId: `projects/${PROJECT}/secrets/db-password roles/secretmanager.secretAccessor ${MEMBER}`,
    outputs: { secretId: `projects/${PROJECT}/secrets/db-password`, member: MEMBER, etag: expect.any(String) },
    replaced: {
      program: { secretId: "db-password", role: "roles/secretmanager.admin", member: MEMBER },
      changes: ["role!"],
    },
  },
  {
    type: BUCKET,
    program: {
      name: "migrations",
      location: "us-central1",
      uniformBucketLevelAccess: true,
      publicAccessPrevention: "enforced",
      versioning: { enabled: true },
      lifecycleRules: [
        { action: { type: "Delete" }, condition: { daysSinceNoncurrentTime: 365, numNewerVersions: 3 } },
      ],
      labels: { app: "settlement" },
    },
    id: "migrations",
    outputs: { url: "gs://migrations", location: "US-CENTRAL1", versioning: { enabled: true }, forceDestroy: false },
    changed: {
      program: {
        name: "migrations",
        location: "us-central1",
        uniformBucketLevelAccess: true,
        publicAccessPrevention: "enforced",
        versioning: { enabled: false },
        forceDestroy: true,
      },
      changes: ["labels", "versioning.enabled", "lifecycleRules", "forceDestroy"],
      outputs: { versioning: { enabled: false }, forceDestroy: true },
    },
    replaced: {
      program: {
        name: "migrations",
        location: "EUROPE-WEST1",
        uniformBucketLevelAccess: true,
        publicAccessPrevention: "enforced",
        versioning: { enabled: false },
        forceDestroy: true,
      },
      changes: ["location!"],
    },
  },
  {
    type: "gcp:storage/bucketIAMMember:BucketIAMMember",
    parents: [parent.account, parent.bucket],
    program: { bucket: "migrations", role: "roles/storage.objectViewer", member: MEMBER },
    id: `b/migrations/roles/storage.objectViewer/${MEMBER}`,
    importId: `b/migrations roles/storage.objectViewer ${MEMBER}`,
    outputs: { bucket: "b/migrations", role: "roles/storage.objectViewer" },
    replaced: {
      program: { bucket: "migrations", role: "roles/storage.objectAdmin", member: MEMBER },
      changes: ["role!"],
    },
  },
  {
    type: "gcp:monitoring/notificationChannel:NotificationChannel",
    program: { displayName: "oncall", type: "email", labels: { email_address: "oncall@example.com" } },
    id: new RegExp(`^projects/${PROJECT}/notificationChannels/`),
    outputs: { displayName: "oncall", enabled: true, labels: { email_address: "oncall@example.com" } },
    changed: {
      program: { displayName: "on call", type: "email", labels: { email_address: "oncall@example.com" } },
      changes: ["displayName"],
      outputs: { displayName: "on call" },
    },
    replaced: {
      program: {
        displayName: "on call",
        type: "email",
        labels: { email_address: "oncall@example.com" },
        project: "another-project",
      },
      changes: ["project!"],
    },
  },
  {
    type: "gcp:monitoring/alertPolicy:AlertPolicy",
    program: {
      displayName: "failed migration",
      combiner: "OR",
      conditions: [{ displayName: "c", conditionMatchedLog: { filter: "severity>=ERROR" } }],
      alertStrategy: { notificationRateLimit: { period: "300s" } },
    },
    id: new RegExp(`^projects/${PROJECT}/alertPolicies/`),
    outputs: { displayName: "failed migration", enabled: true, name: expect.any(String) },
    changed: {
      program: {
        displayName: "Failed migration",
        combiner: "OR",
        conditions: [{ displayName: "c", conditionMatchedLog: { filter: "severity>=WARNING" } }],
        alertStrategy: { notificationRateLimit: { period: "300s" } },
      },
      changes: ["displayName", "conditions[0].conditionMatchedLog.filter"],
      outputs: { displayName: "Failed migration" },
    },
    replaced: {
      program: {
        displayName: "Failed migration",
        combiner: "OR",
        conditions: [{ displayName: "c", conditionMatchedLog: { filter: "severity>=WARNING" } }],
        alertStrategy: { notificationRateLimit: { period: "300s" } },
        project: "another-project",
      },
      changes: ["project!"],
    },
  },
  {
    type: "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig",
    program: uptimeCheck("60s"),
    id: new RegExp(`^projects/${PROJECT}/uptimeCheckConfigs/`),
    outputs: { period: "60s", uptimeCheckId: expect.stringMatching(/^[^/]+$/) },
    changed: {
      program: uptimeCheck("300s"),
      changes: ["period"],
      outputs: { period: "300s", uptimeCheckId: expect.stringMatching(/^[^/]+$/) },
    },
    replaced: { program: { ...uptimeCheck("300s"), project: "another-project" }, changes: ["project!"] },
  },
  {
    type: "gcp:monitoring/dashboard:Dashboard",
    program: {
      dashboardJson: JSON.stringify({
        displayName: "a",
        mosaicLayout: { columns: 12, tiles: [{ width: 12, height: 4 }] },
      }),
    },
    id: new RegExp(`^projects/${PROJECT}/dashboards/`),
    outputs: { project: PROJECT },
    changed: {
      program: {
        dashboardJson: JSON.stringify({
          displayName: "b",
          mosaicLayout: { columns: 48, tiles: [{ width: 12, height: 4 }] },
        }),
      },
      changes: ["dashboardJson"],
      outputs: { dashboardJson: expect.stringContaining('"columns":48') },
    },
    replaced: {
      program: {
        dashboardJson: JSON.stringify({
          displayName: "b",
          mosaicLayout: { columns: 48, tiles: [{ width: 12, height: 4 }] },
        }),
        project: "another-project",
      },
      changes: ["project!"],
    },
  },
  {
    type: "gcp:projects/iAMAuditConfig:IAMAuditConfig",
    program: auditConfig("DATA_WRITE"),
    id: `${PROJECT}/audit_config/cloudsql.googleapis.com`,
    importId: `${PROJECT} cloudsql.googleapis.com`,
    outputs: { auditLogConfigs: [{ logType: "DATA_WRITE" }] },
    changed: {
      program: auditConfig("DATA_READ", "DATA_WRITE"),
      changes: ["auditLogConfigs"],
      outputs: { auditLogConfigs: [{ logType: "DATA_READ" }, { logType: "DATA_WRITE" }] },
    },
    replaced: {
      program: { ...auditConfig("DATA_READ", "DATA_WRITE"), service: "run.googleapis.com" },
      changes: ["service!"],
    },
  },
  {
    type: "gcp:sql/databaseInstance:DatabaseInstance",
    program: instance,
    id: "db-1",
    importId: `projects/${PROJECT}/instances/db-1`,
    outputs: {
      connectionName: `${PROJECT}:us-central1:db-1`,
      region: "us-central1",
      serviceAccountEmailAddress: expect.stringContaining("@"),
    },
    changed: {
      program: { ...instance, settings: { ...settings, tier: "db-custom-2-7680", userLabels: {} } },
      changes: ["settings.tier", 'settings.userLabels["app"]'],
      outputs: { connectionName: `${PROJECT}:us-central1:db-1`, settings: { tier: "db-custom-2-7680" } },
    },
    replaced: {
      program: {
        ...instance,
        settings: { ...settings, tier: "db-custom-2-7680", userLabels: {} },
        region: "europe-west1",
      },
      changes: ["region!"],
    },
  },
  {
    type: "gcp:sql/database:Database",
    parents: [parent.instance],
    program: { name: "settlement_db", instance: "db-1" },
    id: `projects/${PROJECT}/instances/db-1/databases/settlement_db`,
    outputs: { name: "settlement_db", charset: "UTF8" },
    replaced: { program: { name: "other", instance: "db-1" }, changes: ["name!"] },
  },
  {
    type: "gcp:sql/user:User",
    parents: [parent.instance],
    program: { name: "settlement_user", instance: "db-1", password: "first" },
    id: "settlement_user//db-1",
    importId: `${PROJECT}/db-1/settlement_user`,
    outputs: { name: "settlement_user", password: secret("first") },
    changed: {
      program: { name: "settlement_user", instance: "db-1", password: "second" },
      changes: ["password"],
      outputs: { password: secret("second") },
    },
    replaced: { program: { name: "other", instance: "db-1", password: "second" }, changes: ["name!"] },
  },
  {
    type: "gcp:cloudrunv2/service:Service",
    program: service("hello"),
    id: `projects/${PROJECT}/locations/us-central1/services/settlement-service`,
    outputs: { uri: expect.stringContaining("settlement-service"), terminalConditions: [{ type: "Ready" }] },
    changed: {
      program: service("good day"),
      changes: ["template.containers[0].envs"],
      outputs: { latestReadyRevision: expect.stringContaining("settlement-service-00002") },
    },
    replaced: { program: { ...service("good day"), location: "europe-west1" }, changes: ["location!"] },
  },
  {
    type: "gcp:cloudrunv2/serviceIamMember:ServiceIamMember",
    parents: [parent.account, parent.service],
    program: { name: "settlement-service", location: "us-central1", role: "roles/run.invoker", member: MEMBER },
    id: `projects/${PROJECT}/locations/us-central1/services/settlement-service/roles/run.invoker/${MEMBER}`,
    importId: `projects/${PROJECT}/locations/us-central1/services/settlement-service roles/run.invoker ${MEMBER}`,
    outputs: {
      name: `projects/${PROJECT}/locations/us-central1/services/settlement-service`,
      role: "roles/run.invoker",
    },
    replaced: {
      program: { name: "settlement-service", location: "us-central1", role: "roles/run.invoker", member: "allUsers" },
      changes: ["member!"],
    },
  },
  {
    type: "gcp:cloudrunv2/job:Job",
    program: job(0),
    id: `projects/${PROJECT}/locations/us-central1/jobs/settlement-migration`,
    outputs: { name: "settlement-migration", template: { template: { maxRetries: 0 } } },
    changed: {
      program: job(1),
      changes: ["template.template.maxRetries"],
      outputs: { template: { template: { maxRetries: 1 } } },
    },
    replaced: { program: { ...job(1), location: "europe-west1" }, changes: ["location!"] },
  },
];

describe.each(cases)("$type", (example) => {
  let cloud: TestCloud;
  let engine: Engine;

  beforeAll(async () => {
    cloud = await startTestCloud();
    engine = new Engine(cloud.google);
    await enable(
      cloud,
      ...["iam", "secretmanager", "storage", "monitoring", "run", "sqladmin", "compute"].map(
        (name) => `${name}.googleapis.com`,
      ),
    );
    for (const { type, program } of example.parents ?? []) await engine.create(type, program);
  });
  afterAll(() => cloud.stop());

  test("is created, refreshed, imported, updated, replaced and deleted", async () => {
    const { type, program, id, outputs, changed, replaced } = example;
    let resource = await engine.create(type, program);
    expect(resource.id).toEqual(typeof id === "string" ? id : expect.stringMatching(id));
    expect(resource.outputs).toMatchObject(outputs);
    expect(engine.changes(resource, program)).toEqual([]);

    const refreshed = await engine.refresh(resource);
    expect(refreshed).toEqual(resource);

    const imported = await engine.import(type, example.importId ?? resource.id);
    expect(imported.id).toBe(resource.id);
    const notFromGoogle = ["forceDestroy", "disableOnDestroy", "deletionProtection", "password"];
    expect(engine.changes(imported, program).filter((path) => !notFromGoogle.includes(path))).toEqual([]);

    if (changed) {
      expect(engine.changes(resource, changed.program).sort()).toEqual([...changed.changes].sort());
      resource = await engine.update(resource, changed.program);
      expect(resource.outputs).toMatchObject(changed.outputs);
      expect(engine.changes(resource, changed.program)).toEqual([]);
      expect(await engine.refresh(resource)).toEqual(resource);
    }
    expect(engine.changes(resource, replaced.program)).toEqual(replaced.changes);

    await engine.delete(resource);
    expect(await engine.refresh(resource)).toBeUndefined();
    await engine.delete(resource);
    await expect(engine.import(type, example.importId ?? resource.id)).rejects.toThrow("to import");
  });
});
