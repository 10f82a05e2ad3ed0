import { LONG_FORM } from "../long-form.ts";
import type { Case } from "./case.ts";
import { type Declared, UNKNOWN_TEXT } from "./declare.ts";
import * as good from "./good.ts";
import { strangers } from "./strangers.ts";

const {
  ACCOUNT,
  CONNECTION_NAME,
  accessor,
  account,
  bucket,
  client,
  connectionString,
  container,
  flags,
  generated,
  grant,
  instance,
  secret,
  service,
  serviceV1,
  stack,
  stackWithout,
  url,
  urlV1,
  user,
  version,
} = good;

const ZONAL = "fusion-prime:us-central1-a:shop-db";
const ZONE = /carries the zone "us-central1-a" where the region belongs: use "fusion-prime:us-central1:shop-db"/;

function sockets(...instances: readonly string[]) {
  return { volumes: [{ name: "cloudsql", cloudSqlInstance: { instances } }] };
}

/** A load balancer for plain HTTP with a URL map. */
function httpFrontend(map: object, rule: object = { loadBalancingScheme: "EXTERNAL_MANAGED" }): Declared[] {
  const path = "projects/fusion-prime/global";
  return [
    { type: "gcp:compute/uRLMap:URLMap", name: "map", props: { name: "shop", ...map } },
    {
      type: "gcp:compute/targetHttpProxy:TargetHttpProxy",
      name: "proxy",
      props: { name: "shop", urlMap: `${path}/urlMaps/shop` },
      madeOf: { urlMap: ["map"] },
    },
    {
      type: "gcp:compute/globalForwardingRule:GlobalForwardingRule",
      name: "rule",
      props: { name: "shop", target: `${path}/targetHttpProxies/shop`, portRange: "80", ...rule },
      madeOf: { target: ["proxy"] },
    },
  ];
}

/** The resources as a program declares them that refers to others by their names only, and sets no scheme. */
function byName(declared: readonly Declared[]): Declared[] {
  return declared.map(({ type, name, props }) => ({ type, name, props: { ...props, loadBalancingScheme: undefined } }));
}

function tlsProxy(policy: string | undefined): Declared {
  const props = { name: "shop", urlMap: "shop", sslCertificates: ["shop"], sslPolicy: policy };
  return { type: "gcp:compute/targetHttpsProxy:TargetHttpsProxy", name: "proxy", props };
}

function sslPolicy(props: object): Declared {
  return { type: "gcp:compute/sSLPolicy:SSLPolicy", name: "tls", props: { name: "shop", ...props } };
}

/** An instance with poolers: 8 CPUs, so two of them. */
function pooled(flags: Readonly<Record<string, string>>): Declared {
  const all = Object.entries({ max_client_connections: "5000", max_pool_size: "50", ...flags });
  return instance({
    edition: "ENTERPRISE_PLUS",
    tier: "db-perf-optimized-N-8",
    connectionPoolConfigs: [{ connectionPoolingEnabled: true, flags: all.map(([name, value]) => ({ name, value })) }],
  });
}

function workerPool(instance: string): Declared {
  const type = "gcp:cloudrunv2/workerPool:WorkerPool";
  return { type, name: "pool", props: { template: { serviceAccount: ACCOUNT, ...sockets(instance) } } };
}

function job(
  containers: readonly unknown[],
  volumes: readonly unknown[] = [],
  access: object = { vpcAccess: good.VPC_ACCESS },
): Declared {
  return {
    type: "gcp:cloudrunv2/job:Job",
    name: "job",
    props: {
      name: "shop-job",
      location: "us-central1",
      labels: { app: "shop", environment: "prod" },
      template: { template: { serviceAccount: ACCOUNT, containers, volumes, ...access } },
    },
  };
}

/** The client role for the account by its email. */
function clientByEmail(project = "fusion-prime"): Declared {
  return { ...client(undefined, { project, member: `serviceAccount:${ACCOUNT}` }), madeOf: {} };
}

function proxy(...args: readonly string[]): Declared {
  return job([{ image: "gcr.io/cloud-sql-connectors/cloud-sql-proxy:2", args }]);
}

function env(name: string, value: string) {
  return service({ containers: [container([url(), { name, value }])] });
}

/** The service in API v1 with a maximum number of instances. */
function scaledV1(most: string): Declared {
  const declared = serviceV1(CONNECTION_NAME);
  const { metadata, spec } = declared.props.template as { metadata: { annotations: object }; spec: object };
  const annotations = { ...metadata.annotations, "autoscaling.knative.dev/maxScale": most };
  return { ...declared, props: { ...declared.props, template: { metadata: { annotations }, spec } } };
}

function networks(...values: readonly string[]) {
  const authorizedNetworks = values.map((value) => ({ value }));
  return instance({ ipConfiguration: { ipv4Enabled: false, sslMode: "ENCRYPTED_ONLY", authorizedNetworks } });
}

function backup(props: Readonly<Record<string, unknown>>): Declared {
  return instance({
    backupConfiguration: {
      enabled: true,
      pointInTimeRecoveryEnabled: true,
      transactionLogRetentionDays: 7,
      backupRetentionSettings: { retainedBackups: 7 },
      ...props,
    },
  });
}

function invoker(member: string): Declared {
  return {
    type: "gcp:cloudrunv2/serviceIamMember:ServiceIamMember",
    name: "invoker",
    props: { name: "shop", location: "us-central1", role: "roles/run.invoker", member },
  };
}

/** The user and the secret version with a known password and connection string. */
function known(part: Parameters<typeof connectionString>[0] = {}): readonly [Declared, Declared] {
  return [user("generated1"), version(connectionString(part))];
}

/** A string for Google's connector in JDBC. */
const JDBC = `jdbc:postgresql:///shop?cloudSqlInstance=${CONNECTION_NAME}&socketFactory=com.google.cloud.sql.postgres.SocketFactory&user=shop_user&password=generated1`;

const INSTANCE_NAME = "projects/fusion-prime/instances/shop-db";

/** A second instance, named `other` in the program. */
const OTHER_INSTANCE: Declared = { ...instance({}, { name: "old-db" }), name: "other" };

/** The service with an unknown socket derived from an instance. */
function mounting(origin: string): Declared {
  return { ...service(sockets(UNKNOWN_TEXT)), madeOf: { template: ["account", origin, "secret", "version"] } };
}

/** A stack before its first deployment, when even the instance's name is unknown; without the grant. */
const UNNAMED: readonly Declared[] = stackWithout("client").map((one) => {
  if (one.name === "service") return mounting("instance");
  return one.name === "instance" ? instance({}, { name: UNKNOWN_TEXT }) : one;
});

/** The grant with a condition that names an instance, or with an unknown condition derived from a resource. */
function conditional(named: string): Declared {
  if (named.includes("/")) return client(undefined, { condition: { expression: `resource.name == "${named}"` } });
  const grant = client(undefined, { condition: { title: "one", expression: UNKNOWN_TEXT } });
  return { ...grant, madeOf: { ...grant.madeOf, condition: [named] } };
}

