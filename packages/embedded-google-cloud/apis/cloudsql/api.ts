import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Fields } from "../../rest/fields.ts";
import { page, type PageQuery } from "../../rest/pages.ts";
import type { Projects } from "../../server/projects.ts";
import type { Api } from "../../server/server.ts";
import type { Backups } from "./backups.ts";
import type { Connectors } from "./connectors.ts";
import type { Databases } from "./databases.ts";
import { importFile, type ObjectReader } from "./import.ts";
import type { Instance } from "./instance.ts";
import { instanceResource, type Instances } from "./instances.ts";
import type { FinalBackupQuery, KeptBackups } from "./kept-backups.ts";
import { ageOf, type Operations } from "./operations.ts";
import type { Replicas } from "./replicas.ts";
import type { ServerCas } from "./server-cas.ts";
import type { Users, UserUpdate } from "./users.ts";

const SERVICE = "sqladmin.googleapis.com";
/** Google's limit is not documented. */
const PAGE_LIMIT = 1000;
/** Backups in a page, at most and by default: https://cloud.google.com/sql/docs/postgres/admin-api/rest/v1beta4/backups/listBackups */
const KEPT_PAGE = { most: 2000, usual: "500" };
const ROOT = "/sql/v1beta4/projects/:project";
const INSTANCE = `${ROOT}/instances/:instance`;

interface Params {
  project: string;
  instance: string;
  database: string;
  backup: string;
  operation: string;
}

interface Paging {
  maxResults?: string;
  pageToken?: string;
}

/** Cloud SQL Admin v1beta4. */
export class CloudSqlApi implements Api {
  private readonly projects: Projects;
  private readonly operations: Operations;
  private readonly instances: Instances;
  private readonly databases: Databases;
  private readonly users: Users;
  private readonly backups: Backups;
  private readonly kept: KeptBackups;
  private readonly replicas: Replicas;
  private readonly serverCas: ServerCas;
  private readonly connectors: Connectors;
  private readonly objects: ObjectReader;

  constructor(
    projects: Projects,
    operations: Operations,
    instances: Instances,
    databases: Databases,
    users: Users,
    backups: Backups,
    kept: KeptBackups,
    replicas: Replicas,
    serverCas: ServerCas,
    connectors: Connectors,
    objects: ObjectReader,
  ) {
    this.projects = projects;
    this.operations = operations;
    this.instances = instances;
    this.databases = databases;
    this.users = users;
    this.backups = backups;
    this.kept = kept;
    this.replicas = replicas;
    this.serverCas = serverCas;
    this.connectors = connectors;
    this.objects = objects;
  }

  routes(app: FastifyInstance): void {
    this.instanceRoutes(app);
    this.databaseRoutes(app);
    this.userRoutes(app);
    this.backupRoutes(app);
    this.keptRoutes(app);
    this.operationRoutes(app);
    this.serverCaRoutes(app);
    this.connectRoutes(app);
  }

  private instanceRoutes(app: FastifyInstance): void {
    app.post<{ Params: Params }>(`${ROOT}/instances`, this.onProject("cloudsql.instances.create"), (request) =>
      this.instances.insert(this.project(request), request.body, request.caller),
    );
    app.get<{ Params: Params; Querystring: Paging }>(
      `${ROOT}/instances`,
      this.onProject("cloudsql.instances.list"),
      (request) => {
        const all = this.instances.showAll(this.project(request));
        return { kind: "sql#instancesList", ...listed(all, ({ name }) => name, request.query) };
      },
    );
    app.get<{ Params: Params }>(INSTANCE, this.on("cloudsql.instances.get"), (request) =>
      this.instances.show(this.project(request), request.params.instance),
    );
    app.patch<{ Params: Params }>(INSTANCE, this.on("cloudsql.instances.update"), (request) =>
      this.instances.change(this.project(request), request.params.instance, request.body, request.caller, "patch"),
    );
    app.put<{ Params: Params }>(INSTANCE, this.on("cloudsql.instances.update"), (request) =>
      this.instances.change(this.project(request), request.params.instance, request.body, request.caller, "replace"),
    );
    app.delete<{ Params: Params; Querystring: FinalBackupQuery }>(
      INSTANCE,
      this.on("cloudsql.instances.delete"),
      (request) =>
        this.instances.delete(this.project(request), request.params.instance, request.caller, {
          accepted: (instance) => {
            this.kept.requestFinal(instance, request.query);
          },
          undone: (instance) => {
            this.kept.cancelFinal(instance);
          },
        }),
    );
    app.post<{ Params: Params }>(`${INSTANCE}/restart`, this.on("cloudsql.instances.restart"), (request) =>
      this.instances.restart(this.project(request), request.params.instance, request.caller),
    );
    this.replicaRoutes(app);
    app.post<{ Params: Params }>(`${INSTANCE}/import`, this.on("cloudsql.instances.import"), (request) =>
      importFile(this.instances, this.operations, this.objects, {
        project: this.project(request),
        instance: request.params.instance,
        body: request.body,
        caller: request.caller,
      }),
    );
    app.post<{ Params: Params }>(
      `${INSTANCE}/restoreBackup`,
      this.on("cloudsql.instances.restoreBackup"),
      (request) => {
        const { params, body, caller } = request;
        const project = this.project(request);
        return this.backups.restore(project, params.instance, this.kept.copy(project, params.instance, body), caller);
      },
    );
  }

