import type { NewEntry } from "../logging/entries.ts";
import type { Instance } from "./instance.ts";

/** Logging's severities of PostgreSQL's, which syslog has too; for the rest, such as `LOG` and `DETAIL`, it is `INFO`. */
const SEVERITIES: Readonly<Record<string, string>> = {
  WARNING: "WARNING",
  ERROR: "ERROR",
  FATAL: "ALERT",
  PANIC: "EMERGENCY",
};

/**
 * A message of PostgreSQL as Cloud SQL writes it: https://cloud.google.com/sql/docs/postgres/logging
 * @param text The message with its prefix, such as `2026-11-27 22:00:00.000 UTC [7]: [1-1] db=postgres,user=app ERROR:  …`.
 */
export function logEntry({ name, project, region }: Instance, text: string): NewEntry {
  const [, level = ""] = /^[^\n]*? ([A-Z]+\d?): {2}/.exec(text) ?? [];
  return {
    logName: `projects/${project}/logs/cloudsql.googleapis.com%2Fpostgres.log`,
    resource: { type: "cloudsql_database", labels: { project_id: project, database_id: `${project}:${name}`, region } },
    severity: Object.hasOwn(SEVERITIES, level) ? SEVERITIES[level] : "INFO",
    textPayload: text,
  };
}
