import type { Fields } from "../fields.ts";
import type { Google } from "../google.ts";
import type { Change, ResourceType } from "../provider.ts";
import { toRest } from "../rest.ts";
import {
  changing,
  computed,
  defaulting,
  deletionPolicy,
  flag,
  int64,
  list,
  map,
  named,
  number,
  object,
  output,
  project,
  type Properties,
  type Property,
  replacing,
  required,
  set,
  text,
} from "../schema.ts";
import { type Collection, collection } from "./collection.ts";
import { setLabels } from "./compute.ts";
import { lastStep, sameLink } from "./paths.ts";

/** Compute Engine: the parts of a global external load balancer in front of Cloud Run. */

const GLOBAL = "projects/{project}/global";
const REGIONAL = "projects/{project}/regions/{region}";

const common: Properties = {
  name: { ...replacing(text), autoname: true },
  project,
  description: text,
  deletionPolicy,
  creationTimestamp: output(text),
  selfLink: output(text),
};

/** A link to another resource, by its id or its URL. */
const link: Property = { ...text, same: sameLink };

function sameLinks(before: unknown, after: unknown): boolean {
  const [one, other] = [before, after].map((links) => (Array.isArray(links) ? (links as unknown[]) : []));
  return one?.length === other?.length && one?.every((each, index) => sameLink(each, other?.[index])) === true;
}

const endpointGroup: Properties = {
  ...common,
  description: replacing(text),
  region: { ...replacing(required(text)), same: sameLink },
  networkEndpointType: replacing(defaulting("SERVERLESS", text)),
  cloudRun: replacing(object({ service: computed(text), tag: text, urlMask: text })),
};

const backendService: Properties = {
  ...common,
  backends: set(
    object({
      group: required(link),
      balancingMode: defaulting("UTILIZATION", text),
      capacityScaler: defaulting(1, number),
      description: text,
    }),
  ),
  connectionDrainingTimeoutSec: named("connectionDraining.drainingTimeoutSec", defaulting(300, number)),
  enableCdn: named("enableCDN", flag),
  fingerprint: changing(text),
  generatedId: named("id", output(int64)),
  loadBalancingScheme: defaulting("EXTERNAL", text),
  portName: computed(text),
  protocol: computed(text),
  sessionAffinity: computed(text),
  timeoutSec: computed(number),
};

const urlMap: Properties = {
  ...common,
  defaultService: link,
  fingerprint: changing(text),
  mapId: named("id", output(int64)),
};

const certificate: Properties = {
  ...common,
  description: replacing(text),
  type: replacing(defaulting("MANAGED", text)),
  managed: replacing(object({ domains: required(list(text)) })),
  certificateId: named("id", output(int64)),
  expireTime: output(text),
  subjectAlternativeNames: output(list(text)),
};

const tlsPolicy: Properties = {
  ...common,
  description: replacing(text),
  minTlsVersion: defaulting("TLS_1_0", text),
  profile: defaulting("COMPATIBLE", text),
  fingerprint: changing(text),
};

const proxy: Properties = {
  ...common,
  description: replacing(text),
  urlMap: required(link),
  sslCertificates: { ...list(text), same: sameLinks },
  sslPolicy: link,
  quicOverride: defaulting("NONE", text),
  fingerprint: changing(text),
  proxyId: named("id", output(int64)),
};

const rule: Properties = {
  ...common,
  description: replacing(text),
  ipAddress: named("IPAddress", computed(replacing(link))),
  ipProtocol: named("IPProtocol", computed(replacing(text))),
  labels: map,
  labelFingerprint: changing(text),
  loadBalancingScheme: defaulting("EXTERNAL", text),
  networkTier: computed(replacing(text)),
  portRange: { ...replacing(text), same: (before, after) => range(before) === range(after) },
  target: required(link),
  forwardingRuleId: named("id", output(int64)),
};

/** A range of ports as Google returns it: `443-443` for `443`. */
function range(ports: unknown): string {
  return /^\d+$/.test(String(ports)) ? `${String(ports)}-${String(ports)}` : String(ports);
}

const type = (
  token: string,
  properties: Properties,
  path: string,
  update: Collection["update"] | undefined,
): ResourceType => {
  const regional = path.startsWith(REGIONAL);
  const made = collection({
    token: `gcp:compute/${token}:${token.charAt(0).toUpperCase()}${token.slice(1)}`,
    api: "compute",
    properties,
    collection: path,
    self: `${path}/{name}`,
    importForms: [regional ? "{project}/{region}/{name}" : "{project}/{name}"],
    update: update ?? "whole",
    // Returned as a URL, but set as a name.
    derived: ({ region }: Fields) => (typeof region === "string" ? { region: lastStep(region) } : {}),
    finished: (google: Google, _state: Fields, answer: Fields) => google.computeFinished(answer),
  });
  if (update) return made;
  const { update: _none, ...fixed } = made;
  return fixed;
};

/** Replaces a resource that has not changed since it was read. */
const put =
  (properties: Properties): Collection["update"] =>
  (google, path, { before, after }) =>
    google.call("compute", "PUT", path, {
      body: { ...toRest(properties, after), fingerprint: before.fingerprint },
    });

const patch =
  (properties: Properties): Collection["update"] =>
  (google, path, { before, after }) =>
    google.call("compute", "PATCH", path, {
      body: { ...toRest(properties, after), fingerprint: before.fingerprint },
    });

/** Sends each changed property by a method of its own. @param setters Path, relative to the resource's, by property. */
const setting =
  (
    properties: Properties,
    setters: Readonly<Record<string, (google: Google, path: string, change: Change) => Promise<Fields>>>,
  ): Collection["update"] =>
  async (google, path, change) => {
    let answer: Fields = {};
    for (const name of change.changed) {
      if (properties[name]?.own) continue;
      const setter = setters[name];
      if (!setter) throw new Error(`The stand-in cannot change ${name} of ${path}.`);
      if (answer.name !== undefined) await google.computeFinished(answer);
      answer = await setter(google, path, change);
    }
    return answer;
  };

/** @param at Where the resource is in the method's path. */
const setter =
  (property: string, method: string, at = (path: string) => path) =>
  (google: Google, path: string, { after }: Change) =>
    google.call("compute", "POST", `${at(path)}/${method}`, { body: { [property]: after[property] } });

/** Google has some methods of proxies without "global". */
const withoutGlobal = (path: string) => path.replace("/global/", "/");

export const loadBalancingTypes: readonly ResourceType[] = [
  type("regionNetworkEndpointGroup", endpointGroup, `${REGIONAL}/networkEndpointGroups`, undefined),
  type("backendService", backendService, `${GLOBAL}/backendServices`, put(backendService)),
  type("uRLMap", urlMap, `${GLOBAL}/urlMaps`, put(urlMap)),
  type("managedSslCertificate", certificate, `${GLOBAL}/sslCertificates`, undefined),
  type("sSLPolicy", tlsPolicy, `${GLOBAL}/sslPolicies`, patch(tlsPolicy)),
  type(
    "targetHttpsProxy",
    proxy,
    `${GLOBAL}/targetHttpsProxies`,
    setting(proxy, {
      sslCertificates: setter("sslCertificates", "setSslCertificates", withoutGlobal),
      sslPolicy: setter("sslPolicy", "setSslPolicy"),
      urlMap: setter("urlMap", "setUrlMap", withoutGlobal),
    }),
  ),
  type(
    "globalForwardingRule",
    rule,
    `${GLOBAL}/forwardingRules`,
    setting(rule, { labels: setLabels, target: setter("target", "setTarget") }),
  ),
];
