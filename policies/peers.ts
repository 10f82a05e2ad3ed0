import { policies } from "./pack.ts";

const ORGANIZATION = "it is about the organization and its people, which no stack declares.";
const SINK = "it is an alert on audit logs, which an organization sets up once for all its projects.";
const API_KEYS = "the pack knows no API keys: Google's APIs are called with service accounts.";

/** Other tools' checks that no policy of this pack covers, and why. */
export const UNANSWERED: Readonly<Record<string, string>> = {
  CKV_GCP_54:
    "log_lock_waits logs every lock wait of a second; query insights, which the stack enables, shows waits by query. CIS dropped the check too.",
  "CIS 1.1": ORGANIZATION,
  "CIS 1.2": ORGANIZATION,
  "CIS 1.3": ORGANIZATION,
  "CIS 1.7": "user-managed keys are refused altogether, by `no-service-account-keys`, so that none needs rotation.",
  "CIS 1.8":
    "separation of duties is about all grants of a project, of which a stack declares a few; `no-project-wide-impersonation` refuses the roles in question to everybody.",
  "CIS 1.10": "the rotation of a customer's keys is for those who have some; Google rotates its own.",
  "CIS 1.11": "as 1.8, for the roles of Cloud KMS; `no-administrative-roles` refuses them to service accounts.",
  "CIS 1.12": API_KEYS,
  "CIS 1.13": API_KEYS,
  "CIS 1.14": API_KEYS,
  "CIS 1.15": API_KEYS,
  "CIS 1.16": ORGANIZATION,
  "CIS 2.1":
    "an audit configuration is one for the project, which several stacks share; this project's stack declares the Data Access logs that its alerts read.",
  "CIS 2.2": "a sink for all entries belongs to the organization; within the project, logs stay in Cloud Logging.",
  "CIS 2.3": "without such a sink there is no bucket to lock.",
  "CIS 2.4": SINK,
  "CIS 2.5": SINK,
  "CIS 2.6": SINK,
  "CIS 2.7": SINK,
  "CIS 2.8": SINK,
  "CIS 2.9": SINK,
  "CIS 2.10": SINK,
  "CIS 2.11": SINK,
  "CIS 2.12": "DNS logs are a policy of a network, which the stack may not own.",
  "CIS 2.13": "Cloud Asset Inventory is switched on for a project, without a resource that a program declares.",
  "CIS 2.14": ORGANIZATION,
  "CIS 2.15": ORGANIZATION,
  "CIS 2.16":
    "Cloud Run logs every request that a load balancer passes on; the balancer's own log would store each a second time.",
  CKV_GCP_56:
    "log_temp_files at 0 logs every sort on disk; Cloud SQL has a metric for temporary bytes. CIS dropped the check too.",
  CKV_GCP_62:
    "bucket access logs are hourly and best effort; Data Access audit logs record the same and are enabled per project.",
  CKV_GCP_108: "log_hostname needs a DNS lookup for every connection, and only shows the connector's host.",
  CKV2_GCP_13:
    "log_duration logs every statement; query insights measures them all, and log_min_duration_statement stays at -1 as CIS requires.",
};

/** What Checkov 3.3 still reports on this project's prod and staging though a policy covers it, and why. */
export const REPORTED: Readonly<Record<string, string>> = {
  CKV_GCP_6:
    "sslMode is ENCRYPTED_ONLY. Checkov wants client certificates, which the connectors create and check by IAM anyway.",
  CKV_GCP_51: "log_checkpoints is on by default since PostgreSQL 15; Checkov wants it written down.",
  CKV_GCP_60:
    "without a network in the stack's configuration the instance has a public address, which only the connectors can use: connectorEnforcement is REQUIRED and no network is authorized.",
  CKV_GCP_79: "POSTGRES_17 is supported and tested with the schema. Checkov accepts only the newest version.",
};

/** All that Checkov 3.3 reports on prod and staging. */
export const FINDINGS: readonly string[] = [
  ...[6, 51, 54, 60, 62, 79, 108].map((number) => `CKV_GCP_${number}`),
  "CKV2_GCP_13",
];

