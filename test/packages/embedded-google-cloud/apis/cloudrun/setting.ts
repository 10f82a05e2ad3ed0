import { Faults } from "../../../../../packages/embedded-google-cloud/server/faults.ts";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createSocketServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CloudRun } from "../../../../../packages/embedded-google-cloud/apis/cloudrun/api.ts";
import type { Program } from "../../../../../packages/embedded-google-cloud/apis/cloudrun/launch.ts";
import type {
  Execution,
  Job,
  Revision,
  Service,
} from "../../../../../packages/embedded-google-cloud/apis/cloudrun/resources.ts";
import { Entries } from "../../../../../packages/embedded-google-cloud/apis/logging/entries.ts";
import type { OpenSocket, SocketRequest } from "../../../../../packages/embedded-google-cloud/apis/cloudsql/socket.ts";
import { Access, fullName, projectResource } from "../../../../../packages/embedded-google-cloud/iam/access.ts";
import { Agents } from "../../../../../packages/embedded-google-cloud/iam/agents.ts";
import { Roles } from "../../../../../packages/embedded-google-cloud/iam/roles.ts";
import { Policies } from "../../../../../packages/embedded-google-cloud/iam/policies.ts";
import { PolicyRequests } from "../../../../../packages/embedded-google-cloud/iam/requests.ts";
import { Identities, OWNER } from "../../../../../packages/embedded-google-cloud/iam/identities.ts";
import { Projects } from "../../../../../packages/embedded-google-cloud/server/projects.ts";
import { SecretManager } from "../../../../../packages/embedded-google-cloud/apis/secretmanager/api.ts";
import { createServer } from "../../../../../packages/embedded-google-cloud/server/server.ts";
import { ServiceAccounts } from "../../../../../packages/embedded-google-cloud/apis/serviceaccounts/accounts.ts";
import { EnabledServices } from "../../../../../packages/embedded-google-cloud/server/enabled-services.ts";
import { Store } from "../../../../../packages/embedded-google-cloud/state/store.ts";

/** Processes start slowly on a busy machine. */
jest.setTimeout(60_000);

export const PROJECT = "fusion-prime";
export const PARENT = `/v2/projects/${PROJECT}/locations/us-central1`;
export const ACCOUNT = `settlement-service@${PROJECT}.iam.gserviceaccount.com`;
export const MEMBER = `serviceAccount:${ACCOUNT}`;
export const INSTANCE = `${PROJECT}:us-central1:fusion-prime-db-a504713e`;

/** The body of any response. */
export type Body = Partial<Service> &
  Partial<Pick<Execution, "succeededCount" | "retriedCount" | "failedCount" | "completionTime">> & {
    uri?: string;
    done?: boolean;
    error?: { code: number; message: string; status?: string };
    response?: Body;
    metadata?: Body;
    revisions?: Revision[];
    services?: Service[];
    executions?: Execution[];
    jobs?: Job[];
    bindings?: object[];
  };

export interface Answer {
  status: number;
  /** Empty if it is not JSON. */
  body: Body;
  text: string;
}

/** Cloud Run and its dependencies in a new folder, without Cloud SQL. */
export class Setting {
  readonly folder = mkdtempSync(join(tmpdir(), "cloudrun-test-"));
  url = "";
  identities!: Identities;
  policies!: Policies;
  cloudRun!: CloudRun;
  /** What reaches Cloud Logging. */
  entries!: Entries;
  /** Serves connections to Cloud SQL; by default it sends the member and the connection name. */
  onConnection: ((request: SocketRequest, socket: Socket) => void) | undefined;
  private accounts!: ServiceAccounts;
  private close!: () => Promise<void>;

  private readonly images: Record<string, string | Program>;

  /** @param images Source of a program by image. */
  constructor(images: Record<string, string | Program>) {
    this.images = images;
  }

  /** Starts with the state of the last run. */
  async start(): Promise<void> {
    const store = new Store(join(this.folder, "state"));
    const projects = new Projects([PROJECT]);
    this.entries = new Entries(store.folder);
    this.policies = new Policies(store);
    const access = new Access(this.policies, new Roles(store), new Faults().delays);
    const services = new EnabledServices(store, projects, new Faults().delays);
    this.identities = new Identities(store.folder);
    const accounts = (this.accounts = new ServiceAccounts(store, projects, this.policies));
    const iam = new PolicyRequests(this.policies, access, accounts);
    const secrets = new SecretManager(store, projects, access, this.policies, iam);
    services.enable(PROJECT, ["run.googleapis.com", "secretmanager.googleapis.com"]);
    if (!accounts.exists(ACCOUNT)) {
      accounts.create(PROJECT, "settlement-service", {});
      this.policies.set(fullName(projectResource(PROJECT)), { bindings: [{ role: "roles/owner", members: [OWNER] }] });
    }
    new Agents(store, projects, this.policies, new Faults().delays).onEnabled(["run.googleapis.com"], PROJECT);
    this.cloudRun = new CloudRun({
      store,
      projects,
      access,
      policies: this.policies,
      iam,
      accounts,
      identities: this.identities,
      secrets,
      openSocket: this.openSocket(access),
      writeEntry: this.entries.write,
      images: Object.fromEntries(
        Object.entries(this.images).map(([image, program]) => [image, this.program(image, program)]),
      ),
    });
    const app = createServer(
      { identities: this.identities, access, projects, services },
      { run: [this.cloudRun], secretmanager: [secrets] },
    );
    this.url = await app.listen({ host: "127.0.0.1", port: 0 });
    this.cloudRun.resume();
    this.close = async () => {
      await app.close();
      await this.cloudRun.stop();
      this.entries.close();
    };
  }

