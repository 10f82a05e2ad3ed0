import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import type { Apis } from "./apis.ts";
import type { StackConfig } from "./config.ts";
import { CLIENT_CONDITION, SERVICE_ACCOUNT } from "./names.ts";

/** Arguments of {@link Identity}. */
export interface IdentityArgs {
  readonly apis: Apis;
  /** The stack's configuration: project. */
  readonly config: StackConfig;
  /** Name of the one instance the service connects to. */
  readonly instanceName: pulumi.Input<string>;
}

/** The service's account, and its right to connect to its instance and to no other. */
export class Identity extends pulumi.ComponentResource {
  /** Email of the service account. */
  readonly email: pulumi.Output<string>;
  /** The account as it stands in IAM policies, `serviceAccount:EMAIL`. */
  readonly member: pulumi.Output<string>;
  /** The binding without which the account cannot connect. */
  readonly client: gcp.projects.IAMMember;

  constructor(name: string, args: IdentityArgs, opts?: pulumi.ComponentResourceOptions) {
    super("settlement:infra:Identity", name, {}, opts);
    const { config } = args;
    const { project } = config;
    const account = new gcp.serviceaccount.Account(
      `${name}-account`,
      // It may be there: whoever deploys must be allowed to act as it before, which can be said of an existing one only.
      { ...SERVICE_ACCOUNT, createIgnoreAlreadyExists: true },
      // Which matters when it is made, and is no change of one that is there.
      {
        parent: this,
        dependsOn: args.apis.enabled.iam,
        ignoreChanges: ["createIgnoreAlreadyExists"],
      },
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
