import { policies } from "./pack.ts";

/** Other tools' checks that no policy of this pack covers, and why. */
export const UNANSWERED: Readonly<Record<string, string>> = {
  CKV_GCP_54:
    "log_lock_waits logs every lock wait of a second; query insights, which the stack enables, shows waits by query. CIS dropped the check too.",
  CKV_GCP_56:
    "log_temp_files at 0 logs every sort on disk; Cloud SQL has a metric for temporary bytes. CIS dropped the check too.",
  CKV_GCP_62:
    "bucket access logs are hourly and best effort; Data Access audit logs record the same and are enabled per project.",
  CKV_GCP_108: "log_hostname needs a DNS lookup for every connection, and only shows the connector's host.",
  CKV2_GCP_13:
    "log_duration logs every statement; query insights measures them all, and log_min_duration_statement stays at -1 as CIS requires.",
};

/** Checkov's checks on these resource types, and the CIS Google Cloud benchmark's on Cloud SQL for PostgreSQL. */
export const PEERS: Readonly<Record<string, string>> = {
  CKV_GCP_6: "Cloud SQL requires TLS",
  CKV_GCP_11: "Cloud SQL is not open to the world",
  CKV_GCP_14: "Cloud SQL has backups",
  CKV_GCP_28: "a bucket is not public",
  CKV_GCP_29: "a bucket has uniform access",
  CKV_GCP_41: "no role on a project impersonates every account",
  CKV_GCP_42: "a service account has no administrative role",
  CKV_GCP_46: "the default account holds no role on a project",
  CKV_GCP_49: "no role on a project manages or impersonates accounts",
  CKV_GCP_51: "log_checkpoints is on",
  CKV_GCP_52: "log_connections is on",
  CKV_GCP_53: "log_disconnections is on",
  CKV_GCP_54: "log_lock_waits is on",
  CKV_GCP_55: "log_min_messages has a useful level",
  CKV_GCP_56: "log_temp_files is 0",
  CKV_GCP_57: "log_min_duration_statement is -1",
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
  CKV_GCP_117: "basic roles are not used",
  CKV2_GCP_13: "log_duration is on",
  CKV2_GCP_14: "log_executor_stats is off",
  CKV2_GCP_15: "log_parser_stats is off",
  CKV2_GCP_16: "log_planner_stats is off",
  CKV2_GCP_17: "log_statement_stats is off",
  "CIS 6.2.1": "log_error_verbosity is default or stricter",
  "CIS 6.2.2": "log_connections is on",
  "CIS 6.2.3": "log_disconnections is on",
  "CIS 6.2.4": "log_statement is set",
  "CIS 6.2.5": "log_min_messages is warning or stricter",
  "CIS 6.2.6": "log_min_error_statement is error or stricter",
  "CIS 6.2.7": "log_min_duration_statement is -1",
  "CIS 6.2.8": "pgAudit is on",
  "CIS 6.4": "Cloud SQL requires TLS",
  "CIS 6.5": "Cloud SQL is not open to the world",
  "CIS 6.6": "Cloud SQL has no public address",
  "CIS 6.7": "Cloud SQL has automated backups",
};

/** The policies that cover a peer's check. */
export function answeredBy(peer: string): string[] {
  return policies.filter(({ peers }) => peers.includes(peer)).map(({ name }) => name);
}
