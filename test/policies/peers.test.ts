import { answeredBy, FINDINGS, PEERS, REPORTED, UNANSWERED } from "../../policies/peers.ts";
import { type Declared, judge } from "./declare.ts";
import { ACCOUNT, bucket, flags, grant, instance } from "./good.ts";

/** A resource that fails a peer's check, and one that passes it. */
type Pair = readonly [fails: Declared, passes: Declared];

function flag(name: string, wrong: string | undefined, right: string | undefined): Pair {
  return [instance({ databaseFlags: flags({ [name]: wrong }) }), instance({ databaseFlags: flags({ [name]: right }) })];
}

function ip(props: object): Declared {
  return instance({ ipConfiguration: { ipv4Enabled: false, sslMode: "ENCRYPTED_ONLY", ...props } });
}

function invoker(member: string): Declared {
  return grant("roles/run.invoker", member, "gcp:cloudrun/iamMember:IamMember", { service: "shop" });
}

const tls: Pair = [ip({ sslMode: undefined }), ip({ sslMode: "TRUSTED_CLIENT_CERTIFICATE_REQUIRED" })];
const open: Pair = [
  ip({ authorizedNetworks: [{ value: "0.0.0.0/0" }] }),
  ip({ authorizedNetworks: [{ value: "203.0.113.9/32" }] }),
];
const address: Pair = [ip({ ipv4Enabled: true }), ip({ privateNetwork: "projects/p/global/networks/n" })];
const noBackup: Pair = [instance({ backupConfiguration: { enabled: false } }), instance()];
const publicBucket = (member: string) =>
  grant("roles/storage.objectViewer", member, "gcp:storage/bucketIAMMember:BucketIAMMember");

const impersonation = (on: string): Pair => [
  grant("roles/iam.serviceAccountUser", "group:a@example.com", `gcp:${on}/iAMMember:IAMMember`),
  grant("roles/iam.serviceAccountViewer", "group:a@example.com", `gcp:${on}/iAMMember:IAMMember`),
];
const byDefault = (on: string): Pair => {
  const granted = (member: string) =>
    grant("roles/run.viewer", `serviceAccount:${member}`, `gcp:${on}/iAMMember:IAMMember`);
  return [granted("1-compute@developer.gserviceaccount.com"), granted(ACCOUNT)];
};
const basic = (on: string): Pair => [
  grant("roles/editor", "group:a@example.com", `gcp:${on}/iAMMember:IAMMember`),
  grant("roles/browser", "group:a@example.com", `gcp:${on}/iAMMember:IAMMember`),
];

function otherFlag(
  version: string,
  all: Readonly<Record<string, string>>,
  name: string,
  values: readonly (string | undefined)[],
) {
  const [fails, passes] = values.map((value) => {
    const set = Object.entries({ ...all, [name]: value });
    const databaseFlags = set.flatMap(([one, its]) => (its === undefined ? [] : [{ name: one, value: its }]));
    return instance({ databaseFlags }, { databaseVersion: version });
  });
  return [fails, passes] as unknown as Pair;
}

function mysql(name: string, ...values: readonly (string | undefined)[]): Pair {
  return otherFlag("MYSQL_8_4", { local_infile: "off", skip_show_database: "on" }, name, values);
}

function sqlServer(name: string, ...values: readonly (string | undefined)[]): Pair {
  return otherFlag("SQLSERVER_2022_STANDARD", { "remote access": "off", "3625": "on" }, name, values);
}

function rootWith(password: string | undefined): Declared {
  return { type: "gcp:sql/user:User", name: "root", props: { name: "root", instance: "shop-db", host: "%", password } };
}

const root: Pair = [rootWith(undefined), rootWith("q7Rz0vKc3LmX9tYw2BnD5hJs")];

function cryptoKey(member: string): Declared {
  const type = "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember";
  return { ...grant("roles/cloudkms.cryptoKeyDecrypter", member, type), name: "key" };
}

function hook(environmentVariables: Readonly<Record<string, string>>): Declared {
  return { type: "gcp:cloudfunctions/function:Function", name: "hook", props: { name: "hook", environmentVariables } };
}

function sslPolicy(props: object): Declared {
  return { type: "gcp:compute/sSLPolicy:SSLPolicy", name: "tls", props: { name: "shop", ...props } };
}

const sslProfile: Pair = [
  sslPolicy({ minTlsVersion: "TLS_1_2" }),
  sslPolicy({ minTlsVersion: "TLS_1_2", profile: "MODERN" }),
];

