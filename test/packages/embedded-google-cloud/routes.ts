import { subscribe } from "node:diagnostics_channel";
import type { FastifyInstance } from "fastify";

/** A method of a server, with the path in Fastify's notation. */
export interface Route {
  readonly method: string;
  readonly url: string;
}

/** The routes of every server created from now on; the list grows as they are registered. */
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
