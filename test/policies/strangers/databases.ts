import type { Case } from "../case.ts";
import { type Declared, UNKNOWN_TEXT } from "../declare.ts";
import { flags, generated, instance, program, secret, user, version } from "../good.ts";

const MYSQL_FLAGS = { local_infile: "off", skip_show_database: "on" };
const SQL_SERVER_FLAGS = { "remote access": "off", "3625": "on" };

function withFlags(databaseVersion: string, given: Readonly<Record<string, string | undefined>>): Declared[] {
  const databaseFlags = Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, value }],
  );
  const backupConfiguration = { enabled: true, binaryLogEnabled: true, pointInTimeRecoveryEnabled: true };
  return [instance({ databaseFlags, backupConfiguration }, { databaseVersion })];
}

function login(props: Readonly<Record<string, unknown>>, databaseVersion = "MYSQL_8_4"): Declared[] {
  const all = { instance: "shop-db", password: UNKNOWN_TEXT, ...props };
  const set = databaseVersion.startsWith("MYSQL") ? MYSQL_FLAGS : SQL_SERVER_FLAGS;
  const origins = { instance: ["instance"], ...(all.password === UNKNOWN_TEXT && { password: ["password"] }) };
  return [generated(), ...withFlags(databaseVersion, set), { ...user(UNKNOWN_TEXT), props: all, madeOf: origins }];
}

function byIam(databaseFlags: readonly unknown[], databaseVersion = "POSTGRES_17"): Declared[] {
  const props = { name: "shop@fusion-prime.iam", instance: "shop-db", type: "CLOUD_IAM_SERVICE_ACCOUNT" };
  return [instance({ databaseFlags }, { databaseVersion }), { ...user(), props, madeOf: { instance: ["instance"] } }];
}

function flag(
  title: string,
  databaseVersion: string,
  all: Readonly<Record<string, string>>,
  changed: Readonly<Record<string, string | undefined>>,
  says: RegExp,
): Case {
  const breaks = withFlags(databaseVersion, { ...all, ...changed });
  return { policy: "database-flags", title, breaks, says, passes: withFlags(databaseVersion, all) };
}

function old(databaseVersion: string, current: string): Case {
  return {
    policy: "database-version",
    title: databaseVersion,
    breaks: [instance({}, { databaseVersion })],
    says: /databaseVersion is not supported; use one of (?:MYSQL|SQLSERVER)_/,
    passes: [instance({}, { databaseVersion: current })],
  };
}

/** A second secret with a generated password of its own. */
function holding(id: string): Declared[] {
  const other = { ...version(UNKNOWN_TEXT, ["other"]), name: "other-version" };
  return program(
    generated("other"),
    { ...secret(id), name: "other-secret" },
    {
      ...other,
      madeOf: { secret: ["other-secret"], secretData: ["other"] },
    },
  );
}

/** MySQL, SQL Server, and logins by IAM. */
export const databases: readonly Case[] = [
  flag(
    "local files, by default",
    "MYSQL_8_4",
    MYSQL_FLAGS,
    { local_infile: undefined },
    /flag local_infile is not set/,
  ),
  flag("local files", "MYSQL_8_0", MYSQL_FLAGS, { local_infile: "on" }, /flag local_infile is "on"; set it to "off"/),
  flag(
    "ownership across databases",
    "SQLSERVER_2022_STANDARD",
    SQL_SERVER_FLAGS,
    { "cross db ownership chaining": "on" },
    /flag cross db ownership chaining is "on"; set it to "off"/,
  ),
  flag(
    "logins inside databases",
    "SQLSERVER_2019_WEB",
    SQL_SERVER_FLAGS,
    { "contained database authentication": "on" },
    /flag contained database authentication is "on"/,
  ),
  flag(
    "options of users",
    "SQLSERVER_2022_EXPRESS",
    SQL_SERVER_FLAGS,
    { "user options": "16" },
    /flag user options is "16"; leave it out/,
  ),
  old("MYSQL_5_7", "MYSQL_8_0_36"),
  old("SQLSERVER_2017_STANDARD", "SQLSERVER_2022_ENTERPRISE"),
  {
    policy: "database-login-has-password",
    title: "MySQL",
    breaks: login({ name: "shop", host: "%", password: undefined }),
    says: /has no password/,
    passes: login({ name: "shop", host: "%" }),
  },
  {
    policy: "database-login-has-password",
    title: "SQL Server, beside a login of IAM in MySQL",
    breaks: login({ name: "shop", password: "" }, "SQLSERVER_2022_STANDARD"),
    says: /has no password/,
    passes: [
      ...withFlags("MYSQL_8_4", { ...MYSQL_FLAGS, cloudsql_iam_authentication: "on" }),
      { ...user(), props: { name: "shop", instance: "shop-db", type: "CLOUD_IAM_USER" }, madeOf: {} },
    ],
  },
  {
    policy: "database-root-by-proxy-only",
    title: "every host, by default",
    breaks: login({ name: "root" }),
    says: /may log in from every host; set host to "cloudsqlproxy~%"/,
    passes: login({ name: "root", host: "cloudsqlproxy~%" }),
  },
  {
    policy: "database-root-by-proxy-only",
    title: "every host",
    breaks: login({ name: "root", host: "%" }),
    says: /may log in from every host/,
    passes: login({ name: "shop", host: "%" }),
  },
  {
    policy: "database-iam-login-enabled",
    title: "PostgreSQL",
    breaks: byIam(flags()),
    says: /logs in by IAM, which the instance instance refuses; set its flag cloudsql.iam_authentication to "on"/,
    passes: byIam(flags({ "cloudsql.iam_authentication": "on" })),
  },
  {
    policy: "database-iam-login-enabled",
    title: "MySQL",
    breaks: byIam([{ name: "cloudsql.iam_authentication", value: "on" }], "MYSQL_8_4"),
    says: /set its flag cloudsql_iam_authentication to "on"/,
    passes: byIam([{ name: "cloudsql_iam_authentication", value: "on" }], "MYSQL_8_4"),
  },
  {
    policy: "one-password",
    title: "a secret named after this database, beside another product's",
    breaks: holding("shop-db-reader-password"),
    says: /is not derived from the database user's password/,
    passes: holding("mongodb-orders-db-reader-password"),
  },
];
