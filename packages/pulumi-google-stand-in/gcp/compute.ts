import type { Fields } from "../fields.ts";
import type { Google } from "../google.ts";
import type { Change, ResourceType } from "../provider.ts";
import {
  changing,
  computed,
  defaulting,
  deletionPolicy,
  flag,
  int64,
  map,
  named,
  number,
  output,
  project,
  type Properties,
  type Property,
  replacing,
  required,
  text,
} from "../schema.ts";
import { type Collection, collection } from "./collection.ts";
import { lastStep, sameName } from "./paths.ts";

/** Compute Engine: networks, their subnetworks, and reserved global addresses. */

const name: Property = { ...replacing(text), autoname: true };
const networkOf = (property: Property): Property => ({ ...replacing(property), same: sameName });

const network: Properties = {
  name,
  project,
  description: replacing(text),
  autoCreateSubnetworks: replacing({ ...flag, default: true }),
  mtu: computed(replacing(number)),
  routingMode: named("routingConfig.routingMode", computed(text)),
  networkFirewallPolicyEnforcementOrder: defaulting("AFTER_CLASSIC_FIREWALL", text),
  deletionPolicy,
  networkId: named("id", output(text)),
  numericId: named("id", output(text)),
  gatewayIpv4: named("gatewayIPv4", output(text)),
  selfLink: output(text),
};

const subnetwork: Properties = {
  name,
  project,
  region: { ...replacing(text), from: "region", same: sameName },
  description: replacing(text),
  network: networkOf(required(text)),
  ipCidrRange: replacing(text),
  privateIpGoogleAccess: computed(flag),
  purpose: computed(replacing(text)),
  stackType: computed(text),
  deletionPolicy,
  creationTimestamp: output(text),
  gatewayAddress: output(text),
  subnetworkId: named("id", output(int64)),
  selfLink: output(text),
};

const globalAddress: Properties = {
  name,
  project,
  description: replacing(text),
  address: computed(replacing(text)),
  addressType: replacing({ ...text, default: "EXTERNAL" }),
  ipVersion: replacing(text),
  labels: map,
  labelFingerprint: changing(text),
  network: networkOf(text),
  prefixLength: computed(replacing(number)),
  purpose: replacing(text),
  deletionPolicy,
  creationTimestamp: output(text),
  selfLink: output(text),
};

const computeType = (
  kind: "network" | "subnetwork" | "globalAddress",
  properties: Properties,
  parent: string,
  plural: string,
  update: Collection["update"] = "whole",
): ResourceType => {
  const collectionPath = `${parent}/${plural}`;
  return collection({
    token: `gcp:compute/${kind}:${kind.charAt(0).toUpperCase()}${kind.slice(1)}`,
    api: "compute",
    properties,
    collection: collectionPath,
    self: `${collectionPath}/{name}`,
    importForms: [parent.includes("{region}") ? "{project}/{region}/{name}" : "{project}/{name}"],
    update,
    // Returned as a URL, but set as a name.
    derived: ({ region }: Fields) => (typeof region === "string" ? { region: lastStep(region) } : {}),
    finished: (google: Google, _state: Fields, answer: Fields) => google.computeFinished(answer),
  });
};

/** Labels are updated by a separate method; nothing else of an address can be. */
export const setLabels = (google: Google, path: string, { before, after }: Change) =>
  google.call("compute", "POST", `${path}/setLabels`, {
    body: { labels: after.labels, labelFingerprint: before.labelFingerprint },
  });

export const computeTypes: readonly ResourceType[] = [
  computeType("network", network, "projects/{project}/global", "networks"),
  computeType("subnetwork", subnetwork, "projects/{project}/regions/{region}", "subnetworks"),
  computeType("globalAddress", globalAddress, "projects/{project}/global", "addresses", setLabels),
];
