import { randomInt } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { GoogleError } from "../../rest/errors.ts";
import { page, type PageQuery } from "../../rest/pages.ts";
import type { Projects } from "../../server/projects.ts";
import type { Api } from "../../server/server.ts";
import type { Collection, Store } from "../../state/store.ts";
import { type Access, projectResource } from "../../iam/access.ts";
import { ALERT_POLICIES, channelsOf, readsLog } from "./alert-policy.ts";
import { DASHBOARDS } from "./dashboard.ts";
import type { Gauges } from "./gauges.ts";
import { create, type Kind, type MonitoringResource, update } from "./kind.ts";
import { NOTIFICATION_CHANNELS } from "./notification-channel.ts";
import { timeSeries, type TimeSeriesQuery } from "./time-series.ts";
import { UPTIME_CHECKS } from "./uptime-check.ts";

const SERVICE = "monitoring.googleapis.com";
/** https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies/list */
const PAGE_LIMIT = 1000;

type Verb = "create" | "delete" | "update";

interface Params {
  project: string;
  id: string;
}

interface Route {
  Params: Params;
  Querystring: PageQuery & TimeSeriesQuery & { updateMask?: string; force?: string };
}

/** Cloud Monitoring v3, and v1 for dashboards. Resources are stored, nobody is notified; Cloud SQL is measured. */
export class Monitoring implements Api {
  private readonly resources: Collection<MonitoringResource>;
  private readonly projects: Projects;
  private readonly gauges: Gauges;

  private readonly access: Access;

  constructor(store: Store, projects: Projects, gauges: Gauges, access: Access) {
    this.access = access;
    this.projects = projects;
    this.gauges = gauges;
    this.resources = store.collection("monitoring");
  }

  routes(app: FastifyInstance): void {
    for (const kind of [ALERT_POLICIES, NOTIFICATION_CHANNELS, UPTIME_CHECKS, DASHBOARDS]) this.kindRoutes(app, kind);
    app.get<Route>(
      "/v3/projects/:project/timeSeries",
      { config: { service: SERVICE, permission: "monitoring.timeSeries.list" } },
      async ({ params, query }) => timeSeries(await this.gauges.of(this.projects.id(params.project)), query),
    );
  }

  private kindRoutes(app: FastifyInstance, kind: Kind): void {
    const needs = (verb: string) => ({
      config: { service: SERVICE, permission: `monitoring.${kind.collection}.${verb}` },
    });
    const all = `/${kind.version}/projects/:project/${kind.collection}`;
    const one = `${all}/:id`;
    app.post<Route>(all, needs("create"), ({ params, body, caller }) =>
      this.keep("create", caller, create(kind, `${this.parent(params, kind)}/${randomInt(2 ** 47)}`, body, caller)),
    );
    app.get<Route>(all, needs("list"), ({ params, query }) => {
      const { items, ...rest } = page(this.list(params, kind), ({ name }) => name, query, PAGE_LIMIT);
      return { ...(items.length > 0 && { [kind.collection]: items }), ...rest };
    });
    app.get<Route>(one, needs("get"), ({ params }) => this.get(params, kind));
    app.patch<Route>(one, needs("update"), ({ params, query, body, caller }) =>
      this.keep("update", caller, update(kind, this.get(params, kind), body, query.updateMask, caller)),
    );
    app.delete<Route>(one, needs("delete"), ({ params, query, caller }) => {
      const resource = this.get(params, kind);
      this.requireForLog("delete", caller, resource);
      const { name } = resource;
      this.release(name, this.list(params, ALERT_POLICIES), query.force === "true");
      this.resources.delete(name);
      return {};
    });
  }

  /** @throws GoogleError NOT_FOUND if a policy notifies a channel that does not exist. */
  private keep(verb: Verb, caller: string, resource: MonitoringResource): MonitoringResource {
    this.requireForLog(verb, caller, resource);
    const missing = channelsOf(resource).find((channel) => !this.resources.get(channel));
    if (missing !== undefined) throw new GoogleError("NOT_FOUND", `Notification channel not found: ${missing}`);
    return this.resources.put(resource.name, resource);
  }

  /** An alert on a log entry also is a rule of Logging: https://cloud.google.com/logging/docs/alerting/log-based-alerts */
  private requireForLog(verb: Verb, caller: string, resource: MonitoringResource): void {
    if (!readsLog(resource)) return;
    const [, project = ""] = resource.name.split("/");
    this.access.require(caller, `logging.notificationRules.${verb}`, projectResource(project));
  }

  /**
   * Removes a channel that is about to be deleted from the policies that notify it.
   * @throws GoogleError INVALID_ARGUMENT if a policy notifies it, unless forced.
   */
  private release(channel: string, policies: readonly MonitoringResource[], force: boolean): void {
    for (const policy of policies.filter((each) => channelsOf(each).includes(channel))) {
      if (!force) {
        throw new GoogleError(
          "INVALID_ARGUMENT",
          `Could not delete "${channel}" because it is still being referenced by: "${policy.name}"`,
        );
      }
      const notificationChannels = channelsOf(policy).filter((each) => each !== channel);
      this.resources.put(policy.name, { ...policy, notificationChannels });
    }
  }

  private get(params: Params, kind: Kind): MonitoringResource {
    const name = `${this.parent(params, kind)}/${params.id}`;
    const resource = this.resources.get(name);
    if (!resource) throw new GoogleError("NOT_FOUND", `Cannot find ${name}.`);
    return resource;
  }

  private list(params: Params, kind: Kind): MonitoringResource[] {
    const prefix = `${this.parent(params, kind)}/`;
    return this.resources.values().filter(({ name }) => name.startsWith(prefix));
  }

  private parent({ project }: Params, { collection }: Kind): string {
    return `projects/${this.projects.id(project)}/${collection}`;
  }
}
