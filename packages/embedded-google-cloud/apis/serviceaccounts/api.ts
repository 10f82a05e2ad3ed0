import type { FastifyInstance, FastifyRequest } from "fastify";
import { applyMask, type Fields, isFields, settableFields } from "../../rest/fields.ts";
import type { Resource } from "../../iam/access.ts";
import type { PolicyRequests } from "../../iam/requests.ts";
import { page, type PageQuery } from "../../rest/pages.ts";
import type { Projects } from "../../server/projects.ts";
import type { Api } from "../../server/server.ts";
import { type ServiceAccount, type ServiceAccounts, SETTABLE, type Settable } from "./accounts.ts";

const SERVICE = "iam.googleapis.com";
/** https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts/list */
const PAGE_LIMIT = 100;

interface Params {
  project: string;
  /** Email or unique id. */
  account: string;
}

interface Route {
  Params: Params;
  Querystring: PageQuery & { "options.requestedPolicyVersion"?: string };
  Body: Fields;
}

/** IAM v1: service accounts. The project in a path may be `-`; the account's own is used. */
export class ServiceAccountsApi implements Api {
  private readonly accounts: ServiceAccounts;
  private readonly projects: Projects;
  private readonly iam: PolicyRequests;

  constructor(accounts: ServiceAccounts, projects: Projects, iam: PolicyRequests) {
    this.accounts = accounts;
    this.projects = projects;
    this.iam = iam;
  }

  routes(app: FastifyInstance): void {
    const all = "/v1/projects/:project/serviceAccounts";
    app.post<Route>(
      all,
      { config: { service: SERVICE, permission: "iam.serviceAccounts.create" } },
      ({ params, body }) =>
        this.accounts.create(this.projects.id(params.project), body.accountId, readAccount(body.serviceAccount)),
    );
    app.get<Route>(
      all,
      { config: { service: SERVICE, permission: "iam.serviceAccounts.list" } },
      ({ params, query }) => {
        const list = this.accounts.list(this.projects.id(params.project));
        const { items, ...rest } = page(list, ({ email }) => email, query, PAGE_LIMIT);
        return { ...(items.length > 0 && { accounts: items }), ...rest };
      },
    );

    const one = `${all}/:account`;
    const on = (permission?: string) => {
      const resource = (request: FastifyRequest) => this.resource(request);
      return { config: { service: SERVICE, ...(permission && { permission }), resource } };
    };
    app.get<Route>(one, on("iam.serviceAccounts.get"), ({ params }) => this.accounts.get(params.account));
    app.patch<Route>(one, on("iam.serviceAccounts.update"), ({ params, body }) => {
      const account = this.accounts.get(params.account);
      const mask = typeof body.updateMask === "string" ? body.updateMask : undefined;
      const next = applyMask<ServiceAccount>(account, readAccount(body.serviceAccount), mask, SETTABLE);
      return this.accounts.replace(next);
    });
    app.put<Route>(one, on("iam.serviceAccounts.update"), ({ params, body }) =>
      this.accounts.replace({ ...this.accounts.get(params.account), ...readAccount(body) }),
    );
    app.delete<Route>(one, on("iam.serviceAccounts.delete"), ({ params }) => {
      this.accounts.delete(this.accounts.get(params.account));
      return {};
    });

    const withVerb = `${all}/:account(^[^:]+)`;
    for (const verb of ["enable", "disable"] as const) {
      app.post<Route>(`${withVerb}::${verb}`, on(`iam.serviceAccounts.${verb}`), ({ params }) => {
        this.accounts.setDisabled(this.accounts.get(params.account), verb === "disable");
        return {};
      });
    }
    app.post<Route>(`${withVerb}::getIamPolicy`, on("iam.serviceAccounts.getIamPolicy"), (request) => {
      const options = isFields(request.body.options) ? request.body.options : {};
      const version = options.requestedPolicyVersion ?? request.query["options.requestedPolicyVersion"];
      return this.iam.get(this.resource(request), version);
    });
    app.post<Route>(`${withVerb}::setIamPolicy`, on("iam.serviceAccounts.setIamPolicy"), (request) =>
      this.iam.set(this.resource(request), request.body.policy, request.body.updateMask),
    );
    app.post<Route>(`${withVerb}::testIamPermissions`, on(), (request) =>
      this.iam.test(request.caller, this.resource(request), request.body.permissions),
    );
  }

  private resource({ params }: Pick<FastifyRequest, "params">): Resource {
    return this.accounts.resource((params as Params).account);
  }
}

function readAccount(sent: unknown): Settable {
  return settableFields<ServiceAccount>(sent, SETTABLE, ["name", "etag"]);
}
