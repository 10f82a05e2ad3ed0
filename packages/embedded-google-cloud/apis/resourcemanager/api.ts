import type { FastifyInstance, FastifyRequest } from "fastify";
import { type Fields, isFields } from "../../rest/fields.ts";
import { projectResource, type Resource } from "../../iam/access.ts";
import type { PolicyRequests } from "../../iam/requests.ts";
import type { Projects } from "../../server/projects.ts";
import type { Api } from "../../server/server.ts";

const SERVICE = "cloudresourcemanager.googleapis.com";

interface Params {
  project: string;
}

/** Cloud Resource Manager v1 and v3, and what Compute Engine says of a project: its id, its number and its policy. */
export class ResourceManager implements Api {
  private readonly projects: Projects;
  private readonly iam: PolicyRequests;

  constructor(projects: Projects, iam: PolicyRequests) {
    this.projects = projects;
    this.iam = iam;
  }

  routes(app: FastifyInstance): void {
    const get = { config: { service: SERVICE, permission: "resourcemanager.projects.get" } };
    app.get<{ Params: Params }>("/v1/projects/:project", get, ({ params }) => {
      const projectId = this.projects.id(params.project);
      return {
        projectNumber: this.projects.number(projectId),
        projectId,
        lifecycleState: "ACTIVE",
        name: projectId,
      };
    });
    app.get<{ Params: Params }>("/v3/projects/:project", get, ({ params }) => {
      const projectId = this.projects.id(params.project);
      return {
        name: `projects/${this.projects.number(projectId)}`,
        projectId,
        state: "ACTIVE",
        displayName: projectId,
      };
    });
    // The official provider asks Compute Engine which id a number belongs to, in projects that do not use it too.
    app.get<{ Params: Params }>(
      "/compute/v1/projects/:project",
      { config: { permission: "resourcemanager.projects.get" } },
      ({ params }) => {
        const name = this.projects.id(params.project);
        return {
          kind: "compute#project",
          id: this.projects.number(name),
          name,
          selfLink: `https://www.googleapis.com/compute/v1/projects/${name}`,
        };
      },
    );

    for (const version of ["v1", "v3"]) {
      const withVerb = `/${version}/projects/:project(^[^:]+)`;
      app.post<{ Params: Params; Body: Fields }>(
        `${withVerb}::getIamPolicy`,
        { config: { service: SERVICE, permission: "resourcemanager.projects.getIamPolicy" } },
        (request) => {
          const options = request.body.options;
          return this.iam.get(this.resource(request), isFields(options) ? options.requestedPolicyVersion : undefined);
        },
      );
      app.post<{ Params: Params; Body: Fields }>(
        `${withVerb}::setIamPolicy`,
        { config: { service: SERVICE } },
        (request) => {
          const { caller, body } = request;
          const permission = "resourcemanager.projects.setIamPolicy";
          return this.iam.setFor(caller, permission, this.resource(request), body.policy, body.updateMask);
        },
      );
      app.post<{ Params: Params; Body: Fields }>(
        `${withVerb}::testIamPermissions`,
        { config: { service: SERVICE } },
        (request) => this.iam.test(request.caller, this.resource(request), request.body.permissions),
      );
    }
  }

  private resource({ params }: Pick<FastifyRequest, "params">): Resource {
    return projectResource(this.projects.id((params as Params).project));
  }
}
