import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import { SOCKET_ROOT } from "./connection.ts";
import { DATABASE_URL, MIGRATION_JOB } from "./names.ts";
import type { WorkloadArgs } from "./workload.ts";

/** Arguments of {@link MigrationJob}. */
export interface MigrationJobArgs extends WorkloadArgs {
  /** The image that `migrations/Dockerfile` makes. */
  readonly image: string;
}

/** The second way to migrate: a Cloud Run job that runs dbmate, when somebody executes it. */
export class MigrationJob extends pulumi.ComponentResource {
  constructor(name: string, args: MigrationJobArgs, opts?: pulumi.ComponentResourceOptions) {
    super("settlement:infra:MigrationJob", name, {}, opts);
    new gcp.cloudrunv2.Job(
      `${name}-migration-job`,
      {
        name: MIGRATION_JOB,
        location: args.config.region,
        // It holds nothing, and a stack may do without it again.
        deletionProtection: false,
        labels: args.labels,
        template: {
          template: {
            serviceAccount: args.account,
            ...(args.network && { vpcAccess: args.network.access }),
            // A person decides whether what failed is tried again.
            maxRetries: 0,
            // A day; more is a preview: https://cloud.google.com/run/docs/configuring/task-timeout
            timeout: "86400s",
            volumes: [{ name: "cloudsql", cloudSqlInstance: { instances: [args.connectionName] } }],
            containers: [
              {
                image: args.image,
                envs: [
                  {
                    name: DATABASE_URL,
                    valueSource: {
                      secretKeyRef: { secret: args.databaseUrl.secretId, version: args.databaseUrl.version },
                    },
                  },
                ],
                volumeMounts: [{ name: "cloudsql", mountPath: SOCKET_ROOT }],
              },
            ],
          },
        },
      },
      {
        parent: this,
        dependsOn: [args.apis.enabled.run, ...args.dependsOn],
      },
    );
    this.registerOutputs();
  }
}
