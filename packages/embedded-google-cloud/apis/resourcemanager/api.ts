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
interface Route {
  Params: Params;
  Body: Fields;
}

/** Cloud Resource Manager v1 and v3, and Compute Engine's view of a project. */
export class ResourceManager implements Api {
  private readonly projects: Projects;
  private readonly iam: PolicyRequests;

  constructor(projects: Projects, iam: PolicyRequests) {
    this.projects = projects;
    this.iam = iam;
  }

  routes(app: FastifyInstance): void {
    const get = { config: { service: SERVICE, permission: "resourcemanager.projects.get" } };
    app.get<Route>("/v1/projects/:project", get, ({ params }) => {
      const projectId = this.projects.id(params.project);
      const projectNumber = this.projects.number(projectId);
      return { projectNumber, projectId, lifecycleState: "ACTIVE", name: projectId };
    });
    app.get<Route>("/v3/projects/:project", get, ({ params }) => {
      const projectId = this.projects.id(params.project);
      const name = `projects/${this.projects.number(projectId)}`;
      return { name, projectId, state: "ACTIVE", displayName: projectId };
    });
    // The official provider resolves project numbers here, also in projects without Compute Engine.
    app.get<Route>(
      "/compute/v1/projects/:project",
      { config: { permission: "resourcemanager.projects.get" } },
      ({ params }) => {
        const name = this.projects.id(params.project);
        const selfLink = `https://www.googleapis.com/compute/v1/projects/${name}`;
        return { kind: "compute#project", id: this.projects.number(name), name, selfLink };
      },
    );

    for (const version of ["v1", "v3"]) {
      const withVerb = `/${version}/projects/:project(^[^:]+)`;
      app.post<Route>(
        `${withVerb}::getIamPolicy`,
        { config: { service: SERVICE, permission: "resourcemanager.projects.getIamPolicy" } },
        (request) => {
          const options = request.body.options;
          return this.iam.get(this.resource(request), isFields(options) ? options.requestedPolicyVersion : undefined);
        },
      );
      app.post<Route>(`${withVerb}::setIamPolicy`, { config: { service: SERVICE } }, (request) => {
        const { caller, body } = request;
        const permission = "resourcemanager.projects.setIamPolicy";
        return this.iam.setFor(caller, permission, this.resource(request), body.policy, body.updateMask);
      });
      app.post<Route>(`${withVerb}::testIamPermissions`, { config: { service: SERVICE } }, (request) =>
        this.iam.test(request.caller, this.resource(request), request.body.permissions),
      );
    }
  }

  private resource({ params }: Pick<FastifyRequest, "params">): Resource {
    return projectResource(this.projects.id((params as Params).project));
  }
}
