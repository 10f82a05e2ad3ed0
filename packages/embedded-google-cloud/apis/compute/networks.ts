import { randomInt } from "node:crypto";
import { freeRange, isRange } from "../../rest/places.ts";
import { shortName } from "../../rest/names.ts";
import { GoogleError } from "../../rest/errors.ts";
import { etagOf } from "../../rest/etag.ts";
import { type Fields, isFields, settableFields, without } from "../../rest/fields.ts";
import type { Collection, Store } from "../../state/store.ts";

/** A type of Compute Engine resource. */
export interface Kind {
  /** Its name in paths. */
  readonly collection: "networks" | "subnetworks" | "addresses";
  readonly kind: "network" | "subnetwork" | "address";
  readonly settable: readonly string[];
}

export const NETWORKS: Kind = {
  collection: "networks",
  kind: "network",
  settable: "name description autoCreateSubnetworks mtu routingConfig networkFirewallPolicyEnforcementOrder".split(" "),
};
export const SUBNETWORKS: Kind = {
  collection: "subnetworks",
  kind: "subnetwork",
  settable: [
    ..."name description network ipCidrRange region privateIpGoogleAccess purpose role stackType".split(" "),
    ..."logConfig secondaryIpRanges enableFlowLogs".split(" "),
  ],
};
export const ADDRESSES: Kind = {
  collection: "addresses",
  kind: "address",
  settable: "name description address addressType ipVersion network networkTier prefixLength purpose labels".split(" "),
};

/** Fields that clients send back although only Google sets them. */
const IGNORED = ["selfLink", "fingerprint", "labelFingerprint"];

/** A resource as Compute Engine returns it. */
export type ComputeResource = Fields & { readonly name: string; readonly selfLink: string };

/** The start of every `selfLink`. */
export const ROOT = "https://www.googleapis.com/compute/v1/";

/** A peering between a network and the network of Google's services, created by Service Networking. */
export interface Peering {
  /** `projects/NUMBER/global/networks/N`. */
  readonly network: string;
  readonly service: string;
  readonly peering: string;
  readonly reservedPeeringRanges: readonly string[];
}

/** The networks, subnetworks, addresses and peerings of all projects. No traffic is routed. */
export class Networks {
  private readonly resources: Collection<ComputeResource>;
  private readonly peered: Collection<Peering>;

  constructor(store: Store) {
    this.resources = store.collection("compute-resources");
    this.peered = store.collection("service-networking-connections");
  }

  /** @param path Such as `projects/P/global/networks`. */
  list(path: string): ComputeResource[] {
    const keys = this.resources.keys().filter((key) => key.startsWith(`${path}/`));
    return keys.flatMap((key) => this.resources.get(key) ?? []);
  }

  /**
   * @param parent `projects/P/global` or `projects/P/regions/R`.
   * @throws GoogleError INVALID_ARGUMENT; ALREADY_EXISTS; NOT_FOUND for a network that does not exist.
   */
  create(kind: Kind, parent: string, body: unknown): ComputeResource {
    const fields = settableFields<Fields>(body, kind.settable, IGNORED);
    const name = checkName(fields.name);
    const path = `${parent}/${kind.collection}/${name}`;
    if (this.resources.get(path)) {
      throw new GoogleError("ALREADY_EXISTS", `The resource '${path}' already exists`, "alreadyExists");
    }
    const isExternal = kind === ADDRESSES && fields.addressType !== "INTERNAL";
    if (isExternal) Object.assign(fields, this.reserve(fields));
    else if (kind !== NETWORKS) fields.network = ROOT + this.networkPath(fields.network, parent);
    if (kind === ADDRESSES && fields.purpose === "VPC_PEERING") fields.address ??= this.choose(fields);
    checkRange(kind, fields);
    return this.put(path, {
      ...(kind === NETWORKS && { routingConfig: { routingMode: "REGIONAL" }, autoCreateSubnetworks: true }),
      ...(kind === SUBNETWORKS && { purpose: "PRIVATE", stackType: "IPV4_ONLY", privateIpGoogleAccess: false }),
      ...(kind === ADDRESSES && { addressType: "EXTERNAL", status: "RESERVED" }),
      ...fields,
      kind: `compute#${kind.kind}`,
      id: String(randomInt(2 ** 47)),
      creationTimestamp: new Date().toISOString(),
      name,
      ...(kind === SUBNETWORKS && { region: ROOT + parent }),
      selfLink: ROOT + path,
    });
  }

