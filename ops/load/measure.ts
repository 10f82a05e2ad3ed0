import { cpus } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { type Load, type Request, type Seen, shoot, timed } from "./client.ts";
import { between, spent, type Spent } from "./cpu.ts";
import { brief, type Ceiling, ceilings, type Costs, type Limits, type Resource, used } from "./model.ts";
import { UserError } from "../terminal/user-error.ts";

/** The service to measure. */
export interface Target {
  readonly url: string;
  readonly token: string;
  readonly request: Request;
  readonly limits: Limits;
  /** Whether the client, the service and the database share this machine. */
  readonly isLocal: boolean;
  /** Requests a second, at most. */
  readonly rate?: number;
  /** CPU seconds of one request, if known: those of a few slow ones are too high, because programs that wait spend some too. */
  readonly cpu?: number | undefined;
  /** The connections to the database at this moment; undefined if not known. */
  readonly connections: () => Promise<number | undefined>;
}

/** The result of one number of requests at a time. */
export interface Step extends Seen {
  /** Requests at a time. */
  readonly requests: number;
  /** The connections to the database; undefined if not known. */
  readonly connections?: number;
  /** The part of the machine's CPUs that the system used, or if that cannot be told, everything; undefined unless it runs on it. */
  readonly cpu?: number;
}

/** Where a service ends, and what was predicted. */
export interface Measurement {
  readonly limits: Limits;
  readonly costs: Costs;
  /** CPU seconds of one request, by part of the system; those of a part are undefined if they cannot be read. */
  readonly parts?: Spent;
  /** The part of the machine's CPUs that other work used before the load. */
  readonly others?: number;
  /** Lowest first. */
  readonly predicted: readonly [Ceiling, ...Ceiling[]];
  readonly steps: readonly Step[];
  /** The most answers a second, of the steps without errors. */
  readonly ceiling: number;
  /** The least requests at a time that reach nearly that. */
  readonly knee: number;
  /** Whether the rate that is allowed ended it, before anything gave out. */
  readonly limited?: true;
  /** The parts of the resources in use at the ceiling, most used first. */
  readonly used: readonly { readonly resource: Resource; readonly part: number }[];
}

/** How long each part of a measurement takes, in seconds. */
export interface Durations {
  readonly warm: number;
  readonly rest: number;
  readonly single: number;
  readonly step: number;
}

const DURATIONS: Durations = { warm: 2, rest: 1, single: 3, step: 3 };

/** As many requests at a time are always tried. */
const LEAST = 16;

/** More requests at a time are not tried. */
const MOST = 256;

/** Steps between one without and one with failing requests. */
const BISECTIONS = 3;

/** The part of requests that may fail before a step counts as beyond the ceiling. */
const TOLERATED = 0.01;

/** A step that brings less than this part more is on the plateau; two of them end the measurement. */
const GAIN = 0.05;

/**
 * Measures what a request costs at one at a time, predicts the ceiling from it, then doubles the requests at a time until no more
 * are answered.
 * @param say Prints a line of progress.
 */
export async function measure(
  target: Target,
  say: (line: string) => void,
  durations: Durations = DURATIONS,
): Promise<Measurement> {
  const { isLocal, limits } = target;
  const { costs, others, parts: spentBy } = await measureCosts(target, durations);
  const predicted = ceilings(costs, limits);
  const [lowest] = predicted;
  const cpu = costs.cpu === undefined ? "" : `, ${brief(costs.cpu)} of CPU`;
  const parts = `${brief(costs.place)} of them in an instance, ${brief(costs.database)} with a connection`;
  say(`one at a time    ${brief(costs.service)}, ${parts}${cpu}`);
  say(`predicted        ${Math.round(lowest.rate)} a second: ${lowest.resource}, ${lowest.sum}`);
  const doubled: Step[] = [];
  const take = async (requests: number) => {
    const step = await measureStep(target, requests, durations.step);
    doubled.push(step);
    say(sentence(step));
    return isGood(step);
  };
  for (let requests = 1; requests <= MOST && !isOver(doubled, target.rate); requests *= 2) await take(requests);
  const failed = doubled.at(-1);
  // Where the requests begin to fail lies between the last two steps.
  for (let [low, high, tries] = [(failed?.requests ?? 0) / 2, failed?.requests ?? 0, BISECTIONS]; tries > 0; tries--) {
    if (!failed || isGood(failed) || high - low < 2) break;
    const middle = Math.round((low + high) / 2);
    if (await take(middle)) low = middle;
    else high = middle;
  }
  const steps = doubled.toSorted((one, other) => one.requests - other.requests);
  const good = steps.filter(isGood);
  const ceiling = Math.max(0, ...good.map(({ rate }) => rate));
  const knee = good.find(({ rate }) => rate >= (1 - GAIN) * ceiling) ?? steps[0];
  const failing = steps.find((step) => !isGood(step));
  const at = failing ?? good.find(({ rate }) => rate === ceiling);
  const observed = {
    rate: ceiling,
    requests: at?.requests ?? 0,
    failed: failing !== undefined,
    ...(isLocal && at?.cpu !== undefined && { cpu: at.cpu }),
  };
  return {
    limits,
    costs,
    ...(spentBy && { parts: spentBy }),
    ...(others !== undefined && { others }),
    predicted,
    steps,
    ceiling,
    knee: knee?.requests ?? 0,
    ...(failing === undefined && isReached(steps.at(-1), target.rate) && { limited: true }),
    used: used(observed, costs, limits),
  };
}

