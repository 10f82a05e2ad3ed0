import { AsyncLocalStorage } from "node:async_hooks";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { GoogleError, type Status } from "../rest/errors.ts";

type ErrorStatus = 403 | 409 | 429 | 500 | 503;

/** A fault to simulate. */
export type Fault =
  /** The call fails with an error and has no effect. */
  | { readonly kind: "error"; readonly status: ErrorStatus; readonly retryAfter?: number }
  /** The call fails as if the resource had changed since the caller read it, and has no effect. */
  | { readonly kind: "stale" }
  /** The connection is reset, and the call has no effect. */
  | { readonly kind: "reset" }
  /** The call gets no response and has no effect. */
  | { readonly kind: "silence" }
  /** The call takes effect, and the connection is reset before the response. */
  | { readonly kind: "lost" }
  /** The call succeeds; the operation it starts fails and has no effect. */
  | { readonly kind: "late" }
  /** The call is delayed. */
  | { readonly kind: "latency"; readonly milliseconds: number };

/** How long changes take to act, in milliseconds; 0 by default. */
export interface Delays {
  /** Until an enabled API answers. */
  services: number;
  /** Until a policy that was set decides; the one before decides until then. */
  bindings: number;
}

/** The APIs: the first part of their hosts, such as `sqladmin` of `sqladmin.googleapis.com`. */
export const API_NAMES = [
  "artifactregistry",
  "cloudkms",
  "cloudresourcemanager",
  "compute",
  "iam",
  "iamcredentials",
  "logging",
  "monitoring",
  "run",
  "secretmanager",
  "servicenetworking",
  "serviceusage",
  "sqladmin",
  "storage",
] as const;

/** One of {@link API_NAMES}. */
export type ApiName = (typeof API_NAMES)[number];

/** Selects calls. */
export interface Pattern {
  /** Any by default. */
  readonly api?: ApiName;
  /** Such as `POST`; any by default. */
  readonly method?: string;
  /** Matches the path, without the query. */
  readonly path: RegExp;
  /** Matches the raw query, without the question mark; any by default. */
  readonly query?: RegExp;
}

/** Which calls a fault affects. */
export interface Aim extends Pattern {
  /** Calls are affected, and counted, only after a call that matches this. */
  readonly after?: Pattern;
  /** The first matching call that is affected, counted from 1; 1 by default. */
  readonly from?: number;
  /** How many calls are affected; all by default. */
  readonly times?: number;
}

/** An injected fault. */
export interface Injection {
  /** The calls that it has affected, such as `POST /sql/v1beta4/projects/p/instances`. */
  readonly struck: readonly string[];
  /** Removes it; pending calls keep waiting. */
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

/** Whether work belongs to a request that is to fail late, even after its response. */
const late = new AsyncLocalStorage<boolean>();

/**
 * To be called when the work of a long-running operation begins.
 * @throws Error if its request has a fault of kind `late`.
 */
export function failLate(): void {
  if (late.getStore()) throw new Error("An internal error occurred; the operation was not finished.");
}

/** Faults that tests inject into API calls; requests to Cloud Run services are not affected. */
export class Faults {
  private readonly placed = new Set<Placed>();
  readonly delays: Delays = { services: 0, bindings: 0 };

  /** Injects a fault; if several match a call, the last one wins. */
  inject(aim: Aim, fault: Fault): Injection {
    const placed: Placed = { aim, fault, struck: [], armed: aim.after === undefined, seen: 0 };
    this.placed.add(placed);
    return { struck: placed.struck, remove: () => this.placed.delete(placed) };
  }

  /** Delays what is enabled and granted from now on, until {@link clear}. */
  delay(delays: Partial<Delays>): void {
    Object.assign(this.delays, delays);
  }

  clear(): void {
    this.placed.clear();
    this.delay({ services: 0, bindings: 0 });
  }

  /** Adds the hooks; call it after adding those for authentication and permissions. */
  hooks(app: FastifyInstance): void {
    app.addHook("onRequest", (request, _reply, done) => {
      const fault = this.find(request);
      if (fault) struck.set(request, fault);
      done();
    });
    // After the body: reading it leaves the async context, and a client that is still sending would misread a reset.
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

function matches(pattern: Pattern, request: FastifyRequest): boolean {
  const { api, method = request.method } = pattern;
  const [path, query] = split(request);
  return (
    method === request.method &&
    (api ?? request.routeOptions.config.api) === request.routeOptions.config.api &&
    pattern.path.test(path) &&
    (pattern.query?.test(query) ?? true)
  );
}

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
