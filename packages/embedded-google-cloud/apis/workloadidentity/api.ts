import type { FastifyInstance } from "fastify";
import { GoogleError } from "../../rest/errors.ts";
import { applyMask, without } from "../../rest/fields.ts";
import { page, type PageQuery } from "../../rest/pages.ts";
import type { Projects } from "../../server/projects.ts";
import type { Api } from "../../server/server.ts";
import type { Collection, Store } from "../../state/store.ts";
import {
  checkedProvider,
  checkId,
  deleted,
  type Pool,
  POOL_FIELDS,
  type Provider,
  PROVIDER_FIELDS,
  readPool,
  readProvider,
} from "./pool.ts";

const SERVICE = "iam.googleapis.com";
/** https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools/list */
const PAGE_LIMIT = 1000;

interface Params {
  project: string;
  pool: string;
  provider: string;
}
interface Query extends PageQuery {
  workloadIdentityPoolId?: string;
  workloadIdentityPoolProviderId?: string;
  updateMask?: string;
}
interface Route {
  Params: Params;
  Querystring: Query;
}

/** IAM v1: workload identity pools. An operation is done when a client polls it. Tokens are not exchanged here. */
export class WorkloadIdentity implements Api {
  private readonly pools: Collection<Pool>;
  private readonly providers: Collection<Provider>;
  private readonly projects: Projects;

  constructor(store: Store, projects: Projects) {
    this.projects = projects;
    this.pools = store.collection("workload-identity-pools");
    this.providers = store.collection("workload-identity-providers");
  }

  routes(app: FastifyInstance): void {
    const needs = (permission: string) => ({
      config: { service: SERVICE, permission: `iam.googleapis.com/${permission}` },
    });
    const pools = "/v1/projects/:project/locations/global/workloadIdentityPools";
    app.post<Route>(pools, needs("workloadIdentityPools.create"), ({ params, query, body }) => {
      const name = this.poolName({ ...params, pool: checkId(query.workloadIdentityPoolId) });
      return this.begin(this.pools, name, { ...readPool(body), name, state: "ACTIVE" });
    });
    app.get<Route>(pools, needs("workloadIdentityPools.list"), ({ params, query }) => {
      const prefix = this.poolName({ ...params, pool: "" });
      const all = this.pools.values().filter(({ name, state }) => name.startsWith(prefix) && state === "ACTIVE");
      const { items, ...rest } = page(all, ({ name }) => name, query, PAGE_LIMIT);
      return { ...(items.length > 0 && { workloadIdentityPools: items }), ...rest };
    });
    const pool = `${pools}/:pool`;
    app.get<Route>(pool, needs("workloadIdentityPools.get"), ({ params }) => found(this.pools, this.poolName(params)));
    app.patch<Route>(pool, needs("workloadIdentityPools.update"), ({ params, query, body }) => {
      const current = found(this.pools, this.poolName(params));
      return this.change(this.pools, applyMask(current, readPool(body), query.updateMask, POOL_FIELDS));
    });
    app.delete<Route>(pool, needs("workloadIdentityPools.delete"), ({ params }) =>
      this.change(this.pools, deleted(found(this.pools, this.poolName(params)))),
    );
    app.post<Route>(`${pools}/:pool(^[^:]+)::undelete`, needs("workloadIdentityPools.undelete"), ({ params }) =>
      this.change(this.pools, undeleted(found(this.pools, this.poolName(params)))),
    );
    // Only for attestation by managed workload identities, which are not modelled.
    app.get<Route>(
      `${pools}/:pool(^[^:]+)::listAttestationRules`,
      needs("workloadIdentityPools.getAttestationRules"),
      ({ params }) => {
        found(this.pools, this.poolName(params));
        return {};
      },
    );
    app.get<Route>(`${pool}/operations/:operation`, needs("workloadIdentityPools.get"), ({ params, url }) =>
      ended(url, found(this.pools, this.poolName(params))),
    );

    const providers = `${pool}/providers`;
    app.post<Route>(providers, needs("workloadIdentityPoolProviders.create"), ({ params, query, body }) => {
      found(this.pools, this.poolName(params));
      const name = this.providerName({ ...params, provider: checkId(query.workloadIdentityPoolProviderId) });
      return this.begin(this.providers, name, checkedProvider({ ...readProvider(body), name, state: "ACTIVE" }));
    });
    const provider = `${providers}/:provider`;
    app.get<Route>(provider, needs("workloadIdentityPoolProviders.get"), ({ params }) =>
      found(this.providers, this.providerName(params)),
    );
    app.patch<Route>(provider, needs("workloadIdentityPoolProviders.update"), ({ params, query, body }) => {
      const current = found(this.providers, this.providerName(params));
      const next = applyMask(current, readProvider(body), query.updateMask, PROVIDER_FIELDS);
      return this.change(this.providers, checkedProvider(next));
    });
    app.delete<Route>(provider, needs("workloadIdentityPoolProviders.delete"), ({ params }) =>
      this.change(this.providers, deleted(found(this.providers, this.providerName(params)))),
    );
    app.post<Route>(
      `${providers}/:provider(^[^:]+)::undelete`,
      needs("workloadIdentityPoolProviders.undelete"),
      ({ params }) => this.change(this.providers, undeleted(found(this.providers, this.providerName(params)))),
    );
    app.get<Route>(`${provider}/operations/:operation`, needs("workloadIdentityPoolProviders.get"), ({ params, url }) =>
      ended(url, found(this.providers, this.providerName(params))),
    );
  }

  private begin<T extends Pool>(collection: Collection<T>, name: string, entry: T) {
    if (collection.get(name)) throw new GoogleError("ALREADY_EXISTS", "Requested entity already exists");
    return this.change(collection, entry);
  }

  private change<T extends Pool>(collection: Collection<T>, entry: T) {
    collection.put(entry.name, entry);
    return { name: `${entry.name}/operations/${Date.now().toString(36)}` };
  }

  private poolName({ project, pool }: Pick<Params, "project" | "pool">): string {
    return `projects/${this.projects.number(project)}/locations/global/workloadIdentityPools/${pool}`;
  }

  private providerName(params: Params): string {
    return `${this.poolName(params)}/providers/${params.provider}`;
  }
}

function found<T>(collection: Collection<T>, name: string): T {
  const entry = collection.get(name);
  if (!entry) throw new GoogleError("NOT_FOUND", `Requested entity was not found: ${name}`);
  return entry;
}

function undeleted<T extends Pool>(entry: T): T {
  if (entry.state !== "DELETED") throw new GoogleError("FAILED_PRECONDITION", `${entry.name} is not deleted.`);
  return { ...(without(entry, "expireTime") as T), state: "ACTIVE" };
}

function ended(url: string, response: object) {
  return { name: url.replace(/^\/v1\/|\?.*$/g, ""), done: true, response };
}