function isGood({ answers, errors }: Step): boolean {
  return errors <= TOLERATED * (answers + errors);
}

/** Whether a step has as many requests a second as are allowed. */
function isReached(step: Step | undefined, rate: number | undefined): boolean {
  return step !== undefined && rate !== undefined && step.rate >= (1 - GAIN) * rate;
}

/** Whether more requests at a time would only wait or fail, or exceed the rate that is allowed. */
function isOver(steps: readonly Step[], rate: number | undefined): boolean {
  const last = steps.at(-1);
  if (!last) return false;
  if (!isGood(last) || isReached(last, rate)) return true;
  if (last.requests < LEAST) return false;
  const [before, ...plateau] = steps.slice(-3);
  return before !== undefined && plateau.length === 2 && plateau.every((step) => step.rate < (1 + GAIN) * before.rate);
}

async function measureCosts(
  target: Target,
  { rest, single, warm }: Durations,
): Promise<{ costs: Costs; others?: number; parts?: Spent }> {
  const { isLocal, limits, rate, request } = target;
  const alone = { ...target, connections: 1, seconds: single };
  // Opens connections, and lets the programs be compiled.
  await shoot({ ...target, connections: Math.min(WARM, limits.instances * limits.concurrency), seconds: warm });
  const calm = spent();
  await delay(rest * 1000);
  const resting = between(calm, spent());
  const before = spent();
  const seen = await shoot(alone);
  const all = between(before, spent());
  if (seen.answers === 0) {
    const statuses = Object.keys(seen.statuses).join(", ");
    throw new UserError(
      `${request.method} ${request.path} was never answered as expected, but with ${statuses || "nothing"}.`,
    );
  }
  const time = async (load: Load) => (rate === undefined ? 1 / (await shoot(load)).rate : timed({ ...load, rate }));
  const service = rate === undefined ? 1 / seen.rate : await time(alone);
  const [own, front] = [
    await time({ ...alone, request: OF_SERVICE }),
    await time({ ...alone, request: OF_FRONT_END, token: undefined }),
  ];
  // A public service answers also without a token: then a place is held for all of the time, which is the upper bound.
  const place = Number.isFinite(front) && front < service ? service - front : service;
  const costs = { service, place, database: Math.max(service - own, service / 100) };
  if (!isLocal) return { costs };
  const count = seen.answers;
  // What the parts spend at rest is not of the requests.
  const each = (part: keyof Spent) => {
    const [busy, calm] = [all[part], resting[part]];
    return busy === undefined || calm === undefined ? undefined : Math.max(0, busy - (calm / rest) * single) / count;
  };
  const parts = {
    machine: each("machine") ?? 0,
    own: each("own") ?? 0,
    service: each("service"),
    postgres: each("postgres"),
  };
  const others = resting.machine - (ofSystem(resting) ?? 0);
  return {
    costs: { ...costs, cpu: target.cpu ?? ofSystem(parts) ?? parts.machine },
    others: Math.max(0, others) / rest / cpus().length,
    parts,
  };
}

/** What client, embedded cloud, service and PostgreSQL spent; undefined if they cannot be told from other processes. */
function ofSystem({ own, postgres, service }: Spent): number | undefined {
  return service === undefined || postgres === undefined ? undefined : own + service + postgres;
}

/** Requests at a time before anything is measured. */
const WARM = 8;

/** Answered by the service without the database. */
const OF_SERVICE: Request = { method: "GET", path: "/", expected: 404 };

/** Answered by Cloud Run's front end if there is no token. */
const OF_FRONT_END: Request = { method: "GET", path: "/", expected: 403 };

async function measureStep(target: Target, requests: number, seconds: number): Promise<Step> {
  const before = spent();
  const shooting = shoot({ ...target, connections: requests, seconds });
  // Nearly at the end, when everything is open that will be.
  const [seen, connections] = await Promise.all([
    shooting,
    delay(seconds * 750).then(() => target.connections().catch(() => undefined)),
  ]);
  const all = between(before, spent());
  const busy = (ofSystem(all) ?? all.machine) / (seconds * cpus().length);
  return {
    ...seen,
    requests,
    ...(connections !== undefined && { connections }),
    ...(target.isLocal && { cpu: Math.min(1, busy) }),
  };
}

function sentence({ connections, cpu, errors, p50, p99, rate, requests }: Step): string {
  const more = [
    ...(errors > 0 ? [`${errors} errors`] : []),
    ...(connections === undefined ? [] : [`${connections} connections`]),
    ...(cpu === undefined ? [] : [`CPU ${Math.round(cpu * 100)} %`]),
  ];
  const latency = `p50 ${p50} ms, p99 ${p99} ms`;
  return `${String(requests).padStart(3)} at a time    ${Math.round(rate)} a second, ${[latency, ...more].join(", ")}`;
}
