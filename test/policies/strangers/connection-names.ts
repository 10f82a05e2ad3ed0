import type { Case } from "../case.ts";
import { CONNECTION_NAME, container, service, program, url } from "../good.ts";

const ZONAL = "fusion-prime:us-central1-a:shop-db";

function withEnv(name: string, value: string) {
  return program(service({ containers: [container([url(), { name, value }])] }));
}

function withSidecar(...command: readonly string[]) {
  const sidecar = { image: "debian:13", commands: ["/bin/sh", "-c"], args: command };
  return program(service({ containers: [container([url()]), sidecar] }));
}

/** Connection names of other products, paths that only look like sockets, and proxies that a shell starts. */
export const connectionNames: readonly Case[] = [
  ...[
    { name: "RABBITMQ_CONNECTION_NAME", value: "shop-orders" },
    { name: "BIGQUERY_CONNECTION_NAME", value: "projects/fusion-prime/locations/us/connections/reports" },
    { name: "REPORTS_CONNECTION_NAME", value: "reports:eu:weekly:numbers" },
    { name: "EXPORTS", value: "gs://shop-exports/cloudsql/exports/2026" },
    { name: "HANDBOOK", value: "https://example.com/docs/cloudsql/guide" },
    { name: "AUDIT_LOG", value: "/var/log/cloudsql/audit.log" },
  ].map(({ name, value }) => ({
    policy: "connection-name-format",
    title: `${name} of something else`,
    breaks: withEnv("CLOUD_SQL_CONNECTION_NAME", "shop-db"),
    says: /envs\[1\]\.value: the connection name has 1 part/,
    passes: withEnv(name, value),
  })),
  {
    policy: "connection-name-format",
    title: "a secret that only looks like one",
    breaks: withEnv("REPORTS_CONNECTION_NAME", "reports:us-central1-a:not-for-everybody"),
    says: /envs\[1\]\.value: a connection name carries a zone where the region belongs/,
    passes: withEnv("REPORTS_CONNECTION_NAME", "reports:us-central1:not-for-everybody"),
  },
  {
    policy: "connection-name-format",
    title: "a path of a socket without project and region",
    breaks: withEnv("DB_HOST", "/cloudsql/shop-db"),
    says: /envs\[1\]\.value: the connection name has 1 part/,
    passes: withEnv("DB_HOST", `/cloudsql/${CONNECTION_NAME}`),
  },
  {
    policy: "connection-name-format",
    title: "a proxy of version 2 that a shell starts",
    breaks: withSidecar(`/cloud-sql-proxy --port 5432 ${ZONAL} & exec ./shop --listen=0.0.0.0:8080`),
    says: /carries the zone "us-central1-a" where the region belongs/,
    passes: withSidecar(`/cloud-sql-proxy --port 5432 ${CONNECTION_NAME} & exec ./shop --listen=0.0.0.0:8080`),
  },
  {
    policy: "connection-name-format",
    title: "a proxy of version 1 that a shell starts",
    breaks: withSidecar("/cloud_sql_proxy -instances=fusion-prime:shop-db=tcp:127.0.0.1:5432 & exec ./shop"),
    says: /the connection name has 2 parts/,
    passes: withSidecar(`/cloud_sql_proxy -instances=${CONNECTION_NAME}=tcp:127.0.0.1:5432 & exec ./shop`),
  },
];
