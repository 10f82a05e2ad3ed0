import fastify, { type FastifyInstance } from "fastify";
import { type Fields, isFields } from "../../../packages/embedded-google-cloud/rest/fields.ts";
import type { Google } from "../../../packages/pulumi-google-stand-in/google.ts";
import { googleAt } from "./engine.ts";

/** A received call. */
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly query: Fields;
  readonly body: unknown;
}

/** A fake of Cloud SQL and Cloud Run that stores resources, returns pending operations, and records every call. */
export class FakeGoogle {
  readonly calls: Call[] = [];
  /** Resources by path. */
  readonly resources = new Map<string, Fields>();
  /** The error of the next operation. */
  failure: string | undefined;
  private readonly operations = new Map<string, { left: number; failure: string | undefined }>();
  private readonly app: FastifyInstance = fastify();

  async start(): Promise<Google> {
    this.app.addContentTypeParser("application/json", { parseAs: "string" }, (_request, body, done) => {
      done(null, body === "" ? {} : JSON.parse(body as string));
    });
    this.app.all("/*", (request, reply) => {
      const [path = ""] = request.url.split("?");
      const query = { ...(request.query as Fields) };
      delete query.alt;
      const call = { method: request.method, path, query, body: request.body };
      if (!path.includes("/operations/")) this.calls.push(call);
      const answer = path.startsWith("/sql/") ? this.sql(call) : this.run(call);
      if (answer) return answer;
      return reply.code(404).send({ error: { code: 404, status: "NOT_FOUND", message: `There is no ${path}.` } });
    });
    return googleAt(await this.app.listen({ host: "127.0.0.1", port: 0 }));
  }

  /** The calls since the last time, except reads. */
  writes(): Call[] {
    return this.calls.splice(0).filter(({ method }) => method !== "GET");
  }

  async stop(): Promise<void> {
    await this.app.close();
  }

  private sql({ method, path, query, body }: Call): Fields | undefined {
    const operation = this.operation(path, ({ left, failure }) => ({
      name: path.split("/").at(-1),
      status: left > 0 ? "RUNNING" : "DONE",
      ...(left === 0 && failure !== undefined && { error: { errors: [{ code: "ERROR", message: failure }] } }),
    }));
    if (operation) return operation;
    const name = isFields(body) && typeof body.name === "string" ? body.name : String(query.name);
    if (path.endsWith("/users")) return this.users(method, `${path}/${name}`, body);
    if (method === "GET") return this.resources.get(path);
    const self = method === "POST" ? `${path}/${name}` : path;
    const before = this.resources.get(self) ?? {};
    if (method === "DELETE") {
      if (!this.resources.delete(self)) return undefined;
    } else if (isFields(body)) {
      const [, project] = path.split("/projects/");
      const known = { project: project?.split("/")[0], selfLink: `https://sqladmin.googleapis.com${self}` };
      this.resources.set(self, self.includes("/databases/") ? { ...before, ...body } : instance(before, body, known));
    }
    return { name: this.begin(), status: "PENDING" };
  }

  private users(method: string, self: string, body: unknown): Fields {
    const parent = self.slice(0, self.lastIndexOf("/") + 1);
    if (method === "GET") {
      const items = [...this.resources].filter(([path]) => path.startsWith(parent)).map(([, user]) => user);
      return { items };
    }
    if (method === "DELETE") this.resources.delete(self);
    else if (isFields(body)) this.resources.set(self, { host: "", name: body.name, instance: body.instance });
    return { name: this.begin(), status: "PENDING" };
  }

  private run({ method, path, query, body }: Call): Fields | undefined {
    const operation = this.operation(path, ({ left, failure }) => ({
      name: path.replace("/v2/", ""),
      done: left === 0,
      ...(left === 0 && failure !== undefined && { error: { code: 3, message: failure } }),
    }));
    if (operation) return operation;
    if (method === "GET") return this.resources.get(path);
    const self = method === "POST" ? `${path}/${String(query.serviceId ?? query.jobId)}` : path;
    if (method === "DELETE") {
      if (!this.resources.delete(self)) return undefined;
    } else if (isFields(body)) {
      const added = { name: self.replace("/v2/", ""), uri: "https://it.run.app", terminalCondition: { type: "Ready" } };
      this.resources.set(self, { ...added, ...body });
    }
    return { name: `${path.replace("/v2/", "").split("/").slice(0, 4).join("/")}/operations/${this.begin()}` };
  }

  private begin(): string {
    const name = `op-${this.operations.size + 1}`;
    this.operations.set(name, { left: 2, failure: this.failure });
    this.failure = undefined;
    return name;
  }

  private operation(path: string, describe: (state: { left: number; failure: string | undefined }) => Fields) {
    const [, name] = /\/operations\/([^/]+)$/.exec(path) ?? [];
    const state = name === undefined ? undefined : this.operations.get(name);
    if (!state) return undefined;
    state.left = Math.max(0, state.left - 1);
    return describe(state);
  }
}

/** An instance as Cloud SQL returns it: with its own fields and a growing version of the settings. */
function instance(before: Fields, body: Fields, known: Fields): Fields {
  const old = isFields(before.settings) ? before.settings : {};
  const settings = isFields(body.settings) ? body.settings : old;
  return {
    ...before,
    ...body,
    ...known,
    rootPassword: undefined,
    connectionName: "p:us-central1:i",
    ipAddresses: [{ type: "PRIMARY", ipAddress: "192.0.2.1" }],
    settings: {
      ...settings,
      settingsVersion: String(Number(old.settingsVersion ?? 0) + 1),
      dataDiskSizeGb: settings.dataDiskSizeGb ?? "10",
      locationPreference: { zone: "us-central1-a" },
    },
  };
}