  stop(): Promise<void> {
    return this.close();
  }

  async end(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true });
  }

  /** Sends a request as the owner or with another token; an empty one sends none. */
  async call(method: string, path: string, body?: unknown, token = this.identities.ownerToken): Promise<Answer> {
    const response = await fetch(path.startsWith("http") ? path : this.url + path, {
      method,
      headers: {
        ...(token !== "" && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const json = (response.headers.get("content-type") ?? "").includes("json");
    return { status: response.status, body: json ? (JSON.parse(text) as Body) : {}, text };
  }

  /** Sends a request that starts an operation, and waits for the operation. */
  async operate(method: string, path: string, body?: unknown): Promise<Body> {
    const begun = await this.call(method, path, body);
    if (begun.status !== 200) throw new Error(JSON.stringify(begun.body));
    return (await this.call("POST", `/v2/${begun.body.name ?? ""}:wait`, { timeout: "30s" })).body;
  }

  /** Creates a service with one container, and waits for it. */
  deploy(name: string, container: object, more: { template?: object; service?: object } = {}): Promise<Body> {
    return this.operate("POST", `${PARENT}/services?serviceId=${name}`, service(container, more));
  }

  /** Replaces a service, and waits for it. */
  redeploy(name: string, container: object, more: { template?: object; service?: object } = {}): Promise<Body> {
    return this.operate("PATCH", `${PARENT}/services/${name}`, service(container, more));
  }

  async service(name: string): Promise<Body> {
    return (await this.call("GET", `${PARENT}/services/${name}`)).body;
  }

  /** Creates a secret with one version. */
  async secret(name: string, value: string): Promise<void> {
    await this.call("POST", `/v1/projects/${PROJECT}/secrets?secretId=${name}`, { replication: { automatic: {} } });
    const payload = { data: Buffer.from(value).toString("base64") };
    await this.call("POST", `/v1/projects/${PROJECT}/secrets/${name}:addVersion`, { payload });
  }

  /** Deletes the account that services run as. */
  removeAccount(): void {
    this.accounts.delete(this.accounts.get(ACCOUNT));
  }

  /** Adds a binding on the project. */
  grant(role: string, member: string): void {
    const name = fullName(projectResource(PROJECT));
    this.policies.set(name, { bindings: [...this.policies.get(name).bindings, { role, members: [member] }] });
  }

  private program(image: string, program: string | Program): Program {
    if (typeof program !== "string") return program;
    mkdirSync(join(this.folder, "images"), { recursive: true });
    const path = join(this.folder, "images", `${encodeURIComponent(image)}.cjs`);
    writeFileSync(path, program);
    return { command: process.execPath, args: [path] };
  }

  /** Simulates Cloud SQL: a socket that leads to `onConnection`, for members that may connect. */
  private openSocket(access: Access): OpenSocket {
    return async (request) => {
      const path = join(request.folder, ".s.PGSQL.5432");
      const server: Server = createSocketServer((socket) => {
        socket.on("error", () => undefined);
        const resource = { ...projectResource(PROJECT), service: "sqladmin.googleapis.com" };
        if (!access.allows(request.member, "cloudsql.instances.connect", resource)) {
          request.onRefused(
            `Cloud SQL connection failed: ${request.member} may not connect to ${request.connectionName}`,
          );
          socket.destroy();
        } else if (this.onConnection) this.onConnection(request, socket);
        else socket.end(`${request.member} ${request.connectionName}`);
      });
      await new Promise<void>((resolve) => server.listen(path, resolve));
      return {
        close: () =>
          new Promise((resolve) =>
            server.close(() => {
              resolve();
            }),
          ),
      };
    };
  }
}

function service(container: object, { template = {}, service: more = {} }: { template?: object; service?: object }) {
  return { template: { serviceAccount: ACCOUNT, containers: [container], ...template }, ...more };
}

/** Polls for at most half a minute. */
export async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 30_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error("The condition did not become true within half a minute.");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
