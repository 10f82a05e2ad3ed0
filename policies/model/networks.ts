import type { Instance } from "./instances.ts";
import { isA, ofType, type Resource } from "./resource.ts";
import { isRecord, lastPart, text, UNKNOWN, type Value, valueAt, valuesAt } from "./values.ts";
import type { Workload } from "./workloads.ts";

const CONNECTOR = "gcp:vpcaccess/connector:Connector";
const SUBNETWORK = "gcp:compute/subnetwork:Subnetwork";

/** The network of an instance's private address; undefined if it has none or it cannot be told. */
export function networkOf({ props, madeOf }: Instance): string | undefined {
  const network = valueAt(props, "settings.ipConfiguration.privateNetwork");
  if (network !== UNKNOWN) return text(network) === undefined ? undefined : lastPart(text(network) ?? "");
  const found = new Set((madeOf.settings ?? []).flatMap((origin) => networksOf(origin)));
  return found.size === 1 ? [...found][0] : undefined;
}

/** The networks that a workload has access to; empty if they cannot be told. */
export function reachable({ resource, access }: Workload, resources: readonly Resource[]): string[] {
  const unknown = () => (resource.madeOf.template ?? []).flatMap(networksOf);
  if (!isRecord(access)) return access === UNKNOWN ? unknown() : [];
  const ways: string[][] = valuesAt(access, "networkInterfaces.*").map(({ value }) => {
    const network = valueAt(value, "network") ?? "";
    return network === "" ? ofSubnetwork(valueAt(value, "subnetwork")) : named(network);
  });
  if (access.connector !== undefined) ways.push(ofConnector(access.connector));
  return ways.some((way) => way.length === 0) ? [] : ways.flat();

  function named(network: Value): string[] {
    return typeof network === "string" ? [lastPart(network)] : unknown();
  }
  function ofSubnetwork(subnetwork: Value): string[] {
    return subnetwork === UNKNOWN ? unknown() : called(ofType(resources, SUBNETWORK), subnetwork);
  }
  function ofConnector(connector: Value): string[] {
    return connector === UNKNOWN ? unknown() : called(ofType(resources, CONNECTOR), connector);
  }
}

function called(all: readonly Resource[], name: Value): string[] {
  return all.filter(({ props }) => props.name === lastPart(text(name) ?? "")).flatMap(networksOf);
}

/** The network that a resource of the stack is, or is in. */
function networksOf(resource: Resource): string[] {
  const { props, madeOf, type } = resource;
  // The name of a network may be generated, but never changes within one operation.
  if (isA(resource, "gcp:compute/network:Network")) return [text(props.name) ?? resource.urn];
  if (!isA(resource, SUBNETWORK, CONNECTOR) && type !== "gcp:servicenetworking/connection:Connection") return [];
  const network = text(props.network) ?? "";
  if (network !== "") return [lastPart(network)];
  return [...(madeOf.network ?? []), ...(madeOf.subnet ?? [])].flatMap(networksOf);
}
