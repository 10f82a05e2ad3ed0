import type { Case } from "../case.ts";
import { type Declared, UNKNOWN_TEXT } from "../declare.ts";
import {
  client,
  CONNECTION_NAME,
  connectionString,
  container,
  generated,
  instance,
  service,
  program,
  url,
  user,
  version,
} from "../good.ts";

const ENCODED = encodeURIComponent(`/cloudsql/${CONNECTION_NAME}`);
const PASSWORD = "generated1";

/** The same login, in the forms that drivers read; each names the database that it is given. */
export const FORMS: Readonly<Record<string, (database: string, password?: string) => string>> = {
  "Prisma's": (name, password = PASSWORD) =>
    `postgresql://shop_user:${password}@localhost/${name}?host=/cloudsql/${CONNECTION_NAME}`,
  "libpq's, with more parameters": (name, password = PASSWORD) =>
    `postgresql://shop_user:${password}@/${name}?host=/cloudsql/${CONNECTION_NAME}&sslmode=disable&application_name=shop`,
  "libpq's, with the socket in the authority": (name, password = PASSWORD) =>
    `postgresql://shop_user:${password}@${ENCODED}/${name}`,
  "Django's": (name, password = PASSWORD) => `postgres://shop_user:${password}@//cloudsql/${CONNECTION_NAME}/${name}`,
  "node-postgres's": (name, password = PASSWORD) =>
    `socket://shop_user:${password}@/cloudsql/${CONNECTION_NAME}?db=${name}`,
  "pg8000's": (name, password = PASSWORD) =>
    `postgresql+pg8000://shop_user:${password}@/${name}?unix_sock=/cloudsql/${CONNECTION_NAME}/.s.PGSQL.5432`,
  "psycopg's": (name, password = PASSWORD) => `postgresql+psycopg://shop_user:${password}@/${name}?host=${ENCODED}`,
  "keys and values": (name, password = PASSWORD) =>
    `host=/cloudsql/${CONNECTION_NAME} user=shop_user password=${password} dbname=${name} sslmode=disable`,
  ".NET's": (name, password = PASSWORD) =>
    `Host=/cloudsql/${CONNECTION_NAME};Username=shop_user;Password=${password};Database=${name}`,
  "JDBC's": (name, password = PASSWORD) =>
    `jdbc:postgresql:///${name}?cloudSqlInstance=${CONNECTION_NAME}&socketFactory=com.google.cloud.sql.postgres.SocketFactory&user=shop_user&password=${password}`,
};

const OLD = "fusion-prime:us-central1:old-db";

const MYSQL = instance({ databaseFlags: [] }, { databaseVersion: "MYSQL_8_4" });

function known(text: string, ...changed: readonly Declared[]): Declared[] {
  return program(...changed, user(PASSWORD), version(text));
}

const REPLICA: Declared = {
  ...instance({}, { name: "shop-replica", masterInstanceName: "shop-db" }),
  name: "replica",
  dependsOn: ["instance"],
};
const AT_REPLICA = "fusion-prime:us-central1:shop-replica";

function fromReplica(database: string): Declared[] {
  const volumes = [{ name: "cloudsql", cloudSqlInstance: { instances: [AT_REPLICA] } }];
  return known(connectionString({ host: AT_REPLICA, database }), REPLICA, service({ volumes }));
}

/** A service without a socket, beside the proxy. */
function besideProxy(args: readonly string[]): Declared {
  const sidecar = { image: "gcr.io/cloud-sql-connectors/cloud-sql-proxy:2", args };
  return service({ volumes: [], containers: [container([url()], { volumeMounts: [] }), sidecar] });
}

const TCP = `postgresql://shop_user:${PASSWORD}@10.9.0.3:5432/shop?sslmode=require`;
const OUTSIDE = service({ volumes: [], vpcAccess: undefined, containers: [container([url()], { volumeMounts: [] })] });
const IN_NETWORK = service({ volumes: [], containers: [container([url()], { volumeMounts: [] })] });

function without(name: string, declared: readonly Declared[]): Declared[] {
  return declared.filter((one) => one.name !== name);
}

