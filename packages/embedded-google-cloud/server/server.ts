import { channel } from "node:diagnostics_channel";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { type Access, projectResource, type Resource } from "../iam/access.ts";
import { checkQuery, findMethod, readBody } from "../contract/contract.ts";
import { GoogleError, legacyBody, statusBody } from "../rest/errors.ts";
import type { Faults } from "./faults.ts";
import { type Identities, invalidCredentials } from "../iam/identities.ts";
import type { Projects } from "./projects.ts";
import type { EnabledServices } from "./enabled-services.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /**
     * The permission a caller needs, such as `secretmanager.secrets.create`: on {@link resource}, or else on the project
     * in the path. Routes without one check for themselves.
     */
    permission?: string;
    /** What a request is about, where that is not the project in its path as a whole. */
    resource?: (request: FastifyRequest) => Resource;
    /** The API's host, such as `secretmanager.googleapis.com`: refused while it is not enabled in the project. */
    service?: string;
    /** Whether a request without a token is let through to the route, which then decides. */
    anonymous?: boolean;
    /** Whether a token that only says who calls is let through to the route, which then looks what it is for. */
    idTokens?: boolean;
    /** Whether errors have the form of the older APIs. */
    legacyErrors?: boolean;
  }
  interface FastifyRequest {
    /** Who calls, such as `user:EMAIL`; `allUsers` where the request carries no token. */
    caller: string;
    /** The URL that the caller's token is for, where it is an ID token. */
    audience: string | undefined;
  }
}

/** One API of the embedded cloud: it adds its routes to the server. */
export interface Api {
  routes(app: FastifyInstance): void;
}

/** An answer as it is sent. */
export interface Answer {
  readonly request: FastifyRequest;
  readonly status: number;
  readonly payload: unknown;
}

/** Tells tests of every answer, so that each is held against Google's discovery documents. */
const ANSWERS = channel("embedded-google-cloud:answer");

/** Cloud Run's limit for a request's body, and more than any API here needs. */
const BODY_LIMIT = 32 * 1024 * 1024;

/** What the server needs to know who calls and what they may do. */
export interface Gate {
  readonly identities: Identities;
  readonly access: Access;
  readonly projects: Projects;
  readonly services: EnabledServices;
}

/**
 * The HTTP server all APIs share: JSON, Google's errors, callers and their permissions, loopback hosts only.
 * @param gate Who is let in.
 * @param apis The APIs to serve.
 * @param faults What goes wrong with calls.
 */
export function createServer(gate: Gate, apis: readonly Api[], faults?: Faults): FastifyInstance {
  const app = fastify({ bodyLimit: BODY_LIMIT, routerOptions: { maxParamLength: 1000 }, forceCloseConnections: true });

  // The official clients send a content type with an empty body, on DELETE among others.
  app.addContentTypeParser("application/json", { parseAs: "string" }, (_request, body, done) => {
    try {
      done(null, body === "" ? {} : JSON.parse(body as string));
    } catch {
      done(new GoogleError("INVALID_ARGUMENT", "Invalid JSON payload received.", "parseError"));
    }
  });
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => {
    done(null, body);
  });

  app.decorateRequest("caller", "allUsers");
  app.decorateRequest("audience", undefined);
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

  app.addHook("preValidation", (request, _reply, done) => {
    request.body ??= {}; // a request without a body says nothing, which is not the same as something malformed
    const method = findMethod(request.method, path(request));
    if (method) {
      checkQuery(method, request.query as Record<string, unknown>);
      if (!Buffer.isBuffer(request.body)) request.body = readBody(method, request.body);
    }
    done();
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
  for (const api of apis) api.routes(app);
  return app;
}

/** A page that a browser was tricked into (DNS rebinding) names its own host; clients of ours name a loopback one. */
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
  return request.url.split("?")[0] ?? request.url;
}
