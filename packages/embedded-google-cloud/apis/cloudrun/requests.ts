import { request as send } from "node:http";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Access, Resource } from "../../iam/access.ts";
import { StartFailure } from "./failure.ts";
import { type Instances, mostInstances, NoInstance } from "./instances.ts";
import type { Log, Logs } from "./logs.ts";
import { keepBodies } from "../../rest/bodies.ts";
import { type Revision, seconds, type Service, type TrafficTarget } from "./resources.ts";
import type { Services } from "./services.ts";
import { hostOf, revisionOf, targetOf } from "./traffic.ts";

/** The path that replaces `https://`; a service's host follows it. */
export const RUN_PATH = "/run/";

/** Headers of a single connection: RFC 9110, section 7.6.1. */
const HOP_BY_HOP = new Set(
  "connection keep-alive proxy-authenticate proxy-authorization te trailer transfer-encoding upgrade".split(" "),
);

/** Serves requests to the URLs of services. */
export class Requests {
  private readonly services: Services;
  private readonly instances: Instances;
  private readonly logs: Logs;
  private readonly access: Access;
  private readonly resourceOf: (service: string) => Resource;

  constructor(
    services: Services,
    instances: Instances,
    logs: Logs,
    access: Access,
    resourceOf: (service: string) => Resource,
  ) {
    this.services = services;
    this.instances = instances;
    this.logs = logs;
    this.access = access;
    this.resourceOf = resourceOf;
  }

  /** Adds the routes; bodies are not parsed. */
  routes(app: FastifyInstance): void {
    void app.register((scope, _options, done) => {
      keepBodies(scope);
      for (const path of [`${RUN_PATH}:host`, `${RUN_PATH}:host/*`]) {
        scope.all<{ Params: { host: string } }>(
          path,
          { config: { anonymous: true, idTokens: true } },
          (request, reply) => this.answerUrl(request, reply, request.params.host),
        );
      }
      done();
    });
  }

  private async answerUrl(request: FastifyRequest, reply: FastifyReply, host: string): Promise<FastifyReply> {
    const path = request.url.slice(RUN_PATH.length + host.length) || "/";
    const found = this.services.byHost(host);
    const target = found && targetOf(found.service, found.tag, Math.random());
    if (!found || !isOnInternet(found.service) || (!target && found.tag !== undefined)) return notFound(reply, path);
    return this.answer(found.service, target, request, reply, host, path);
  }

  /**
   * Answers a request that came by a load balancer.
   * @param name Full name of the service.
   * @param host The host of the request.
   * @param path Its path, with the query.
   */
  async answerBehindLoadBalancer(
    name: string,
    request: FastifyRequest,
    reply: FastifyReply,
    host: string,
    path: string,
  ): Promise<FastifyReply> {
    const service = this.services.exists(name) ? this.services.get(name) : undefined;
    if (!service || service.ingress === "INGRESS_TRAFFIC_INTERNAL_ONLY") return notFound(reply, path);
    return this.answer(service, targetOf(service, undefined, Math.random()), request, reply, host, path);
  }

  /** @param target What gets the request; undefined if no revision is ready. */
  private async answer(
    service: Service,
    target: TrafficTarget | undefined,
    request: FastifyRequest,
    reply: FastifyReply,
    host: string,
    path: string,
  ): Promise<FastifyReply> {
    const name = target && revisionOf(service, target);
    const log = name === undefined ? undefined : this.logs.of(name);
    if (log) logRequest(log, request, reply);
    // Also for a URL with a tag: https://cloud.google.com/run/docs/authenticating/service-to-service#acquire-token
    const url = `${request.server.listeningOrigin}${RUN_PATH}${hostOf(service.name)}`;
    // https://cloud.google.com/run/docs/configuring/custom-audiences
    const audiences = [url, ...(service.customAudiences ?? [])];
    if (request.audience !== undefined && !audiences.includes(request.audience)) {
      return page(reply, 401, "Unauthorized", `Your client does not have permission to the requested URL ${path}.`);
    }
    if (!this.mayInvoke(request.caller, service)) {
      return page(reply, 403, "Forbidden", `Your client does not have permission to get URL ${path} from this server.`);
    }
    if (name === undefined || !log || isScaledToZero(service)) return unavailable(reply);
    const revision = this.services.getRevision(name);
    try {
      const most = mostInstances(revision, service.scaling);
      return await this.forward(revision, most, request, reply, host, path);
    } catch (error) {
      const failure = error as Error;
      if (failure instanceof NoInstance) {
        log.system(failure.message, "ERROR");
        return reply.code(429).type("text/plain; charset=UTF-8").send("Rate exceeded.");
      }
      log.system(`The request failed: ${failure.message}`, "ERROR");
      if (failure.name === "TimeoutError") return page(reply, 504, "Gateway Timeout", "upstream request timeout");
      if (failure instanceof StartFailure) return unavailable(reply);
      const words =
        "The request failed because either the HTTP response was malformed or connection to the instance had an error.";
      return page(reply, 503, "Server Error", words);
    }
  }

