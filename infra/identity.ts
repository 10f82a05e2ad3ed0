import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import type { Apis } from "./apis.ts";
import type { StackConfig } from "./config.ts";
import { hasRetired } from "./instances.ts";
import { CLIENT_CONDITION, SERVICE_ACCOUNT } from "./names.ts";

export interface IdentityArgs {
  readonly apis: Apis;
  readonly config: StackConfig;
  /** The instance the service connects to, which need not exist yet. */
  readonly instanceName: pulumi.Input<string>;
  /** Its replica, which may take its place; none by default. */
  readonly replicaName?: pulumi.Input<string> | undefined;
}

/** The service's account, which may connect to this instance and no other. */
export class Identity extends pulumi.ComponentResource {
  readonly email: pulumi.Output<string>;
  /** `serviceAccount:EMAIL`. */
  readonly member: pulumi.Output<string>;
  /** The bindings that let the account connect. */
  readonly clients: readonly gcp.projects.IAMMember[];

  constructor(name: string, args: IdentityArgs) {
    super("settlement:infra:Identity", name);
    const { config } = args;
    const { project } = config;
    const account = new gcp.serviceaccount.Account(
      `${name}-account`,
      // It may exist: bootstrap creates it to let the deployer act as it. The option matters on creation only.
      { ...SERVICE_ACCOUNT, createIgnoreAlreadyExists: true },
      { parent: this, dependsOn: args.apis.enabled.iam, ignoreChanges: ["createIgnoreAlreadyExists"] },
    );
    this.email = account.email;
    this.member = pulumi.interpolate`serviceAccount:${account.email}`;
    const client = (logical: string, what: string, title: string, instance: pulumi.Input<string>) =>
      new gcp.projects.IAMMember(
        `${name}-${logical}`,
        {
          project,
          role: "roles/cloudsql.client",
          member: this.member,
          condition: {
            title,
            description: `Connect to the settlement ${what} only`,
            // https://cloud.google.com/sql/docs/postgres/iam-conditions
            expression: pulumi.interpolate`resource.service == "sqladmin.googleapis.com" && resource.name == "projects/${project}/instances/${instance}"`,
          },
        },
        { parent: this, dependsOn: args.apis.enabled.cloudresourcemanager },
      );
    this.clients = [
      // A retired instance must take no writes, also when a lost region returns with a service that still uses it.
      ...(hasRetired(config.database)
        ? []
        : [client("cloudsql-client", "instance", CLIENT_CONDITION, args.instanceName)]),
      ...(args.replicaName === undefined
        ? []
        : [client("standby-cloudsql-client", "replica", "settlement-replica", args.replicaName)]),
    ];
    this.registerOutputs();
  }
}
