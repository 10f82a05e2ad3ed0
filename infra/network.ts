import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import { enableApi } from "./apis.ts";
import type { StackConfig } from "./config.ts";
import { parseRange } from "./ranges.ts";

/** Arguments of {@link Network}. */
export interface NetworkArgs {
  /** The stack's configuration: region. */
  readonly config: StackConfig;
  /** The `network` section. */
  readonly ranges: NonNullable<StackConfig["network"]>;
}

/** How a workload of Cloud Run gets into the network. */
export type VpcAccess = gcp.types.input.cloudrunv2.ServiceTemplateVpcAccess;

/**
 * A network of the stack's own, in which the instance has its one address, and into which service and job send what is
 * for private addresses.
 */
export class Network extends pulumi.ComponentResource {
  /** Full name of the network; known once Google's services are in it, among them the instance. */
  readonly peered: pulumi.Output<string>;
  /** How service and job get in: Direct VPC egress, without a connector. */
  readonly access: VpcAccess;

  constructor(name: string, args: NetworkArgs, opts?: pulumi.ComponentResourceOptions) {
    super("settlement:infra:Network", name, {}, opts);
    const { config, ranges } = args;
    const compute = enableApi(`${name}-compute`, "compute.googleapis.com", this);
    const servicenetworking = enableApi(`${name}-servicenetworking`, "servicenetworking.googleapis.com", this);

    const network = new gcp.compute.Network(
      `${name}-network`,
      { name: "settlement", autoCreateSubnetworks: false },
      { parent: this, dependsOn: compute },
    );
    const subnet = new gcp.compute.Subnetwork(
      `${name}-subnet`,
      {
        name: "settlement",
        region: config.region,
        network: network.id,
        ipCidrRange: ranges.subnet,
        privateIpGoogleAccess: true,
      },
      { parent: this },
    );
    // Google's services have a network of their own beside this one; the instance's address comes from this range.
    const { address, prefix } = parseRange(ranges.services) ?? {};
    const range = new gcp.compute.GlobalAddress(
      `${name}-services-range`,
      {
        name: "settlement-services",
        purpose: "VPC_PEERING",
        addressType: "INTERNAL",
        address,
        prefixLength: prefix,
        network: network.id,
      },
      { parent: this },
    );
    const peering = new gcp.servicenetworking.Connection(
      `${name}-peering`,
      {
        network: network.id,
        service: "servicenetworking.googleapis.com",
        reservedPeeringRanges: [range.name],
        // Google refuses to end it for days after the last instance is gone.
        deletionPolicy: "ABANDON",
      },
      { parent: this, dependsOn: servicenetworking },
    );

    this.peered = pulumi.all([network.id, peering.id]).apply(([id]) => id);
    this.access = {
      networkInterfaces: [{ network: network.name, subnetwork: subnet.name }],
      egress: "PRIVATE_RANGES_ONLY",
    };
    this.registerOutputs();
  }
}
