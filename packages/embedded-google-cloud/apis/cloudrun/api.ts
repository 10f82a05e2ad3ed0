import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { OpenSocket } from "../cloudsql/socket.ts";
import { GoogleError } from "../../rest/errors.ts";
import { type Access, fullName, type Resource } from "../../iam/access.ts";
import type { Identities } from "../../iam/identities.ts";
import type { Policies } from "../../iam/policies.ts";
import type { PolicyRequests } from "../../iam/requests.ts";
import { page, type PageQuery } from "../../rest/pages.ts";
import { projectOf } from "../../rest/names.ts";
import type { Projects } from "../../server/projects.ts";
import type { Api } from "../../server/server.ts";
import type { ServiceAccounts } from "../serviceaccounts/accounts.ts";
import type { Store } from "../../state/store.ts";
import { Images } from "./images.ts";
import { Instances } from "./instances.ts";
import { Jobs, type Overrides } from "./jobs.ts";
import { requireRegion } from "./locations.ts";
import type { WriteEntry } from "../logging/entries.ts";
import { Logs } from "./logs.ts";
import { Operations } from "./operations.ts";
import type { Program } from "./launch.ts";
import { RUN_PATH, Requests } from "./requests.ts";
import { seconds, type Service } from "./resources.ts";
import { Runtime, type SecretReader } from "./runtime.ts";
import { Services } from "./services.ts";
import type { Change } from "./change.ts";
import { defaultAccount } from "./template.ts";
import { hostOf } from "./traffic.ts";

const SERVICE = "run.googleapis.com";
/** Maximum page size; Google does not document its own. */
const PAGE_LIMIT = 1000;
/** Maximum duration of a `:wait` in seconds. */
const LONGEST_WAIT = 60;

export interface CloudRunOptions {
  readonly store: Store;
  readonly projects: Projects;
  readonly access: Access;
  readonly policies: Policies;
  readonly iam: PolicyRequests;
  readonly accounts: ServiceAccounts;
  readonly identities: Identities;
  /** Secret Manager. */
  readonly secrets: SecretReader;
  /** Opens the sockets of Cloud SQL volumes. */
  readonly openSocket: OpenSocket;
  /** Writes to Cloud Logging. */
  readonly writeEntry: WriteEntry;
  /** Programs by image reference: with a tag or digest, or without for all of them. */
  readonly images: Readonly<Record<string, Program>>;
}

interface Params {
  project: string;
  location: string;
  service: string;
  revision: string;
  job: string;
  execution: string;
  operation: string;
}

interface Query extends PageQuery {
  serviceId?: string;
  jobId?: string;
  updateMask?: string;
  allowMissing?: string;
  validateOnly?: string;
  etag?: string;
  "options.requestedPolicyVersion"?: string;
}

/** The body of a request to run a job. */
interface RunBody {
  etag?: string;
  overrides?: Overrides;
  validateOnly?: boolean;
}

/** The body of a custom method. */
interface Body extends RunBody {
  /** A duration, such as `30s`. */
  timeout?: string;
  policy?: unknown;
  updateMask?: unknown;
  permissions?: unknown;
}

type Call = FastifyRequest<{ Params: Params; Querystring: Query; Body: Body | undefined }>;

/** Cloud Run v2, and the URLs of its services. */
export class CloudRun implements Api {
  private readonly logs: Logs;
  private readonly operations: Operations;
  private readonly services: Services;
  private readonly jobs: Jobs;
  private readonly images: Images;
  private readonly instances: Instances;
  private readonly requests: Requests;
  private app: FastifyInstance | undefined;
  private readonly options: CloudRunOptions;

  constructor(options: CloudRunOptions) {
    this.options = options;
    const { store, access } = options;
    const runtime = new Runtime(options);
    this.logs = new Logs(store.folder, options.writeEntry);
    this.operations = new Operations(store);
    this.images = new Images(access, options.projects);
    this.instances = new Instances(runtime, this.logs);
    this.services = new Services(store, this.operations, this.instances, this.images);
    this.jobs = new Jobs(store, this.operations, runtime, this.images, this.logs);
    this.requests = new Requests(this.services, this.instances, this.logs, access, (name) =>
      this.resource("Service", name),
    );
  }

  /** Resumes what an earlier run left unfinished; to be called once the other APIs are ready. */
  resume(): void {
    this.services.resume();
    this.jobs.resume();
  }

  /** Stops every process. Rollouts in progress continue at the next start. */
  async stop(): Promise<void> {
    this.services.stop();
    await Promise.all([this.instances.stop(), this.jobs.stop()]);
  }

  /** Ends the processes of a region's services. */
  async loseIn(region: string): Promise<void> {
    await this.instances.end((revision) => revision.includes(`/locations/${region}/`));
  }