/** Connection strings in the forms of many drivers, over sockets, proxies and addresses. */
export const connectionStrings: readonly Case[] = [
  ...Object.entries(FORMS).map(([title, form]) => ({
    policy: "database-url-matches-stack",
    title: `${title}, another database`,
    breaks: known(form("shop2")),
    says: /the connection string names a database that is not in the stack/,
    passes: known(form("shop")),
  })),
  {
    policy: "one-password",
    title: "Prisma's, another password",
    breaks: known(`postgresql://shop_user:generated2@localhost/shop?host=/cloudsql/${CONNECTION_NAME}`),
    says: /the connection string has a different password than the user shop_user/,
    passes: known(`postgresql://shop_user:${PASSWORD}@localhost/shop?host=/cloudsql/${CONNECTION_NAME}`),
  },
  {
    policy: "database-url-matches-stack",
    title: "a socket of MySQL, from a driver of PostgreSQL",
    breaks: known(`postgresql://shop_user:${PASSWORD}@/shop?host=/cloudsql/${CONNECTION_NAME}`, MYSQL),
    says: /uses the driver "postgresql", which is not MySQL/,
    passes: known(`mysql+pymysql://shop_user:${PASSWORD}@/shop?unix_socket=/cloudsql/${CONNECTION_NAME}`, MYSQL),
  },
  {
    policy: "database-url-matches-stack",
    title: "Go's driver for MySQL",
    breaks: known(`shop_user:${PASSWORD}@unix(/cloudsql/${CONNECTION_NAME})/shop2?parseTime=true`, MYSQL),
    says: /names a database that is not in the stack/,
    passes: known(`shop_user:${PASSWORD}@unix(/cloudsql/${CONNECTION_NAME})/shop?parseTime=true`, MYSQL),
  },
  {
    policy: "database-url-matches-stack",
    title: "the database postgres, which always exists",
    breaks: known(connectionString({ database: "postgers" })),
    says: /names a database that is not in the stack/,
    passes: known(connectionString({ database: "postgres" })),
  },
  {
    policy: "database-url-matches-stack",
    title: "a replica",
    breaks: fromReplica("shop2"),
    says: /names a database that is not in the stack/,
    passes: fromReplica("shop"),
  },
  {
    policy: "service-account-may-connect",
    title: "a proxy as a sidecar",
    breaks: without(
      "client",
      known(`postgresql://shop_user:${PASSWORD}@127.0.0.1:5432/shop`, besideProxy([CONNECTION_NAME])),
    ),
    says: /its account may not connect; grant it roles\/cloudsql.client/,
    passes: known(`postgresql://shop_user:${PASSWORD}@127.0.0.1:5432/shop`, besideProxy([CONNECTION_NAME])),
  },
  {
    policy: "database-url-socket-mounted",
    title: "the instance's address, without a socket and without a role",
    breaks: known(connectionString(), IN_NETWORK),
    says: /containers\[0\] reads DATABASE_URL but mounts no Cloud SQL socket/,
    passes: without("client", known(TCP, IN_NETWORK)),
  },
  {
    policy: "database-url-socket-mounted",
    title: "a string that is not known yet",
    breaks: program(OUTSIDE),
    says: /containers\[0\] reads DATABASE_URL but mounts no Cloud SQL socket/,
    passes: without("client", program(IN_NETWORK)),
  },
  {
    policy: "service-account-may-read-secret",
    title: "a database that is not Cloud SQL",
    breaks: without("accessor", elsewhere()),
    says: /its account may not read the secret of DATABASE_URL/,
    passes: elsewhere(),
  },
  {
    policy: "one-password",
    title: "a second database that is not Cloud SQL",
    breaks: program(generated("other"), version(UNKNOWN_TEXT, ["other"])),
    says: /is not derived from the database user's password/,
    passes: known(
      "postgresql://shop:from-the-console@ep-cool-1.eu-central-1.aws.example.com/shop?sslmode=require",
      IN_NETWORK,
    ),
  },
  {
    policy: "database-url-matches-stack",
    title: "another instance, whose login the stack has too",
    breaks: known(connectionString({ host: OLD })),
    says: /names an instance that is not in the stack/,
    passes: known(
      connectionString({ host: OLD, user: "old_user", database: "old" }),
      service({ volumes: [{ name: "cloudsql", cloudSqlInstance: { instances: [OLD] } }] }),
      { ...user(PASSWORD), name: "old", props: { name: "old_user", instance: "old-db", password: PASSWORD } },
      generated("unused"),
      { ...user("generated3", "unused"), madeOf: { password: ["unused"], instance: ["instance"] } },
    ),
  },
  {
    policy: "database-url-matches-stack",
    title: "a string that cannot be read",
    breaks: known(connectionString({ user: "shop_usr" })),
    says: /names a user that is not in the stack/,
    passes: known("prisma://accelerate.example.com/?api_key=not-a-database", client()),
  },
];

function elsewhere(): Declared[] {
  const left = ["instance", "database", "user", "client", "password", "schema", "bucket"];
  const text = "postgresql://shop:from-the-console@ep-cool-1.eu-central-1.aws.example.com/shop?sslmode=require";
  return program(version(text, []), { ...OUTSIDE, dependsOn: [] })
    .filter(({ name }) => !left.includes(name))
    .map((one) => (one.name === "service" ? { ...one, madeOf: { template: ["account", "secret", "version"] } } : one));
}
