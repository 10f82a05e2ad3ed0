import { subscribe } from "node:diagnostics_channel";
import type { FastifyInstance } from "fastify";

/** A method that a server answers, with the path as Fastify writes it. */
export interface Route {
  readonly method: string;
  readonly url: string;
}

/** The routes of every server that is made from now on. The list grows as they are registered. */
export function watchRoutes(): readonly Route[] {
  const routes: Route[] = [];
  subscribe("fastify.initialization", (message) => {
    const { fastify } = message as { fastify: FastifyInstance };
    fastify.addHook("onRoute", ({ method, url }) => {
      for (const each of [method].flat()) routes.push({ method: each, url });
    });
  });
  return routes;
}