/** Checkov's checks on these resource types, and what the CIS Google Cloud benchmark 4.0 says about IAM, logging, load balancers, storage and Cloud SQL. */
export const PEERS: Readonly<Record<string, string>> = {
  CKV_GCP_4: "load balancers have no SSL policy with weak cipher suites",
  CKV_GCP_6: "Cloud SQL requires TLS",
  CKV_GCP_11: "Cloud SQL is not open to the world",
  CKV_GCP_14: "Cloud SQL has backups",
  CKV_GCP_28: "a bucket is not public",
  CKV_GCP_29: "a bucket has uniform access",
  CKV_GCP_41: "no role on a project impersonates every account",
  CKV_GCP_42: "a service account has no administrative role",
  CKV_GCP_44: "no role on a folder manages or impersonates accounts",
  CKV_GCP_45: "no role on an organization manages or impersonates accounts",
  CKV_GCP_46: "the default account holds no role on a project",
  CKV_GCP_47: "the default account holds no role on an organization",
  CKV_GCP_48: "the default account holds no role on a folder",
  CKV_GCP_49: "no role on a project manages or impersonates accounts",
  CKV_GCP_50: "local_infile is off",
  CKV_GCP_51: "log_checkpoints is on",
  CKV_GCP_52: "log_connections is on",
  CKV_GCP_53: "log_disconnections is on",
  CKV_GCP_54: "log_lock_waits is on",
  CKV_GCP_55: "log_min_messages has a useful level",
  CKV_GCP_56: "log_temp_files is 0",
  CKV_GCP_57: "log_min_duration_statement is -1",
  CKV_GCP_58: "databases of SQL Server have owners of their own",
  CKV_GCP_59: "SQL Server has no logins inside databases",
  CKV_GCP_60: "Cloud SQL has no public address",
  CKV_GCP_62: "a bucket logs access",
  CKV_GCP_63: "a bucket does not log into itself",
  CKV_GCP_78: "a bucket is versioned",
  CKV_GCP_79: "Cloud SQL runs a current major version",
  CKV_GCP_102: "Cloud Run is not public",
  CKV_GCP_108: "log_hostname is on",
  CKV_GCP_109: "log_min_error_statement is error or more",
  CKV_GCP_110: "pgAudit is on",
  CKV_GCP_111: "log_statement is set",
  CKV_GCP_114: "a bucket prevents public access",
  CKV_GCP_115: "basic roles are not used on an organization",
  CKV_GCP_116: "basic roles are not used on a folder",
  CKV_GCP_117: "basic roles are not used",
  CKV2_GCP_7: "MySQL has no login root without a password",
  CKV2_GCP_13: "log_duration is on",
  CKV2_GCP_14: "log_executor_stats is off",
  CKV2_GCP_15: "log_parser_stats is off",
  CKV2_GCP_16: "log_planner_stats is off",
  CKV2_GCP_17: "log_statement_stats is off",
  CKV2_GCP_20: "MySQL can be restored to any point in time",
  "CIS 1.1": "people log in with the organization's accounts",
  "CIS 1.2": "people use a second factor",
  "CIS 1.3": "administrators use security keys",
  "CIS 1.4": "service accounts have no keys of their own",
  "CIS 1.5": "service accounts have no administrative role",
  "CIS 1.6": "nobody acts as all service accounts",
  "CIS 1.7": "keys of service accounts are rotated",
  "CIS 1.8": "managing and using service accounts are separate",
  "CIS 1.9": "keys of Cloud KMS are not public",
  "CIS 1.10": "keys of Cloud KMS are rotated",
  "CIS 1.11": "managing and using keys of Cloud KMS are separate",
  "CIS 1.12": "API keys exist only for active services",
  "CIS 1.13": "API keys are for given hosts and apps",
  "CIS 1.14": "API keys are for given APIs",
  "CIS 1.15": "API keys are rotated",
  "CIS 1.16": "the organization has essential contacts",
  "CIS 1.17": "functions have no secrets in variables",
  "CIS 2.1": "audit logs are on",
  "CIS 2.2": "a sink exports all entries",
  "CIS 2.3": "the buckets of such sinks are locked",
  "CIS 2.4": "changes of a project's owners cause an alert",
  "CIS 2.5": "changes of audit logs cause an alert",
  "CIS 2.6": "changes of custom roles cause an alert",
  "CIS 2.7": "changes of firewall rules cause an alert",
  "CIS 2.8": "changes of routes cause an alert",
  "CIS 2.9": "changes of networks cause an alert",
  "CIS 2.10": "changes of access to buckets cause an alert",
  "CIS 2.11": "changes of Cloud SQL instances cause an alert",
  "CIS 2.12": "networks log DNS",
  "CIS 2.13": "Cloud Asset Inventory is on",
  "CIS 2.14": "Access Transparency is on",
  "CIS 2.15": "Access Approval is on",
  "CIS 2.16": "load balancers log requests",
  "CIS 3.9": "load balancers have no SSL policy with weak cipher suites",
  "CIS 5.1": "buckets are not public",
  "CIS 5.2": "buckets have uniform access",
  "CIS 6.1.1": "MySQL has no administrative login for everybody",
  "CIS 6.1.2": "skip_show_database is on",
  "CIS 6.1.3": "local_infile is off",
  "CIS 6.2.1": "log_error_verbosity is default or stricter",
  "CIS 6.2.2": "log_connections is on",
  "CIS 6.2.3": "log_disconnections is on",
  "CIS 6.2.4": "log_statement is set",
  "CIS 6.2.5": "log_min_messages is warning or stricter",
  "CIS 6.2.6": "log_min_error_statement is error or stricter",
  "CIS 6.2.7": "log_min_duration_statement is -1",
  "CIS 6.2.8": "pgAudit is on",
  "CIS 6.3.1": "external scripts enabled is off",
  "CIS 6.3.2": "cross db ownership chaining is off",
  "CIS 6.3.3": "user connections is not limited",
  "CIS 6.3.4": "user options is not set",
  "CIS 6.3.5": "remote access is off",
  "CIS 6.3.6": "3625 is on",
  "CIS 6.3.7": "contained database authentication is off",
  "CIS 6.4": "Cloud SQL requires TLS",
  "CIS 6.5": "Cloud SQL is not open to the world",
  "CIS 6.6": "Cloud SQL has no public address",
  "CIS 6.7": "Cloud SQL has automated backups",
};

/** The policies that cover a peer's check. */
export function answeredBy(peer: string): string[] {
  return policies.filter(({ peers }) => peers.includes(peer)).map(({ name }) => name);
}
