import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import { enableApi } from "./apis.ts";
import type { StackConfig } from "./config.ts";
import { parseRange } from "./ranges.ts";

export interface NetworkArgs {
  readonly config: StackConfig;
  /** The `network` section. */
  readonly ranges: NonNullable<StackConfig["network"]>;
}

/** A dedicated network for the instance's private address; service and job route private traffic through it. */
export class Network extends pulumi.ComponentResource {
  /** Id of the network, known once it is peered with Google's services. */
  readonly peered: pulumi.Output<string>;
  /** Direct VPC egress of service and job, without a connector, by region. */
  readonly access: Readonly<Record<string, gcp.types.input.cloudrunv2.ServiceTemplateVpcAccess>>;

  constructor(name: string, args: NetworkArgs) {
    super("settlement:infra:Network", name);
    const { config, ranges } = args;
    const compute = enableApi(`${name}-compute`, "compute.googleapis.com", this);
    const servicenetworking = enableApi(`${name}-servicenetworking`, "servicenetworking.googleapis.com", this);

    const network = new gcp.compute.Network(
      `${name}-network`,
      { name: "settlement", autoCreateSubnetworks: false },
      { parent: this, dependsOn: compute },
    );
    const accessFrom = (logical: string, region: string, ipCidrRange: string) => {
      const subnet = new gcp.compute.Subnetwork(
        `${name}-${logical}`,
        { name: "settlement", region, network: network.id, ipCidrRange, privateIpGoogleAccess: true },
        { parent: this },
      );
      const networkInterfaces = [{ network: network.name, subnetwork: subnet.name }];
      return { [region]: { networkInterfaces, egress: "PRIVATE_RANGES_ONLY" } };
    };
    const { region, subnet } = config.database.replica ?? {};
    this.access = {
      ...accessFrom("subnet", config.region, ranges.subnet),
      ...(region !== undefined && subnet !== undefined && accessFrom("standby-subnet", region, subnet)),
    };
    // The range from which the peered network of Google's services takes the instance's address.
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
        // Google refuses to delete the peering for days after the last instance was deleted.
        deletionPolicy: "ABANDON",
      },
      { parent: this, dependsOn: servicenetworking },
    );

    this.peered = pulumi.all([network.id, peering.id]).apply(([id]) => id);
    this.registerOutputs();
  }
}
