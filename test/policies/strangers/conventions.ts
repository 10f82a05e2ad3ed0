import type { Case } from "../case.ts";
import { type Declared, UNKNOWN_TEXT } from "../declare.ts";
import {
  ACCOUNT,
  CONNECTION_NAME,
  container,
  flags,
  generated,
  instance,
  service,
  program,
  user,
  version,
  VPC_ACCESS,
} from "../good.ts";

type Variable = Readonly<Record<string, unknown>>;

function plain(name: string, value: string): Variable {
  return { name, value };
}

function fromSecret(name: string, secret = "shop-database-url"): Variable {
  return { name, valueSource: { secretKeyRef: { secret, version: "latest" } } };
}

function withEnv(envs: readonly Variable[], ...changed: readonly Declared[]): Declared[] {
  return program(service({ containers: [container(envs)] }), ...changed);
}

/** The password alone in the secret. */
const PASSWORD: Declared = version(UNKNOWN_TEXT, ["password"]);

const SOCKET = plain("DB_HOST", `/cloudsql/${CONNECTION_NAME}`);

/** A login in variables of their own, one of which is changed. */
function split(changed: readonly Variable[] = [], ...resources: readonly Declared[]): Declared[] {
  const all = [SOCKET, plain("DB_USER", "shop_user"), plain("DB_NAME", "shop"), fromSecret("DB_PASS")];
  const envs = all.map((one) => changed.find(({ name }) => name === one.name) ?? one);
  const added = changed.filter(({ name }) => !all.some((one) => one.name === name));
  return withEnv([...envs, ...added], ...resources, PASSWORD);
}

/** A login over one of Google's connectors in the program. */
function byConnector(network: object = { vpcAccess: VPC_ACCESS }): Declared[] {
  const named = plain("INSTANCE_CONNECTION_NAME", CONNECTION_NAME);
  const envs = [named, plain("DB_USER", "shop_user"), plain("DB_NAME", "shop"), fromSecret("DB_PASS")];
  const run = service({
    volumes: [],
    vpcAccess: undefined,
    ...network,
    containers: [container(envs, { volumeMounts: [] })],
  });
  return program(run, PASSWORD);
}

/** A login by IAM, which has no password. */
function iam(login: string, ...envs: readonly Variable[]): Declared[] {
  const account: Declared = {
    ...user(undefined),
    props: { name: "shop@fusion-prime.iam", instance: "shop-db", type: "CLOUD_IAM_SERVICE_ACCOUNT" },
    madeOf: { instance: ["instance"] },
  };
  const databaseFlags = [...flags(), { name: "cloudsql.iam_authentication", value: "on" }];
  const named = [SOCKET, plain("DB_USER", login), plain("DB_NAME", "shop"), ...envs];
  return withEnv(named, account, instance({ databaseFlags })).filter(
    ({ name }) => !["password", "secret", "version", "accessor"].includes(name),
  );
}

const URL = `postgresql://shop_user@/shop?host=/cloudsql/${CONNECTION_NAME}`;
const EXPANDED = `postgresql://shop_user:$(DB_PASS)@/shop?host=/cloudsql/${CONNECTION_NAME}`;

/** The connection string as a file in a volume. */
function asFile(): Declared[] {
  return program(
    service({
      volumes: [
        { name: "cloudsql", cloudSqlInstance: { instances: [CONNECTION_NAME] } },
        { name: "url", secret: { secret: "shop-database-url", items: [{ path: "url", version: "latest" }] } },
      ],
      containers: [container([plain("DATABASE_URL_FILE", "/secrets/url")])],
    }),
  );
}

