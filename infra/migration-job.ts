import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import { MIGRATION_JOB } from "./names.ts";
import { databaseAccess, OF_TOOLS, type WorkloadArgs } from "./workload.ts";

export interface MigrationJobArgs extends WorkloadArgs {
  /** The image built from `migrations/Dockerfile`. */
  readonly image: string;
}

/** The second way to migrate: a Cloud Run job that runs dbmate on demand. */
export class MigrationJob extends pulumi.ComponentResource {
  constructor(name: string, args: MigrationJobArgs) {
    super("settlement:infra:MigrationJob", name);
    const { envs, volumeMounts, volumes } = databaseAccess(args);
    new gcp.cloudrunv2.Job(
      `${name}-migration-job`,
      {
        name: MIGRATION_JOB,
        location: args.config.region,
        // It stores no data.
        deletionProtection: false,
        labels: args.labels,
        template: {
          template: {
            serviceAccount: args.account,
            ...(args.network && { vpcAccess: args.network.access[args.config.region] }),
            // The operator decides whether to retry a failed migration.
            maxRetries: 0,
            // One day; longer is a Preview feature: https://cloud.google.com/run/docs/configuring/task-timeout
            timeout: "86400s",
            volumes,
            containers: [{ image: args.image, envs, volumeMounts }],
          },
        },
      },
      { parent: this, dependsOn: [args.apis.enabled.run, ...args.dependsOn], ignoreChanges: OF_TOOLS },
    );
    this.registerOutputs();
  }
}
