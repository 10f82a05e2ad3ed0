/**
 * Where the load on a stack ends, by Little's law: what is in use at a time is the rate times how long each use takes. Pure and
 * without imports. https://en.wikipedia.org/wiki/Little%27s_law
 */

/** What one request costs, in seconds, measured at one request at a time. */
export interface Costs {
  /** From the request to its answer, as the client sees it. */
  readonly service: number;
  /** How long it holds a place in an instance: the difference to a request that Cloud Run answers itself. */
  readonly place: number;
  /** How long it holds a connection to the database: the difference to a request that needs none. */
  readonly database: number;
  /** Of one CPU of the machine that runs everything; undefined where the parts have machines of their own. */
  readonly cpu?: number;
}

/** What there is of each resource. */
export interface Limits {
  /** Most instances of the service. */
  readonly instances: number;
  /** Requests per instance at a time. */
  readonly concurrency: number;
  /** Connections to the database per instance. */
  readonly pool: number;
  /** Connections that the database takes from the service. */
  readonly connections: number;
  /** CPUs of the machine that runs everything. */
  readonly cpus?: number;
}

/** What can give out. */
export type Resource = "CPU" | "instances × concurrency" | "max_connections" | "pool";

/** The rate at which a resource gives out. */
export interface Ceiling {
  readonly resource: Resource;
  /** Requests a second. */
  readonly rate: number;
  /** How it was computed, such as `4 × 10 / 0.0102 s`. */
  readonly sum: string;
}

/** How many of something are in use at a time, at a rate per second and for so many seconds each: Little's law. */
export function inUse(rate: number, seconds: number): number {
  return rate * seconds;
}

/** The ceilings of a stack, lowest first; the first one is the stack's. */
export function ceilings({ cpu, database, place }: Costs, limits: Limits): [Ceiling, ...Ceiling[]] {
  const { concurrency, connections, cpus, instances, pool } = limits;
  const ceiling = (resource: Resource, factors: readonly number[], seconds: number): Ceiling => ({
    resource,
    rate: factors.reduce((product, factor) => product * factor, 1) / seconds,
    sum: `${factors.join(" × ")} / ${brief(seconds)}`,
  });
  const places = ceiling("instances × concurrency", [instances, concurrency], place);
  const others = [
    ceiling("pool", [instances, pool], database),
    ceiling("max_connections", [connections], database),
    ...(cpu !== undefined && cpus !== undefined ? [ceiling("CPU", [cpus], cpu)] : []),
  ];
  const [lowest = places, ...rest] = [places, ...others].sort((one, other) => one.rate - other.rate);
  return [lowest, ...rest];
}

/** A load, as it was measured. */
export interface Observed {
  /** Answers a second. */
  readonly rate: number;
  /** Requests at a time. */
  readonly requests: number;
  /** The part of all CPUs that was busy; undefined if not measured. */
  readonly cpu?: number;
  /** Whether requests failed. */
  readonly failed: boolean;
}

/**
 * The part of each resource that a load uses, most used first: what comes first has given out at the ceiling. The pool's
 * connections follow from Little's law; more of them than the database takes make requests fail.
 */
export function used(observed: Observed, { database }: Costs, limits: Limits): { resource: Resource; part: number }[] {
  const { concurrency, connections, instances, pool } = limits;
  const { cpu, failed, rate, requests } = observed;
  const busy = inUse(rate, database);
  const opened = Math.min(requests, instances * pool);
  const parts: [Resource, number][] = [
    ["instances × concurrency", Math.min(1, requests / (instances * concurrency))],
    ["pool", Math.min(1, busy / (instances * pool))],
    ["max_connections", failed && opened > connections ? 1 + opened / connections : Math.min(1, busy / connections)],
    ...(cpu === undefined ? [] : [["CPU", cpu] as [Resource, number]]),
  ];
  return parts.map(([resource, part]) => ({ resource, part })).sort((one, other) => other.part - one.part);
}

/** Seconds in a fitting unit: `0.42 ms`, `12.3 ms`, `1.20 s`. */
export function brief(seconds: number): string {
  if (seconds >= 1) return `${seconds.toFixed(2)} s`;
  const milliseconds = seconds * 1000;
  return `${milliseconds.toFixed(milliseconds < 10 ? 2 : 1)} ms`;
}
