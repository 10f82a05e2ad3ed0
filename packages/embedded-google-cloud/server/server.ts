import { channel } from "node:diagnostics_channel";
import { Readable } from "node:stream";
import { createGunzip, type Gunzip } from "node:zlib";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, type RequestPayload } from "fastify";
import { type Access, projectResource, type Resource } from "../iam/access.ts";
import { checkQuery, findMethod, type Method, readBody, withNumbers } from "../contract/contract.ts";
import { asksForNumbers, refuseUnevaluated } from "../contract/evaluated.ts";
import { GoogleError, legacyBody, statusBody } from "../rest/errors.ts";
import { select } from "../rest/selection.ts";
import { API_NAMES, type ApiName, type Faults } from "./faults.ts";
import { type Identities, invalidCredentials } from "../iam/identities.ts";
import type { LostRegions } from "./outages.ts";
import type { Projects } from "./projects.ts";
import type { EnabledServices } from "./enabled-services.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** The permission that a caller needs, such as `secretmanager.secrets.create`; without it, the handler checks. */
    permission?: string;
    /** The resource that the permission is checked on; the project in the path by default. */
    resource?: (request: FastifyRequest) => Resource;
    /** The API's host, such as `secretmanager.googleapis.com`, which must be enabled in the project. */
    service?: string;
    /** The API that has the route; set by the server. */
    api?: ApiName;
    /** Whether a request without a token is allowed; the handler checks. */
    anonymous?: boolean;
    /** Whether an ID token is allowed; the handler checks its audience. */
    idTokens?: boolean;
    /** Whether error responses have the form of the older APIs. */
    legacyErrors?: boolean;
  }
  interface FastifyRequest {
    /** Such as `user:EMAIL`; `allUsers` if the request has no token. */
    caller: string;
    /** The audience of the caller's ID token. */
    audience: string | undefined;
    /** Google's method; undefined if Google has none, and before the request is validated. */
    called: Method | undefined;
  }
}

/** An API of the embedded cloud, which adds its routes to the server. */
export interface Api {
  routes(app: FastifyInstance): void;
}

/** A response. */
export interface Answer {
  readonly request: FastifyRequest;
  readonly status: number;
  readonly payload: unknown;
}

/** Publishes every response, which the tests check against Google's discovery documents. */
const ANSWERS = channel("embedded-google-cloud:answer");

/** Cloud Run's limit for a request's body; other APIs need less. */
const BODY_LIMIT = 32 * 1024 * 1024;

/** What the server needs for authentication and permission checks. */
export interface Gate {
  readonly identities: Identities;
  readonly access: Access;
  readonly projects: Projects;
  readonly services: EnabledServices;
}

/** The parts of each API. */
type Apis = Readonly<Partial<Record<ApiName, readonly Api[]>>>;