  private mayInvoke(caller: string, service: Service): boolean {
    return (
      service.invokerIamDisabled === true ||
      this.access.allows(caller, "run.routes.invoke", this.resourceOf(service.name))
    );
  }

  /**
   * @param most Instances of the revision.
   * @throws StartFailure if the instance does not start; NoInstance if none has a place; Error if the connection to it fails.
   */
  private async forward(
    revision: Revision,
    most: number,
    request: FastifyRequest,
    reply: FastifyReply,
    host: string,
    path: string,
  ): Promise<FastifyReply> {
    const { port, leave } = await this.instances.enter(revision, most);
    try {
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        send(
          {
            host: "127.0.0.1",
            port,
            method: request.method,
            path,
            headers: forwarded(request, host),
            // A new connection: a reused one may be closed just as the request is sent.
            agent: false,
            signal: AbortSignal.timeout(seconds(revision.timeout) * 1000),
          },
          resolve,
        )
          .once("error", reject)
          .end(bodyOf(request));
      });
      response.once("close", leave);
      return await reply
        .code(response.statusCode ?? 502)
        .headers(endToEnd(response.headers))
        .send(response);
    } catch (error) {
      leave();
      throw error;
    }
  }
}

/** Every request here is one from the internet: https://cloud.google.com/run/docs/securing/ingress */
function isOnInternet({ defaultUriDisabled, ingress }: Service): boolean {
  return ingress === "INGRESS_TRAFFIC_ALL" && defaultUriDisabled !== true;
}

/** Which disables a service: https://cloud.google.com/run/docs/configuring/services/manual-scaling */
function isScaledToZero({ scaling }: Service): boolean {
  return scaling?.scalingMode === "MANUAL" && (scaling.manualInstanceCount ?? 0) === 0;
}

/** The headers that the service gets; the caller's token is removed. */
function forwarded(request: FastifyRequest, host: string): IncomingHttpHeaders {
  const headers = endToEnd(request.headers);
  delete headers.authorization;
  delete headers["content-length"];
  const body = bodyOf(request);
  return {
    ...headers,
    ...(body && { "content-length": String(body.length) }),
    host,
    "x-forwarded-for": request.ip,
    "x-forwarded-proto": "http",
  };
}

/** The raw body; the server replaces a missing one by an object for the APIs. */
function bodyOf({ body }: FastifyRequest): Buffer | undefined {
  return Buffer.isBuffer(body) ? body : undefined;
}

function endToEnd(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name)));
}

/** Logs a request once it is answered: https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#HttpRequest */
function logRequest(log: Log, request: FastifyRequest, { raw }: FastifyReply): void {
  const begin = performance.now();
  const { socket } = request.raw;
  const { listeningOrigin } = request.server; // which a server that is being closed no longer has
  const sent = socket.bytesWritten;
  raw.once("close", () => {
    const status = raw.statusCode;
    log.request(
      {
        requestMethod: request.method,
        requestUrl: listeningOrigin + request.url,
        requestSize: String(bodyOf(request)?.length ?? 0),
        status,
        responseSize: String(socket.bytesWritten - sent),
        userAgent: request.headers["user-agent"] ?? "",
        remoteIp: request.ip,
        serverIp: new URL(listeningOrigin).hostname,
        latency: `${((performance.now() - begin) / 1000).toFixed(9)}s`,
        protocol: `HTTP/${request.raw.httpVersion}`,
      },
      status >= 500 ? "ERROR" : status >= 400 ? "WARNING" : "INFO",
    );
  });
}

function notFound(reply: FastifyReply, path: string): FastifyReply {
  return page(reply, 404, "Page not found", `The requested URL ${path} was not found on this server.`);
}

function unavailable(reply: FastifyReply): FastifyReply {
  return page(reply, 503, "Server Error", "Service Unavailable");
}

/** An error page of Google's front end. */
function page(reply: FastifyReply, status: number, title: string, text: string): FastifyReply {
  const escaped = text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
  return reply
    .code(status)
    .type("text/html; charset=UTF-8")
    .send(
      `<html><head><title>${status} ${title}</title></head><body><h1>Error: ${title}</h1><h2>${escaped}</h2></body></html>\n`,
    );
}
