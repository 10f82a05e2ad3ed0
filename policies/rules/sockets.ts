import { type ConnectionName, parseConnectionName, parseConnectionString } from "../../infra/connection.ts";
import { instances, realName } from "./connection-names.ts";
import { originsOf, type Reader, readers, versionsRead } from "./database-url.ts";
import { policy } from "../engine/policy.ts";
import { type Located, type Resource, text, UNKNOWN, valueAt } from "../model/resource.ts";
import { dataOf, wiring } from "../model/wiring.ts";
import { isProxy, SOCKETS_ANNOTATION, type Workload, workloads } from "../model/workloads.ts";

/** An instance that something points at: by its connection name, or where that is not known, by its resource. */
export interface Target {
  readonly name: ConnectionName | undefined;
  readonly instance: Resource | undefined;
}

export const socketMounted = policy({
  name: "database-url-socket-mounted",
  sentence:
    "The instance that DATABASE_URL names is mounted under /cloudsql in the container that reads it: elsewhere its socket does not exist.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/sql/docs/postgres/connect-run",
  resource: (resource, report) => {
    for (const { run, container } of readers([resource]).filter(dials)) {
      if (container.sockets.length > 0) continue;
      const how = resource.type.startsWith("gcp:cloudrun/")
        ? `name the instance in the annotation ${SOCKETS_ANNOTATION}`
        : run.sockets.length > 0
          ? "mount the volume of the instance there, at /cloudsql"
          : "add a volume with the instance's connection name and mount it there, at /cloudsql";
      report(resource, `${container.path} reads DATABASE_URL and mounts no Cloud SQL socket; ${how}.`);
    }
  },
  contradictions: {
    names: wiring,
    find: (resources, report) => {
      for (const reader of readers(resources).filter(dials)) {
        const { run, container } = reader;
        const mounted = container.sockets.flatMap((socket) => targetsOf(run, socket, resources));
        const named = targetsNamed(reader, resources);
        if (mounted.length === 0 || named.length === 0) continue;
        if (mounted.some((one) => named.some((other) => mayBeSame(one, other)))) continue;
        report(
          run.resource,
          `${container.path} mounts another instance than its DATABASE_URL names; mount the one of the connection string.`,
        );
      }
    },
  },
});

export const privateReachable = policy({
  name: "private-instance-reachable",
  sentence:
    "What connects to an instance without a public address is in a network: from elsewhere its socket never answers.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/sql/docs/postgres/connect-run",
  contradictions: {
    names: wiring,
    find: (resources, report) => {
      for (const run of workloads(resources).filter(({ inNetwork }) => !inNetwork)) {
        const instances = connections(run, resources).filter((targets) => targets.every(isPrivate));
        if (instances.length === 0) continue;
        report(
          run.resource,
          "connects to an instance that has a private address only, and is in no network; set vpcAccess to a network that reaches it.",
        );
      }
    },
  },
});

function isPrivate({ instance }: Target): boolean {
  return instance !== undefined && valueAt(instance.props, "settings.ipConfiguration.ipv4Enabled") === false;
}

/** Whether a container reaches its database by itself: beside the Cloud SQL proxy it needs no socket of Cloud Run's. */
function dials({ run }: Reader): boolean {
  return !run.containers.some(({ value }) => isProxy(value));
}

/**
 * What a workload connects to: an entry for each socket that it mounts, or where it mounts none, for each connection
 * string. An entry is an instance, or several of which it is one.
 */
export function connections(run: Workload, resources: readonly Resource[]): Target[][] {
  const own = readers([run.resource]);
  const targets =
    run.sockets.length > 0
      ? run.sockets.map((socket) => targetsOf(run, socket, resources))
      : own.map((reader) => targetsNamed(reader, resources));
  return targets.map((found) => (found.length > 0 ? found : [{ name: undefined, instance: undefined }]));
}

function targetsOf({ resource, within }: Workload, { value }: Located, resources: readonly Resource[]): Target[] {
  if (value === UNKNOWN) return declared(resource.madeOf[within]);
  return named(parseConnectionName(text(value) ?? ""), resources);
}

/** The instances of the connection strings that a variable may be taken from. */
function targetsNamed(reader: Reader, resources: readonly Resource[]): Target[] {
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
  if (!parsed.ok) return []; // The business of `connection-name-format`.
  const name = parsed.value;
  const target = declared(resources).find((one) => one.name !== undefined && isSameName(one.name, name));
  return [target ?? { name, instance: undefined }];
}

function mayBeSame(one: Target, other: Target): boolean {
  if (one.name && other.name) return isSameName(one.name, other.name);
  return one.instance === undefined || other.instance === undefined || one.instance === other.instance;
}

function isSameName(one: ConnectionName, other: ConnectionName): boolean {
  return one.instance === other.instance && one.region === other.region && one.project === other.project;
}
