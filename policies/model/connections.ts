import { type ConnectionName, parseConnectionName, parseConnectionString } from "../../infra/connection.ts";
import { type Instance, instances, realName } from "./instances.ts";
import { type Reader, readers, versionsRead } from "./database-url.ts";
import type { Resource } from "./resource.ts";
import { dataOf, originsOf } from "./secrets.ts";
import { type Located, text, UNKNOWN } from "./values.ts";
import type { Workload } from "./workloads.ts";

/** An instance, identified by its connection name or, if that is not known, by its resource. */
export interface Target {
  readonly name: ConnectionName | undefined;
  readonly instance: Instance | undefined;
}

/**
 * What a workload connects to: one entry per mounted socket or, if it mounts none, per connection string. An entry lists
 * the candidate instances.
 */
export function connections(run: Workload, resources: readonly Resource[]): Target[][] {
  const own = readers([run.resource]);
  const targets =
    run.sockets.length > 0
      ? run.sockets.map((socket) => targetsOf(run, socket, resources))
      : own.map((reader) => targetsNamed(reader, resources));
  return targets.map((found) => (found.length > 0 ? found : [{ name: undefined, instance: undefined }]));
}

/** The instance of a socket. */
export function targetsOf({ resource }: Workload, { value }: Located, resources: readonly Resource[]): Target[] {
  if (value === UNKNOWN) return declared(resource.madeOf.template);
  return named(parseConnectionName(text(value) ?? ""), resources);
}

/** The instances in the connection strings that a variable may refer to. */
export function targetsNamed(reader: Reader, resources: readonly Resource[]): Target[] {
  return versionsRead(reader, resources).flatMap((version) => {
    const data = dataOf(version);
    if (typeof data !== "string") return declared(originsOf(version));
    const parsed = parseConnectionString(data);
    return parsed.ok ? named({ ok: true, value: parsed.value.instance }, resources) : [];
  });
}

function declared(origins: readonly Resource[] = []): Target[] {
  return instances(origins).map((instance) => ({ instance, name: realName(instance) }));
}

function named(parsed: ReturnType<typeof parseConnectionName>, resources: readonly Resource[]): Target[] {
  if (!parsed.ok) return []; // Reported by `connection-name-format`.
  const name = parsed.value;
  const target = declared(resources).find((one) => one.name !== undefined && isSameName(one.name, name));
  return [target ?? { name, instance: undefined }];
}

/** Whether two targets may be the same instance. */
export function mayBeSame(one: Target, other: Target): boolean {
  if (one.name && other.name) return isSameName(one.name, other.name);
  return one.instance === undefined || other.instance === undefined || one.instance === other.instance;
}

function isSameName(one: ConnectionName, other: ConnectionName): boolean {
  return one.instance === other.instance && one.region === other.region && one.project === other.project;
}
