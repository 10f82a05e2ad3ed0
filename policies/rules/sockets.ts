import { policy } from "../engine/policy.ts";
import { type Reader, readers } from "../model/database-url.ts";
import { connections, mayBeSame, type Target, targetsNamed, targetsOf } from "../model/connections.ts";
import { valueAt } from "../model/values.ts";
import { wiring } from "../model/wiring.ts";
import { isProxy, SOCKETS_ANNOTATION, workloads } from "../model/workloads.ts";

export const socketMounted = policy({
  name: "database-url-socket-mounted",
  sentence:
    "A container that reads DATABASE_URL mounts the instance it names at /cloudsql: otherwise the socket does not exist.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/sql/docs/postgres/connect-run",
  resource: (resource, report) => {
    for (const { run, container } of readers([resource]).filter(dials)) {
      if (container.sockets.length > 0) continue;
      const how = resource.type.startsWith("gcp:cloudrun/")
        ? `name the instance in the annotation ${SOCKETS_ANNOTATION}`
        : run.sockets.length > 0
          ? "mount the volume of the instance in it, at /cloudsql"
          : "add a volume with the instance's connection name and mount it at /cloudsql";
      report(resource, `${container.path} reads DATABASE_URL but mounts no Cloud SQL socket; ${how}.`);
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
        const problem = "mounts a different instance than its DATABASE_URL names; mount the instance in DATABASE_URL";
        report(run.resource, `${container.path} ${problem}.`);
      }
    },
  },
});

export const privateReachable = policy({
  name: "private-instance-reachable",
  sentence: "A workload on a private instance has network access: otherwise the instance's socket never answers.",
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
          "connects to an instance with only a private address but has no network access; set vpcAccess to a network that reaches it.",
        );
      }
    },
  },
});

function isPrivate({ instance }: Target): boolean {
  return instance !== undefined && valueAt(instance.props, "settings.ipConfiguration.ipv4Enabled") === false;
}

/** Whether a container needs Cloud Run's socket; with the Cloud SQL proxy as a sidecar it does not. */
function dials({ run }: Reader): boolean {
  return !run.containers.some(({ value }) => isProxy(value));
}
