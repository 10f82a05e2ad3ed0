import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { keepBodies } from "../../rest/bodies.ts";
import type { Api } from "../../server/server.ts";
import type { LoadBalancers } from "./load-balancers.ts";

/** The path that replaces `https://`; the domain of a load balancer follows it. */
export const HTTPS_PATH = "/https/";

/** Answers a request as a Cloud Run service, by its full name. */
export interface Backend {
  /** @param host The host of the request. @param path Its path, with the query. */
  answerBehindLoadBalancer(
    service: string,
    request: FastifyRequest,
    reply: FastifyReply,
    host: string,
    path: string,
  ): Promise<FastifyReply>;
}

/** Serves requests to the domains of load balancers. */
export class Frontends implements Api {
  private readonly balancers: LoadBalancers;
  private readonly backend: Backend;

  constructor(balancers: LoadBalancers, backend: Backend) {
    this.balancers = balancers;
    this.backend = backend;
  }

  /** Adds the routes; bodies are not parsed. */
  routes(app: FastifyInstance): void {
    void app.register((scope, _options, done) => {
      keepBodies(scope);
      for (const path of [`${HTTPS_PATH}:domain`, `${HTTPS_PATH}:domain/*`]) {
        scope.all<{ Params: { domain: string } }>(
          path,
          { config: { anonymous: true, idTokens: true } },
          (request, reply) => this.answer(request, reply, request.params.domain),
        );
      }
      done();
    });
  }

  private async answer(request: FastifyRequest, reply: FastifyReply, domain: string): Promise<FastifyReply> {
    const service = this.balancers.serviceOf(domain);
    if (service === undefined) {
      // No address, or no certificate: the client gets no TLS connection.
      reply.hijack();
      request.raw.socket.destroy();
      return reply;
    }
    const path = request.url.slice(HTTPS_PATH.length + domain.length) || "/";
    return this.backend.answerBehindLoadBalancer(service, request, reply, domain, path);
  }
}