const pairs: Readonly<Record<string, Pair>> = {
  CKV_GCP_4: sslProfile,
  CKV_GCP_6: tls,
  CKV_GCP_11: open,
  CKV_GCP_14: noBackup,
  CKV_GCP_28: [publicBucket("allUsers"), publicBucket(`serviceAccount:${ACCOUNT}`)],
  CKV_GCP_29: [bucket({ uniformBucketLevelAccess: undefined }), bucket()],
  CKV_GCP_41: [
    grant("roles/iam.serviceAccountUser", "user:a@example.com"),
    grant("roles/iam.roleViewer", "user:a@example.com"),
  ],
  CKV_GCP_42: [
    grant("roles/run.admin", `serviceAccount:${ACCOUNT}`),
    grant("roles/run.viewer", `serviceAccount:${ACCOUNT}`),
  ],
  CKV_GCP_44: impersonation("folder"),
  CKV_GCP_45: impersonation("organizations"),
  CKV_GCP_47: byDefault("organizations"),
  CKV_GCP_48: byDefault("folder"),
  CKV_GCP_50: mysql("local_infile", undefined, "off"),
  CKV_GCP_58: sqlServer("cross db ownership chaining", "on", undefined),
  CKV_GCP_59: sqlServer("contained database authentication", "on", "off"),
  CKV_GCP_115: basic("organizations"),
  CKV_GCP_116: basic("folder"),
  CKV2_GCP_7: root,
  CKV2_GCP_20: [
    instance({ backupConfiguration: { enabled: true } }, { databaseVersion: "MYSQL_8_4" }),
    instance({ backupConfiguration: { enabled: true, binaryLogEnabled: true } }, { databaseVersion: "MYSQL_8_4" }),
  ],
  "CIS 1.4": [
    { type: "gcp:serviceaccount/key:Key", name: "key", props: { serviceAccountId: ACCOUNT } },
    { type: "gcp:serviceaccount/account:Account", name: "account", props: { accountId: "shop" } },
  ],
  "CIS 1.5": [
    grant("roles/cloudkms.admin", `serviceAccount:${ACCOUNT}`),
    grant("roles/cloudkms.viewer", `serviceAccount:${ACCOUNT}`),
  ],
  "CIS 1.6": [
    grant("roles/iam.serviceAccountTokenCreator", "user:a@example.com"),
    grant("roles/iam.serviceAccountTokenCreator", "user:a@example.com", "gcp:serviceaccount/iAMMember:IAMMember"),
  ],
  "CIS 1.9": [cryptoKey("allUsers"), cryptoKey(`serviceAccount:${ACCOUNT}`)],
  "CIS 1.17": [hook({ API_KEY: "a1b2c3!" }), hook({ API_KEY_FILE: "/secrets/key" })],
  "CIS 3.9": [
    sslPolicy({ minTlsVersion: "TLS_1_2", profile: "CUSTOM", customFeatures: ["TLS_RSA_WITH_AES_128_CBC_SHA"] }),
    sslPolicy({ profile: "RESTRICTED" }),
  ],
  "CIS 5.1": [publicBucket("allAuthenticatedUsers"), publicBucket(`serviceAccount:${ACCOUNT}`)],
  "CIS 5.2": [bucket({ uniformBucketLevelAccess: false }), bucket()],
  "CIS 6.1.1": root,
  "CIS 6.1.2": mysql("skip_show_database", "off", "on"),
  "CIS 6.1.3": mysql("local_infile", "on", "off"),
  "CIS 6.3.1": sqlServer("external scripts enabled", "on", "off"),
  "CIS 6.3.2": sqlServer("cross db ownership chaining", "on", "off"),
  "CIS 6.3.3": sqlServer("user connections", "10", "0"),
  "CIS 6.3.4": sqlServer("user options", "16", undefined),
  "CIS 6.3.5": sqlServer("remote access", "on", "off"),
  "CIS 6.3.6": sqlServer("3625", undefined, "on"),
  "CIS 6.3.7": sqlServer("contained database authentication", "on", undefined),
  CKV_GCP_46: [
    grant("roles/run.viewer", "serviceAccount:1-compute@developer.gserviceaccount.com"),
    grant("roles/run.viewer", `serviceAccount:${ACCOUNT}`),
  ],
  CKV_GCP_49: [
    grant("roles/iam.serviceAccountAdmin", "group:team@example.com"),
    grant("roles/iam.serviceAccountAdmin", "group:team@example.com", "gcp:serviceaccount/iAMMember:IAMMember"),
  ],
  CKV_GCP_51: flag("log_checkpoints", "off", undefined),
  CKV_GCP_52: flag("log_connections", "off", "on"),
  CKV_GCP_53: flag("log_disconnections", undefined, "on"),
  CKV_GCP_55: flag("log_min_messages", "debug1", "error"),
  CKV_GCP_57: flag("log_min_duration_statement", "0", "-1"),
  CKV_GCP_60: address,
  CKV_GCP_63: [bucket({ logging: { logBucket: "shop-migrations" } }), bucket({ logging: { logBucket: "logs" } })],
  CKV_GCP_78: [bucket({ versioning: { enabled: false } }), bucket()],
  CKV_GCP_79: [instance({}, { databaseVersion: "POSTGRES_9_6" }), instance()],
  CKV_GCP_102: [invoker("allAuthenticatedUsers"), invoker(`serviceAccount:${ACCOUNT}`)],
  CKV_GCP_109: flag("log_min_error_statement", "panic", "notice"),
  CKV_GCP_110: flag("cloudsql.enable_pgaudit", "off", "on"),
  CKV_GCP_111: flag("log_statement", "none", "all"),
  CKV_GCP_114: [bucket({ publicAccessPrevention: undefined }), bucket()],
  CKV_GCP_117: [grant("roles/viewer", "group:team@example.com"), grant("roles/browser", "group:team@example.com")],
  CKV2_GCP_14: flag("log_executor_stats", "on", "off"),
  CKV2_GCP_15: flag("log_parser_stats", "on", undefined),
  CKV2_GCP_16: flag("log_planner_stats", "on", "off"),
  CKV2_GCP_17: flag("log_statement_stats", "on", undefined),
  "CIS 6.2.1": flag("log_error_verbosity", "verbose", "terse"),
  "CIS 6.2.2": flag("log_connections", undefined, "on"),
  "CIS 6.2.3": flag("log_disconnections", "off", "on"),
  "CIS 6.2.4": flag("log_statement", undefined, "ddl"),
  "CIS 6.2.5": flag("log_min_messages", undefined, "warning"),
  "CIS 6.2.6": flag("log_min_error_statement", undefined, "error"),
  "CIS 6.2.7": flag("log_min_duration_statement", "100", "-1"),
  "CIS 6.2.8": flag("cloudsql.enable_pgaudit", undefined, "on"),
  "CIS 6.4": tls,
  "CIS 6.5": open,
  "CIS 6.6": address,
  "CIS 6.7": noBackup,
};

