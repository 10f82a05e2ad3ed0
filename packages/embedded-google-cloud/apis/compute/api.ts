import type { FastifyInstance } from "fastify";
import { randomInt } from "node:crypto";
import type { Projects } from "../../server/projects.ts";
import type { Api } from "../../server/server.ts";
import { type Access, projectResource } from "../../iam/access.ts";
import {
  BACKEND_SERVICES,
  CERTIFICATES,
  ENDPOINT_GROUPS,
  type LoadBalancers,
  type MayUse,
  type Part,
  PROXIES,
  RULES,
  TLS_POLICIES,
  URL_MAPS,
} from "./load-balancers.ts";
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

/** Compute Engine v1: what a private network for Cloud SQL and a load balancer for Cloud Run need. Every operation is done when it is returned. */
export class Compute implements Api {
  private readonly networks: Networks;
  private readonly balancers: LoadBalancers;
  private readonly projects: Projects;
  private readonly access: Access;

  constructor(networks: Networks, balancers: LoadBalancers, projects: Projects, access: Access) {
    this.networks = networks;
    this.balancers = balancers;
    this.projects = projects;
    this.access = access;
  }

  routes(app: FastifyInstance): void {
    const project = "/compute/v1/projects/:project";
    this.kindRoutes(app, NETWORKS, `${project}/global`, "compute.networks");
    this.kindRoutes(app, ADDRESSES, `${project}/global`, "compute.globalAddresses");
    this.kindRoutes(app, SUBNETWORKS, `${project}/regions/:region`, "compute.subnetworks");
    this.partRoutes(app, ENDPOINT_GROUPS, `${project}/regions/:region`);
    for (const part of [BACKEND_SERVICES, URL_MAPS, CERTIFICATES, TLS_POLICIES, PROXIES, RULES]) {
      this.partRoutes(app, part, `${project}/global`);
    }
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
      return listOf(
        kind.kind,
        path,
        this.networks.list(path).map((one) => this.withUsers(one)),
      );
    });
    app.get<Route>(one, needs("get"), ({ params }) => this.withUsers(this.networks.get(this.path(kind, params))));
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
    app.delete<Route>(one, needs("delete"), ({ params }) => {
      const path = this.path(kind, params);
      this.balancers.refuseUsed(this.networks.get(path), path);
      return operation("delete", this.networks.delete(path));
    });
  }

  /** An address with the rule that uses it. */
  private withUsers(resource: ComputeResource): ComputeResource {
    const users = this.balancers.usersOf(resource);
    return users.length === 0 ? resource : { ...resource, status: "IN_USE", users };
  }

  private partRoutes(app: FastifyInstance, part: Part, parent: string): void {
    const needs = (verb: string) => ({ config: { service: SERVICE, permission: `${part.permissions}.${verb}` } });
    const all = `${parent}/${part.collection}`;
    const one = `${all}/:name`;
    app.post<Route>(all, needs("create"), ({ params, body, caller }) =>
      operation("insert", this.balancers.create(part, this.parent(params), body, this.mayUse(caller, params))),
    );
    app.get<Route>(all, needs("list"), ({ params }) => {
      const path = `${this.parent(params)}/${part.collection}`;
      return listOf(part.kind, path, this.balancers.list(path));
    });
    app.get<Route>(one, needs("get"), ({ params }) => this.balancers.get(this.path(part, params)));
    app.delete<Route>(one, needs("delete"), ({ params }) =>
      operation("delete", this.balancers.delete(this.path(part, params))),
    );
    for (const { method, how, path, verb } of CHANGES.filter((change) => change.part === part)) {
      const url = path.replace("PROJECT", "/compute/v1/projects/:project");
      app.route<Route>({
        method,
        url,
        ...needs(verb),
        handler: ({ params, body, caller }) => {
          const name = this.path(part, params);
          if (verb === "setLabels") return operation(verb, this.balancers.setLabels(name, body));
          return operation(verb, this.balancers.change(part, name, body, how, this.mayUse(caller, params)));
        },
      });
    }
  }

  /** Google also asks for permissions on the parts that another part uses. */
  private mayUse(caller: string, { project }: Params): MayUse {
    const resource = projectResource(this.projects.id(project));
    return (permission) => {
      this.access.require(caller, permission, resource);
    };
  }

  private parent({ project, region }: Params): string {
    return `projects/${this.projects.id(project)}/${region === undefined ? "global" : `regions/${region}`}`;
  }

  private path({ collection }: Pick<Kind | Part, "collection">, params: Params): string {
    return `${this.parent(params)}/${collection}/${params.name}`;
  }
}

/** A method that changes a part. */
interface Change {
  readonly part: Part;
  readonly method: "PATCH" | "POST" | "PUT";
  readonly path: string;
  /** The permission, less the part's. */
  readonly verb: string;
  readonly how: "replace" | "merge";
}

const one = ({ collection }: Part) => `PROJECT/global/${collection}/:name`;
const replaced = (part: Part): Change => ({ part, method: "PUT", path: one(part), verb: "update", how: "replace" });
const patched = (part: Part): Change => ({ part, method: "PATCH", path: one(part), verb: "update", how: "merge" });
const set = (part: Part, verb: string, path = one(part)): Change => ({
  ...{ part, method: "POST", path: `${path}/${verb}`, verb, how: "merge" },
});

const CHANGES: readonly Change[] = [
  ...[BACKEND_SERVICES, URL_MAPS].map(replaced),
  ...[BACKEND_SERVICES, URL_MAPS, TLS_POLICIES, PROXIES].map(patched),
  set(PROXIES, "setSslPolicy"),
  // Google has these two without "global".
  set(PROXIES, "setSslCertificates", one(PROXIES).replace("/global", "")),
  set(PROXIES, "setUrlMap", one(PROXIES).replace("/global", "")),
  set(RULES, "setTarget"),
  set(RULES, "setLabels"),
];

function listOf(kind: string, path: string, items: readonly ComputeResource[]) {
  return { kind: `compute#${kind}List`, id: path, ...(items.length > 0 && { items }), selfLink: ROOT + path };
}

const DONE = { kind: "compute#operation", status: "DONE", progress: 100 };

function operation(operationType: string, { id, selfLink }: ComputeResource) {
  const name = `operation-${Date.now()}-${randomInt(2 ** 32).toString(16)}`;
  const scope = selfLink.replace(/\/[^/]+\/[^/]+$/, "");
  return { ...DONE, name, operationType, targetId: id, targetLink: selfLink, selfLink: `${scope}/operations/${name}` };
}
