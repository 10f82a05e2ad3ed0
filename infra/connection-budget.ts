/**
 * The connections that a service may open, and those that its database has. Pure and without imports, so that the program,
 * the policies and the doctor count alike.
 */

/** Connections per instance of a service that sets none: the default of node-postgres, https://node-postgres.com/apis/pool */
export const DEFAULT_POOL = 10;

/**
 * Connections that a service must leave: 3 for superusers (PostgreSQL's `superuser_reserved_connections`), the rest for
 * Cloud SQL's own agents, an import or the migration job, the doctor, and people.
 */
export const RESERVED = 10;

/** The connections of a service at its largest. */
export interface Demand {
  /** Most instances at a time. */
  readonly instances: number;
  /** Connections per instance. */
  readonly pool: number;
}

/** The connections of services at their largest, and the reserve. */
export function needed(services: readonly Demand[], reserved = RESERVED): number {
  return services.reduce((sum, { instances, pool }) => sum + instances * pool, reserved);
}

/**
 * The same as a sum: `10 instances × 10 connections + 10 reserved = 110`.
 *
 * It counts one revision. During a rollout the former revision keeps its instances, with their open connections, for up to
 * 15 minutes after it lost the traffic (https://cloud.google.com/run/docs/about-instance-autoscaling), so a rollout under full load may
 * need twice the instances. The program does not count twice, because the load decides how many instances there are: that
 * would halve what the service can serve at any time, for a few minutes at a peak. The doctor shows both numbers.
 */
export function sum(services: readonly Demand[], reserved = RESERVED): string {
  const terms = services.map(
    ({ instances, pool }) => `${counted(instances, "instance")} × ${counted(pool, "connection")}`,
  );
  return `${terms.join(" + ")} + ${reserved} reserved = ${needed(services, reserved)}`;
}

/** The poolers of Cloud SQL's Managed Connection Pooling before an instance. */
export interface Pooling {
  /** CPUs of the instance, which decide how many poolers there are. */
  readonly cpus: number;
  /** Logins of the database; each pooler has a pool for each of them. */
  readonly logins: number;
  /** Connections to the database of one such pool, at most: the pooler's flag `max_pool_size`. */
  readonly poolSize: number;
  /** Connections to the poolers, at most: the flag `max_client_connections`. */
  readonly clients: number;
}

/** A budget that does not suffice: what it lacks, and a sentence with the sum. */
export interface Shortage {
  /** Of what there are too few: connections of the database, or of its poolers. */
  readonly of: "connections" | "clients";
  /** Such as `4 instances × 40 connections + 10 reserved = 170 exceeds the 100 connections`. */
  readonly sentence: string;
}

/**
 * How many poolers an instance has: one for every four CPUs, and at least one.
 * https://docs.cloud.google.com/sql/docs/postgres/managed-connection-pooling.md.txt
 */
export function poolers(cpus: number): number {
  return Math.max(1, Math.floor(cpus / 4));
}

/** The most connections that the poolers open to the database, and the reserve. */
export function pooled({ cpus, logins, poolSize }: Pooling, reserved = RESERVED): number {
  return poolers(cpus) * logins * poolSize + reserved;
}

/** The same as a sum: `2 poolers × 2 logins × 50 connections + 10 reserved = 210`. */
export function pooledSum(pooling: Pooling, reserved = RESERVED): string {
  const { cpus, logins, poolSize } = pooling;
  const factors = [counted(poolers(cpus), "pooler"), counted(logins, "login"), counted(poolSize, "connection")];
  return `${factors.join(" × ")} + ${reserved} reserved = ${pooled(pooling, reserved)}`;
}

/** The connections that services open to poolers, as a sum: `40 instances × 50 connections = 2000`. */
export function clientSum(services: readonly Demand[]): string {
  return sum(services, 0).replace(" + 0 reserved", "");
}

/**
 * What a database lacks for services at their largest; undefined if it has enough.
 * @param most Connections of the database.
 * @param pooling Without it the services connect to the database itself.
 */
export function shortage(
  services: readonly Demand[],
  most: number,
  pooling?: Pooling,
  reserved = RESERVED,
): Shortage | undefined {
  if (pooling && needed(services, 0) > pooling.clients) {
    return { of: "clients", sentence: `${clientSum(services)} exceeds the ${pooling.clients} clients of the poolers` };
  }
  const wanted = pooling ? pooled(pooling, reserved) : needed(services, reserved);
  if (wanted <= most) return undefined;
  const total = pooling ? pooledSum(pooling, reserved) : sum(services, reserved);
  return { of: "connections", sentence: `${total} exceeds the ${most} connections` };
}

function counted(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