  private serverCaRoutes(app: FastifyInstance): void {
    app.get<{ Params: Params }>(`${INSTANCE}/listServerCas`, this.on("cloudsql.instances.listServerCas"), (request) =>
      this.serverCas.list(this.project(request), request.params.instance),
    );
    app.post<{ Params: Params }>(`${INSTANCE}/addServerCa`, this.on("cloudsql.instances.addServerCa"), (request) =>
      this.serverCas.add(this.project(request), request.params.instance, request.caller),
    );
    app.post<{ Params: Params }>(
      `${INSTANCE}/rotateServerCa`,
      this.on("cloudsql.instances.rotateServerCa"),
      ({ body, caller, params }) => this.serverCas.rotate(this.project({ params }), params.instance, body, caller),
    );
  }

  private replicaRoutes(app: FastifyInstance): void {
    app.post<{ Params: Params; Querystring: { failover?: string } }>(
      `${INSTANCE}/promoteReplica`,
      this.on("cloudsql.instances.promoteReplica"),
      (request) => {
        const failover = request.query.failover === "true";
        return this.replicas.promote(this.project(request), request.params.instance, failover, request.caller);
      },
    );
    // Google's list of permissions has none of its own for it.
    app.post<{ Params: Params }>(`${INSTANCE}/switchover`, this.on("cloudsql.instances.promoteReplica"), (request) =>
      this.replicas.switchover(this.project(request), request.params.instance, request.caller),
    );
    app.post<{ Params: Params }>(`${INSTANCE}/startReplica`, this.on("cloudsql.instances.startReplica"), (request) =>
      this.replicas.replicate(this.project(request), request.params.instance, true, request.caller),
    );
    app.post<{ Params: Params }>(`${INSTANCE}/stopReplica`, this.on("cloudsql.instances.stopReplica"), (request) =>
      this.replicas.replicate(this.project(request), request.params.instance, false, request.caller),
    );
  }

  private databaseRoutes(app: FastifyInstance): void {
    const all = `${INSTANCE}/databases`;
    const one = `${all}/:database`;
    app.post<{ Params: Params }>(all, this.on("cloudsql.databases.create"), (request) =>
      this.databases.insert(this.project(request), request.params.instance, request.body, request.caller),
    );
    app.get<{ Params: Params }>(all, this.on("cloudsql.databases.list"), async (request) => ({
      kind: "sql#databasesList",
      ...items(await this.databases.list(this.project(request), request.params.instance)),
    }));
    app.get<{ Params: Params }>(one, this.on("cloudsql.databases.get"), (request) =>
      this.databases.get(this.project(request), request.params.instance, request.params.database),
    );
    app.route<{ Params: Params }>({
      method: ["PATCH", "PUT"],
      url: one,
      ...this.on("cloudsql.databases.update"),
      handler: (request) => {
        const { instance, database } = request.params;
        return this.databases.change(this.project(request), instance, database, request.body, request.caller);
      },
    });
    app.delete<{ Params: Params }>(one, this.on("cloudsql.databases.delete"), (request) =>
      this.databases.delete(this.project(request), request.params.instance, request.params.database, request.caller),
    );
  }

  private userRoutes(app: FastifyInstance): void {
    const all = `${INSTANCE}/users`;
    app.post<{ Params: Params }>(all, this.on("cloudsql.users.create"), (request) =>
      this.users.insert(this.project(request), request.params.instance, request.body, request.caller),
    );
    app.get<{ Params: Params }>(all, this.on("cloudsql.users.list"), async (request) => ({
      kind: "sql#usersList",
      ...items(await this.users.list(this.project(request), request.params.instance)),
    }));
    app.put<{ Params: Params; Querystring: UserUpdate }>(all, this.on("cloudsql.users.update"), (request) =>
      this.users.update(this.project(request), request.params.instance, request.query, request.body, request.caller),
    );
    app.delete<{ Params: Params; Querystring: { name?: string } }>(all, this.on("cloudsql.users.delete"), (request) =>
      this.users.delete(this.project(request), request.params.instance, request.query.name ?? "", request.caller),
    );
  }

