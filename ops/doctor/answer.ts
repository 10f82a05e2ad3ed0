import { isLoopback } from "../engine/endpoints.ts";
import type { Place } from "../engine/target.ts";
import { NotVisible } from "../google/reader.ts";
import { invokerToken } from "../service/live.ts";
import { Refused, smokeTest } from "../service/smoke.ts";
import { UserError } from "../terminal/user-error.ts";

/** An error that users of the service get. */
export interface Failure {
  /** Such as `GET /health`. */
  readonly request: string;
  /** HTTP status. */
  readonly status: number;
  /** PostgreSQL's code, such as `28P01`, if the service names one. */
  readonly code?: string;
  /** PostgreSQL's message with that code; not part of a log entry. */
  readonly message?: string;
}

/**
 * Calls a service as a client does.
 * @param url The service's URL.
 * @returns What failed; undefined if all requests succeeded.
 * @throws NotVisible if the caller may not call it, or it cannot be reached.
 */
export type Client = (url: string) => Promise<Failure | undefined>;

/** Longest wait for all responses, in milliseconds: a service may retry for 30 seconds while its database restarts. */
const LONGEST = 40_000;

/**
 * A client that asks for the health of a service, and sends a settlement command that the service rolls back. It calls as the
 * stack's deployer; without one, only a public service answers, because Google's front end takes no access token.
 */
export function clientOf(place: Place): Client {
  return async (url) => {
    const { deployer, endpoints, target } = place;
    const caller = deployer !== undefined || isLoopback(endpoints.cloudRunV2);
    try {
      const token = caller ? await invokerToken({ ...target, ...place }, url) : undefined;
      await smokeTest(url, token, () => undefined, 0, AbortSignal.timeout(LONGEST));
      return undefined;
    } catch (error) {
      if (error instanceof Refused) return failureOf(error);
      if (error instanceof UserError) throw new NotVisible(`the service was not called: ${error.message}`);
      throw error;
    }
  };
}

/** @throws NotVisible if Google's front end answered in place of the service. */
function failureOf({ body, request, status }: Refused): Failure {
  const { error } = parsed(body);
  if ([401, 403].includes(status) && !error) {
    throw new NotVisible(
      `the service was not called: Google answers ${status} to this caller`,
      "roles/run.invoker on the service",
    );
  }
  if (status === 404 && !error) {
    throw new NotVisible(`the service was not called: Google answers 404, as it does where ingress is internal`);
  }
  const { code, message } = error ?? {};
  return {
    request: withoutId(request),
    status,
    ...(code !== undefined && { code }),
    ...(message !== undefined && { message }),
  };
}

/** An id is not part of a request's name: the next request has another. */
function withoutId(request: string): string {
  return /^\w+ \/[\w-]*/.exec(request)?.[0] ?? request;
}

/** The sample service's error; any other body is ignored. */
function parsed(body: string): { error?: { code?: string; message?: string } } {
  try {
    const value = JSON.parse(body) as { error?: { code?: string; message?: string } } | null;
    return typeof value?.error === "object" ? value : {};
  } catch {
    return {}; // an answer in another form
  }
}

/** The failures that the log shows: of each method and path, the newest request, if it failed. */
export interface Logged {
  /** Newest first. */
  readonly failures: readonly Failure[];
  /** Requests with an answer of 500 or more, and all requests. */
  readonly failed: number;
  readonly requests: number;
}

/**
 * Reads the failures in log entries.
 * @param entries Of requests and of the service's own errors, newest first.
 * @param url The service's URL.
 */
export function loggedFailures(entries: readonly gapi.client.logging.LogEntry[], url: string): Logged {
  const root = new URL(url).pathname.replace(/\/$/, "");
  const newest = new Map<string, { status: number; from: number }>();
  let requests = 0;
  let failed = 0;
  for (const { httpRequest, timestamp = "" } of entries) {
    const { latency = "0s", requestMethod = "GET", requestUrl = "", status = 0 } = httpRequest ?? {};
    if (status === 0) continue;
    requests++;
    if (status >= 500) failed++;
    const { pathname } = new URL(requestUrl, url);
    const path = pathname.startsWith(root) ? pathname.slice(root.length) : pathname;
    const name = withoutId(`${requestMethod} ${path}`);
    const from = Date.parse(timestamp) - Number.parseFloat(latency) * 1000;
    if (!newest.has(name)) newest.set(name, { status, from });
  }
  const failures = [...newest].flatMap(([request, { from, status }]): Failure[] => {
    if (status < 500) return [];
    // An older line is about an older request.
    const lines = entries.filter(({ httpRequest, timestamp = "" }) => !httpRequest && Date.parse(timestamp) >= from);
    const texts = lines.map(({ jsonPayload, textPayload }) => textPayload ?? JSON.stringify(jsonPayload ?? {}));
    const text = texts.find((each) => each.includes(request)) ?? "";
    const code = /\\*"code\\*":\s*\\*"([0-9A-Z]{5})\\*"/.exec(text)?.[1];
    return [{ request, status, ...(code !== undefined && { code }) }];
  });
  return { failures, failed, requests };
}

/** A failure in words, without what may be a credential. @param known Names that may be shown. */
export function describeFailure({ code, message, request, status }: Failure, known: readonly string[]): string {
  const detail = [code, code !== undefined && message !== undefined ? discreetMessage(message, known) : undefined];
  const why = detail.filter((part) => part !== undefined).join(": ");
  return `${request} answers ${status}${why === "" ? "" : ` (${why})`}`;
}

/** PostgreSQL quotes names; that of a login or a database may be a misplaced password. */
function discreetMessage(message: string, known: readonly string[]): string {
  return message
    .replace(/^PostgreSQL: /, "")
    .replace(/\b(user|role|database) "([^"]*)"/g, (whole, what: string, name: string) =>
      known.includes(name) ? whole : `another ${what}`,
    );
}
