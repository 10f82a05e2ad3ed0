import type { FastifyInstance } from "fastify";
import { randomInt } from "node:crypto";
import type { Projects } from "../../server/projects.ts";
import type { Api } from "../../server/server.ts";
import { ADDRESSES, type ComputeResource, type Kind, NETWORKS, type Networks, ROOT, SUBNETWORKS } from "./networks.ts";

const SERVICE = "compute.googleapis.com";

interface Params {
  project: string;
  region?: string;
  name: string;
  operation: string;
}
interface Route {
  Params: Params;
}

/** Compute Engine v1: what a private network for Cloud SQL needs. Every operation is done when it is returned. */
export class Compute implements Api {
  private readonly networks: Networks;
  private readonly projects: Projects;

  constructor(networks: Networks, projects: Projects) {
    this.networks = networks;
    this.projects = projects;
  }

  routes(app: FastifyInstance): void {
    const project = "/compute/v1/projects/:project";
    this.kindRoutes(app, NETWORKS, `${project}/global`, "compute.networks");
    this.kindRoutes(app, ADDRESSES, `${project}/global`, "compute.globalAddresses");
    this.kindRoutes(app, SUBNETWORKS, `${project}/regions/:region`, "compute.subnetworks");
    for (const [scope, permission] of [
      ["global", "compute.globalOperations.get"],
      ["regions/:region", "compute.regionOperations.get"],
    ] as const) {
      const operation = `${project}/${scope}/operations/:operation`;
      const needs = { config: { service: SERVICE, permission } };
      const done = ({ params }: { params: Params }) => ({ ...DONE, name: params.operation });
      app.get<Route>(operation, needs, done);
      app.post<Route>(`${operation}/wait`, needs, done);
    }
  }

  private kindRoutes(app: FastifyInstance, kind: Kind, parent: string, permissions: string): void {
    const needs = (verb: string) => ({ config: { service: SERVICE, permission: `${permissions}.${verb}` } });
    const all = `${parent}/${kind.collection}`;
    const one = `${all}/:name`;
    app.post<Route>(all, needs("create"), ({ params, body }) =>
      operation("insert", this.networks.create(kind, this.parent(params), body)),
    );
    app.get<Route>(all, needs("list"), ({ params }) => {
      const path = `${this.parent(params)}/${kind.collection}`;
      const items = this.networks.list(path);
      return { kind: `compute#${kind.kind}List`, id: path, ...(items.length > 0 && { items }), selfLink: ROOT + path };
    });
    app.get<Route>(one, needs("get"), ({ params }) => this.networks.get(this.path(kind, params)));
    // Only the labels of an address can change.
    if (kind === ADDRESSES) {
      app.post<Route>(`${one}/setLabels`, needs("setLabels"), ({ params, body }) =>
        operation("setLabels", this.networks.setLabels(this.path(kind, params), body)),
      );
    } else {
      app.patch<Route>(one, needs("update"), ({ params, body }) =>
        operation("patch", this.networks.patch(kind, this.path(kind, params), body)),
      );
    }
    app.delete<Route>(one, needs("delete"), ({ params }) =>
      operation("delete", this.networks.delete(this.path(kind, params))),
    );
  }

  private parent({ project, region }: Params): string {
    return `projects/${this.projects.id(project)}/${region === undefined ? "global" : `regions/${region}`}`;
  }

  private path({ collection }: Kind, params: Params): string {
    return `${this.parent(params)}/${collection}/${params.name}`;
  }
}

const DONE = { kind: "compute#operation", status: "DONE", progress: 100 };

function operation(operationType: string, { id, selfLink }: ComputeResource) {
  const name = `operation-${Date.now()}-${randomInt(2 ** 32).toString(16)}`;
  const scope = selfLink.replace(/\/[^/]+\/[^/]+$/, "");
  return { ...DONE, name, operationType, targetId: id, targetLink: selfLink, selfLink: `${scope}/operations/${name}` };
}
