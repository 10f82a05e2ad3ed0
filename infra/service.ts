import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import { SOCKET_ROOT } from "./connection.ts";
import { DATABASE_URL, SERVICE } from "./names.ts";
import type { WorkloadArgs } from "./workload.ts";

/** A revision that keeps its part of the traffic while a newer one is tried. */
export interface HeldRevision {
  /** Its name, such as `settlement-service-00007-abc`. */
  readonly revision: string;
  /** From 1 to 100; those of all that are held make 100. */
  readonly percent: number;
}

/** Arguments of {@link Service}. */
export interface ServiceArgs extends WorkloadArgs {
  /**
   * What has the traffic during a rollout, when the newest revision is reached by its tag alone. By default the newest
   * revision that is ready has all of it.
   */
  readonly held: readonly HeldRevision[];
}

/** The tag of a revision that is tried: its URL begins with it. */
export const CANDIDATE = "candidate";

/** The settlement service on Cloud Run. */
export class Service extends pulumi.ComponentResource {
  /** Name of the Cloud Run service. */
  readonly name: pulumi.Output<string>;
  /** Its URL. */
  readonly url: pulumi.Output<string>;

  constructor(name: string, args: ServiceArgs, opts?: pulumi.ComponentResourceOptions) {
    super("settlement:infra:Service", name, {}, opts);
    const { apis, config } = args;
    const { protect, region } = config;

    const service = new gcp.cloudrunv2.Service(
      `${name}-service`,
      {
        name: SERVICE,
        location: region,
        deletionProtection: protect,
        ingress: "INGRESS_TRAFFIC_ALL",
        labels: args.labels,
        traffics: traffics(args.held),
        template: {
          serviceAccount: args.account,
          ...(args.network && { vpcAccess: args.network.access }),
          maxInstanceRequestConcurrency: config.service.concurrency,
          scaling: { minInstanceCount: config.service.minInstances, maxInstanceCount: config.service.maxInstances },
          volumes: [{ name: "cloudsql", cloudSqlInstance: { instances: [args.connectionName] } }],
          containers: [
            {
              image: config.service.image,
              ports: { containerPort: 8080 },
              resources: { limits: { cpu: config.service.cpu, memory: config.service.memory } },
              envs: [
                {
                  name: DATABASE_URL,
                  valueSource: {
                    secretKeyRef: { secret: args.databaseUrl.secretId, version: args.databaseUrl.version },
                  },
                },
              ],
              volumeMounts: [{ name: "cloudsql", mountPath: SOCKET_ROOT }],
              // A revision is ready when its database answers: a wrong credential never gets traffic.
              startupProbe: { httpGet: { path: "/health" }, periodSeconds: 3, timeoutSeconds: 3, failureThreshold: 20 },
              // Five minutes, because restarting the service does not mend a database that fails over.
              livenessProbe: {
                httpGet: { path: "/health" },
                periodSeconds: 30,
                timeoutSeconds: 5,
                failureThreshold: 10,
              },
            },
          ],
        },
      },
      { parent: this, protect, dependsOn: [apis.enabled.run, ...args.dependsOn] },
    );

    const invoker = (who: string, member: string) =>
      new gcp.cloudrunv2.ServiceIamMember(
        `${name}-${who}-invoker`,
        { name: service.name, location: region, role: "roles/run.invoker", member },
        { parent: this },
      );
    if (config.service.public) invoker("public", "allUsers");
    if (config.deployer !== undefined) invoker("deployer", `serviceAccount:${config.deployer}`);
    this.name = service.name;
    this.url = service.uri;
    this.registerOutputs();
  }
}

/** https://cloud.google.com/run/docs/rollouts-rollbacks-traffic-migration */
function traffics(held: readonly HeldRevision[]): gcp.types.input.cloudrunv2.ServiceTraffic[] {
  const latest = { type: "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST" };
  if (held.length === 0) return [{ ...latest, percent: 100 }];
  const kept = held.map((one) => ({ type: "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", ...one }));
  return [...kept, { ...latest, tag: CANDIDATE }];
}
