import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Networks } from "../compute/networks.ts";
import { shortName } from "../../rest/names.ts";
import { GoogleError } from "../../rest/errors.ts";
import type { Fields } from "../../rest/fields.ts";
import { type Access, projectResource } from "../../iam/access.ts";
import type { Projects } from "../../server/projects.ts";
import type { Api } from "../../server/server.ts";
import type { EnabledServices } from "../../server/enabled-services.ts";

const SERVICE = "servicenetworking.googleapis.com";
/** The name that Google gives an operation which is done when it is returned. */
const DONE = "operations/noop.DONE_OPERATION";

/** Service Networking v1: private services access. Every operation is done when it is returned. */
export class ServiceNetworking implements Api {
  private readonly networks: Networks;
  private readonly projects: Projects;
  private readonly access: Access;
  private readonly services: EnabledServices;

  constructor(networks: Networks, projects: Projects, access: Access, services: EnabledServices) {
    this.networks = networks;
    this.projects = projects;
    this.access = access;
    this.services = services;
  }

  routes(app: FastifyInstance): void {
    const all = `/v1/services/${SERVICE}/connections`;
    const of = (permission: string, network: (request: FastifyRequest) => unknown) => ({
      config: {
        service: SERVICE,
        permission: `servicenetworking.services.${permission}`,
        resource: (request: FastifyRequest) => projectResource(this.projectOf(network(request))),
      },
    });
    const inQuery = (request: FastifyRequest) => (request.query as { network?: string }).network;
    app.get<{ Querystring: { network?: string } }>(all, of("get", inQuery), ({ query }) => {
      const connections = this.networks.peerings(this.canonical(query.network));
      return connections.length > 0 ? { connections } : {};
    });

    // The bodies of these requests name the project.
    const connect = ({ caller, body }: { caller: string; body: Fields }) => {
      const { network, reservedPeeringRanges } = body;
      const project = this.require(caller, "addPeering", network);
      const ranges = Array.isArray(reservedPeeringRanges) ? reservedPeeringRanges.map(String) : [];
      return done(
        this.networks.peer(project, {
          network: this.canonical(network),
          service: `services/${SERVICE}`,
          peering: "servicenetworking-googleapis-com",
          reservedPeeringRanges: ranges,
        }),
      );
    };
    app.post<{ Body: Fields }>(all, connect);
    app.patch<{ Body: Fields }>(`${all}/:connection`, connect);
    app.post<{ Body: Fields }>(`${all}/:connection`, ({ body, caller }) => {
      this.require(caller, "deleteConnection", body.consumerNetwork);
      this.networks.unpeer(this.canonical(body.consumerNetwork));
      return done({});
    });
    // gcloud asks even for an operation that is done.
    app.get(`/v1/${DONE}`, () => done({}));
  }

  /** @returns The network's project. @throws GoogleError PERMISSION_DENIED, also if the API is not enabled. */
  private require(caller: string, verb: string, network: unknown): string {
    const project = this.projectOf(network);
    this.services.require(project, SERVICE);
    this.access.require(caller, `servicenetworking.services.${verb}`, projectResource(project));
    return project;
  }

  /** @throws GoogleError INVALID_ARGUMENT for text that is not a network's name. */
  private projectOf(network: unknown): string {
    const project = /^projects\/([^/]+)\/global\/networks\/[^/]+$/.exec(String(network))?.[1];
    if (project !== undefined) return this.projects.id(project);
    throw new GoogleError("INVALID_ARGUMENT", `The network "${String(network)}" is not projects/P/global/networks/N.`);
  }

  /** The network's name with its project's number, as connections are stored. */
  private canonical(network: unknown): string {
    return `projects/${this.projects.number(this.projectOf(network))}/global/networks/${shortName(String(network))}`;
  }
}

function done(response: object) {
  return { name: DONE, done: true, response };
}
