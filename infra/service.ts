import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import { SOCKET_ROOT } from "./connection";
import type { WorkloadArgs } from "./workload";

/** The settlement service on Cloud Run. */
export class Service extends pulumi.ComponentResource {
  /** Name of the Cloud Run service. */
  readonly name: pulumi.Output<string>;
  /** Its URL. */
  readonly url: pulumi.Output<string>;

  constructor(name: string, args: WorkloadArgs, opts?: pulumi.ComponentResourceOptions) {
    super("settlement:infra:Service", name, {}, opts);
    const { apis, config } = args;
    const { protect, region } = config;

    const service = new gcp.cloudrunv2.Service(
      `${name}-service`,
      {
        name: "settlement-service",
        location: region,
        deletionProtection: protect,
        ingress: "INGRESS_TRAFFIC_ALL",
        labels: args.labels,
        template: {
          serviceAccount: args.account,
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
                  name: "DATABASE_URL",
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

    if (config.service.public) {
      new gcp.cloudrunv2.ServiceIamMember(
        `${name}-public-invoker`,
        { name: service.name, location: region, role: "roles/run.invoker", member: "allUsers" },
        { parent: this },
      );
    }
    this.name = service.name;
    this.url = service.uri;
    this.registerOutputs();
  }
}
