import type { Case } from "../case.ts";
import { type Declared, UNKNOWN_TEXT } from "../declare.ts";
import { container, instance, program, service, serviceV1, url } from "../good.ts";

const ADDRESS = "10.9.0.3";
const SHOP = "projects/fusion-prime/global/networks/shop";

function privately(network: unknown, origins: readonly string[] = []): Declared {
  const ipConfiguration = { ipv4Enabled: false, sslMode: "ENCRYPTED_ONLY", privateNetwork: network };
  const declared = instance({ ipConfiguration }, { privateIpAddress: ADDRESS });
  return { ...declared, madeOf: { settings: origins } };
}

/** The service with the instance's address in a variable, by TCP. */
function byAddress(host: string, vpcAccess: unknown, network: unknown = SHOP): Declared[] {
  const containers = [container([url(), { name: "DB_HOST", value: host }])];
  return program(privately(network), service({ volumes: [], containers, vpcAccess }));
}

const interfaces = (network: unknown) => ({ networkInterfaces: [{ network }] });

function network(name: string): Declared {
  return { type: "gcp:compute/network:Network", name, props: { name, autoCreateSubnetworks: false } };
}

function subnetwork(name: string, origin: string): Declared {
  const type = "gcp:compute/subnetwork:Subnetwork";
  return { type, name, props: { name, network: UNKNOWN_TEXT }, madeOf: { network: [origin] } };
}

function connector(origin: string): Declared {
  const type = "gcp:vpcaccess/connector:Connector";
  return {
    type,
    name: "connector",
    props: { name: "connector", network: UNKNOWN_TEXT },
    madeOf: { network: [origin] },
  };
}

const TYPE = "gcp:servicenetworking/connection:Connection";
const PEERING: Declared = {
  type: TYPE,
  name: "peering",
  props: { network: UNKNOWN_TEXT },
  madeOf: { network: ["shop"] },
};

/** A first preview of two networks, of whose outputs none is known. */
function fresh(vpcAccess: unknown, ...origins: readonly string[]): Declared[] {
  const networks = [network("shop"), network("office"), PEERING, subnetwork("shop-run", "shop")];
  const others = [subnetwork("office-run", "office"), connector(origins.includes("office") ? "office" : "shop")];
  const run = service({ vpcAccess });
  const madeOf = { template: [...(run.madeOf?.template ?? []), ...origins] };
  return program(...networks, ...others, privately(UNKNOWN_TEXT, ["peering"]), { ...run, madeOf });
}

function row(
  title: string,
  breaks: readonly Declared[],
  passes: readonly Declared[],
  says = /is in another network/,
): Case {
  return { policy: "private-instance-reachable", title, breaks, says, passes };
}

function inV1(named: string): Declared[] {
  const run = serviceV1("fusion-prime:us-central1:shop-db");
  const template = run.props.template as { metadata: { annotations: object }; spec: object };
  const annotations = {
    ...template.metadata.annotations,
    "run.googleapis.com/network-interfaces": JSON.stringify([{ network: named }]),
  };
  const props = { ...run.props, template: { ...template, metadata: { annotations } } };
  return program(privately(SHOP), { ...run, props });
}

/** The network of a private instance. */
export const networks: readonly Case[] = [
  row(
    "its address, without access",
    byAddress(ADDRESS, undefined),
    byAddress(ADDRESS, interfaces("shop")),
    /has no network access; set vpcAccess to/,
  ),
  row(
    "its address, which is not known yet, without access",
    byAddress(UNKNOWN_TEXT, undefined),
    byAddress(UNKNOWN_TEXT, interfaces("shop")),
    /has no network access/,
  ),
  row("another network", byAddress(ADDRESS, interfaces("office")), byAddress(ADDRESS, interfaces(SHOP))),
  row(
    "another network, by its full name",
    byAddress(ADDRESS, interfaces("projects/fusion-prime/global/networks/office"), "shop"),
    byAddress(ADDRESS, interfaces(`https://www.googleapis.com/compute/v1/${SHOP}`), "shop"),
  ),
  row(
    "another network, known only by dependencies",
    fresh(interfaces(UNKNOWN_TEXT), "office"),
    fresh(interfaces(UNKNOWN_TEXT), "shop"),
  ),
  row(
    "a subnetwork of another network",
    fresh({ networkInterfaces: [{ subnetwork: "office-run" }] }),
    fresh({ networkInterfaces: [{ subnetwork: "shop-run" }] }),
  ),
  row("a connector in another network", fresh({ connector: "connector" }, "office"), fresh({ connector: "connector" })),
  row("another network, first version of the API", inV1("office"), inV1("shop")),
];