  /** @throws GoogleError NOT_FOUND. */
  get(path: string): ComputeResource {
    const found = this.resources.get(path);
    if (!found) throw new GoogleError("NOT_FOUND", `The resource '${path}' was not found`, "notFound");
    return found.kind === `compute#${ADDRESSES.kind}` ? { ...found, labelFingerprint: labelFingerprint(found) } : found;
  }

  /** @throws GoogleError NOT_FOUND; INVALID_ARGUMENT for a field that cannot be set. */
  patch(kind: Kind, path: string, body: unknown): ComputeResource {
    const current = this.get(path);
    return this.put(path, { ...current, ...settableFields<Fields>(body, kind.settable, IGNORED), name: current.name });
  }

  /**
   * Replaces the labels of an address.
   * @throws GoogleError NOT_FOUND; INVALID_ARGUMENT; PRECONDITION_FAILED if the labels have changed since the client
   * read them.
   */
  setLabels(path: string, body: unknown): ComputeResource {
    const current = this.get(path);
    const { labels, labelFingerprint: known } = settableFields<Fields>(body, ["labels", "labelFingerprint"]);
    if (known !== labelFingerprint(current)) {
      const problem = "Labels fingerprint either invalid or resource labels have changed";
      throw new GoogleError("PRECONDITION_FAILED", problem, "conditionNotMet");
    }
    const kept = without(current, "labels", "labelFingerprint");
    return this.put(path, isFields(labels) && Object.keys(labels).length > 0 ? { ...kept, labels } : kept);
  }

  /** @throws GoogleError NOT_FOUND; INVALID_ARGUMENT while a network is in use. */
  delete(path: string): ComputeResource {
    const resource = this.get(path);
    const user = this.resources.values().find(({ network }) => network === resource.selfLink);
    if (user) {
      throw new GoogleError(
        "INVALID_ARGUMENT",
        `The network resource '${path}' is already being used by '${user.selfLink.slice(ROOT.length)}'`,
        "resourceInUseByAnotherResource",
      );
    }
    for (const peering of this.peered.values()) {
      if (this.isOf(peering, path)) this.peered.delete(peering.network);
    }
    this.resources.delete(path);
    return resource;
  }

  /** The peerings of a network, or all of them. */
  peerings(network?: string): Peering[] {
    return this.peered.values().filter((peering) => network === undefined || peering.network === network);
  }

  /**
   * Creates or changes a network's peering with Google's services.
   * @param project The project's id.
   * @throws GoogleError NOT_FOUND for a network or range that does not exist; INVALID_ARGUMENT without a range.
   */
  peer(project: string, peering: Peering): Peering {
    this.get(`projects/${project}/global/networks/${shortName(peering.network)}`);
    if (peering.reservedPeeringRanges.length === 0) {
      throw new GoogleError("INVALID_ARGUMENT", "No reserved peering ranges were given.", "invalid");
    }
    for (const range of peering.reservedPeeringRanges) {
      const { purpose } = this.get(`projects/${project}/global/addresses/${range}`);
      if (purpose !== "VPC_PEERING") {
        throw new GoogleError("INVALID_ARGUMENT", `The range ${range} is not reserved for VPC_PEERING.`, "invalid");
      }
    }
    return this.peered.put(peering.network, peering);
  }

  unpeer(network: string): void {
    this.peered.delete(network);
  }

