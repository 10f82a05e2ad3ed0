import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import type { Apis } from "./apis.ts";
import type { StackConfig } from "./config.ts";
import { CLIENT_CONDITION, SERVICE_ACCOUNT } from "./names.ts";

export interface IdentityArgs {
  readonly apis: Apis;
  readonly config: StackConfig;
  /** The instance the service connects to, which need not exist yet. */
  readonly instanceName: pulumi.Input<string>;
}

/** The service's account, which may connect to this instance and no other. */
export class Identity extends pulumi.ComponentResource {
  readonly email: pulumi.Output<string>;
  /** `serviceAccount:EMAIL`. */
  readonly member: pulumi.Output<string>;
  /** The binding that lets the account connect. */
  readonly client: gcp.projects.IAMMember;

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
    this.client = new gcp.projects.IAMMember(
      `${name}-cloudsql-client`,
      {
        project,
        role: "roles/cloudsql.client",
        member: this.member,
        condition: {
          title: CLIENT_CONDITION,
          description: "Connect to the settlement instance only",
          // https://cloud.google.com/sql/docs/postgres/iam-conditions
          expression: pulumi.interpolate`resource.service == "sqladmin.googleapis.com" && resource.name == "projects/${project}/instances/${args.instanceName}"`,
        },
      },
      { parent: this, dependsOn: args.apis.enabled.cloudresourcemanager },
    );
    this.registerOutputs();
  }
}
