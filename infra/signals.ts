import { DOCTOR_LOG } from "./names.ts";

/** Filters for Cloud Monitoring and Logging that select the metrics and logs of the service and its instance. */

/** The monitored resources. */
export interface Watched {
  readonly project: string;
  /** Name of the Cloud Run service. */
  readonly service: string;
  /** Name of the Cloud SQL instance. */
  readonly instance: string;
}

/** https://cloud.google.com/monitoring/api/resources#tag_cloudsql_database */
export function ofInstance({ project, instance }: Pick<Watched, "project" | "instance">): string {
  return `resource.type="cloudsql_database" AND resource.labels.database_id="${project}:${instance}"`;
}

/** https://cloud.google.com/monitoring/api/resources#tag_cloud_run_revision */
export function ofService({ service }: Watched): string {
  return `resource.type="cloud_run_revision" AND resource.labels.service_name="${service}"`;
}

/** The filter of one metric. */
export function metric(type: string, of: string): string {
  return `metric.type="${type}" AND ${of}`;
}

/** Failed calls of Cloud SQL: the last log entry of an operation has its status. */
const FAILED = "(severity>=ERROR OR protoPayload.status.code>0)";

/** Failed imports, from the data access log (`DATA_WRITE`): https://cloud.google.com/sql/docs/postgres/audit-logging */
export function failedImports(watched: Watched): string {
  return [
    ofInstance(watched),
    'log_id("cloudaudit.googleapis.com/data_access")',
    'protoPayload.methodName="cloudsql.instances.import"',
    FAILED,
  ].join(" AND ");
}

/**
 * Failed backups, on demand and automatic:
 * https://cloud.google.com/sql/docs/postgres/backup-recovery/view-audit-logs-for-automated-backups
 */
export function failedBackups(watched: Watched): string {
  const automatic = [
    'log_id("cloudaudit.googleapis.com/system_event")',
    'protoPayload.methodName="cloudsql.instances.automatedBackup"',
    'protoPayload.metadata.windowStatus=("STATUS_FAILED" OR "STATUS_ATTEMPT_FAILED")',
  ].join(" AND ");
  const onDemand = [
    'log_id("cloudaudit.googleapis.com/activity")',
    'protoPayload.methodName="cloudsql.backupRuns.create"',
    FAILED,
  ].join(" AND ");
  return `${ofInstance(watched)} AND ((${automatic}) OR (${onDemand}))`;
}

/** Revisions that do not become ready, or no longer are. */
export function revisionsNotReady(watched: Watched): string {
  return `${ofService(watched)} AND severity>=ERROR AND protoPayload.status.message:"Ready condition status changed to False"`;
}

/**
 * Log entries of the nightly doctor in which any of these checks failed: with a finding, or as a consequence of another one.
 * @param checks Ids of the checks.
 */
export function doctorFound(...checks: readonly string[]): string {
  const verdicts = checks.map((check) => `jsonPayload.checks.${check}.verdict=("finding" OR "consequence")`);
  return `log_id("${DOCTOR_LOG}") AND (${verdicts.join(" OR ")})`;
}

/**
 * The nightly doctor logged nothing for 25 hours, the longest window PromQL allows for this metric; an absence condition
 * allows less than a day.
 * https://cloud.google.com/monitoring/promql/promql-mapping, https://cloud.google.com/monitoring/alerts/metric-absence
 */
export const DOCTOR_SILENT = `absent_over_time(logging_googleapis_com:log_entry_count{monitored_resource="global",log="${DOCTOR_LOG}"}[25h])`;
