import { parseConnectionName } from "../../infra/connection.ts";
import { ofType, once, type Resource } from "./resource.ts";
import type { Types } from "./types.ts";
import { text } from "./values.ts";

/** The type of Cloud SQL instances. */
export const INSTANCE = "gcp:sql/databaseInstance:DatabaseInstance";

/** A Cloud SQL instance. */
export type Instance = Resource<Types[typeof INSTANCE]>;

/** The Cloud SQL instances among resources. */
export function instances(resources: readonly Resource[]): Instance[] {
  return ofType(resources, INSTANCE);
}

/** Whether an instance is a read replica, which takes its data and its settings from a primary. */
export function isReplica({ props }: Instance): boolean {
  return (props.masterInstanceName ?? "") !== "" || props.instanceType === "READ_REPLICA_INSTANCE";
}

/** The connection name that an instance has or will have; undefined if not known. */
export const realName = once(({ props, provider }: Instance) => {
  const declared = parseConnectionName(text(props.connectionName) ?? "");
  if (declared.ok) return declared.value;
  const [project, region, instance] = [props.project ?? provider.project, props.region ?? provider.region, props.name];
  if (typeof project !== "string" || typeof region !== "string" || typeof instance !== "string") return undefined;
  const built = parseConnectionName(`${project}:${region}:${instance}`);
  return built.ok ? built.value : undefined;
});
