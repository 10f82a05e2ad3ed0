import { DEFAULT_POOL, needed, pooledSum, RESERVED, sum } from "../../infra/connection-budget.ts";
import { LOGINS } from "../../infra/names.ts";
import { cpusOf, expectedTier, maxConnections } from "../../infra/tiers.ts";
import { brief, inUse } from "./model.ts";

/** What one request costs, in seconds: measured, except for the way to the database. */
export interface PaperCosts {
  /** While it holds a place in an instance. */
  readonly place: number;
  /** While it holds a connection. */
  readonly database: number;
  /** Of a CPU of the service. */
  readonly serviceCpu: number;
  /** Of a CPU of the database. */
  readonly databaseCpu: number;
  /** Bytes of a stored command. */
  readonly bytes: number;
}

/** A question, with the sum that answers it. */
export interface Answer {
  readonly question: string;
  readonly sum: string;
  readonly answer: string;
  /** What Google allows, with its source. */
  readonly limit: string;
}

/** From the service to the database and back in one region, in seconds: an assumption, to be measured in staging. */
export const ROUND_TRIP = 0.001;

/** The part of its CPU and of its requests at a time at which Cloud Run adds an instance; we use as much of the database's CPUs. */
const TARGET = 0.6;

/** Requests per instance at a time, the default of `settlement:service.concurrency`. */
const CONCURRENCY = 80;

/** Connections of a pool per connection that is in use on average, because requests come unevenly. */
const SPARE = 2;

/** Largest disk of an instance, in gigabytes. */
const DISK = 65_536;

const AUTOSCALING = "[60 % of CPU and concurrency](https://cloud.google.com/run/docs/about-instance-autoscaling)";

/** The tier, the instances and the connections that a rate needs, by the model. */
export function onPaper(rate: number, costs: PaperCosts): Answer[] {
  const { bytes, databaseCpu, serviceCpu } = costs;
  const [place, database] = [costs.place + ROUND_TRIP, costs.database + ROUND_TRIP];
  const atATime = inUse(rate, place);
  const byCpu = Math.ceil((rate * serviceCpu) / TARGET);
  const byPlaces = Math.ceil(atATime / (TARGET * CONCURRENCY));
  const instances = Math.max(byCpu, byPlaces);
  const busy = inUse(rate, database);
  const pool = Math.max(1, Math.ceil((SPARE * busy) / instances));
  const cpus = (rate * databaseCpu) / TARGET;
  const tier = smallest(cpus, needed([{ instances, pool }]));
  const most = maxConnections(tier ?? "") ?? 0;
  const demand = [{ instances, pool }];
  const perDay = (rate * bytes * 86_400) / 1e9;
  const poolers = { clients: 0, cpus: cpusOf(tier ?? "") ?? 0, logins: LOGINS.length, poolSize: 50 };
  const direct = Math.floor((most - RESERVED) / DEFAULT_POOL);
  return [
    {
      question: "requests at a time",
      sum: `${count(rate)} × ${brief(place)}`,
      answer: count(atATime),
      limit: "",
    },
    {
      question: "instances of 1 CPU, by their CPU",
      sum: `${count(rate)} × ${brief(serviceCpu)} / ${TARGET}`,
      answer: count(byCpu),
      limit: AUTOSCALING,
    },
    {
      question: "instances, by their requests",
      sum: `${count(atATime)} / (${TARGET} × ${CONCURRENCY})`,
      answer: count(byPlaces),
      limit: "[at most 1,000 requests each](https://cloud.google.com/run/docs/about-concurrency)",
    },
    {
      question: "`maxInstances`",
      sum: "the larger of both",
      answer: count(instances),
      limit: "[100, unless set; by region a quota](https://cloud.google.com/run/docs/configuring/max-instances)",
    },
    {
      question: "connections in use",
      sum: `${count(rate)} × ${brief(database)}`,
      answer: count(busy),
      limit: "",
    },
    {
      question: "`poolSize`",
      sum: `${SPARE} × ${count(busy)} / ${instances}`,
      answer: count(pool),
      limit: "[100 per instance of a service](https://cloud.google.com/sql/docs/postgres/quotas)",
    },
    {
      question: "CPUs of the database",
      sum: `${count(rate)} × ${brief(databaseCpu)} / ${TARGET}`,
      answer: count(cpus),
      limit: "[128](https://cloud.google.com/sql/docs/postgres/machine-series-overview)",
    },
    {
      question: "tier, of `ENTERPRISE_PLUS`",
      sum: "the smallest with these CPUs and connections",
      answer: tier === undefined ? "none" : `\`${tier}\``,
      limit: `[${most} connections](https://cloud.google.com/sql/docs/postgres/flags)`,
    },
    {
      question: "connections",
      sum: sum(demand).replace(/ = \d+$/, ""),
      answer: count(needed(demand)),
      limit: `${count(most)}; in a rollout twice as many for minutes`,
    },
    {
      question: "pooling",
      sum: `(${most} − ${RESERVED}) / ${DEFAULT_POOL} connections of the default pool`,
      answer: needed([{ instances: 2 * instances, pool }]) <= most ? "not needed" : "needed",
      limit: `from ${count(direct + 1)} instances on, or for another driver's larger pools; then ${pooledSum(poolers)}`,
    },
    {
      question: "disk",
      sum: `${count(rate)} × ${bytes} bytes × 86,400`,
      answer: `${count(perDay)} GB a day`,
      limit: `[${count(DISK)} GB](https://cloud.google.com/sql/docs/postgres/quotas): full after ${count(DISK / perDay)} days`,
    },
  ];
}

/** The smallest machine type of edition ENTERPRISE_PLUS with so many CPUs and connections; undefined if there is none. */
function smallest(cpus: number, connections: number): string | undefined {
  for (let size = 2; size <= 128; size += 2) {
    const tier = `db-perf-optimized-N-${size}`;
    const exists = expectedTier(tier, "ENTERPRISE_PLUS") === undefined;
    if (exists && size >= cpus && (maxConnections(tier) ?? 0) >= connections) return tier;
  }
  return undefined;
}

/** A number as a reader counts: `10,000`, `4.2`. */
function count(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: value < 10 ? 1 : 0 });
}
