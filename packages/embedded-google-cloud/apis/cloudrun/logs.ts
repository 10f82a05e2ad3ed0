import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import type { Fields } from "../../rest/fields.ts";
import { parentOf, projectOf, shortName } from "../../rest/names.ts";
import type { NewEntry, WriteEntry } from "../logging/entries.ts";
import { SEVERITIES } from "../logging/filter.ts";

/** Characters of a line from which on it is cut: https://cloud.google.com/logging/quotas, 256 KB an entry. */
const LINE_LIMIT = 200_000;

/** Fields of a line of JSON that become fields of the entry: https://cloud.google.com/logging/docs/structured-logging */
const SPECIAL: Readonly<Record<string, readonly [field: string, type: "object" | "string"]>> = {
  httpRequest: ["httpRequest", "object"],
  "logging.googleapis.com/insertId": ["insertId", "string"],
  "logging.googleapis.com/labels": ["labels", "object"],
  "logging.googleapis.com/operation": ["operation", "object"],
  "logging.googleapis.com/sourceLocation": ["sourceLocation", "object"],
  "logging.googleapis.com/spanId": ["spanId", "string"],
  "logging.googleapis.com/trace": ["trace", "string"],
};

/** The logs of revisions and executions: entries of Cloud Logging, and one file each, readable only by its owner. */
export class Logs {
  private readonly folder: string;
  private readonly write: WriteEntry;

  /**
   * @param folder The state folder.
   * @param write Writes to Cloud Logging.
   */
  constructor(folder: string, write: WriteEntry) {
    this.folder = join(folder, "cloudrun-logs");
    this.write = write;
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
  }

  /**
   * The log of a revision or an execution.
   * @param name Full name of a revision or an execution.
   * @param labels Labels of its entries, such as the index of a task. None by default.
   */
  of(name: string, labels: Readonly<Record<string, string>> = {}): Log {
    const path = join(this.folder, `${projectOf(name)}~${shortName(parentOf(name))}~${shortName(name)}.log`);
    const project = projectOf(name);
    const resource = resourceOf(name);
    return new Log(path, (id, entry) => {
      const all = { ...labels, ...(entry.labels as Fields | undefined) };
      const logName = `projects/${project}/logs/run.googleapis.com%2F${id}`;
      this.write(project, { ...entry, logName, resource, ...(Object.keys(all).length > 0 && { labels: all }) });
    });
  }
}

/** The log of one revision, execution or task. */
export class Log {
  /** Its file. */
  readonly path: string;
  private readonly add: (id: string, entry: Fields) => void;

  constructor(path: string, add: (id: string, entry: Fields) => void) {
    this.path = path;
    this.add = add;
  }

  /** Writes a line of the platform. @param severity `INFO` by default. */
  system(line: string, severity: "INFO" | "WARNING" | "ERROR" = "INFO"): void {
    this.append(`${line}\n`);
    this.add("varlog%2Fsystem", { severity, textPayload: line });
  }

  /** Writes an entry about a request, which is not in the file. @param severity Google's for the response's status. */
  request(httpRequest: Fields, severity: "INFO" | "WARNING" | "ERROR"): void {
    this.add("requests", { severity, httpRequest });
  }

  /** Writes what a program writes, an entry for each line. */
  follow(id: "stdout" | "stderr", output: Readable): void {
    const decoder = new StringDecoder("utf8");
    let rest = "";
    const take = (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      if (rest.length > LINE_LIMIT) lines.push(rest.slice(0, LINE_LIMIT));
      if (rest.length > LINE_LIMIT) rest = rest.slice(LINE_LIMIT);
      for (const line of lines) if (line.trim() !== "") this.add(id, asEntry(line));
    };
    output.on("data", (bytes: Buffer) => {
      this.append(bytes);
      take(decoder.write(bytes));
    });
    output.once("end", () => {
      take(`${decoder.end()}\n`);
    });
  }

  /** The file so far. */
  read(): string {
    return existsSync(this.path) ? readFileSync(this.path, "utf8") : "";
  }

  private append(text: string | Buffer): void {
    appendFileSync(this.path, text, { mode: 0o600 });
  }
}

/** https://cloud.google.com/monitoring/api/resources#tag_cloud_run_revision and #tag_cloud_run_job */
function resourceOf(name: string): NewEntry["resource"] {
  const [, project = "", , location = "", kind, parent = "", , id = ""] = name.split("/");
  const place = { project_id: project, location };
  return kind === "jobs"
    ? { type: "cloud_run_job", labels: { ...place, job_name: parent } }
    : {
        type: "cloud_run_revision",
        labels: { ...place, service_name: parent, configuration_name: parent, revision_name: id },
      };
}

/** A line of a program as an entry: https://cloud.google.com/run/docs/logging#container-logs */
function asEntry(line: string): Fields {
  const text = line.endsWith("\r") ? line.slice(0, -1) : line;
  const object = asObject(text);
  if (!object) return { textPayload: text };
  const entry: Record<string, unknown> = {};
  const jsonPayload: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(object)) {
    const [field, type] = (Object.hasOwn(SPECIAL, name) ? SPECIAL[name] : undefined) ?? [];
    const severity = name === "severity" && SEVERITIES.find((known) => known === String(value).toUpperCase());
    if (field !== undefined && value !== null && typeof value === type) entry[field] = value;
    else if (severity) entry.severity = severity;
    else if (name === "time" && typeof value === "string" && !Number.isNaN(Date.parse(value))) {
      entry.timestamp = new Date(value).toISOString();
    } else jsonPayload[name] = value;
  }
  return { ...entry, jsonPayload };
}

function asObject(line: string): Fields | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line) as Fields; // text that begins with a brace and is JSON is an object
  } catch {
    return undefined; // a line of text
  }
}