/** Creates the HTTP server of all APIs: JSON, Google's errors, authentication and permissions, loopback hosts only. */
export function createServer(gate: Gate, apis: Apis, faults?: Faults, regions?: LostRegions): FastifyInstance {
  const app = fastify({ bodyLimit: BODY_LIMIT, routerOptions: { maxParamLength: 1000 }, forceCloseConnections: true });

  // The official clients send a content type with an empty body, for example on DELETE.
  app.addContentTypeParser("application/json", { parseAs: "string" }, (_request, body, done) => {
    let message: unknown;
    try {
      message = body === "" ? {} : JSON.parse(body as string);
    } catch {
      done(new GoogleError("INVALID_ARGUMENT", "Invalid JSON payload received.", "parseError"));
      return;
    }
    if (isTooDeep(message))
      done(new GoogleError("INVALID_ARGUMENT", "Invalid JSON payload received. Message too deep.", "parseError"));
    else done(null, message);
  });
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => {
    done(null, body);
  });

  app.decorateRequest("caller", "allUsers");
  app.decorateRequest("audience", undefined);
  app.decorateRequest("called", undefined);
  app.addHook("onRequest", (request, _reply, done) => {
    refuseForeignHost(request);
    const { permission, service, anonymous, idTokens, resource: find } = request.routeOptions.config;
    const caller = gate.identities.caller(request.headers.authorization);
    if (caller === undefined && !anonymous) {
      throw new GoogleError("UNAUTHENTICATED", "Request is missing required authentication credential.", "required");
    }
    if (caller?.audience !== undefined && !idTokens) throw invalidCredentials();
    request.caller = caller?.member ?? "allUsers";
    request.audience = caller?.audience;
    const { project } = request.params as { project?: string };
    const resource =
      find?.(request) ?? (project === undefined ? undefined : projectResource(gate.projects.id(project)));
    if (resource) {
      if (service) gate.services.require(resource.project, service);
      if (permission) gate.access.require(request.caller, permission, resource);
    }
    done();
  });

  faults?.hooks(app);
  regions?.hooks(app);

  // https://cloud.google.com/storage/docs/json_api/v1/how-tos/performance#gzip
  app.addHook("preParsing", (request, _reply, payload, done) => {
    if (request.headers["content-encoding"] !== "gzip") {
      done(null, payload);
      return;
    }
    const unpacked: RequestPayload = createGunzip();
    unpacked.receivedEncodedLength = 0; // compared with Content-Length
    payload.on("data", ({ length }: Buffer) => {
      unpacked.receivedEncodedLength = (unpacked.receivedEncodedLength ?? 0) + length;
    });
    done(null, payload.pipe(unpacked as Gunzip));
  });

  app.addHook("preValidation", (request, _reply, done) => {
    request.body ??= {}; // no body is an empty message
    const method = findMethod(request.method, path(request));
    request.called = method;
    if (method) {
      const query = request.query as Record<string, unknown>;
      checkQuery(method, query);
      refuseUnevaluated(method, query);
      const fields = fieldsOf(request);
      if (fields !== "") select({}, fields); // refuses an invalid selection before anything changes
      if (!(request.body instanceof Readable || Buffer.isBuffer(request.body)))
        request.body = readBody(method, request.body);
    }
    done();
  });

  app.addHook("preSerialization", (request, reply, payload, done) => {
    const method = reply.statusCode < 300 ? request.called : undefined;
    const fields = method ? fieldsOf(request) : "";
    const numbers = method && asksForNumbers(request.query as Record<string, unknown>);
    const whole = numbers ? withNumbers(method, payload) : payload;
    done(null, fields === "" ? whole : select(whole, fields));
  });

  app.addHook("onSend", (request, reply, payload, done) => {
    if (ANSWERS.hasSubscribers) ANSWERS.publish({ request, status: reply.statusCode, payload } satisfies Answer);
    done(null, payload);
  });

  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => answerError(error, request, reply));
  app.setNotFoundHandler((request, reply) =>
    answerError(
      new GoogleError("NOT_FOUND", `The embedded cloud has no ${request.method} ${path(request)}.`, "notFound"),
      request,
      reply,
    ),
  );
  let name: ApiName | undefined;
  app.addHook("onRoute", (route) => {
    route.config = { ...route.config, ...(name && { api: name }) };
  });
  for (name of API_NAMES) for (const part of apis[name] ?? []) part.routes(app);
  return app;
}

/** Levels of a JSON message: json_stream_parser.h in protobuf's sources, which Google's front ends use. */
const MOST_LEVELS = 100;

/** Whether a message is nested deeper than Google's parser goes. Without recursion, which it would break as well. */
function isTooDeep(message: unknown): boolean {
  const containers = (values: readonly unknown[]) =>
    values.filter((each): each is object => typeof each === "object" && each !== null);
  let level = containers([message]);
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > MOST_LEVELS) return true;
    level = containers(level.flatMap((each) => Object.values(each) as unknown[]));
  }
  return false;
}

/** Protects against DNS rebinding: a web page's requests have another Host header than a client's on this machine. */
function refuseForeignHost(request: FastifyRequest): void {
  const { host = "" } = request.headers;
  if (!/^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(host)) {
    throw new GoogleError(
      "PERMISSION_DENIED",
      `Host "${host.replace(/:\d+$/, "")}" is not a loopback name.`,
      "forbidden",
    );
  }
}

function answerError(error: Error & { statusCode?: number }, request: FastifyRequest, reply: FastifyReply) {
  const google = error instanceof GoogleError ? error : fromFastify(error);
  if (google.code === 500) request.server.log.error(error);
  const body = request.routeOptions.config.legacyErrors ? legacyBody(google) : statusBody(google);
  return reply.code(google.code).send(body);
}

function fromFastify(error: Error & { statusCode?: number }): GoogleError {
  const status = error.statusCode ?? 500;
  if (status === 413)
    return new GoogleError("PAYLOAD_TOO_LARGE", "Request payload size exceeds the limit.", "uploadTooLarge");
  if (status < 500) return new GoogleError("INVALID_ARGUMENT", error.message, "badRequest");
  return new GoogleError("INTERNAL", `Internal error encountered: ${error.message}`, "backendError");
}

function path(request: FastifyRequest): string {
  const end = request.url.indexOf("?");
  return end < 0 ? request.url : request.url.slice(0, end);
}

function fieldsOf(request: FastifyRequest): string {
  const { fields = "" } = request.query as { fields?: string | string[] };
  return typeof fields === "string" ? fields : fields.join(",");
}
