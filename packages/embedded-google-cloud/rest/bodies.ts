import type { FastifyInstance } from "fastify";

/** Lets the routes of a scope get bodies as they are sent, in buffers. */
export function keepBodies(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, parsed) => {
    parsed(null, body);
  });
}
