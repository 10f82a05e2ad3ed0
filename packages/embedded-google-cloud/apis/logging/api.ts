import type { FastifyInstance } from "fastify";
import { GoogleError } from "../../rest/errors.ts";
import { type Fields, isFields, settableFields } from "../../rest/fields.ts";
import { type Access, projectResource } from "../../iam/access.ts";
import { page } from "../../rest/pages.ts";
import type { Projects } from "../../server/projects.ts";
import type { Api } from "../../server/server.ts";
import type { EnabledServices } from "../../server/enabled-services.ts";
import { type Entries, type Entry, orderOf } from "./entries.ts";
import { parseFilter } from "./filter.ts";

const SERVICE = "logging.googleapis.com";
/** https://cloud.google.com/logging/quotas: bytes in an entry, and entries in a page. */
const ENTRY_LIMIT = 256 * 1024;
const PAGE_LIMIT = 1000;

const ORDERS = {
  "timestamp asc": { name: "ascending", sign: 1 },
  "timestamp desc": { name: "descending", sign: -1 },
} as const;

const PAYLOADS = ["jsonPayload", "protoPayload", "textPayload"];
const SETTABLE = [
  ..."httpRequest insertId labels logName operation resource severity sourceLocation spanId timestamp trace".split(" "),
  ...PAYLOADS,
];

interface WriteRequest extends Fields {
  readonly entries?: readonly Fields[] | null;
}

interface ListRequest {
  readonly resourceNames?: readonly string[] | null;
  readonly filter?: string | null;
  readonly orderBy?: string | null;
  readonly pageSize?: number | string | null;
  readonly pageToken?: string | null;
}

/** Cloud Logging v2: stores and lists the entries of clients and of the other services. */
export class Logging implements Api {
  private readonly entries: Entries;
  private readonly projects: Projects;
  private readonly access: Access;
  private readonly services: EnabledServices;

  constructor(entries: Entries, projects: Projects, access: Access, services: EnabledServices) {
    this.projects = projects;
    this.access = access;
    this.services = services;
    this.entries = entries;
  }

  routes(app: FastifyInstance): void {
    app.post<{ Body: WriteRequest }>("/v2/entries::write", ({ body, caller }) => {
      const { entries, logName, resource, labels } = body;
      if (!entries?.length) throw invalid("At least one entry must be given.");
      const common = Object.entries({ logName, resource, labels }).filter(([, value]) => value !== undefined);
      const named = entries.map((sent) => {
        const entry = this.completed({ ...Object.fromEntries(common), ...settableFields<Fields>(sent, SETTABLE) });
        return [this.project(entry.logName, /^projects\/([^/]+)\/logs\/[^/]+$/), entry] as const;
      });
      for (const [project] of named) this.require(caller, project, "logging.logEntries.create");
      for (const [project, entry] of named) this.entries.put(project, entry);
      return {};
    });

    app.post<{ Body: ListRequest }>("/v2/entries::list", ({ body, caller }) => {
      const { filter, pageSize, pageToken, resourceNames } = body;
      const orderBy = body.orderBy ?? "timestamp asc";
      if (!resourceNames?.length) throw invalid("resource_names must be given.");
      const projects = resourceNames.map((name) => this.project(name, /^projects\/([^/]+)$/));
      for (const project of projects) this.require(caller, project, "logging.logEntries.list");
      if (!isOrder(orderBy)) throw invalid('order_by must be "timestamp asc" or "timestamp desc".');
      const matches = parseFilter(filter ?? "");
      const all = [...new Set(projects)]
        .flatMap((project) => this.entries.list(project))
        .filter(matches)
        .sort((one, other) => ORDERS[orderBy].sign * (orderOf(one) < orderOf(other) ? -1 : 1));
      const query = { pageSize: pageSize?.toString(), pageToken: pageToken ?? undefined };
      const { items, nextPageToken } = page(all, orderOf, query, PAGE_LIMIT, ORDERS[orderBy].name);
      return {
        ...(items.length > 0 && { entries: items }),
        ...(nextPageToken !== undefined && { nextPageToken }),
      };
    });
  }

  /** An entry with the fields that Logging adds. */
  private completed(entry: Fields): Entry {
    if (!isFields(entry.resource) || typeof entry.resource.type !== "string") {
      throw invalid("A monitored resource must be given.");
    }
    if (PAYLOADS.filter((payload) => entry[payload] !== undefined).length > 1)
      throw invalid("An entry has one payload.");
    const receiveTimestamp = new Date().toISOString();
    const given = (entry.timestamp ?? receiveTimestamp) as string;
    if (Number.isNaN(Date.parse(given))) throw invalid(`Invalid timestamp: ${JSON.stringify(given.slice(0, 100))}.`);
    const whole = {
      ...entry,
      severity: entry.severity ?? "DEFAULT",
      insertId: typeof entry.insertId === "string" ? entry.insertId : this.entries.id(),
      timestamp: new Date(given).toISOString(),
      receiveTimestamp,
    };
    if (Buffer.byteLength(JSON.stringify(whole)) > ENTRY_LIMIT) throw invalid("Log entry is larger than 256 KB.");
    return whole;
  }

  /** The project in a name of the given form. @throws GoogleError INVALID_ARGUMENT; as `Projects.id`. */
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

function isOrder(text: string): text is keyof typeof ORDERS {
  return Object.hasOwn(ORDERS, text);
}

function invalid(message: string): GoogleError {
  return new GoogleError("INVALID_ARGUMENT", message);
}
