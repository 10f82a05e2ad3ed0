import { cpus } from "node:os";
import { DEFAULT_POOL } from "../../infra/connection-budget.ts";
import { POOL_SIZE } from "../../infra/names.ts";
import { connectionLimit, mostInstances } from "../doctor/checks/connection-budget.ts";
import { environment, Facts } from "../doctor/facts.ts";
import { isLoopback } from "../engine/endpoints.ts";
import type { Place, Target } from "../engine/target.ts";
import { RestReader } from "../google/reader.ts";
import type { Limits } from "./model.ts";

/** Where a stack is, and how to reach it. */
export type Reached = Target & Omit<Place, "target">;

/** Requests per instance at a time if the service does not say: https://cloud.google.com/run/docs/about-concurrency */
const DEFAULT_CONCURRENCY = 80;

/** Connections that PostgreSQL keeps for superusers, by default: `superuser_reserved_connections`. */
export const SUPERUSERS = 3;

/** What a stack has of each resource, as deployed. @throws NotVisible if it cannot be read. */
export async function limitsOf(place: Reached): Promise<Limits> {
  const facts = factsOf(place);
  const [service, instance] = await Promise.all([facts.existingService(), facts.existingInstance()]);
  const pool = environment(service).find(({ name }) => name === POOL_SIZE)?.value;
  return {
    instances: mostInstances(service),
    concurrency: service.template.maxInstanceRequestConcurrency ?? DEFAULT_CONCURRENCY,
    pool: Number(pool ?? DEFAULT_POOL),
    connections: connectionLimit(instance) - SUPERUSERS,
    ...(isLoopback(place.endpoints.cloudRunV2) && { cpus: cpus().length }),
  };
}

/** The connections to the database now, as Cloud Monitoring has them: on Google Cloud some minutes late. */
export function connectionsNow(place: Reached): Promise<number | undefined> {
  return factsOf(place).metric("postgresql/num_backends");
}

function factsOf({ endpoints, token, ...target }: Reached): Facts {
  return new Facts(target, new RestReader(endpoints, token), [], new Date());
}
