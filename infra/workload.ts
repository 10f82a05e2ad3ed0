import type * as pulumi from "@pulumi/pulumi";
import type { Apis } from "./apis.ts";
import type { StackConfig } from "./config.ts";
import type { SecretVersionRef } from "./credentials.ts";
import type { Network } from "./network.ts";

/** What anything on Cloud Run needs that works with the settlement database. */
export interface WorkloadArgs {
  readonly apis: Apis;
  /** The stack's configuration: region, protection and the `service` section. */
  readonly config: StackConfig;
  /** Email of the account it runs as. */
  readonly account: pulumi.Input<string>;
  /** Connection name of the instance whose socket is mounted. */
  readonly connectionName: pulumi.Input<string>;
  /** Where `DATABASE_URL` comes from: one version of one secret, so that a new credential makes a new revision. */
  readonly databaseUrl: SecretVersionRef;
  /** Where the instance has a private address; without it the socket goes over the instance's public one. */
  readonly network: Network | undefined;
  /** What must be there before it starts: the bindings it needs and, for the service, the schema. */
  readonly dependsOn: readonly pulumi.Resource[];
  /** Labels of the resource. */
  readonly labels: Readonly<Record<string, string>>;
}
