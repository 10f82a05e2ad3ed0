import type { FastifyInstance, FastifyRequest } from "fastify";
import { GoogleError } from "../../rest/errors.ts";
import type { Fields } from "../../rest/fields.ts";
import type { Resource } from "../../iam/access.ts";
import type { PolicyRequests } from "../../iam/requests.ts";
import { page, type PageQuery } from "../../rest/pages.ts";
import type { Projects } from "../../server/projects.ts";
import type { Api } from "../../server/server.ts";
import { repositoryOf, repositoryResource, SERVICE } from "./repository.ts";

/** https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories/list */
const PAGE_LIMIT = 1000;

interface Route {
  Params: { project: string; location: string; id: string };
  Querystring: PageQuery & { "options.requestedPolicyVersion"?: string };
  Body: Fields;
}

/** Artifact Registry v1: the repositories of the images that the embedded cloud has a program for, and their policies. */
export class ArtifactRegistry implements Api {
  private readonly names: ReadonlySet<string>;
  private readonly projects: Projects;
  private readonly iam: PolicyRequests;

  /** @param images References of the images. */
  constructor(images: readonly string[], projects: Projects, iam: PolicyRequests) {
    const repositories = images.flatMap((image) => repositoryOf(image) ?? []);
    this.names = new Set(repositories.map((repository) => repositoryResource(repository).name));
    this.projects = projects;
    this.iam = iam;
  }

  routes(app: FastifyInstance): void {
    const all = "/v1/projects/:project/locations/:location/repositories";
    const inProject = { config: { service: SERVICE, permission: "artifactregistry.repositories.list" } };
    app.get<Route>(all, inProject, ({ params, query }) => {
      const { name: prefix } = this.resource({ ...params, id: "" });
      const found = [...this.names].filter((name) => name.startsWith(prefix));
      const { items, ...rest } = page(found, (name) => name, query, PAGE_LIMIT);
      return { repositories: items.map(described), ...rest };
    });
    app.get<Route>(`${all}/:id(^[^:]+)`, this.on("artifactregistry.repositories.get"), ({ params }) =>
      described(this.existing(params).name),
    );
    const one = `${all}/:id(^[^:]+)`;
    app.get<Route>(`${one}::getIamPolicy`, this.on("artifactregistry.repositories.getIamPolicy"), (request) =>
      this.iam.get(this.existing(request.params), request.query["options.requestedPolicyVersion"]),
    );
    app.post<Route>(`${one}::setIamPolicy`, this.on("artifactregistry.repositories.setIamPolicy"), (request) =>
      this.iam.set(this.existing(request.params), request.body.policy, request.body.updateMask),
    );
    app.post<Route>(`${one}::testIamPermissions`, this.on(), ({ params, body, caller }) =>
      this.iam.test(caller, this.existing(params), body.permissions),
    );
  }

  private on(permission?: string) {
    const resource = ({ params }: FastifyRequest) => this.resource(params as Route["Params"]);
    return { config: { service: SERVICE, ...(permission !== undefined && { permission }), resource } };
  }

  private existing(params: Route["Params"]): Resource {
    const resource = this.resource(params);
    if (!this.names.has(resource.name)) {
      throw new GoogleError("NOT_FOUND", `Repository "${resource.name}" does not exist.`);
    }
    return resource;
  }

  private resource({ id, location, project }: Route["Params"]): Resource {
    return repositoryResource({ id, location, project: this.projects.id(project) });
  }
}

function described(name: string) {
  return { name, format: "DOCKER", mode: "STANDARD_REPOSITORY" };
}