describe("other tools' checks", () => {
  test.each(Object.entries(pairs))("%s has a policy that finds the same violation", (peer, [fails, passes]) => {
    const names = answeredBy(peer);
    const found = (declared: Declared) => judge([declared]).filter(({ policy }) => names.includes(policy));
    expect(found(fails)).toHaveLength(1);
    expect(found(passes)).toEqual([]);
  });

  test("are each covered by a policy, or have a reason why not", () => {
    expect([...Object.keys(pairs), ...Object.keys(UNANSWERED)].sort()).toEqual(Object.keys(PEERS).sort());
    for (const peer of Object.keys(pairs)) expect(answeredBy(peer)).not.toEqual([]);
    for (const peer of Object.keys(UNANSWERED)) expect(answeredBy(peer)).toEqual([]);
  });

  test("are answered with a reason, if Checkov reports them on this project's stacks", () => {
    expect(FINDINGS.filter((peer) => REPORTED[peer] === undefined && UNANSWERED[peer] === undefined)).toEqual([]);
    expect(Object.keys(REPORTED).filter((peer) => !FINDINGS.includes(peer) || answeredBy(peer).length === 0)).toEqual(
      [],
    );
  });

  test("are the required ones", () => {
    const numbers = (prefix: string, ...ranges: readonly (number | readonly [number, number])[]) =>
      ranges.flatMap((range) => {
        const [from, to] = typeof range === "number" ? [range, range] : range;
        return Array.from({ length: to - from + 1 }, (_, index) => `${prefix}${from + index}`);
      });
    expect(Object.keys(PEERS)).toEqual([
      ...numbers("CKV_GCP_", 4, 6, 11, 14, 28, 29, 41, 42, [44, 60], 62, 63, 78, 79, 102, [108, 111], [114, 117]),
      ...numbers("CKV2_GCP_", 7, [13, 17], 20),
      ...numbers("CIS 1.", [1, 17]),
      ...numbers("CIS 2.", [1, 16]),
      ...numbers("CIS 3.", 9),
      ...numbers("CIS 5.", [1, 2]),
      ...numbers("CIS 6.1.", [1, 3]),
      ...numbers("CIS 6.2.", [1, 8]),
      ...numbers("CIS 6.3.", [1, 7]),
      ...numbers("CIS 6.", [4, 7]),
    ]);
  });
});
