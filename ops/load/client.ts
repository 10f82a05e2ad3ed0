import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { setTimeout as delay } from "node:timers/promises";

/** A request that is sent again and again; `[<id>]` in the body becomes another id each time. */
export interface Request {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: string;
  /** The status that counts as an answer; any other is an error. */
  readonly expected: number;
}

/** How to load a service. */
export interface Load {
  readonly url: string;
  /** Of an invoker; without one Cloud Run itself answers, unless the service is public. */
  readonly token?: string | undefined;
  readonly request: Request;
  /** Requests at a time, each on a connection of its own. */
  readonly connections: number;
  /** How long; a whole number. */
  readonly seconds: number;
  /** Requests a second, at most; without it as fast as the service answers. */
  readonly rate?: number;
}

/** What a client saw. */
export interface Seen {
  /** Answers a second. */
  readonly rate: number;
  readonly answers: number;
  /** Latencies in milliseconds, whole ones; of answers with a status of 2xx. */
  readonly p50: number;
  readonly p99: number;
  /** Requests without the expected answer. */
  readonly errors: number;
  /** Those with an answer, by its status. */
  readonly statuses: Readonly<Record<string, number>>;
}

/** The parts of autocannon's options and results that are used here; it has no types of its own. */
type Autocannon = (options: Readonly<Record<string, unknown>>) => Promise<{
  readonly duration: number;
  readonly errors: number;
  readonly statusCodeStats: Readonly<Record<string, { readonly count: number } | undefined>>;
  readonly latency: { readonly p50: number; readonly p99: number };
}>;

const autocannon = createRequire(import.meta.filename)("autocannon") as Autocannon;

/**
 * Loads a service from a thread of its own. A limited rate is that of each second, whose requests autocannon sends as fast as the
 * service answers.
 */
export async function shoot({ connections, rate, request, seconds, token, url }: Load): Promise<Seen> {
  const result = await autocannon({
    url: url + request.path,
    method: request.method,
    headers: headersOf({ request, token }),
    ...(request.body !== undefined && { body: request.body, idReplacement: true }),
    connections,
    duration: seconds,
    // Otherwise it adds latencies that no request had, as if each should have been sent a millisecond after the last.
    ...(rate !== undefined && { overallRate: rate, ignoreCoordinatedOmission: true }),
    timeout: 30,
    workers: 1,
  });
  const counts = Object.entries(result.statusCodeStats).map(([status, stats]) => [status, stats?.count ?? 0] as const);
  const answered = counts.reduce((sum, [, count]) => sum + count, 0);
  const answers = counts.find(([status]) => Number(status) === request.expected)?.[1] ?? 0;
  const { latency } = result;
  return {
    rate: answers / result.duration,
    answers,
    p50: latency.p50,
    p99: latency.p99,
    errors: result.errors + answered - answers,
    statuses: Object.fromEntries(counts),
  };
}

function headersOf({ request, token }: Pick<Load, "request" | "token">): Record<string, string> {
  return {
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(request.body !== undefined && { "content-type": "application/json" }),
  };
}

/**
 * The median time of an answer, in seconds, of requests one after the other at a limited rate: that of {@link shoot} then says
 * nothing about it.
 */
export async function timed({ rate, request, seconds, token, url }: Load & { readonly rate: number }): Promise<number> {
  const times: number[] = [];
  const end = performance.now() + seconds * 1000;
  do {
    const begun = performance.now();
    const body = request.body?.replace("[<id>]", randomUUID());
    const headers = headersOf({ request, token });
    const response = await fetch(url + request.path, {
      method: request.method,
      headers,
      ...(body !== undefined && { body }),
    });
    await response.arrayBuffer();
    times.push(performance.now() - begun);
    await delay(Math.max(0, 1000 / rate - (performance.now() - begun)));
  } while (performance.now() < end);
  times.sort((one, other) => one - other);
  return (times[Math.floor(times.length / 2)] ?? 0) / 1000;
}
