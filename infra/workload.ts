import type * as pulumi from "@pulumi/pulumi";
import type { Apis } from "./apis.ts";
import type { StackConfig } from "./config.ts";
import { SOCKET_ROOT } from "./connection.ts";
import type { SecretVersionRef } from "./credentials.ts";
import { DATABASE_URL } from "./names.ts";
import type { Network } from "./network.ts";

/** Arguments of every Cloud Run workload that uses the database. */
export interface WorkloadArgs {
  readonly apis: Apis;
  readonly config: StackConfig;
  /** Email of the account it runs as. */
  readonly account: pulumi.Input<string>;
  /** Connection name of the instance whose socket is mounted. */
  readonly connectionName: pulumi.Input<string>;
  /** The source of `DATABASE_URL`: a fixed version, so that a new credential creates a new revision. */
  readonly databaseUrl: SecretVersionRef;
  /** The network of the instance's private address; without it the socket uses the public one. */
  readonly network: Network | undefined;
  /** What must exist before it starts: its bindings and, for the service, the schema. */
  readonly dependsOn: readonly pulumi.Resource[];
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * What gcloud, the console and Cloud Build write on each change: their name and version, and the template's labels, such as
 * `client.knative.dev/nonce`. The provider would remove them, so that each command the doctor prints would show as drift.
 */
export const OF_TOOLS = ["client", "clientVersion", "template.annotations", "template.labels"];

/** How a workload reaches the database: the mounted socket and the connection string. */
export function databaseAccess({ connectionName, databaseUrl }: WorkloadArgs) {
  const { secretId: secret, version } = databaseUrl;
  return {
    volumes: [{ name: "cloudsql", cloudSqlInstance: { instances: [connectionName] } }],
    envs: [{ name: DATABASE_URL, valueSource: { secretKeyRef: { secret, version } } }],
    volumeMounts: [{ name: "cloudsql", mountPath: SOCKET_ROOT }],
  };
}
