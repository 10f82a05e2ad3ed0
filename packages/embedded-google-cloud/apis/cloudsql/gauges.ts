import type { Gauge } from "../monitoring/gauges.ts";
import type { Instance } from "./instance.ts";
import type { Instances } from "./instances.ts";
import { lagOf } from "../../postgres/standby.ts";

const DATABASE = "cloudsql.googleapis.com/database";

/**
 * Measures the running instances of a project: the share of the disk that their databases use, the connections to each
 * database, and how many seconds a replica is behind. https://cloud.google.com/monitoring/api/metrics_gcp_c#gcp-cloudsql
 */
export async function measureInstances(instances: Instances, project: string): Promise<Gauge[]> {
  const running = instances
    .list(project)
    .filter(({ settings, state }) => state === "RUNNABLE" && settings.activationPolicy !== "NEVER");
  return (await Promise.all(running.map((instance) => measure(instances, instance)))).flat();
}

async function measure(
  instances: Instances,
  { masterInstanceName, name, project, region, settings }: Instance,
): Promise<Gauge[]> {
  const cluster = await instances.running(project, name);
  const { rows } = await cluster.asAdmin((client) =>
    client.query<{ name: string; bytes: number; connections: number }>(
      `SELECT datname AS name, pg_database_size(datname)::float AS bytes, numbackends AS connections
       FROM pg_stat_database WHERE datname IS NOT NULL ORDER BY datname`,
    ),
  );
  const labels = { project_id: project, database_id: `${project}:${name}`, region };
  const resource = { type: "cloudsql_database", labels };
  const replica = masterInstanceName !== undefined;
  const lag = replica ? [{ value: await cluster.asAdmin(lagOf), valueType: "DOUBLE" as const }] : [];
  const disk = Number(settings.dataDiskSizeGb) * 2 ** 30;
  const used = rows.reduce((sum, { bytes }) => sum + bytes, 0);
  return [
    { metric: { type: `${DATABASE}/disk/utilization` }, resource, valueType: "DOUBLE", value: used / disk },
    ...lag.map((each) => ({ metric: { type: `${DATABASE}/replication/replica_lag` }, resource, ...each })),
    ...rows.map((row): Gauge => {
      const type = `${DATABASE}/postgresql/num_backends`;
      return { metric: { type, labels: { database: row.name } }, resource, valueType: "INT64", value: row.connections };
    }),
  ];
}
