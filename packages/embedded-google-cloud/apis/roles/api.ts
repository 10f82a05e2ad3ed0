import type { FastifyInstance } from "fastify";
import { allPermissions, type CustomRole, permissionExists, type Roles } from "../../iam/roles.ts";
import { GoogleError } from "../../rest/errors.ts";
import { etagOf } from "../../rest/etag.ts";
import { applyMask, type Fields, isFields, settableFields, without } from "../../rest/fields.ts";
import { page, type PageQuery } from "../../rest/pages.ts";
import type { Projects } from "../../server/projects.ts";
import type { Api } from "../../server/server.ts";

const SERVICE = "iam.googleapis.com";
/** https://cloud.google.com/iam/docs/reference/rest/v1/projects.roles/list */
const PAGE_LIMIT = 1000;
const SETTABLE = ["title", "description", "includedPermissions", "stage"] as const;

interface Route {
  Params: { project: string; role: string };
  Querystring: PageQuery & { showDeleted?: string; updateMask?: string; view?: string };
  Body: Fields;
}

interface TestableQuery {
  readonly fullResourceName?: string;
  readonly pageSize?: number;
  readonly pageToken?: string;
}

/** IAM v1: the permissions that a role can have, and custom roles of projects. */
export class RolesApi implements Api {
  private readonly roles: Roles;
  private readonly projects: Projects;

  constructor(roles: Roles, projects: Projects) {
    this.roles = roles;
    this.projects = projects;
  }

  routes(app: FastifyInstance): void {
    const needs = (verb: string) => ({ config: { service: SERVICE, permission: `iam.roles.${verb}` } });
    const all = "/v1/projects/:project/roles";
    app.post<Route>(all, needs("create"), ({ params, body }) => {
      const { roleId, role } = body;
      if (typeof roleId !== "string" || !/^[\w.]{3,64}$/.test(roleId)) {
        throw invalid(
          `The role ID ${JSON.stringify(roleId)} is not valid: 3 to 64 letters, digits, underscores and periods.`,
        );
      }
      const name = this.name({ ...params, role: roleId });
      if (this.roles.custom.get(name)) {
        throw new GoogleError("ALREADY_EXISTS", `A role named ${roleId} in projects/${params.project} already exists.`);
      }
      return this.put({ ...read(role), name });
    });
    app.get<Route>(all, needs("list"), ({ params, query }) => {
      const prefix = this.name({ ...params, role: "" });
      const found = this.roles.custom
        .values()
        .filter(({ deleted, name }) => name.startsWith(prefix) && (!deleted || query.showDeleted === "true"));
      const { items, ...rest } = page(found, ({ name }) => name, query, PAGE_LIMIT);
      const shown = query.view === "FULL" ? items : items.map((role) => without(role, "includedPermissions"));
      return { ...(shown.length > 0 && { roles: shown }), ...rest };
    });
    const one = `${all}/:role`;
    app.get<Route>(one, needs("get"), ({ params }) => this.get(params));
    app.patch<Route>(one, needs("update"), ({ params, query, body }) => {
      const current = this.get(params);
      checkEtag(current, body.etag);
      return this.put(applyMask(current, read(body), query.updateMask ?? SETTABLE.join(","), SETTABLE));
    });
    app.delete<Route>(one, needs("delete"), ({ params }) => this.put({ ...this.get(params), deleted: true }));
    app.post<Route>(`${all}/:role(^[^:]+)::undelete`, needs("undelete"), ({ params, body }) => {
      const current = this.get(params);
      checkEtag(current, body.etag);
      return this.put(without(current, "deleted"));
    });
    app.post<{ Body: TestableQuery }>("/v1/permissions::queryTestablePermissions", ({ body, host }) => {
      const { fullResourceName = "", pageSize, pageToken } = body;
      const [, service, project] = /^\/\/([^/]+)\/projects\/([^/]+)$/.exec(fullResourceName) ?? [];
      // gcloud names the host that it sends requests to.
      if (project === undefined || (service !== "cloudresourcemanager.googleapis.com" && service !== host))
        throw invalid(`Invalid resource: ${fullResourceName.slice(0, 100)}.`);
      this.projects.id(project);
      const { items, ...rest } = page(
        allPermissions(),
        (name) => name,
        { pageSize: pageSize?.toString(), pageToken },
        PAGE_LIMIT,
      );
      return { permissions: items.map((name) => ({ name })), ...rest };
    });
  }

  private put(role: Omit<CustomRole, "etag">): CustomRole {
    return this.roles.custom.put(role.name, { ...role, etag: etagOf(without(role as CustomRole, "etag")) });
  }

  private get(params: Route["Params"]): CustomRole {
    const name = this.name(params);
    const found = this.roles.custom.get(name);
    if (!found) throw new GoogleError("NOT_FOUND", `The role named ${name} was not found.`);
    return found;
  }

  private name({ project, role }: Route["Params"]): string {
    return `projects/${this.projects.id(project)}/roles/${role}`;
  }
}

function read(sent: unknown): Partial<CustomRole> {
  const role = settableFields<CustomRole>(isFields(sent) ? sent : {}, SETTABLE, ["name", "etag", "deleted"]);
  const unknown = role.includedPermissions?.find((permission) => !permissionExists(permission));
  if (unknown !== undefined) throw invalid(`Permission ${unknown} is not valid.`);
  return role;
}

function checkEtag({ etag }: CustomRole, sent: unknown): void {
  if (sent === undefined || sent === etag) return;
  throw new GoogleError("ABORTED", "There were concurrent changes. Please retry the whole read-modify-write.");
}

function invalid(message: string): GoogleError {
  return new GoogleError("INVALID_ARGUMENT", message);
}
