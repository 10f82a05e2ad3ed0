import { z } from "zod";
import { SOCKET_ROOT } from "../../infra/connection.ts";
import { policy } from "../engine/policy.ts";
import {
  addressed,
  connections,
  mayBeSame,
  reached,
  type Target,
  targetsNamed,
  targetsOf,
} from "../model/connections.ts";
import { isReplica } from "../model/instances.ts";
import { networkOf, reachable } from "../model/networks.ts";
import { connectionStrings, isUrlName, type Reference, referencesOf } from "../model/secret-references.ts";
import { text, UNKNOWN, valueAt } from "../model/values.ts";
import { wiring } from "../model/wiring.ts";
import { isProxy, SOCKETS_ANNOTATION, type Workload, workload, workloads } from "../model/workloads.ts";

/** The path of a socket alone. */
const SOCKET = new RegExp(`^${SOCKET_ROOT}/([^/\\s$]+)(?:/\\.s\\..*)?$`);

export const socketMounted = policy({
  name: "database-url-socket-mounted",
  sentence:
    "A container whose connection string names a socket mounts that instance at /cloudsql: otherwise the socket does not exist.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/sql/docs/postgres/connect-run",
  settings: {
    required: z
      .boolean()
      .default(false)
      .describe("Whether every container with a connection string needs the socket, even if the string may be for TCP"),
  },
  resource: (resource, report, { required }) => {
    const run = workload(resource);
    if (!run) return;
    for (const reference of referencesOf(run)
      .filter(({ variable }) => isUrlName(variable))
      .filter(lacksSocket)) {
      // A volume shows that the workload uses sockets; without one it may connect by TCP.
      if (required || run.sockets.length > 0) report(resource, unmounted(reference));
    }
    for (const container of usesProxy(run) ? [] : run.containers) {
      const mounted = container.sockets.map(({ value }) => value);
      for (const { path, name, value } of container.env) {
        const [, instance] = SOCKET.exec(text(value) ?? "") ?? [];
        if (instance === undefined || mounted.some((one) => one === UNKNOWN || one === instance)) continue;
        report(
          resource,
          `${path} (${text(name) ?? ""}) names an instance that the container does not mount; mount it at ${SOCKET_ROOT}.`,
        );
      }
    }
  },
  contradictions: {
    names: wiring,
    find: (resources, report) => {
      for (const { reference, parsed } of connectionStrings(resources)) {
        if (parsed?.socket && reference.run.sockets.length === 0 && lacksSocket(reference))
          report(reference.run.resource, unmounted(reference));
      }
      for (const run of workloads(resources)) {
        for (const reference of referencesOf(run)) {
          const { container } = reference;
          if (container === undefined || container.sockets.length === 0 || usesProxy(run)) continue;
          const named = targetsNamed(reference, resources);
          if (named.length === 0) continue;
          const mounted = container.sockets.flatMap((socket) => targetsOf(run, socket, resources));
          if (mounted.length === 0 || mounted.some((one) => named.some((other) => mayBeSame(one, other)))) continue;
          const variable = reference.variable ?? "connection string";
          const problem = `mounts a different instance than its ${variable} names; mount the instance in ${variable}`;
          report(run.resource, `${container.path} ${problem}.`);
        }
      }
    },
  },
  stack: (resources, report) => {
    // A string that is not known yet: no way leads to an instance without a public address, neither by socket nor by TCP.
    for (const run of workloads(resources).filter((one) => !one.inNetwork && one.sockets.length === 0)) {
      for (const reference of referencesOf(run)
        .filter(({ variable }) => isUrlName(variable))
        .filter(lacksSocket)) {
        const unknown = reached(run, resources);
        if (unknown.length > 0 && unknown.every((targets) => targets.every(isPrivate)))
          report(run.resource, unmounted(reference));
      }
    }
  },
});

function unmounted({ run, container, path, variable = "a connection string" }: Reference): string {
  const how = run.resource.type.startsWith("gcp:cloudrun/")
    ? `name the instance in the annotation ${SOCKETS_ANNOTATION}`
    : run.sockets.length > 0
      ? "mount the volume of the instance in it, at /cloudsql"
      : "add a volume with the instance's connection name and mount it at /cloudsql";
  return `${container?.path ?? path} reads ${variable} but mounts no Cloud SQL socket; ${how}.`;
}

/** Whether a container has no socket; with the Cloud SQL proxy as a sidecar it needs none. */
function lacksSocket({ run, container }: Reference): boolean {
  return container?.sockets.length === 0 && !usesProxy(run);
}

function usesProxy(run: Workload): boolean {
  return run.containers.some(({ value }) => isProxy(value));
}

export const privateReachable = policy({
  name: "private-instance-reachable",
  sentence:
    "A workload on a private instance has access to the instance's network: otherwise neither its socket nor its address answers.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/sql/docs/postgres/connect-run",
  contradictions: {
    names: wiring,
    find: (resources, report) => {
      for (const run of workloads(resources)) {
        const all = [...connections(run, resources), ...reached(run, resources), ...addressed(run, resources)];
        const instances = all.filter((targets) => targets.every(isPrivate));
        if (instances.length === 0) continue;
        if (!run.inNetwork) {
          const problem = "connects to an instance with only a private address but has no network access";
          report(run.resource, `${problem}; ${howToReach(run)} a network that reaches it.`);
          continue;
        }
        const own = reachable(run, resources);
        const theirs = instances.map((targets) => targets.map(({ instance }) => instance && networkOf(instance)));
        const missed = theirs.find((names) => names.every((name) => name !== undefined && !own.includes(name)));
        if (own.length === 0 || missed === undefined) continue;
        const problem =
          "connects to an instance whose private address is in another network than the one it has access to";
        report(run.resource, `${problem}; ${howToReach(run)} the instance's network.`);
      }
    },
  },
});

export const onPrimary = policy({
  name: "workload-on-primary",
  sentence:
    "A workload uses an instance that takes writes, unless its variable says that it reads: a read replica refuses them.",
  level: "advisory",
  severity: "high",
  reference: "https://cloud.google.com/sql/docs/postgres/replication#read-replicas",
  stack: (resources, report) => {
    for (const run of workloads(resources)) {
      const used = connections(run, resources);
      const reads = referencesOf(run).some(({ variable }) => /READ|REPLICA/i.test(text(variable) ?? ""));
      const onReplicas = used.every((targets) => targets.every(({ instance }) => instance && isReplica(instance)));
      if (used.length === 0 || reads || !onReplicas) continue;
      report(
        run.resource,
        "uses a read replica, which refuses writes; use its primary, or name the variable DATABASE_URL_READ.",
      );
    }
  },
});

function isPrivate({ instance }: Target): boolean {
  return instance !== undefined && valueAt(instance.props, "settings.ipConfiguration.ipv4Enabled") === false;
}

function howToReach({ resource }: Workload): string {
  return resource.type.startsWith("gcp:cloudrun/")
    ? "set the annotation run.googleapis.com/network-interfaces to"
    : "set vpcAccess to";
}
