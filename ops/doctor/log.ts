import { DOCTOR_LOG } from "../../infra/names.ts";
import { exitCode, type Row } from "./diagnosis.ts";
import { RestReader, NotVisible } from "../google/reader.ts";
import { summary } from "./verdict.ts";
import type { Place, Target } from "../engine/target.ts";

/** One entry, with the verdicts by check id: https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry */
export function entry({ project, service, stack }: Target, rows: readonly Row[]): gapi.client.logging.LogEntry {
  const severity = { 0: "INFO", 1: "ERROR", 3: "WARNING" } as const;
  return {
    logName: `projects/${project}/logs/${DOCTOR_LOG}`,
    resource: { type: "global", labels: { project_id: project } },
    severity: severity[exitCode(rows)],
    jsonPayload: {
      message: summary(rows),
      service,
      ...(stack !== undefined && { stack }),
      checks: Object.fromEntries(rows.map(({ check, verdict, found }) => [check, { verdict, found }])),
    },
  };
}

/**
 * Writes the diagnosis to Cloud Logging.
 * @throws NotVisible if the caller may not, or Logging cannot be reached; CannotInspect without valid credentials.
 */
export async function writeEntry({ endpoints, target, token }: Place, rows: readonly Row[]): Promise<void> {
  const role = "roles/logging.logWriter on the project";
  const body: gapi.client.logging.WriteLogEntriesRequest = { entries: [entry(target, rows)] };
  const answer = await new RestReader(endpoints, token).read({ api: "logging", path: "entries:write", role, body });
  if (answer === undefined) throw new NotVisible(`project ${target.project} does not exist`);
}
