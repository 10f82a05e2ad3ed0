import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import { FRONTEND_APIS } from "./api-names.ts";
import { enableApi } from "./apis.ts";
import type { StackConfig } from "./config.ts";
import { certificateName, FRONTEND } from "./names.ts";
import type { Service } from "./service.ts";

export interface FrontendArgs {
  readonly frontend: NonNullable<StackConfig["frontend"]>;
  /** The services by region. */
  readonly services: Readonly<Record<string, Service>>;
  /** The region whose service gets the requests. */
  readonly region: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * One address for the services of all regions: a global external Application Load Balancer that accepts only TLS.
 * https://cloud.google.com/load-balancing/docs/https/setup-global-ext-https-serverless
 *
 * Every region has an endpoint group, and only that of the primary is a backend. With both, requests would go to the region that
 * is nearest to the client, also to the one that is far from the database, and no sign of Google's moves them for a lost primary:
 * outlier detection counts errors, which then come from both regions, and service health needs an instance in each.
 */
export class Frontend extends pulumi.ComponentResource {
  /** The IP address, for an A record of the domain. */
  readonly address: pulumi.Output<string>;

  constructor(name: string, args: FrontendArgs) {
    super("settlement:infra:Frontend", name);
    const { frontend, labels, region, services } = args;
    const parent = { parent: this };
    const enabled = FRONTEND_APIS.map((api) => enableApi(`${name}-frontend-${api}`, `${api}.googleapis.com`, this));
    const options = { ...parent, dependsOn: enabled };

    const address = new gcp.compute.GlobalAddress(`${name}-frontend-address`, { name: FRONTEND, labels }, options);
    const certificate = new gcp.compute.ManagedSslCertificate(
      `${name}-frontend-certificate`,
      // The name follows from the domain, because a certificate that is in use is deleted after its successor is created.
      { name: certificateName(frontend.domain), managed: { domains: [frontend.domain] } },
      options,
    );
    const groups = Object.entries(services).map(([place, service]) => {
      const group = new gcp.compute.RegionNetworkEndpointGroup(
        `${name}-${place}-endpoints`,
        { name: FRONTEND, region: place, networkEndpointType: "SERVERLESS", cloudRun: { service: service.name } },
        options,
      );
      return [place, group] as const;
    });
    const serving = groups.filter(([place]) => place === region);
    const backend = new gcp.compute.BackendService(
      `${name}-frontend-backend`,
      {
        name: FRONTEND,
        loadBalancingScheme: "EXTERNAL_MANAGED",
        backends: serving.map(([, { id }]) => ({ group: id })),
      },
      // Requests move to a region once its service is ready.
      { ...options, dependsOn: [...enabled, ...Object.values(services)] },
    );
    const map = new gcp.compute.URLMap(`${name}-frontend-map`, { name: FRONTEND, defaultService: backend.id }, parent);
    const tls = new gcp.compute.SSLPolicy(
      `${name}-frontend-tls`,
      { name: FRONTEND, minTlsVersion: "TLS_1_2", profile: "MODERN" },
      options,
    );
    const proxy = new gcp.compute.TargetHttpsProxy(
      `${name}-frontend-proxy`,
      { name: FRONTEND, urlMap: map.id, sslCertificates: [certificate.id], sslPolicy: tls.id },
      parent,
    );
    new gcp.compute.GlobalForwardingRule(
      `${name}-frontend-rule`,
      {
        name: FRONTEND,
        loadBalancingScheme: "EXTERNAL_MANAGED",
        ipAddress: address.address,
        portRange: "443",
        target: proxy.id,
        labels,
      },
      parent,
    );
    this.address = address.address;
    this.registerOutputs();
  }
}