const byPolicy: Readonly<Record<string, readonly Omit<Case, "policy">[]>> = {
  "connection-name-format": [
    {
      title: "volume of a service",
      breaks: stack(service(sockets(ZONAL))),
      says: ZONE,
      passes: stack(service(sockets(CONNECTION_NAME))),
    },
    {
      title: "volume of a job, a project scoped by a domain",
      breaks: [
        job([], [{ name: "sql", cloudSqlInstance: { instances: ["example.com:shop-prod:europe-west1-b:shop"] } }]),
      ],
      says: /use "example.com:shop-prod:europe-west1:shop"/,
      passes: [
        job([], [{ name: "sql", cloudSqlInstance: { instances: ["example.com:shop-prod:europe-west1:shop"] } }]),
        clientByEmail("example.com:shop-prod"),
      ],
    },
    {
      title: "annotation, one of two",
      breaks: stack(serviceV1(`${CONNECTION_NAME},${ZONAL}`)),
      says: ZONE,
      passes: stack(serviceV1(`${CONNECTION_NAME},other-project:us-east1:other`), {
        ...client(undefined, { project: "other-project" }),
        name: "other-client",
      }),
    },
    {
      title: "host in a secret",
      breaks: stack(version(connectionString({ host: ZONAL }))),
      says: ZONE,
      passes: stack(...known()),
    },
    {
      title: "host in a secret, percent-encoded",
      breaks: stack(
        version(connectionString().replace(/host=.*/, "host=%2Fcloudsql%2Ffusion-prime%3Aus-central1-a%3Ashop-db")),
      ),
      says: ZONE,
      passes: stack(
        user("generated1"),
        version(connectionString().replace(/host=.*/, "host=%2Fcloudsql%2Ffusion-prime%3Aus-central1%3Ashop-db")),
      ),
    },
    {
      title: "host in an environment variable",
      breaks: stack(env("DB_HOST", `/cloudsql/${ZONAL}`)),
      says: ZONE,
      passes: stack(env("DB_HOST", `/cloudsql/${CONNECTION_NAME}`)),
    },
    {
      title: "variable named after it",
      breaks: stack(env("INSTANCE_CONNECTION_NAME", "shop-db")),
      says: /containers\[0\]\.envs\[\d\]\.value: the connection name has 1 part/,
      passes: stack(env("INSTANCE_CONNECTION_NAME", CONNECTION_NAME)),
    },
    {
      title: "variable of any name, with a zone",
      breaks: stack(env("SQL", ZONAL)),
      says: ZONE,
      passes: stack(env("SQL", "redis:6379:us-central1")),
    },
    {
      title: "argument of the proxy, version 1",
      breaks: [proxy("-instances=fusion-prime:us-central1-a:shop-db=tcp:5432")],
      says: ZONE,
      passes: [
        proxy("-instances=fusion-prime:us-central1:shop-db=tcp:5432", "-ip_address_types=PRIVATE"),
        clientByEmail(),
      ],
    },
    {
      title: "argument of the proxy, version 2",
      breaks: [proxy("--private-ip", "fusion-prime:shop-db?port=5432")],
      says: /args\[1\]: the connection name has 2 parts/,
      passes: [proxy("--private-ip", `${CONNECTION_NAME}?port=5432`), clientByEmail()],
    },
    {
      title: "an empty part",
      breaks: stack(service(sockets("fusion-prime::shop-db"))),
      says: /has an empty region/,
      passes: stack(service(sockets(CONNECTION_NAME))),
    },
    {
      title: "blanks",
      breaks: stack(service(sockets("fusion-prime: us-central1:shop-db"))),
      says: /contains blanks/,
      passes: stack(serviceV1(` ${CONNECTION_NAME} `)),
    },
    {
      title: "upper case",
      breaks: stack(service(sockets("fusion-prime:US-CENTRAL1:shop-db"))),
      says: /contains upper case/,
      passes: stack(env("DB_HOST", "/cloudsql/$(INSTANCE)")),
    },
    ...[
      "gcp:appengine/flexibleAppVersion:FlexibleAppVersion",
      "gcp:cloudfunctions/function:Function",
      "gcp:cloudfunctionsv2/function:Function",
      "gcp:compute/instanceTemplate:InstanceTemplate",
    ].map((type) => {
      const named = (host: string): Declared => ({
        type,
        name: "d",
        props: { variables: { HOST: `/cloudsql/${host}` } },
      });
      return { title: `in ${type}`, breaks: [named(ZONAL)], says: ZONE, passes: [named(CONNECTION_NAME)] };
    }),
    {
      title: "in a worker pool",
      breaks: [workerPool(ZONAL)],
      says: ZONE,
      passes: [workerPool(CONNECTION_NAME), clientByEmail()],
    },
    {
      title: "in another provider's resource",
      breaks: [
        {
          type: "kubernetes:apps/v1:Deployment",
          name: "d",
          props: { spec: { args: [`--instances=${ZONAL}=tcp:5432`] } },
        },
      ],
      says: ZONE,
      passes: [
        {
          type: "gcp:monitoring/alertPolicy:AlertPolicy",
          name: "d",
          props: { documentation: { content: `not ${ZONAL}` } },
        },
      ],
    },
  ],
  "connection-name-matches-instance": [
    {
      title: "another region",
      breaks: stack(service(sockets("fusion-prime:us-east1:shop-db"))),
      says: /"fusion-prime:us-east1:shop-db" refers to an instance of this stack, but its connection name is "fusion-prime:us-central1:shop-db"/,
      passes: stack(service(sockets("fusion-prime:us-east1:another-db", CONNECTION_NAME))),
    },
    {
      title: "another project, in a secret",
      breaks: stack(version(connectionString({ host: "fusion-test:us-central1:shop-db" }))),
      says: /refers to an instance of this stack/,
      passes: stack(...known()),
    },
  ],
  "database-url-from-secret-manager": [
    {
      title: "no variable",
      breaks: stack(service({ containers: [container([])] })),
      says: /mounts a Cloud SQL socket but has no DATABASE_URL/,
      passes: stack(service({ containers: [container([])], volumes: [] })),
    },
    {
      title: "in plain text",
      breaks: stack(service({ containers: [container([{ name: "DATABASE_URL", value: "postgresql://db" }])] })),
      says: /envs\[0\] \(DATABASE_URL\) is in plain text/,
      passes: stack(service({ containers: [container([]), container([url()])] })),
    },
    {
      title: "in plain text, first version of the API",
      breaks: stack(serviceV1(CONNECTION_NAME, [{ name: "DATABASE_URL", value: "postgresql://db" }])),
      says: /is in plain text/,
      passes: stack(serviceV1(CONNECTION_NAME)),
    },
  ],
  "no-sqlite": [
    {
      title: "in a variable",
      breaks: stack(env("FALLBACK_URL", "sqlite:///./settlement.db")),
      says: /is an SQLite database/,
      passes: stack(env("FALLBACK", "sqlite")),
    },
    {
      title: "in a secret",
      breaks: stack(version("sqlite+aiosqlite:///:memory:")),
      says: /secretData is an SQLite database/,
      passes: stack(...known()),
    },
  ],
  "database-url-secret-in-stack": [
    {
      title: "no secret",
      breaks: stack(service({ containers: [container([url("forgotten")])] })),
      says: /the secret "forgotten" is not in the stack/,
      passes: stack(service({ containers: [container([url("projects/fusion-prime/secrets/shop-database-url")])] })),
    },
    {
      title: "no version",
      breaks: stackWithout("version"),
      says: /the secret "shop-database-url" has no version/,
      passes: stack(service({ containers: [container([url(undefined, "latest")])] })),
    },
    {
      title: "a secret of one region",
      breaks: stack({ ...secret("other"), type: "gcp:secretmanager/regionalSecret:RegionalSecret" }),
      says: /the secret "shop-database-url" is not in the stack/,
      passes: stack(
        { ...secret(), type: "gcp:secretmanager/regionalSecret:RegionalSecret" },
        { ...version(), type: "gcp:secretmanager/regionalSecretVersion:RegionalSecretVersion" },
      ),
    },
    {
      title: "another version",
      breaks: stack(
        { ...version(), props: { ...version().props, version: "2" } },
        service({ containers: [container([url(undefined, "1")])] }),
      ),
      says: /has no enabled version 1/,
      passes: stack(
        { ...version(), props: { ...version().props, version: "1" } },
        service({ containers: [container([url(undefined, "1")])] }),
      ),
    },
  ],
  "database-url-matches-stack": [
    {
      title: "another driver",
      breaks: stack(...known({ driver: "mysql+pymysql" })),
      says: /uses the driver .* which is not PostgreSQL/,
      passes: stack(...known({ driver: "postgresql" })),
    },
    {
      title: "another database",
      breaks: stack(...known({ database: "shop2" })),
      says: /names a database that is not in the stack/,
      passes: stack(...known()),
    },
    {
      title: "another user",
      breaks: stack(...known({ user: "postgres" })),
      says: /names a user that is not in the stack/,
      passes: stack({ ...user(), props: { ...user().props, name: UNKNOWN_TEXT } }, version(connectionString())),
    },
    {
      title: "another instance",
      breaks: stack(...known({ host: "fusion-prime:us-central1:old-db" })),
      says: /names an instance that is not in the stack/,
      passes: stack(
        version(connectionString({ host: "fusion-prime:us-central1:old-db" })),
        service(sockets("fusion-prime:us-central1:old-db")),
      ).filter(({ name }) => !["instance", "database", "user"].includes(name)),
    },
  ],
  "one-password": [
    {
      title: "another generated password, not known yet",
      breaks: stack(generated("other"), version(undefined, ["other", "instance"])),
      says: /is not derived from the database user's password/,
      passes: stack(generated("other"), version(undefined, ["user"])),
    },
    {
      title: "another password, known",
      breaks: stack(...known({ password: "generated2" })),
      says: /has a different password than the user shop_user/,
      passes: stack(...known()),
    },
    {
      title: "the password's own secret",
      breaks: stack(
        generated("other"),
        secret("shop-db-password"),
        version(undefined, ["other"]),
        service({ containers: [container([url("shop-db-password")])] }),
      ),
      says: /is not derived from the database user's password/,
      passes: stack(
        generated("other"),
        { ...secret("session-key"), name: "session" },
        {
          ...version(undefined, ["other"]),
          name: "session-version",
          madeOf: { secret: ["session"], secretData: ["other"] },
        },
      ),
    },
  ],
  "workload-on-primary": [
    {
      title: "a replica",
      breaks: stack(instance({}, { masterInstanceName: "shop-main" })),
      says: /uses a read replica, which refuses writes/,
      passes: stack(instance({}, { masterInstanceName: "" })),
    },
  ],
  "private-instance-reachable": [
    {
      title: "a service in no network",
      breaks: stack(service({ vpcAccess: undefined })),
      says: /only a private address but has no network access; set vpcAccess/,
      passes: stack(service()),
    },
    {
      title: "no network, against a public address that connectors can use",
      breaks: stack(service({ vpcAccess: undefined })),
      says: /no network access/,
      passes: stack(
        service({ vpcAccess: undefined }),
        instance({
          ipConfiguration: { ipv4Enabled: true, sslMode: "ENCRYPTED_ONLY" },
          connectorEnforcement: "REQUIRED",
        }),
      ),
    },
    {
      title: "no network, against one that is not known yet",
      breaks: stack(service({ vpcAccess: undefined })),
      says: /no network access/,
      passes: stack(service({ vpcAccess: UNKNOWN_TEXT })),
    },
    {
      title: "a job",
      breaks: stack(job([container([url()])], sockets(CONNECTION_NAME).volumes, {})),
      says: /no network access/,
      passes: stack(job([container([])], sockets("fusion-prime:us-central1:elsewhere").volumes, {})),
    },
    {
      title: "first version of the API",
      breaks: stack({
        ...serviceV1(CONNECTION_NAME),
        props: {
          ...serviceV1(CONNECTION_NAME).props,
          template: {
            metadata: { annotations: { "run.googleapis.com/cloudsql-instances": CONNECTION_NAME } },
            spec: { serviceAccountName: UNKNOWN_TEXT, containers: [container([urlV1()])] },
          },
        },
      }),
      says: /no network access/,
      passes: stack(serviceV1(CONNECTION_NAME)),
    },
  ],
  "database-url-socket-mounted": [
    {
      title: "no volume",
      breaks: stack(...known(), service({ volumes: [] })),
      says: /containers\[0\] reads DATABASE_URL but mounts no Cloud SQL socket; add a volume/,
      passes: stack(...known()),
    },
    {
      title: "no mount",
      breaks: stack(service({ containers: [container([url()], { volumeMounts: [] })] })),
      says: /mounts no Cloud SQL socket; mount the volume of the instance in it/,
      passes: stack(service({ containers: [container([url()], { volumeMounts: [{ name: "cloudsql" }] })] })),
    },
    {
      title: "another path",
      breaks: stack(
        service({ containers: [container([url()], { volumeMounts: [{ name: "cloudsql", mountPath: "/sql" }] })] }),
      ),
      says: /mount the volume of the instance in it, at \/cloudsql/,
      passes: stack(
        service({
          containers: [container([url()], { volumeMounts: [{ name: "cloudsql", mountPath: UNKNOWN_TEXT }] })],
        }),
      ),
    },
    {
      title: "another volume",
      breaks: stack(
        service({ containers: [container([url()], { volumeMounts: [{ name: "cache", mountPath: "/cloudsql" }] })] }),
      ),
      says: /mount the volume of the instance in it/,
      passes: stack(
        service({
          volumes: [{ name: "cache", emptyDir: {} }, ...sockets(CONNECTION_NAME).volumes],
          containers: [
            container([url()], {
              volumeMounts: [
                { name: "cache", mountPath: "/cache" },
                { name: "cloudsql", mountPath: "/cloudsql" },
              ],
            }),
          ],
        }),
      ),
    },
    {
      title: "another container",
      breaks: stack(service({ containers: [container([]), container([url()], { volumeMounts: [] })] })),
      says: /containers\[1\] reads DATABASE_URL but mounts no Cloud SQL socket/,
      passes: stack(service({ containers: [container([], { volumeMounts: [] }), container([url()])] })),
    },
    {
      title: "a job",
      breaks: stack(...known(), job([container([url()])])),
      says: /template.template.containers\[0\] reads DATABASE_URL but mounts no/,
      passes: stack(...known(), job([container([url()])], sockets(CONNECTION_NAME).volumes)),
    },
    {
      title: "a sidecar that is not the proxy",
      breaks: [job([container([url()], { volumeMounts: [] }), container([])], sockets(CONNECTION_NAME).volumes)],
      says: /mounts no Cloud SQL socket/,
      passes: stack(
        job([
          container([url()], { volumeMounts: [] }),
          { image: "gcr.io/cloud-sql-connectors/cloud-sql-proxy:2", args: [CONNECTION_NAME] },
        ]),
      ),
    },
    {
      title: "first version of the API",
      breaks: stack(...known(), serviceV1(undefined)),
      says: /mounts no Cloud SQL socket; name the instance in the annotation run.googleapis.com\/cloudsql-instances/,
      passes: stack(serviceV1(CONNECTION_NAME)),
    },
    {
      title: "another instance, by its name",
      breaks: stack(...known(), service(sockets("fusion-prime:us-central1:old-db"))),
      says: /containers\[0\] mounts a different instance than its DATABASE_URL names/,
      passes: stack(...known(), service(sockets("fusion-prime:us-central1:old-db", CONNECTION_NAME))),
    },
    {
      title: "another instance, first version of the API",
      breaks: stack(...known(), serviceV1("fusion-prime:us-central1:old-db")),
      says: /mounts a different instance/,
      passes: stack(...known(), serviceV1(`fusion-prime:us-central1:old-db, ${CONNECTION_NAME}`)),
    },
    {
      title: "another instance, in a string that is not known yet",
      breaks: stack(OTHER_INSTANCE, version(undefined, ["password", "other"])),
      says: /mounts a different instance/,
      passes: stack(OTHER_INSTANCE, version(undefined, ["password", "instance"])),
    },
    {
      title: "another instance, with a socket that is not known yet",
      breaks: stack(OTHER_INSTANCE, ...known(), mounting("other")),
      says: /mounts a different instance/,
      passes: stack(OTHER_INSTANCE, ...known(), mounting("instance")),
    },
    {
      title: "another instance, both not known yet",
      breaks: [...UNNAMED, client(), OTHER_INSTANCE].map((one) => (one.name === "service" ? mounting("other") : one)),
      says: /mounts a different instance/,
      passes: [...UNNAMED, client()],
    },
  ],
  "service-account-may-connect": [
    {
      title: "no grant",
      breaks: stackWithout("client"),
      says: /its account may not connect; grant it roles\/cloudsql.client/,
      passes: stack(client()),
    },
    {
      title: "another role",
      breaks: stack(client("roles/cloudsql.instanceUser")),
      says: /may not connect/,
      passes: stack(client("projects/fusion-prime/roles/connector")),
    },
    {
      title: "another account",
      breaks: stack(
        {
          ...client(),
          madeOf: {},
          props: { ...client().props, member: "serviceAccount:other@fusion-prime.iam.gserviceaccount.com" },
        },
        service({ serviceAccount: ACCOUNT }),
      ),
      says: /may not connect/,
      passes: stack(
        { ...client(), madeOf: {}, props: { ...client().props, member: `serviceAccount:${ACCOUNT}` } },
        service({ serviceAccount: ACCOUNT }),
      ),
    },
    ...[
      ['resource.name == "projects/fusion-prime/instances/old-db"', `resource.name == "${INSTANCE_NAME}"`],
      [
        'resource.name.startsWith("projects/fusion-prime/instances/old-")',
        'resource.name.startsWith("projects/fusion-prime/instances/shop-")',
      ],
      [`resource.name != "${INSTANCE_NAME}"`, 'resource.name != "projects/fusion-prime/instances/old-db"'],
      [
        'resource.name == "projects/other-project/instances/shop-db"',
        `resource.service == "sqladmin.googleapis.com" && resource.name == "${INSTANCE_NAME}"`,
      ],
      [
        'resource.name.extract("instances/{name}") == "other-db"',
        'resource.name.extract("projects/{project}/instances/") == "fusion-prime"',
      ],
      ['resource.name.extract("secrets/{name}/") != ""', 'resource.name.extract("instances/{name}") == "shop-db"'],
      ['request.time < timestamp("2020-01-01T00:00:00Z")', 'request.time > timestamp("2020-01-01T00:00:00Z")'],
      [
        "resource.name == 'projects/fusion-prime/instances/old-db'",
        `resource.type == 'sqladmin.googleapis.com/Instance' && resource.name == '${INSTANCE_NAME}'`,
      ],
      [
        'resource.type == "storage.googleapis.com/Bucket"',
        `resource.type != "sqladmin.googleapis.com/Instance" || resource.name == "${INSTANCE_NAME}"`,
      ],
    ].map(([wrong = "", right = ""]) => ({
      title: wrong,
      breaks: stack(client(undefined, { condition: { expression: wrong } })),
      says: /may not connect: the condition of client does not hold/,
      passes: stack(client(undefined, { condition: { expression: right } })),
    })),
    ...[
      'resource.name == "',
      "resource.name",
      "destination.port == 21",
      'resource.name.extract("instances") != ""',
    ].map((expression) => ({
      title: `a condition that cannot be evaluated, ${expression}`,
      breaks: stack(client(undefined, { condition: { expression } })),
      says: /may not connect: the condition of client cannot be evaluated/,
      passes: stack(client(undefined, { condition: { expression } }), { ...client(), name: "another" }),
    })),
    {
      title: "an unknown condition derived from another instance",
      breaks: stack(OTHER_INSTANCE, conditional("other")),
      says: /the condition of client does not hold/,
      passes: stack(OTHER_INSTANCE, conditional("instance")),
    },
    {
      title: "a name that is not known yet, and a condition that has ended",
      breaks: [
        ...UNNAMED,
        client(undefined, { condition: { expression: 'request.time < timestamp("2020-01-01T00:00:00Z")' } }),
      ],
      says: /the condition of client does not hold/,
      passes: [...UNNAMED, client(undefined, { condition: { expression: `resource.name == "${INSTANCE_NAME}"` } })],
    },
    {
      title: "one of two instances",
      breaks: stack(service(sockets(CONNECTION_NAME, "fusion-prime:us-central1:old-db")), conditional(INSTANCE_NAME)),
      says: /the condition of client does not hold/,
      passes: stack(service(sockets(CONNECTION_NAME)), conditional(INSTANCE_NAME)),
    },
    {
      title: "a connector inside the driver",
      breaks: stack(user("generated1"), version(JDBC), service({ volumes: [] })).filter(
        ({ name }) => name !== "client",
      ),
      says: /its account may not connect; grant it roles\/cloudsql.client/,
      passes: stackWithout("client").map((one) =>
        one.name === "service" ? service({ volumes: [], containers: [container([])] }) : one,
      ),
    },
    {
      title: "the instance of a connector inside the driver",
      breaks: stack(
        user("generated1"),
        version(JDBC),
        service({ volumes: [] }),
        conditional("projects/fusion-prime/instances/old-db"),
      ),
      says: /the condition of client does not hold/,
      passes: stack(user("generated1"), version(JDBC), service({ volumes: [] }), conditional(INSTANCE_NAME)),
    },
  ],
  "service-account-may-read-secret": [
    {
      title: "no grant",
      breaks: stackWithout("accessor"),
      says: /its account may not read the secret of DATABASE_URL/,
      passes: stack(accessor()),
    },
    {
      title: "on another secret",
      breaks: stack(accessor(undefined, { secretId: "projects/fusion-prime/secrets/other" })),
      says: /may not read the secret/,
      passes: stack(accessor(undefined, { secretId: "projects/fusion-prime/secrets/shop-database-url" })),
    },
    {
      title: "a condition that has ended",
      breaks: stack(
        accessor(undefined, { condition: { expression: 'request.time < timestamp("2020-01-01T00:00:00Z")' } }),
      ),
      says: /may not read the secret of DATABASE_URL \(secret\): the condition of accessor does not hold/,
      passes: stack(
        accessor(undefined, { condition: { expression: 'resource.name.startsWith("projects/123/secrets/shop-")' } }),
      ),
    },
  ],
  "schema-before-service": [
    {
      title: "does not wait",
      breaks: stack(service({}, {}, [])),
      says: /does not wait for the schema/,
      passes: stack({ ...account(), dependsOn: ["schema"] }, service({}, {}, ["account"])),
    },
    {
      title: "DATABASE_URL without a socket",
      breaks: stack(service({ volumes: [] }, {}, [])),
      says: /does not wait for the schema/,
      passes: stack(service({ volumes: [], containers: [container([])] }, {}, [])),
    },
  ],
  "service-account-is-own": [
    {
      title: "none",
      breaks: stack(service({ serviceAccount: undefined })),
      says: /names no service account/,
      passes: stack(service({ serviceAccount: ACCOUNT })),
    },
    {
      title: "the default compute account",
      breaks: stack(serviceV1(CONNECTION_NAME, undefined, "123456789-compute@developer.gserviceaccount.com")),
      says: /which all workloads of the project share/,
      passes: stack(serviceV1(CONNECTION_NAME, undefined, ACCOUNT)),
    },
  ],
  "no-basic-roles": [
    {
      title: "editor",
      breaks: [grant("roles/editor", "group:team@example.com")],
      says: /grants roles\/editor/,
      passes: [grant("roles/cloudsql.editor", "group:team@example.com")],
    },
  ],
  "no-administrative-roles": [
    {
      title: "of a service",
      breaks: [grant("roles/cloudsql.admin", `serviceAccount:${ACCOUNT}`)],
      says: /grants roles\/cloudsql.admin to serviceAccount:shop@/,
      passes: [grant("roles/cloudsql.admin", "group:database-team@example.com")],
    },
    {
      title: "on a bucket, to an account that is not known yet",
      breaks: [grant("roles/storage.admin", UNKNOWN_TEXT, "gcp:storage/bucketIAMMember:BucketIAMMember")],
      says: /to an account that is not known yet/,
      passes: [grant("roles/storage.objectAdmin", UNKNOWN_TEXT, "gcp:storage/bucketIAMMember:BucketIAMMember")],
    },
  ],
  "no-project-wide-impersonation": [
    {
      title: "token creator",
      breaks: [grant("roles/iam.serviceAccountTokenCreator", "user:a@example.com")],
      says: /grants roles\/iam.serviceAccountTokenCreator on all accounts/,
      passes: [
        grant("roles/iam.serviceAccountTokenCreator", "user:a@example.com", "gcp:serviceaccount/iAMMember:IAMMember"),
      ],
    },
    {
      title: "user of accounts, in a folder",
      breaks: [grant("roles/iam.serviceAccountUser", "user:a@example.com", "gcp:folder/iAMMember:IAMMember")],
      says: /grants roles\/iam.serviceAccountUser on all accounts/,
      passes: [grant("roles/iam.securityReviewer", "user:a@example.com", "gcp:folder/iAMMember:IAMMember")],
    },
  ],
  "no-roles-for-default-accounts": [
    {
      title: "the default compute account",
      breaks: [grant("roles/logging.logWriter", "serviceAccount:123-compute@developer.gserviceaccount.com")],
      says: /grants roles\/logging.logWriter to serviceAccount:123-compute@developer/,
      passes: [grant("roles/logging.logWriter", `serviceAccount:${ACCOUNT}`)],
    },
  ],
  "no-public-members": [
    {
      title: "a secret",
      breaks: [
        grant("roles/secretmanager.secretAccessor", "allUsers", "gcp:secretmanager/secretIamMember:SecretIamMember"),
      ],
      says: /is granted to allUsers/,
      passes: [
        grant(
          "roles/secretmanager.secretAccessor",
          `serviceAccount:${ACCOUNT}`,
          "gcp:secretmanager/secretIamMember:SecretIamMember",
        ),
      ],
    },
    {
      title: "a bucket, by its access list",
      breaks: [
        {
          type: "gcp:storage/bucketACL:BucketACL",
          name: "acl",
          props: { bucket: "b", roleEntities: ["READER:allAuthenticatedUsers"] },
        },
      ],
      says: /is granted to allAuthenticatedUsers/,
      passes: [
        {
          type: "gcp:storage/bucketACL:BucketACL",
          name: "acl",
          props: { bucket: "b", roleEntities: ["READER:project-owners-1"] },
        },
      ],
    },
  ],
  "public-invoker": [
    {
      title: "a public service",
      breaks: [invoker("allUsers")],
      says: /lets allUsers call the service/,
      passes: [invoker(`serviceAccount:${ACCOUNT}`)],
    },
    {
      title: "no check",
      breaks: stack(service({}, { invokerIamDisabled: true })),
      says: /disables the invoker check/,
      passes: stack(service({}, { invokerIamDisabled: false })),
    },
  ],
  "no-project-wide-secret-access": [
    {
      title: "accessor of a project",
      breaks: [grant("roles/secretmanager.secretAccessor", `serviceAccount:${ACCOUNT}`)],
      says: /grants roles\/secretmanager.secretAccessor on all secrets/,
      passes: [grant("roles/secretmanager.viewer", `serviceAccount:${ACCOUNT}`)],
    },
    {
      title: "administrator of an organisation's secrets",
      breaks: [grant("roles/secretmanager.admin", "group:a@example.com", "gcp:organizations/iAMMember:IAMMember")],
      says: /grants roles\/secretmanager.admin on all secrets/,
      // This role adds and destroys versions, but cannot read them.
      passes: [grant("roles/secretmanager.secretVersionManager", `serviceAccount:${ACCOUNT}`)],
    },
  ],
  "no-authoritative-grants": [
    {
      title: "policy of a project",
      breaks: [
        {
          type: "gcp:projects/iAMPolicy:IAMPolicy",
          name: "policy",
          props: { project: "p", policyData: '{"bindings":[]}' },
        },
      ],
      says: /is authoritative and removes members/,
      passes: [grant("roles/run.developer", "group:team@example.com")],
    },
    {
      title: "binding of a secret",
      breaks: [
        {
          type: "gcp:secretmanager/secretIamBinding:SecretIamBinding",
          name: "b",
          props: { secretId: "s", role: "roles/x", members: [] },
        },
      ],
      says: /use gcp.secretmanager.SecretIamMember instead/,
      passes: [accessor()],
    },
  ],
  "no-service-account-keys": [
    {
      title: "a key",
      breaks: [{ type: "gcp:serviceaccount/key:Key", name: "key", props: { serviceAccountId: ACCOUNT } }],
      says: /creates a key/,
      passes: [account()],
    },
  ],
  "database-deletion-protection": [
    {
      title: "in the provider",
      breaks: [instance({}, { deletionProtection: false })],
      says: /^deletionProtection is off/m,
      passes: [instance({}, { deletionProtection: undefined })],
    },
    {
      title: "by Google",
      breaks: [instance({ deletionProtectionEnabled: undefined })],
      says: /^settings.deletionProtectionEnabled is off/m,
      passes: [instance()],
    },
  ],
  "data-protected": [
    {
      title: "an instance",
      breaks: [instance({}, {}, false)],
      says: /holds data but is not protected/,
      passes: [instance(), account()],
    },
    {
      title: "a bucket that is emptied",
      breaks: [bucket({ forceDestroy: true }, false)],
      says: /is not protected/,
      passes: [bucket({}, false)],
    },
  ],
  "database-backups": [
    {
      title: "off",
      breaks: [backup({ enabled: false })],
      says: /backupConfiguration.enabled is off/,
      passes: [backup({})],
    },
    {
      title: "too few",
      breaks: [backup({ backupRetentionSettings: { retainedBackups: 6 } })],
      says: /keep 7 or more/,
      passes: [backup({ backupRetentionSettings: { retainedBackups: 7 } })],
    },
    {
      title: "of a primary",
      breaks: [instance({ backupConfiguration: undefined })],
      says: /backupConfiguration.enabled is off/,
      passes: [instance({ backupConfiguration: undefined }, { masterInstanceName: "shop-db" })],
    },
  ],
  "database-kept-backups": [
    {
      title: "deleted with the instance",
      breaks: [instance({ retainBackupsOnDelete: false })],
      says: /retainBackupsOnDelete is off/,
      passes: [instance({ retainBackupsOnDelete: UNKNOWN_TEXT })],
    },
    {
      title: "no final backup",
      breaks: [instance({ finalBackupConfig: undefined })],
      says: /finalBackupConfig.enabled is off/,
      passes: [instance({ finalBackupConfig: undefined }, { masterInstanceName: "shop-db" })],
    },
  ],
  "database-point-in-time-recovery": [
    {
      title: "off",
      breaks: [backup({ pointInTimeRecoveryEnabled: false })],
      says: /pointInTimeRecoveryEnabled is off/,
      passes: [backup({ pointInTimeRecoveryEnabled: UNKNOWN_TEXT })],
    },
    {
      title: "off, in MySQL",
      breaks: [instance({ backupConfiguration: { enabled: true } }, { databaseVersion: "MYSQL_8_4" })],
      says: /binaryLogEnabled is off/,
      passes: [
        instance({ backupConfiguration: { enabled: true, binaryLogEnabled: true } }, { databaseVersion: "MYSQL_8_4" }),
      ],
    },
    {
      title: "too short",
      breaks: [backup({ transactionLogRetentionDays: 3 })],
      says: /keep 7 days or more/,
      passes: [backup({ transactionLogRetentionDays: undefined })],
    },
  ],
  "database-no-open-networks": [
    {
      title: "the world",
      breaks: [networks("0.0.0.0/0")],
      says: /"0.0.0.0\/0" is too large/,
      passes: [networks("203.0.113.0/24")],
    },
    {
      title: "half of it",
      breaks: [networks("203.0.113.7", "128.0.0.0/1")],
      says: /"128.0.0.0\/1"/,
      passes: [networks("203.0.113.7")],
    },
    { title: "the world, IPv6", breaks: [networks("::/0")], says: /"::\/0"/, passes: [networks("2001:db8:1:2::/64")] },
    { title: "no network at all", breaks: [networks("everywhere")], says: /"everywhere"/, passes: [networks()] },
  ],
  "database-public-address": [
    {
      title: "any client",
      breaks: [instance({ ipConfiguration: { ipv4Enabled: true, sslMode: "ENCRYPTED_ONLY" } })],
      says: /ipv4Enabled gives a public address/,
      passes: [
        instance({
          connectorEnforcement: "REQUIRED",
          ipConfiguration: { ipv4Enabled: true, sslMode: "ENCRYPTED_ONLY" },
        }),
      ],
    },
  ],
  "database-tls-only": [
    {
      title: "clear text too",
      breaks: [instance({ ipConfiguration: { ipv4Enabled: false, sslMode: "ALLOW_UNENCRYPTED_AND_ENCRYPTED" } })],
      says: /sslMode allows unencrypted connections/,
      passes: [instance({ ipConfiguration: { ipv4Enabled: false, requireSsl: true } })],
    },
  ],
  "database-version": [
    {
      title: "an old one",
      breaks: [instance({}, { databaseVersion: "POSTGRES_12" })],
      says: /databaseVersion is not supported; use one of POSTGRES_15/,
      passes: [instance({}, { databaseVersion: "POSTGRES_15" })],
    },
  ],
  "database-flags": [
    {
      title: "not set",
      breaks: [instance({ databaseFlags: flags({ log_connections: undefined }) })],
      says: /flag log_connections is not set; set it to "on"/,
      passes: [instance({ databaseFlags: UNKNOWN_TEXT })],
    },
    {
      title: "another value",
      breaks: [instance({ databaseFlags: flags({ log_statement: "none" }) })],
      says: /flag log_statement is "none"; set it to "ddl"/,
      passes: [instance({ databaseFlags: flags({ log_statement: "mod", log_error_verbosity: "TERSE" }) })],
    },
  ],
  "database-regional": [
    {
      title: "one zone",
      breaks: [instance({ availabilityType: "ZONAL" })],
      says: /availabilityType is not REGIONAL/,
      passes: [instance({ availabilityType: "ZONAL" }, { masterInstanceName: "shop-db" })],
    },
  ],
  "database-maintenance-window": [
    {
      title: "Google's choice",
      breaks: [instance({ maintenanceWindow: undefined })],
      says: /maintenanceWindow is not set/,
      passes: [instance({ maintenanceWindow: { day: 1, hour: 0 } })],
    },
  ],
  "database-connection-budget": [
    {
      title: "too many instances",
      breaks: stack(service({ scaling: { maxInstanceCount: 91 } })),
      says: /^91 instances × 1 connection \+ 10 reserved = 101 exceeds the 100 connections of the tier db-custom-1-3840/,
      passes: stack(service({ scaling: { maxInstanceCount: 90 } })),
    },
    {
      title: "a large pool",
      breaks: stack(env("DATABASE_POOL_SIZE", "25")),
      says: /^4 instances × 25 connections \+ 10 reserved = 110 exceeds/,
      passes: stack(env("DATABASE_POOL_SIZE", "20")),
    },
    {
      title: "a flag with fewer connections",
      breaks: stack(env("DB_POOL_SIZE", "20"), instance({ databaseFlags: flags({ max_connections: "50" }) })),
      says: /= 90 exceeds the 50 connections of instance, by its flag max_connections/,
      passes: stack(env("DB_POOL_SIZE", "20"), instance({ databaseFlags: flags({ max_connections: "90" }) })),
    },
    {
      title: "two services that fit only one by one",
      breaks: stack(env("DATABASE_POOL_SIZE", "20"), { ...env("DATABASE_POOL_SIZE", "15"), name: "second" }),
      says: /^4 instances × 20 connections \+ 4 instances × 15 connections \+ 10 reserved = 150 exceeds/,
      passes: stack(env("DATABASE_POOL_SIZE", "15"), { ...env("DATABASE_POOL_SIZE", "5"), name: "second" }),
    },
    {
      title: "an annotation of Cloud Run's API v1",
      breaks: stack(scaledV1("95")),
      says: /^95 instances × 1 connection \+ 10 reserved = 105 exceeds/,
      passes: stack(scaledV1("90")),
    },
    {
      title: "poolers in edition ENTERPRISE",
      breaks: [instance({ edition: "ENTERPRISE", connectionPoolConfigs: [{ connectionPoolingEnabled: true }] })],
      says: /^connectionPoolConfigs asks for Managed Connection Pooling, which Cloud SQL refuses in edition ENTERPRISE/,
      passes: [instance({ edition: "ENTERPRISE", connectionPoolConfigs: [{ connectionPoolingEnabled: false }] })],
    },
    {
      title: "more clients than the poolers take",
      breaks: stack(env("DATABASE_POOL_SIZE", "500"), pooled({ max_client_connections: "1999" })),
      says: /^4 instances × 500 connections = 2000 exceeds the 1999 clients of the poolers; change the limits of its poolers/,
      passes: stack(env("DATABASE_POOL_SIZE", "500"), pooled({ max_client_connections: "2000" })),
    },
    {
      title: "more pooled connections than the database takes",
      breaks: stack(pooled({ max_pool_size: "396" })),
      says: /^2 poolers × 1 login × 396 connections \+ 10 reserved = 802 exceeds the 800 connections of the tier db-perf-optimized-N-8/,
      passes: stack(pooled({ max_pool_size: "395" })),
    },
  ],
  "database-disk-autoresize": [
    {
      title: "off",
      breaks: [instance({ diskAutoresize: false })],
      says: /diskAutoresize is off/,
      passes: [instance({ diskAutoresize: undefined })],
    },
  ],
  "no-plain-credentials": [
    {
      title: "a URL in a variable",
      breaks: stack(env("CACHE", "redis://default:hunter2@10.0.0.1:6379")),
      says: /envs\[1\].value holds a URL with a password/,
      passes: stack(env("CACHE", "redis://10.0.0.1:6379")),
    },
    {
      title: "a variable by its name",
      breaks: stack(env("DB_PASSWORD", "hunter2")),
      says: /\(DB_PASSWORD\) holds a credential in plain text/,
      passes: stack(env("DB_PASSWORD", "/secrets/password")),
    },
    ...["PGPASSWORD", "DB_PASS", "DBPASS", "MYSQL_PWD", "dbPassword", "SSH_PASSPHRASE", "AWS_SECRET_ACCESS_KEY"].map(
      (name) => ({
        title: name,
        breaks: stack(env(name, "hunter2")),
        says: /holds a credential in plain text/,
        passes: stack(env(name, "/secrets/password")),
      }),
    ),
    ...[
      // A secret's id, because the variable's name says so.
      { name: "DB_PASSWORD_SECRET", literal: "hunter2", other: "shop-db-password" },
      { name: "DB_PASSWORD_SECRET", literal: "not-an-id!", other: "SHOP_DB_PASSWORD" },
      { name: "DB_PASSWORD_SECRET", literal: "xK3-9fQ_hunter2", other: UNKNOWN_TEXT },
      // A secret's id, because the stack has the secret.
      { name: "ACCESS_TOKEN_SECRET", literal: "signed-by-hunter2", other: "shop-database-url" },
      { name: "CLIENT_SECRET", literal: "hunter2", other: "shop-database-url" },
      // Switches and limits.
      { name: "USE_TOKEN", literal: "hunter2", other: "true" },
      { name: "REQUIRE_SECRET", literal: "truehunter2", other: "False" },
      { name: "MAX_TOKEN", literal: "4096hunter2", other: "4096" },
      { name: "SEND_PASSWORD", literal: "12345678", other: "0" },
      // An empty value.
      { name: "DB_PWD", literal: "hunter2", other: "" },
    ].map(({ name, literal, other }) => ({
      title: `${name}, ${literal} and ${other}`,
      breaks: stack(env(name, literal)),
      says: new RegExp(`\\(${name}\\) holds a credential in plain text`),
      passes: stack(env(name, other)),
    })),
    ...["PWD", "COMPASS", "ALLOW_BYPASS", "DB_PASSWORD_FILE", "TOKEN_URL", "SECRETARY"].map((name) => ({
      title: `not ${name}`,
      breaks: stack(env("TOKEN", "hunter2")),
      says: /\(TOKEN\) holds a credential/,
      passes: stack(env(name, "north")),
    })),
    {
      title: "an unknown value in a service that refers to no secret",
      breaks: stack({ ...env("S3_SECRET", UNKNOWN_TEXT), madeOf: { template: ["account", "bucket"] } }),
      says: /\(S3_SECRET\) holds a credential/,
      passes: stack({ ...env("S3_SECRET", UNKNOWN_TEXT), madeOf: { template: ["account", "secret"] } }),
    },
    {
      title: "a label of a bucket",
      breaks: [bucket({ logging: { logObjectPrefix: "https://admin:hunter2@example.com" } })],
      says: /holds a URL with a password/,
      passes: [bucket({ logging: { logObjectPrefix: "https://example.com/a:b" } })],
    },
    {
      title: "a generated password in a template",
      breaks: stack({ ...service(), madeOf: { template: ["account", "secret", "version", "password"] } }),
      says: /template contains the generated password password/,
      passes: stack(service()),
    },
  ],
  "passwords-are-generated": [
    {
      title: "a user's",
      breaks: stack({ ...user("hunter2"), madeOf: { instance: ["instance"] } }),
      says: /^password is not a generated password/m,
      passes: stack(instance({ databaseFlags: flags({ "cloudsql.iam_authentication": "on" }) }), {
        ...user(undefined),
        props: { name: "shop_user", instance: "shop-db", type: "CLOUD_IAM_USER" },
        madeOf: {},
      }),
    },
    {
      title: "a connection string's",
      breaks: stack(version(connectionString(), [])),
      says: /^secretData is not a generated password/m,
      passes: stack(
        { ...secret("api-key"), name: "key" },
        { ...version("hunter2", []), name: "key-version", madeOf: { secret: ["key"] } },
      ),
    },
    {
      title: "root's",
      breaks: [instance({}, { rootPassword: "hunter2" })],
      says: /^rootPassword is not a generated password/m,
      passes: [
        generated(),
        { ...instance({}, { rootPassword: "generated1" }), madeOf: { rootPassword: ["password"] } },
      ],
    },
  ],
  "secrets-and-buckets-protected": [
    {
      title: "not protected",
      breaks: [{ ...secret(), protect: false }],
      says: /is not protected; set the resource option protect/,
      passes: [secret()],
    },
    { title: "a bucket", breaks: [bucket({}, false)], says: /is not protected/, passes: [bucket()] },
  ],
  "password-length": [
    {
      title: "short",
      breaks: [generated("short", 19)],
      says: /generate 20 characters or more/,
      passes: [generated("enough", 20)],
    },
  ],
  "bucket-uniform-access": [
    {
      title: "off",
      breaks: [bucket({ uniformBucketLevelAccess: false })],
      says: /uniformBucketLevelAccess is off/,
      passes: [bucket()],
    },
  ],
  "bucket-public-access-prevention": [
    {
      title: "inherited",
      breaks: [bucket({ publicAccessPrevention: "inherited" })],
      says: /publicAccessPrevention is not enforced/,
      passes: [bucket({ publicAccessPrevention: UNKNOWN_TEXT })],
    },
  ],
  "bucket-versioning": [
    {
      title: "not set",
      breaks: [bucket({ versioning: undefined })],
      says: /versioning.enabled is off/,
      passes: [bucket()],
    },
  ],
  "bucket-not-its-own-log": [
    {
      title: "itself",
      breaks: [bucket({ logging: { logBucket: "shop-migrations" } })],
      says: /logBucket is the bucket itself/,
      passes: [bucket({ logging: { logBucket: "shop-logs" } })],
    },
  ],
  "frontend-https": [
    {
      title: "a service over plain HTTP",
      breaks: httpFrontend({ defaultService: "shop" }),
      says: /^target is an HTTP proxy whose URL map does not only redirect to HTTPS/m,
      passes: httpFrontend({ defaultUrlRedirect: { httpsRedirect: true, stripQuery: false } }),
    },
    {
      title: "one path over plain HTTP, beside an internal load balancer",
      breaks: httpFrontend({
        defaultUrlRedirect: { httpsRedirect: true },
        pathMatchers: [
          {
            name: "paths",
            defaultUrlRedirect: { httpsRedirect: true },
            pathRules: [{ paths: ["/status"], service: "shop" }],
          },
        ],
      }),
      says: /does not only redirect to HTTPS/,
      passes: httpFrontend({ defaultService: "shop" }, { loadBalancingScheme: "INTERNAL_MANAGED" }),
    },
    {
      title: "a redirect to another host over plain HTTP, by name and with the default scheme",
      breaks: byName(httpFrontend({ defaultUrlRedirect: { hostRedirect: "example.com", httpsRedirect: false } })),
      says: /does not only redirect to HTTPS/,
      passes: byName(httpFrontend({ defaultUrlRedirect: { hostRedirect: "example.com", httpsRedirect: true } })),
    },
  ],
  "frontend-tls-policy": [
    {
      title: "a proxy without an SSL policy",
      breaks: [tlsProxy(undefined)],
      says: /^sslPolicy is not set, so that TLS 1.0 is accepted/m,
      passes: [tlsProxy(UNKNOWN_TEXT)],
    },
    {
      title: "an old version",
      breaks: [sslPolicy({ profile: "MODERN" })],
      says: /^minTlsVersion is TLS_1_0; set it to TLS_1_2/m,
      passes: [sslPolicy({ profile: "MODERN", minTlsVersion: "TLS_1_2" })],
    },
    {
      title: "the default profile",
      breaks: [sslPolicy({ minTlsVersion: "TLS_1_2" })],
      says: /^profile is COMPATIBLE/m,
      passes: [sslPolicy({ profile: "RESTRICTED" })],
    },
    {
      title: "a weak cipher suite",
      breaks: [
        sslPolicy({
          profile: "CUSTOM",
          minTlsVersion: "TLS_1_2",
          customFeatures: ["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"],
        }),
      ],
      says: /^customFeatures\[1\] is TLS_RSA_WITH_3DES_EDE_CBC_SHA, a weak cipher/m,
      passes: [
        sslPolicy({
          profile: "CUSTOM",
          minTlsVersion: "TLS_1_2",
          customFeatures: ["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"],
        }),
      ],
    },
  ],
  "required-labels": [
    {
      title: "one is missing",
      breaks: [bucket({ labels: { app: "shop" } })],
      says: /labels lacks environment/,
      passes: [bucket({ labels: { app: "shop", environment: UNKNOWN_TEXT } })],
    },
  ],
};

const own: readonly Case[] = Object.entries(byPolicy).flatMap(([policy, list]) =>
  list.map((one) => ({ policy, ...one })),
);

/** All rows. */
export const cases: readonly Case[] = [...own, ...strangers];

const isSmall = ({ breaks, passes }: Case) => breaks.length + passes.length <= 6;

/**
 * The rows that the real engine runs: in the short form the first of each policy. A resource costs a hundredth of a second, so
 * of the rows with whole stacks only three for each policy are among them in the long form.
 */
export const inEngine: readonly Case[] = cases.filter((row, index) => {
  const alike = cases.slice(0, index).filter(({ policy }) => policy === row.policy);
  if (!LONG_FORM) return alike.length === 0;
  return isSmall(row) || alike.filter((one) => !isSmall(one)).length < 3;
});