  /** The region of the service with a host, with or without a tag; undefined if there is none. */
  regionOf(host: string): string | undefined {
    return this.services.byHost(host)?.service.name.split("/")[3];
  }

  /** The log of a revision or an execution, including the platform's own lines. @param name Full name. */
  logsOf(name: string): string {
    return this.logs.of(name).read();
  }

  /** As {@link Requests.answerBehindLoadBalancer}. */
  answerBehindLoadBalancer(...request: Parameters<Requests["answerBehindLoadBalancer"]>): Promise<FastifyReply> {
    return this.requests.answerBehindLoadBalancer(...request);
  }

  routes(app: FastifyInstance): void {
    this.app = app;
    this.requests.routes(app);
    const parent = "/v2/projects/:project/locations/:location";
    this.serviceRoutes(app, `${parent}/services`);
    this.jobRoutes(app, `${parent}/jobs`);
    this.operationRoutes(app, `${parent}/operations`);
  }

  private serviceRoutes(app: FastifyInstance, services: string): void {
    app.post(services, this.at("run.services.create"), (request: Call) => {
      const { query, body } = request;
      return this.services.create(this.name(request, "services", query.serviceId), body, this.change(request));
    });
    app.get(services, this.at("run.services.list"), (request: Call) => {
      const all = this.services.list(this.prefix(request));
      const { items, ...rest } = page(all, ({ name }) => name, request.query, PAGE_LIMIT);
      return { services: items.map((service) => this.presented(service)), ...rest };
    });

    const one = `${services}/:service(^[^:/]+)`;
    app.get(one, this.at("run.services.get"), (request: Call) =>
      this.presented(this.services.get(this.service(request))),
    );
    app.patch(one, this.at("run.services.update"), (request: Call) => {
      const { query, body } = request;
      const name = this.service(request);
      if (query.allowMissing === "true" && !this.services.exists(name)) {
        return this.services.create(name, body, this.change(request));
      }
      return this.services.patch(name, body ?? {}, query.updateMask, this.change(request));
    });
    app.delete(one, this.at("run.services.delete"), (request: Call) => {
      const { query } = request;
      const name = this.service(request);
      const validateOnly = query.validateOnly === "true";
      const operation = this.services.delete(name, query.etag, validateOnly);
      if (!validateOnly) this.options.policies.delete(fullName(this.resource("Service", name)));
      return operation;
    });
    this.policyRoutes(app, one, "run.services", "Service", (request) => this.services.get(this.service(request)).name);

    const revisions = `${services}/:service/revisions`;
    app.get(revisions, this.at("run.revisions.list"), (request: Call) => ({
      revisions: this.services.listRevisions(this.services.get(this.service(request)).name),
    }));
    app.get(`${revisions}/:revision`, this.at("run.revisions.get"), (request: Call) =>
      this.services.getRevision(`${this.service(request)}/revisions/${request.params.revision}`),
    );
    app.delete(`${revisions}/:revision`, this.at("run.revisions.delete"), (request: Call) =>
      this.services.deleteRevision(`${this.service(request)}/revisions/${request.params.revision}`),
    );
  }

  private jobRoutes(app: FastifyInstance, jobs: string): void {
    app.post(jobs, this.at("run.jobs.create"), (request: Call) =>
      this.jobs.create(this.name(request, "jobs", request.query.jobId), request.body, this.change(request)),
    );
    app.get(jobs, this.at("run.jobs.list"), (request: Call) => {
      const all = this.jobs.list(this.prefix(request));
      const { items, ...rest } = page(all, ({ name }) => name, request.query, PAGE_LIMIT);
      return { jobs: items, ...rest };
    });

    const one = `${jobs}/:job(^[^:/]+)`;
    app.get(one, this.at("run.jobs.get"), (request: Call) => this.jobs.get(this.job(request)));
    app.patch(one, this.at("run.jobs.update"), (request: Call) =>
      this.jobs.patch(this.job(request), request.body ?? {}, request.query.updateMask, this.change(request)),
    );
    app.delete(one, this.at("run.jobs.delete"), (request: Call) => {
      const name = this.job(request);
      const validateOnly = request.query.validateOnly === "true";
      const operation = this.jobs.delete(name, request.query.etag, validateOnly);
      if (!validateOnly) this.options.policies.delete(fullName(this.resource("Job", name)));
      return operation;
    });
    app.post(`${one}::run`, this.at("run.jobs.run"), (request: Call) => {
      const { etag, overrides = {}, validateOnly = false }: RunBody = request.body ?? {};
      return this.jobs.run(this.job(request), etag, overrides, { ...this.change(request), validateOnly });
    });
    this.policyRoutes(app, one, "run.jobs", "Job", (request) => this.jobs.get(this.job(request)).name);

    const executions = `${jobs}/:job/executions`;
    app.get(executions, this.at("run.executions.list"), (request: Call) => ({
      executions: this.jobs.listExecutions(this.jobs.get(this.job(request)).name),
    }));
    app.get(`${executions}/:execution`, this.at("run.executions.get"), (request: Call) =>
      this.jobs.getExecution(`${this.job(request)}/executions/${request.params.execution}`),
    );
  }