/** Conventions other than DATABASE_URL: variables of their own, IAM, files and expansion. */
export const conventions: readonly Case[] = [
  {
    policy: "database-url-matches-stack",
    title: "DB_NAME",
    breaks: split([plain("DB_NAME", "shop2")]),
    says: /envs\[2\] \(DB_NAME\) names a database that is not in the stack/,
    passes: split(),
  },
  {
    policy: "database-url-matches-stack",
    title: "DB_USER",
    breaks: split([plain("DB_USER", "shop_usr")]),
    says: /envs\[1\] \(DB_USER\) names a user that is not in the stack/,
    passes: split([plain("DB_NAME", "postgres")]),
  },
  {
    policy: "one-password",
    title: "DB_PASS, of another generated password",
    breaks: split([], generated("other"), version(UNKNOWN_TEXT, ["other"])),
    says: /is not derived from the database user's password/,
    passes: split([plain("INSTANCE_CONNECTION_NAME", CONNECTION_NAME)]),
  },
  {
    policy: "one-password",
    title: "DB_PASS, with another value",
    breaks: split([], user("generated1"), version("generated2", ["password"])),
    says: /is not the password of the user shop_user/,
    passes: split([], user("generated1"), version("generated1", ["password"])),
  },
  {
    policy: "no-plain-credentials",
    title: "DB_PASS in plain text",
    breaks: split([plain("DB_PASS", "hunter2")]),
    says: /\(DB_PASS\) holds a credential in plain text/,
    passes: split([plain("LOG_LEVEL", "info")]),
  },
  {
    policy: "database-url-socket-mounted",
    title: "DB_HOST, of another instance",
    breaks: split([plain("DB_HOST", "/cloudsql/fusion-prime:us-central1:old-db")]),
    says: /\(DB_HOST\) names an instance that the container does not mount/,
    passes: split([plain("PORT_OF_METRICS", "9090")]),
  },
  {
    policy: "service-account-may-connect",
    title: "a connector in the program, without a socket",
    breaks: byConnector().filter(({ name }) => name !== "client"),
    says: /its account may not connect; grant it roles\/cloudsql.client/,
    passes: byConnector(),
  },
  {
    policy: "private-instance-reachable",
    title: "a connector in the program, without a network",
    breaks: byConnector({}),
    says: /only a private address but has no network access/,
    passes: byConnector(),
  },
  {
    policy: "database-url-matches-stack",
    title: "a login by IAM",
    breaks: iam("shop-typo@fusion-prime.iam"),
    says: /\(DB_USER\) names a user that is not in the stack/,
    passes: iam("shop@fusion-prime.iam"),
  },
  {
    policy: "database-url-matches-stack",
    title: "a login by IAM at MySQL, without the domain",
    breaks: iam("shop-typo").map(inMySql),
    says: /\(DB_USER\) names a user that is not in the stack/,
    passes: iam("shop").map(inMySql),
  },
  {
    policy: "database-url-from-secret-manager",
    title: "a URL for a login by IAM",
    breaks: withEnv([plain("DATABASE_URL", URL)]),
    says: /\(DATABASE_URL\) is in plain text/,
    passes: iam(
      "shop@fusion-prime.iam",
      plain("DATABASE_URL", `postgresql://shop%40fusion-prime.iam@/shop?host=/cloudsql/${CONNECTION_NAME}`),
    ),
  },
  {
    policy: "database-url-from-secret-manager",
    title: "a URL that is not known yet",
    breaks: withEnv([plain("DATABASE_URL", UNKNOWN_TEXT)]),
    says: /\(DATABASE_URL\) is in plain text/,
    passes: iam("shop@fusion-prime.iam", plain("DATABASE_URL", UNKNOWN_TEXT)),
  },
  {
    policy: "database-url-from-secret-manager",
    title: "a URL beside PGPASSWORD",
    breaks: withEnv([plain("DATABASE_URL", URL)]),
    says: /\(DATABASE_URL\) is in plain text/,
    passes: withEnv([plain("DATABASE_URL", URL), fromSecret("PGPASSWORD")], PASSWORD),
  },
  {
    policy: "database-url-from-secret-manager",
    title: "a URL with a variable that Cloud Run expands",
    breaks: withEnv([fromSecret("DB_PASSWORD"), plain("DATABASE_URL", EXPANDED)], PASSWORD),
    says: /\(DATABASE_URL\) is in plain text/,
    passes: withEnv([fromSecret("DB_PASS"), plain("DATABASE_URL", EXPANDED)], PASSWORD),
  },
  {
    policy: "database-url-from-secret-manager",
    title: "a service that is told nothing of its database",
    breaks: withEnv([plain("LOG_LEVEL", "info")]),
    says: /mounts a Cloud SQL socket but has no DATABASE_URL/,
    passes: asFile(),
  },
  {
    policy: "database-url-secret-in-stack",
    title: "a file without a version",
    breaks: asFile().filter(({ name }) => name !== "version"),
    says: /the secret "shop-database-url" has no version/,
    passes: asFile(),
  },
  {
    policy: "service-account-may-read-secret",
    title: "a file that the account may not read",
    breaks: asFile().filter(({ name }) => name !== "accessor"),
    says: /its account may not read the secret of template.volumes\[1\]/,
    passes: asFile(),
  },
  {
    policy: "service-account-is-own",
    title: "a service that reads nothing",
    breaks: split().map((one) => (one.name === "service" ? runningAs(one, undefined) : one)),
    says: /names no service account/,
    passes: [
      {
        ...service({ volumes: [], serviceAccount: undefined, containers: [{ image: "hello" }] }),
        madeOf: {},
        dependsOn: [],
      },
    ],
  },
  {
    policy: "service-account-is-own",
    title: "the default account, by its email",
    breaks: split().map((one) =>
      one.name === "service" ? runningAs(one, "1-compute@developer.gserviceaccount.com") : one,
    ),
    says: /which all workloads of the project share/,
    passes: split().map((one) => {
      if (one.name === "service") return runningAs(one, ACCOUNT);
      return ["client", "accessor"].includes(one.name)
        ? { ...one, props: { ...one.props, member: `serviceAccount:${ACCOUNT}` } }
        : one;
    }),
  },
];

function inMySql(declared: Declared): Declared {
  if (declared.name !== "instance") return declared;
  const databaseFlags = [{ name: "cloudsql_iam_authentication", value: "on" }];
  return instance({ databaseFlags }, { databaseVersion: "MYSQL_8_4" });
}

function runningAs(declared: Declared, serviceAccount: string | undefined): Declared {
  const template = declared.props.template as object;
  return { ...declared, props: { ...declared.props, template: { ...template, serviceAccount } } };
}
