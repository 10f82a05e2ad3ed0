import { type ConnectionName, parseConnectionName } from "../../infra/connection.ts";
import { proxied } from "./connection-names.ts";
import { readConnectionString } from "./connection-strings.ts";
import { type Instance, instances, realName } from "./instances.ts";
import type { Resource } from "./resource.ts";
import { connectorOf, hostVariables } from "./logins.ts";
import { isUrlName, type Reference, referencesOf, versionsRead } from "./secret-references.ts";
import { dataOf, originsOf } from "./secrets.ts";
import { type Located, text, UNKNOWN, type Value } from "./values.ts";
import { isProxy, type Workload } from "./workloads.ts";

/** An instance, identified by its connection name or, if that is not known, by its resource. */
export interface Target {
  readonly name: ConnectionName | undefined;
  readonly instance: Instance | undefined;
}

/**
 * What a workload certainly connects to: one entry per mounted socket, argument of a proxy or, if it has neither, variable or
 * connection string that names an instance. An entry lists the candidate instances.
 */
export function connections(run: Workload, resources: readonly Resource[]): Target[][] {
  const proxies = run.containers.flatMap(proxied);
  const unknown = (found: Target[]) => (found.length > 0 ? found : [{ name: undefined, instance: undefined }]);
  if (run.sockets.length > 0) return run.sockets.map((socket) => unknown(targetsOf(run, socket, resources)));
  if (proxies.length > 0) return proxies.map(({ name }) => unknown(named(parseConnectionName(name), resources)));
  const connectors = run.containers.map((container) =>
    named(parseConnectionName(connectorOf(container) ?? ""), resources),
  );
  const read = referencesOf(run).map((reference) => targetsRead(reference, resources));
  return [...connectors, ...read].filter((found) => found.length > 0);
}

/** The instances that a workload reaches by a connection string that is not known yet, over whatever way. */
export function reached(run: Workload, resources: readonly Resource[]): Target[][] {
  return referencesOf(run)
    .filter(({ variable }) => isUrlName(variable))
    .map((reference) =>
      versionsRead(reference, resources).flatMap((version) =>
        dataOf(version) === UNKNOWN ? declared(originsOf(version)) : [],
      ),
    )
    .filter((found) => found.length > 0);
}

/**
 * The instances that a workload without sockets reaches by their address: in a variable such as `DB_HOST`, which a preview may
 * not know yet, or in a connection string.
 */
export function addressed(run: Workload, resources: readonly Resource[]): Target[][] {
  if (run.sockets.length > 0 || run.containers.some(({ value }) => isProxy(value))) return [];
  const hosts = run.containers.flatMap(hostVariables).map(({ value }) => value);
  const read = referencesOf(run).flatMap((reference) => versionsRead(reference, resources));
  const known = [...hosts, ...read.map((version) => readConnectionString(text(dataOf(version)) ?? "")?.host)];
  return [
    ...known.map((host) => declared(instances(resources).filter((instance) => isAddress(instance, host)))),
    ...(hosts.includes(UNKNOWN) ? [declared(run.resource.madeOf.template)] : []),
  ].filter((found) => found.length > 0);
}

function isAddress({ props }: Instance, host: Value): boolean {
  return typeof host === "string" && host !== "" && [props.privateIpAddress, props.firstIpAddress].includes(host);
}

/** The instance of a socket. */
export function targetsOf({ resource }: Workload, { value }: Located, resources: readonly Resource[]): Target[] {
  if (value === UNKNOWN) return declared(resource.madeOf.template);
  return named(parseConnectionName(text(value) ?? ""), resources);
}

/** The instances in the connection strings that a reference may mean; those of a string that is not known yet, by its origins. */
export function targetsNamed(reference: Reference, resources: readonly Resource[]): Target[] {
  const unknown = versionsRead(reference, resources).filter((version) => typeof dataOf(version) !== "string");
  return [...targetsRead(reference, resources), ...unknown.flatMap((version) => declared(originsOf(version)))];
}

function targetsRead(reference: Reference, resources: readonly Resource[]): Target[] {
  return versionsRead(reference, resources).flatMap((version) => {
    const instance = readConnectionString(text(dataOf(version)) ?? "")?.instance;
    return instance === undefined ? [] : named(parseConnectionName(instance), resources);
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