  /** The range from which Google's services take addresses in a network; undefined unless it is peered. */
  servicesRange(network: string): string | undefined {
    const path = network.replace(/^.*?projects\//, "projects/");
    const peering = this.peered.values().find((each) => this.isOf(each, path));
    const range = peering?.reservedPeeringRanges[0];
    const project = /^projects\/([^/]+)/.exec(path)?.[1] ?? "";
    const address = this.resources.get(`projects/${project}/global/addresses/${range ?? ""}`)?.address;
    return typeof address === "string" ? address : undefined;
  }

  /** The address of a range in a network, as Google chooses it if the client does not. */
  private choose({ network, prefixLength }: Fields): string | undefined {
    const others = this.resources.values().filter((each) => each.network === network);
    const used = others.map(({ address, ipCidrRange, prefixLength: length }) =>
      typeof ipCidrRange === "string" ? ipCidrRange : `${String(address)}/${String(length)}`,
    );
    return typeof prefixLength === "number" ? freeRange(prefixLength, used) : undefined;
  }

  /** The fields of an external address: one of a range for documentation, which leads nowhere. https://www.rfc-editor.org/rfc/rfc5737 */
  private reserve({
    address,
    ipVersion = "IPV4",
    network,
    networkTier = "PREMIUM",
    prefixLength,
    purpose,
  }: Fields): Fields {
    for (const [field, value] of Object.entries({ address, network, prefixLength, purpose })) {
      if (value !== undefined && value !== "" && value !== 0) throw invalid(`resource.${field}`, value);
    }
    if (ipVersion !== "IPV4" && ipVersion !== "") throw invalid("resource.ipVersion", ipVersion);
    if (networkTier !== "PREMIUM") throw invalid("resource.networkTier", networkTier);
    const used = this.resources.values().map((one) => one.address);
    const free = Array.from({ length: 254 }, (_none, index) => `203.0.113.${index + 1}`).find(
      (one) => !used.includes(one),
    );
    if (free === undefined)
      throw new GoogleError("RESOURCE_EXHAUSTED", "Quota 'STATIC_ADDRESSES' exceeded.", "quotaExceeded");
    return { address: free, networkTier };
  }

  private isOf(peering: Peering, path: string): boolean {
    return shortName(peering.network) === shortName(path) && path.includes("/global/networks/");
  }

  private networkPath(network: unknown, parent: string): string {
    const project = /^projects\/[^/]+/.exec(parent)?.[0] ?? "";
    const path = `${project}/global/networks/${shortName(typeof network === "string" ? network : "default")}`;
    this.get(path);
    return path;
  }

  private put(path: string, resource: Fields): ComputeResource {
    const hasFingerprint = resource.kind === `compute#${SUBNETWORKS.kind}`;
    const stored = hasFingerprint ? { ...resource, fingerprint: etagOf(without(resource, "fingerprint")) } : resource;
    return this.resources.put(path, stored as ComputeResource);
  }
}

function checkRange(kind: Kind, { address, ipCidrRange, prefixLength, purpose }: Fields): void {
  if (kind === SUBNETWORKS && !isRange(String(ipCidrRange))) throw invalid("resource.ipCidrRange", ipCidrRange);
  if (kind !== ADDRESSES || purpose !== "VPC_PEERING") return;
  if (!isRange(`${String(address)}/${String(prefixLength)}`)) throw invalid("resource.address", address);
}

function labelFingerprint({ labels = {} }: Fields): string {
  return etagOf(labels);
}

/** https://cloud.google.com/compute/docs/naming-resources. @throws GoogleError INVALID_ARGUMENT. */
export function checkName(name: unknown): string {
  if (typeof name === "string" && /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) return name;
  throw invalid("resource.name", name);
}

/** The error for a value of a field, in Compute Engine's words. */
export function invalid(field: string, value: unknown): GoogleError {
  return new GoogleError(
    "INVALID_ARGUMENT",
    `Invalid value for field '${field}': '${typeof value === "string" ? value : JSON.stringify(value)}'.`,
    "invalid",
  );
}
