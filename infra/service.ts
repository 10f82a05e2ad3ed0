import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import { frontendUrl, POOL_SIZE, SERVICE } from "./names.ts";
import { databaseAccess, OF_TOOLS, type WorkloadArgs } from "./workload.ts";

/** A revision that keeps a share of the traffic while a newer one is tested. */
export interface HeldRevision {
  /** Such as `settlement-service-00007-abc`. */
  readonly revision: string;
  /** From 1 to 100; the shares of all held revisions add up to 100. */
  readonly percent: number;
}

export interface ServiceArgs extends WorkloadArgs {
  /** The revisions that serve the traffic during a rollout, when the newest is reachable by its tag only; empty otherwise. */
  readonly held: readonly HeldRevision[];
  readonly region: string;
  /** Instances that are kept warm. */
  readonly minInstances: number;
}

/** The tag of the revision under test; its URL begins with it. */
export const CANDIDATE = "candidate";

/** The settlement service on Cloud Run. */
export class Service extends pulumi.ComponentResource {
  readonly name: pulumi.Output<string>;
  readonly url: pulumi.Output<string>;

  constructor(name: string, args: ServiceArgs) {
    super("settlement:infra:Service", name);
    const { apis, config } = args;
    const { envs, volumeMounts, volumes } = databaseAccess(args);
    const { protect } = config;
    const { minInstances, region } = args;
    const { frontend } = config;
    const { poolSize } = config.service;

    const service = new gcp.cloudrunv2.Service(
      `${name}-service`,
      {
        name: SERVICE,
        location: region,
        deletionProtection: protect,
        // Also with a load balancer: a new revision is tested at its tag's URL, and callers are refused by IAM in any case.
        ingress: "INGRESS_TRAFFIC_ALL",
        // Otherwise a token is valid in one region only: https://cloud.google.com/run/docs/configuring/custom-audiences
        ...(frontend && { customAudiences: [frontendUrl(frontend.domain)] }),
        labels: args.labels,
        traffics: traffics(args.held),
        template: {
          serviceAccount: args.account,
          ...(args.network && { vpcAccess: args.network.access[region] }),
          maxInstanceRequestConcurrency: config.service.concurrency,
          scaling: { minInstanceCount: minInstances, maxInstanceCount: config.service.maxInstances },
          volumes,
          containers: [
            {
              image: config.service.image,
              ports: { containerPort: 8080 },
              // With limits but without cpuIdle, Cloud Run bills CPU around the clock:
              // https://cloud.google.com/run/docs/reference/rest/v2/Container#ResourceRequirements
              resources: { limits: { cpu: config.service.cpu, memory: config.service.memory }, cpuIdle: true },
              envs: [...envs, ...(poolSize === undefined ? [] : [{ name: POOL_SIZE, value: String(poolSize) }])],
              volumeMounts,
              // A revision is ready once its database answers: one with a wrong credential never gets traffic.
              startupProbe: { httpGet: { path: "/health" }, periodSeconds: 3, timeoutSeconds: 3, failureThreshold: 20 },
              // Five minutes, because a restart does not help while the database fails over.
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
      { parent: this, protect, dependsOn: [apis.enabled.run, ...args.dependsOn], ignoreChanges: OF_TOOLS },
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