  private backupRoutes(app: FastifyInstance): void {
    const all = `${INSTANCE}/backupRuns`;
    const one = `${all}/:backup`;
    app.post<{ Params: Params }>(all, this.on("cloudsql.backupRuns.create"), (request) =>
      this.backups.insert(this.project(request), request.params.instance, request.body, request.caller),
    );
    app.get<{ Params: Params; Querystring: Paging }>(all, this.on("cloudsql.backupRuns.list"), (request) => {
      const { name } = this.instances.get(this.project(request), request.params.instance);
      const backups = this.backups.list(this.project(request), name);
      return { kind: "sql#backupRunsList", ...listed(backups, newestFirst, request.query) };
    });
    app.get<{ Params: Params }>(one, this.on("cloudsql.backupRuns.get"), (request) =>
      this.backups.get(this.project(request), request.params.instance, request.params.backup),
    );
    app.delete<{ Params: Params }>(one, this.on("cloudsql.backupRuns.delete"), (request) =>
      this.backups.delete(this.project(request), request.params.instance, request.params.backup, request.caller),
    );
  }

  private keptRoutes(app: FastifyInstance): void {
    const all = `${ROOT}/backups`;
    const one = `${all}/:backup`;
    app.get<{ Params: Params; Querystring: PageQuery & { filter?: string } }>(
      all,
      this.onProject("cloudsql.backupRuns.list"),
      (request) => {
        const found = this.kept.list(this.project(request), request.query.filter);
        const { items: backups, ...rest } = page(
          found,
          ({ name }) => name,
          { pageSize: KEPT_PAGE.usual, ...request.query },
          KEPT_PAGE.most,
        );
        return { ...(backups.length > 0 && { backups }), ...rest };
      },
    );
    app.get<{ Params: Params }>(one, this.onProject("cloudsql.backupRuns.get"), (request) =>
      this.kept.get(this.project(request), request.params.backup),
    );
    app.patch<{ Params: Params; Querystring: { updateMask?: string } }>(
      one,
      this.onProject("cloudsql.backupRuns.update"),
      (request) => {
        const { params, body, query, caller } = request;
        return this.kept.update(this.project(request), params.backup, body, query.updateMask, caller);
      },
    );
    app.delete<{ Params: Params }>(one, this.onProject("cloudsql.backupRuns.delete"), (request) =>
      this.kept.delete(this.project(request), request.params.backup, request.caller),
    );
  }

  private operationRoutes(app: FastifyInstance): void {
    app.get<{ Params: Params }>(`${ROOT}/operations/:operation`, this.onProject("cloudsql.instances.get"), (request) =>
      this.operations.get(this.project(request), request.params.operation),
    );
    app.get<{ Params: Params; Querystring: Paging & { instance?: string } }>(
      `${ROOT}/operations`,
      this.onProject("cloudsql.instances.get"),
      (request) => {
        const all = this.operations.list(this.project(request), request.query.instance);
        return { kind: "sql#operationsList", ...listed(all, ageOf, request.query) };
      },
    );
  }

  private connectRoutes(app: FastifyInstance): void {
    app.get<{ Params: Params }>(`${INSTANCE}/connectSettings`, this.on("cloudsql.instances.get"), (request) =>
      this.connectors.settings(this.running(request)),
    );
    app.post<{ Params: Params; Body: Fields }>(
      `${ROOT}/instances/:instance(^[^:]+)::generateEphemeralCert`,
      this.on("cloudsql.instances.connect"),
      (request) => this.connectors.certify(this.running(request), request.body, request.caller),
    );
  }

  private running(request: { params: Params }): Instance {
    return this.instances.requireRunning(this.project(request), request.params.instance);
  }

  /** Requires a permission on the project. */
  private onProject(permission: string) {
    return { config: { service: SERVICE, legacyErrors: true, permission } };
  }

  /** Requires a permission on the instance, whose name conditions of IAM bindings see. */
  private on(permission: string) {
    const resource = (request: FastifyRequest) => {
      const { project, instance } = request.params as Params;
      return instanceResource(this.projects.id(project), instance);
    };
    return { config: { service: SERVICE, legacyErrors: true, permission, resource } };
  }

  /** The project's id; the path may hold its number. */
  private project(request: { params: { project: string } }): string {
    return this.projects.id(request.params.project);
  }
}

/** Ids count up from 1, in at most 19 digits. */
function newestFirst({ id }: { readonly id: string }): string {
  return String(1e13 - Number(id)).padStart(14, "0");
}

function listed<T>(all: readonly T[], key: (item: T) => string, { maxResults: pageSize, pageToken }: Paging) {
  const { items: some, ...rest } = page(all, key, { pageSize, pageToken }, PAGE_LIMIT);
  return { ...items(some), ...rest };
}

/** Google omits an empty list. */
function items<T>(list: T[]): { items?: T[] } {
  return list.length > 0 ? { items: list } : {};
}
