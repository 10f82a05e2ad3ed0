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

function counted(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
