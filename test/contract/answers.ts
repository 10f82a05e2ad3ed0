import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { faultsOf } from "../../packages/embedded-google-cloud/contract/contract.ts";
import { isZero, WITHOUT_EFFECT } from "../../packages/embedded-google-cloud/contract/evaluated.ts";
import type { Answer } from "../../packages/embedded-google-cloud/server/server.ts";

/**
 * Holds every answer of an embedded cloud in a test's process against Google's discovery documents, and whether the
 * handler has read each query parameter that was accepted.
 */
const faults = new Set<string>();
const unread = new WeakMap<FastifyRequest, Set<string>>();

function check(message: unknown): void {
  const { request, status, payload } = message as Answer;
  const { called: method } = request;
  if (request.url.includes("enum-encoding")) return; // the same answer is checked with the names
  if (!method || status >= 300 || typeof payload !== "string" || !payload.startsWith("{")) return;
  for (const name of unread.get(request) ?? []) faults.add(`${method.id}: the parameter ${name} is ignored`);
  for (const fault of faultsOf(method, JSON.parse(payload))) faults.add(`${method.id}: ${fault}`);
}

function watch(message: unknown): void {
  const { fastify } = message as { fastify: FastifyInstance };
  fastify.addHook("preHandler", (request, _reply, done) => {
    const query = request.query as Record<string, unknown>;
    const names = new Set(Object.keys(query).filter((name) => !(name in WITHOUT_EFFECT) && !isZero(query[name])));
    for (const form of ["alt", "$alt"]) names.delete(form); // checked before the handler
    unread.set(request, names);
    request.query = new Proxy(query, {
      get: (target, name) => {
        names.delete(String(name));
        return typeof name === "string" ? target[name] : undefined;
      },
    });
    done();
  });
}

const watched = { "embedded-google-cloud:answer": check, "fastify.initialization": watch };
for (const [channel, listener] of Object.entries(watched)) subscribe(channel, listener);

afterAll(() => {
  // The channels are Node.js's own: what is left there also sees the tests of the next files in this process.
  for (const [channel, listener] of Object.entries(watched)) unsubscribe(channel, listener);
  expect([...faults]).toEqual([]);
});
