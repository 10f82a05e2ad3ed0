import type { FastifyInstance } from "fastify";
import { GoogleError } from "../../rest/errors.ts";
import type { Fields } from "../../rest/fields.ts";
import { page, type PageQuery } from "../../rest/pages.ts";
import type { Agents } from "../../iam/agents.ts";
import type { Projects } from "../../server/projects.ts";
import type { Api } from "../../server/server.ts";
import type { EnabledServices } from "../../server/enabled-services.ts";

const SERVICE = "serviceusage.googleapis.com";
/** https://cloud.google.com/service-usage/docs/reference/rest/v1/services/list */
const PAGE_LIMIT = 200;
/** https://cloud.google.com/service-usage/docs/reference/rest/v1/services/batchEnable */
const BATCH_LIMIT = 20;

interface Params {
  project: string;
  service: string;
}

interface Route {
  Params: Params;
  Querystring: PageQuery & { filter?: string };
  Body: Fields;
}

/** Service Usage v1. Every operation is done when it is returned. */
export class ServiceUsage implements Api {
  private readonly projects: Projects;
  private readonly services: EnabledServices;
  private readonly agents: Agents;

  constructor(projects: Projects, services: EnabledServices, agents: Agents) {
    this.projects = projects;
    this.services = services;
    this.agents = agents;
  }

  routes(app: FastifyInstance): void {
    const needs = (permission: string) => ({ config: { service: SERVICE, permission } });
    const all = "/v1/projects/:project/services";
    app.get<Route>(all, needs("serviceusage.services.list"), ({ params, query }) => {
      const { items, ...rest } = page(this.list(params.project, query.filter), (name) => name, query, PAGE_LIMIT);
      const services = items.map((name) => this.describe(params.project, name));
      return { ...(services.length > 0 && { services }), ...rest };
    });
    app.get<Route>(`${all}/:service`, needs("serviceusage.services.get"), ({ params }) =>
      this.describe(params.project, params.service),
    );

    const oneWithVerb = `${all}/:service(^[^:]+)`;
    app.post<Route>(`${oneWithVerb}::enable`, needs("serviceusage.services.enable"), ({ params }) => {
      this.enable(params.project, [known(params.service)]);
      return done("EnableServiceResponse", { service: this.describe(params.project, params.service) });
    });
    app.post<Route>(`${oneWithVerb}::disable`, needs("serviceusage.services.disable"), ({ params }) => {
      this.services.disable(this.projects.id(params.project), known(params.service));
      return done("DisableServiceResponse", { service: this.describe(params.project, params.service) });
    });
    // Google serves this at v1beta1 only, but providers have one endpoint for all of Service Usage.
    for (const path of [oneWithVerb, oneWithVerb.replace("/v1/", "/v1beta1/")]) {
      app.post<Route>(
        `${path}::generateServiceIdentity`,
        needs("serviceusage.services.enable"),
        ({ params: { project, service } }) => done("ServiceIdentity", this.identity(project, known(service))),
      );
    }
    app.post<Route>(`${all}::batchEnable`, needs("serviceusage.services.enable"), ({ params, body }) => {
      const names = readServiceIds(body);
      this.enable(params.project, names);
      const services = names.map((name) => this.describe(params.project, name));
      return done("BatchEnableServicesResponse", { services });
    });
  }

  private enable(project: string, names: readonly string[]): void {
    this.services.enable(this.projects.id(project), names);
    this.agents.onEnabled(names, project);
  }

  private describe(project: string, name: string) {
    const parent = `projects/${this.projects.number(project)}`;
    const enabled = this.services.list(this.projects.id(project)).includes(known(name));
    const service = { name: `${parent}/services/${name}`, config: { name } };
    // As recorded: a disabled service has no parent.
    return enabled ? { ...service, parent, state: "ENABLED" } : { ...service, state: "DISABLED" };
  }

  /**
   * An API's service agent in a project: https://cloud.google.com/iam/docs/service-agents
   * @throws GoogleError INVALID_ARGUMENT for an API whose agent is unknown here.
   */
  private identity(project: string, service: string) {
    const email = this.agents.create(service, project);
    if (email === undefined) {
      throw new GoogleError("INVALID_ARGUMENT", `The embedded cloud does not know the service agent of ${service}.`);
    }
    return { email };
  }

  /** Only enabled services are known by name, so none is listed as disabled. */
  private list(project: string, filter = ""): string[] {
    if (!["", "state:ENABLED", "state:DISABLED"].includes(filter)) {
      throw new GoogleError("INVALID_ARGUMENT", `The filter "${filter}" is not one of state:ENABLED, state:DISABLED.`);
    }
    return filter === "state:DISABLED" ? [] : this.services.list(this.projects.id(project));
  }
}

function readServiceIds({ serviceIds }: Fields): string[] {
  const ids: unknown[] = Array.isArray(serviceIds) ? serviceIds : [];
  if (ids.length === 0 || ids.length > BATCH_LIMIT) {
    throw new GoogleError("INVALID_ARGUMENT", `Between 1 and ${BATCH_LIMIT} service ids must be given.`);
  }
  return ids.map(known);
}

/** @throws GoogleError PERMISSION_DENIED for a name that no service can have: Google does not say whether one exists. */
function known(name: unknown): string {
  if (typeof name === "string" && /^[a-z][a-z0-9-]*(\.[a-z0-9-]+)*\.googleapis\.com$/.test(name)) return name;
  throw new GoogleError("PERMISSION_DENIED", `Not found or permission denied for service(s): ${String(name)}.`);
}

function done(type: string, response: Fields) {
  return {
    name: "operations/noop.DONE_OPERATION",
    done: true,
    response: { "@type": `type.googleapis.com/google.api.serviceusage.v1.${type}`, ...response },
  };
}
