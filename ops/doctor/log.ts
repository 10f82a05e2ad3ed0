import { DOCTOR_LOG } from "../../infra/signals.ts";
import { exitCode, type Row } from "./diagnosis.ts";
import { exchange, Unseen } from "../google/reader.ts";
import { summary } from "./table.ts";
import type { Place, Target } from "../engine/target.ts";

/**
 * What the log gets: one entry, with the verdict of each check by its id, so that a filter finds one.
 * https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry
 */
export function entry({ project, service, stack }: Target, rows: readonly Row[]): object {
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
 * @throws Unseen where the caller may not, or Logging cannot be reached; CouldNotLook without valid credentials.
 */
export async function writeEntry({ endpoints, target, token }: Place, rows: readonly Row[]): Promise<void> {
  const path = "entries:write";
  const role = "roles/logging.logWriter on the project";
  const body = { entries: [entry(target, rows)] };
  const answer = await exchange(endpoints.logging + path, await token(), { api: "logging", path, role, body });
  if (answer === undefined) throw new Unseen(`there is no log to write to in ${target.project}`);
}