  private operationRoutes(app: FastifyInstance, operations: string): void {
    const one = `${operations}/:operation(^[^:/]+)`;
    app.get(one, this.at("run.operations.get"), (request: Call) =>
      this.operations.get(this.name(request, "operations", request.params.operation)),
    );
    app.post(`${one}::wait`, this.at("run.operations.get"), (request: Call) => {
      const timeout = seconds(request.body?.timeout ?? `${LONGEST_WAIT}s`);
      const name = this.name(request, "operations", request.params.operation);
      return this.operations.wait(name, Math.min(timeout, LONGEST_WAIT));
    });
  }

  /** @param existing Returns the full name of the resource in the path, or throws if it does not exist. */
  private policyRoutes(
    app: FastifyInstance,
    path: string,
    permissions: string,
    kind: "Service" | "Job",
    existing: (request: Call) => string,
  ): void {
    const { iam } = this.options;
    app.get(`${path}::getIamPolicy`, this.at(`${permissions}.getIamPolicy`), (request: Call) =>
      iam.get(this.resource(kind, existing(request)), request.query["options.requestedPolicyVersion"]),
    );
    app.post(`${path}::setIamPolicy`, this.at(`${permissions}.setIamPolicy`), (request: Call) =>
      iam.set(this.resource(kind, existing(request)), request.body?.policy, request.body?.updateMask),
    );
    app.post(`${path}::testIamPermissions`, { config: { service: SERVICE } }, (request: Call) =>
      iam.test(request.caller, this.resource(kind, existing(request)), request.body?.permissions),
    );
  }

  /** Requires a permission on the resource in the path. */
  private at(permission: string) {
    const resource = (request: FastifyRequest): Resource => {
      const { project, location, service, job } = request.params as Partial<Params> & Params;
      const parent = `projects/${this.options.projects.id(project)}/locations/${location}`;
      if (location !== "-") requireRegion(location);
      if (service) return this.resource("Service", `${parent}/services/${service}`);
      if (job) return this.resource("Job", `${parent}/jobs/${job}`);
      return this.resource("Location", parent);
    };
    return { config: { service: SERVICE, permission, resource } };
  }

  private resource(kind: "Service" | "Job" | "Location", name: string): Resource {
    return { project: projectOf(name), service: SERVICE, type: `${SERVICE}/${kind}`, name };
  }

  /** `projects/P/locations/L/`, or `projects/P/` for all locations. */
  private prefix({ params }: Call): string {
    const project = `projects/${this.options.projects.id(params.project)}/`;
    return params.location === "-" ? project : `${project}locations/${params.location}/`;
  }

  private name(request: Call, collection: string, id: string | undefined): string {
    return `${this.prefix(request)}${collection}/${id ?? ""}`;
  }

  private service(request: Call): string {
    return this.name(request, "services", request.params.service);
  }

  private job(request: Call): string {
    return this.name(request, "jobs", request.params.job);
  }

  private change({ caller, params, query }: Call): Change {
    const { access, accounts, projects } = this.options;
    const projectNumber = projects.number(params.project);
    return {
      caller,
      projectNumber,
      validateOnly: query.validateOnly === "true",
      requireImages: (template) => {
        this.images.requireCaller(caller, template, projects.id(params.project));
      },
      requireAccount: (email) => {
        if (email === defaultAccount(projectNumber)) return; // every project has it
        if (accounts.exists(email) && access.allows(caller, "iam.serviceAccounts.actAs", accounts.resource(email)))
          return;
        throw new GoogleError(
          "PERMISSION_DENIED",
          `Permission 'iam.serviceaccounts.actAs' denied on service account ${email} (or it may not exist).`,
        );
      },
    };
  }

  /** A service with its URLs, which contain the embedded cloud's current address. */
  private presented(service: Service) {
    const host = hostOf(service.name);
    const url = (prefix: string) => `${this.app?.listeningOrigin ?? ""}${RUN_PATH}${prefix}${host}`;
    return {
      ...service,
      uri: url(""),
      urls: [url("")],
      trafficStatuses: service.trafficStatuses.map((target) =>
        target.tag === undefined ? target : { ...target, uri: url(`${target.tag}---`) },
      ),
    };
  }
}
