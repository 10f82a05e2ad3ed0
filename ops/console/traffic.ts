import type { LogLine, ServiceRequest } from "../../packages/console/data.ts";
import { lastPart } from "../../infra/google.ts";
import type { Cloud } from "./cloud.ts";

/** An entry of Cloud Logging. */
interface Entry {
  readonly insertId: string;
  readonly timestamp: string;
  readonly severity?: string;
  readonly logName: string;
  readonly resource?: { readonly labels?: Readonly<Record<string, string>> };
  readonly textPayload?: string;
  readonly jsonPayload?: { readonly message?: string };
  readonly httpRequest?: {
    readonly requestMethod?: string;
    readonly requestUrl?: string;
    readonly status?: number;
    readonly latency?: string;
  };
}

/** The newest requests to the service, the last one first. */
export async function recentRequests(cloud: Cloud): Promise<ServiceRequest[]> {
  const entries = await newest(cloud, 'logName="projects/PROJECT/logs/run.googleapis.com%2Frequests"', 60);
  return entries.map(({ httpRequest = {}, insertId, resource, timestamp }) => ({
    id: insertId,
    at: timestamp,
    method: httpRequest.requestMethod ?? "",
    // The embedded cloud has the service's host as the first part of the path.
    path: new URL(httpRequest.requestUrl ?? "http://none/").pathname.replace(/^\/run\/[^/]+/, ""),
    status: httpRequest.status ?? 0,
    milliseconds: Math.round(Number.parseFloat(httpRequest.latency ?? "0") * 1000),
    revision: resource?.labels?.revision_name ?? "",
  }));
}

/** Without the lines that PostgreSQL writes for each connection. */
const NO_CONNECTIONS = 'NOT textPayload:"LOG:  connection" AND NOT textPayload:"LOG:  disconnection"';

/** The newest lines of the service's, Cloud Run's and PostgreSQL's logs, the last one first. */
export async function recentLogs(cloud: Cloud): Promise<LogLine[]> {
  const of = (id: string) => `logName="projects/PROJECT/logs/${encodeURIComponent(id)}"`;
  const [service, postgres] = await Promise.all([
    newest(
      cloud,
      ["run.googleapis.com/stdout", "run.googleapis.com/stderr", "run.googleapis.com/varlog/system"]
        .map(of)
        .join(" OR "),
      80,
    ),
    newest(cloud, `${of("cloudsql.googleapis.com/postgres.log")} AND ${NO_CONNECTIONS}`, 80),
  ]);
  const lines = [...service, ...postgres].map(
    ({ insertId, jsonPayload, logName, severity = "DEFAULT", textPayload, timestamp }): LogLine => ({
      id: insertId,
      at: timestamp,
      source: logName.includes("cloudsql")
        ? "PostgreSQL"
        : lastPart(logName).endsWith("system")
          ? "Cloud Run"
          : "service",
      severity,
      text: (jsonPayload?.message ?? textPayload ?? "").replace(/^[\d-]+ [\d:.]+ UTC /, ""),
    }),
  );
  return lines.sort((one, other) => other.at.localeCompare(one.at));
}

async function newest(cloud: Cloud, filter: string, pageSize: number): Promise<readonly Entry[]> {
  const { project } = cloud;
  const answer = await cloud.read<{ entries?: readonly Entry[] }>("/v2/entries:list", {
    resourceNames: [`projects/${project}`],
    filter: filter.replaceAll("PROJECT", project),
    orderBy: "timestamp desc",
    pageSize,
  });
  return answer?.entries ?? [];
}
