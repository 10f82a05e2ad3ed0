import { AsyncLocalStorage } from "node:async_hooks";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { GoogleError, type Status } from "../rest/errors.ts";

type ErrorStatus = 403 | 409 | 429 | 500 | 503;

/** What goes wrong with a call. */
export type Fault =
  /** It is answered with an error, and nothing is done. */
  | { readonly kind: "error"; readonly status: ErrorStatus; readonly retryAfter?: number }
  /** It is answered as if somebody else had changed the thing since the caller read it, and nothing is done. */
  | { readonly kind: "stale" }
  /** The connection is reset, and nothing is done. */
  | { readonly kind: "reset" }
  /** Nothing is done, and there is never an answer. */
  | { readonly kind: "silence" }
  /** Everything is done, and the connection is reset instead of an answer. */
  | { readonly kind: "lost" }
  /** It is answered as always; the operation it begins then ends with an error, and its work is not done. */
  | { readonly kind: "late" }
  /** It is done this many milliseconds later. */
  | { readonly kind: "latency"; readonly milliseconds: number };

/** Tells calls from others. */
export interface Pattern {
  /** Such as `POST`; any by default. */
  readonly method?: string;
  /** Matches the path, from its first slash to before the query. */
  readonly path: RegExp;
  /** Matches the query, without its question mark and as it was sent; any by default. */
  readonly query?: RegExp;
}

/** Which calls a fault strikes. */
export interface Aim extends Pattern {
  /** Calls are struck, and counted, only after one of these came. */
  readonly after?: Pattern;
  /** The first of the matching calls that is struck, counted from 1, which is the default. */
  readonly from?: number;
  /** How many calls are struck; all by default. */
  readonly times?: number;
}

/** A fault in its place. */
export interface Injection {
  /** The calls that it has struck, such as `POST /sql/v1beta4/projects/p/instances`. */
  readonly struck: readonly string[];
  /** Takes it away; calls that wait for an answer wait on. */
  remove(): void;
}

interface Placed {
  readonly aim: Aim;
  readonly fault: Fault;
  readonly struck: string[];
  armed: boolean;
  seen: number;
}

const STATUSES: Readonly<Record<ErrorStatus, { status: Status; message: string; reason: string }>> = {
  403: { status: "PERMISSION_DENIED", message: "The caller does not have permission.", reason: "forbidden" },
  409: {
    status: "ABORTED",
    message: "The operation was aborted; another one is under way.",
    reason: "operationInProgress",
  },
  429: { status: "RESOURCE_EXHAUSTED", message: "Quota exceeded for quota metric.", reason: "rateLimitExceeded" },
  500: { status: "INTERNAL", message: "Internal error encountered.", reason: "backendError" },
  503: { status: "UNAVAILABLE", message: "The service is currently unavailable.", reason: "backendError" },
};

const struck = new WeakMap<FastifyRequest, Fault>();

/** Whether work belongs to a request that is to fail late, also after its answer. */
const late = new AsyncLocalStorage<boolean>();

/**
 * Called where the work of a long-running operation begins.
 * @throws Error where its request was struck by a fault of kind `late`.
 */
export function failLate(): void {
  if (late.getStore()) throw new Error("An internal error occurred; the operation was not finished.");
}

/** Faults that tests put between the embedded cloud and its clients. Requests to Cloud Run's services are not touched. */
export class Faults {
  private readonly placed = new Set<Placed>();

  /** Puts a fault in place. Where several strike the same call, the one placed last counts. */
  inject(aim: Aim, fault: Fault): Injection {
    const placed: Placed = { aim, fault, struck: [], armed: aim.after === undefined, seen: 0 };
    this.placed.add(placed);
    return { struck: placed.struck, remove: () => this.placed.delete(placed) };
  }

  /** Takes all faults away. */
  clear(): void {
    this.placed.clear();
  }

  /** Adds the hooks; after those that decide who may call. */
  hooks(app: FastifyInstance): void {
    app.addHook("onRequest", (request, _reply, done) => {
      const fault = this.find(request);
      if (fault) struck.set(request, fault);
      done();
    });
    // Once the body was read: reading it leaves the context, and a client that still sends would misread a reset.
    app.addHook("preHandler", (request, reply, done) => {
      const fault = struck.get(request);
      if (fault) strike(fault, request, reply, done);
      else done();
    });
    app.addHook("onSend", (request, _reply, payload, done) => {
      if (struck.get(request)?.kind === "lost") request.raw.socket.destroy();
      done(null, payload);
    });
  }

  private find(request: FastifyRequest): Fault | undefined {
    if (this.placed.size === 0 || request.routeOptions.config.idTokens) return undefined;
    let found: Placed | undefined;
    for (const placed of this.placed) {
      const { after, from = 1, times = Infinity } = placed.aim;
      if (placed.armed && matches(placed.aim, request)) {
        placed.seen++;
        if (placed.seen >= from && placed.seen < from + times) found = placed;
      }
      if (after && matches(after, request)) placed.armed = true;
    }
    found?.struck.push(`${request.method} ${split(request)[0]}`);
    return found?.fault;
  }
}

function matches({ method, path: pathPattern, query: queryPattern }: Pattern, request: FastifyRequest): boolean {
  const [path, query] = split(request);
  return (method ?? request.method) === request.method && pathPattern.test(path) && (queryPattern?.test(query) ?? true);
}

/** The path and the query of a request. */
function split({ url }: FastifyRequest): [string, string] {
  const end = url.indexOf("?");
  return end < 0 ? [url, ""] : [url.slice(0, end), url.slice(end + 1)];
}

function strike(fault: Fault, request: FastifyRequest, reply: FastifyReply, done: () => void): void {
  switch (fault.kind) {
    case "error": {
      const { status, message, reason } = STATUSES[fault.status];
      if (fault.retryAfter !== undefined) reply.header("retry-after", String(fault.retryAfter));
      throw new GoogleError(status, message, reason);
    }
    case "stale":
      // The older APIs call it a failed precondition, the newer ones a conflict.
      throw request.routeOptions.config.legacyErrors
        ? new GoogleError(
            "PRECONDITION_FAILED",
            "At least one of the pre-conditions you specified did not hold.",
            "conditionNotMet",
          )
        : new GoogleError("ABORTED", "There were concurrent changes. Please retry the whole read-modify-write.");
    case "reset":
      reply.hijack();
      request.raw.socket.destroy();
      return;
    case "silence":
      reply.hijack();
      return;
    case "latency":
      setTimeout(done, fault.milliseconds);
      return;
    case "late":
      late.run(true, done);
      return;
    case "lost":
      done();
  }
}
