import { randomBytes } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { GoogleError } from "../../rest/errors.ts";
import { type Fields, isFields, settableFields } from "../../rest/fields.ts";
import { type Access, projectResource } from "../../iam/access.ts";
import { page } from "../../rest/pages.ts";
import type { Projects } from "../../server/projects.ts";
import type { Api } from "../../server/server.ts";
import type { EnabledServices } from "../../server/enabled-services.ts";
import type { Collection, Store } from "../../state/store.ts";
import { parseFilter } from "./filter.ts";

const SERVICE = "logging.googleapis.com";
/** https://cloud.google.com/logging/quotas: bytes of an entry, and entries that are listed at once. */
const ENTRY_LIMIT = 256 * 1024;
const PAGE_LIMIT = 1000;

const SETTABLE =
  "httpRequest insertId jsonPayload labels logName operation protoPayload resource severity sourceLocation".split(" ");
const PAYLOADS = ["jsonPayload", "protoPayload", "textPayload"];

interface WriteRequest {
  readonly logName?: unknown;
  readonly resource?: unknown;
  readonly labels?: unknown;
  readonly entries?: unknown;
}

interface ListRequest {
  readonly resourceNames?: unknown;
  readonly filter?: unknown;
  readonly orderBy?: unknown;
  readonly pageSize?: unknown;
  readonly pageToken?: unknown;
}

type Entry = Fields & { readonly timestamp: string };

/** Cloud Logging, v2: entries that clients write are kept and listed. The other services write none here. */
export class Logging implements Api {
  private readonly entries: Collection<Entry>;

  private readonly projects: Projects;
  private readonly access: Access;
  private readonly services: EnabledServices;

  constructor(store: Store, projects: Projects, access: Access, services: EnabledServices) {
    this.projects = projects;
    this.access = access;
    this.services = services;
    this.entries = store.collection("log-entries");
  }

  routes(app: FastifyInstance): void {
    app.post<{ Body: WriteRequest }>("/v2/entries::write", ({ body, caller }) => {
      const { entries } = body;
      if (!Array.isArray(entries) || entries.length === 0) throw invalid("At least one entry must be given.");
      const { logName, resource, labels } = body;
      const common = Object.entries({ logName, resource, labels }).filter(([, value]) => value !== undefined);
      const made = entries.map((entry: unknown) => completed({ ...Object.fromEntries(common), ...read(entry) }));
      const named = made.map(
        (entry) => [this.project(entry.logName, /^projects\/([^/]+)\/logs\/[^/]+$/), entry] as const,
      );
      for (const [project] of named) this.require(caller, project, "logging.logEntries.create");
      for (const [project, entry] of named) {
        this.entries.put(`${project}/${entry.timestamp}/${String(entry.insertId)}`, entry);
      }
      return {};
    });

    app.post<{ Body: ListRequest }>("/v2/entries::list", ({ body, caller }) => {
      const { filter = "", orderBy = "timestamp asc", pageSize, pageToken, resourceNames } = body;
      if (!Array.isArray(resourceNames) || resourceNames.length === 0) throw invalid("resource_names must be given.");
      const projects = resourceNames.map((name: unknown) => this.project(name, /^projects\/([^/]+)$/));
      for (const project of projects) this.require(caller, project, "logging.logEntries.list");
      const matches = parseFilter(text(filter, "filter"));
      const all = this.entries
        .keys()
        .flatMap((key) => {
          const entry = this.entries.get(key);
          return entry && projects.includes(key.split("/")[0] ?? "") && matches(entry) ? [entry] : [];
        })
        .sort((one, other) => one.timestamp.localeCompare(other.timestamp));
      if (orderBy === "timestamp desc") all.reverse();
      else if (orderBy !== "timestamp asc") throw invalid('order_by must be "timestamp asc" or "timestamp desc".');
      if (pageToken !== undefined) throw invalid("The embedded cloud gives no page tokens.");
      if (pageSize !== undefined && typeof pageSize !== "number") throw invalid("page_size must be a number.");
      const { items } = page(all, () => "", { pageSize: pageSize?.toString() }, PAGE_LIMIT);
      return items.length === 0 ? {} : { entries: items };
    });
  }

  /** The project that a name begins with. @throws GoogleError as `Projects.id`, and where it is no such name. */
  private project(name: unknown, form: RegExp): string {
    const project = typeof name === "string" ? form.exec(name)?.[1] : undefined;
    if (project === undefined)
      throw invalid(`Invalid name${typeof name === "string" ? `: ${name.slice(0, 100)}` : ""}.`);
    return this.projects.id(project);
  }

  private require(caller: string, project: string, permission: string): void {
    this.services.require(project, SERVICE);
    this.access.require(caller, permission, projectResource(project));
  }
}

function read(entry: unknown): Fields {
  return settableFields<Fields>(
    entry,
    [...SETTABLE, ...PAYLOADS, "spanId", "timestamp", "trace"],
    ["receiveTimestamp"],
  );
}

/** An entry with what Logging adds. */
function completed(entry: Fields): Entry {
  if (!isFields(entry.resource) || typeof entry.resource.type !== "string") {
    throw invalid("A monitored resource must be given.");
  }
  if (PAYLOADS.filter((payload) => entry[payload] !== undefined).length > 1) throw invalid("An entry has one payload.");
  const receiveTimestamp = new Date().toISOString();
  const given = entry.timestamp === undefined ? receiveTimestamp : text(entry.timestamp, "timestamp");
  if (Number.isNaN(Date.parse(given))) throw invalid(`Invalid timestamp: ${JSON.stringify(given.slice(0, 100))}.`);
  const insertId = entry.insertId === undefined ? randomBytes(8).toString("hex") : text(entry.insertId, "insert_id");
  const whole = {
    ...entry,
    severity: entry.severity ?? "DEFAULT",
    insertId,
    timestamp: new Date(given).toISOString(),
    receiveTimestamp,
  };
  if (Buffer.byteLength(JSON.stringify(whole)) > ENTRY_LIMIT) throw invalid("Log entry is larger than 256 KB.");
  return whole;
}

function text(value: unknown, name: string): string {
  if (typeof value !== "string") throw invalid(`${name} must be a string.`);
  return value;
}

function invalid(message: string): GoogleError {
  return new GoogleError("INVALID_ARGUMENT", message);
}
