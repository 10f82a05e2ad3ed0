import { randomInt } from "node:crypto";
import { GoogleError } from "../../rest/errors.ts";
import { etagOf } from "../../rest/etag.ts";
import { type Fields, isFields, settableFields, without } from "../../rest/fields.ts";
import { shortName } from "../../rest/names.ts";
import type { Collection, Store } from "../../state/store.ts";
import { checkName, type ComputeResource, invalid, type Networks, ROOT } from "./networks.ts";

/** A field with the name of another resource, whose use needs a permission. */
interface Reference {
  readonly field: string;
  readonly collection: string;
  readonly permission: string;
}

/** A type of resource that a load balancer consists of. */
export interface Part {
  /** Its name in paths. */
  readonly collection: string;
  readonly kind: string;
  /** The start of its permissions. */
  readonly permissions: string;
  readonly references: readonly Reference[];
  readonly settable: readonly string[];
  /** What Google sets if the client does not. */
  readonly defaults: Fields;
  /** The values that the embedded cloud evaluates, by field; any value by default. */
  readonly only: Readonly<Record<string, readonly unknown[]>>;
  /** Whether Google guards changes with a fingerprint. */
  readonly hasFingerprint?: true;
}

/** Fields that clients send back although only Google sets them. */
const IGNORED = ["id", "kind", "selfLink", "creationTimestamp", "labelFingerprint"];

const MANAGED = ["EXTERNAL_MANAGED"];

export const ENDPOINT_GROUPS: Part = {
  collection: "networkEndpointGroups",
  kind: "networkEndpointGroup",
  permissions: "compute.regionNetworkEndpointGroups",
  references: [],
  settable: "name description networkEndpointType cloudRun region".split(" "),
  defaults: { size: 0 },
  only: { networkEndpointType: ["SERVERLESS"] },
};
export const BACKEND_SERVICES: Part = {
  collection: "backendServices",
  kind: "backendService",
  permissions: "compute.backendServices",
  references: [],
  settable: [
    ..."name description backends loadBalancingScheme protocol connectionDraining enableCDN fingerprint".split(" "),
    ..."sessionAffinity timeoutSec logConfig portName".split(" "),
  ],
  defaults: {
    protocol: "HTTP",
    sessionAffinity: "NONE",
    timeoutSec: 30,
    port: 80,
    portName: "http",
    connectionDraining: { drainingTimeoutSec: 0 },
    enableCDN: false,
    affinityCookieTtlSec: 0,
  },
  only: {
    loadBalancingScheme: MANAGED,
    protocol: ["HTTP", "HTTPS"],
    enableCDN: [false],
    sessionAffinity: ["NONE"],
    // Google's own values, which a provider sends back; others are "not supported for a backend service with Serverless network endpoint groups".
    timeoutSec: [30],
    portName: ["http"],
  },
  hasFingerprint: true,
};
export const URL_MAPS: Part = {
  collection: "urlMaps",
  kind: "urlMap",
  permissions: "compute.urlMaps",
  references: [
    { field: "defaultService", collection: BACKEND_SERVICES.collection, permission: "compute.backendServices.use" },
  ],
  settable: "name description defaultService fingerprint".split(" "),
  defaults: {},
  only: {},
  hasFingerprint: true,
};
export const CERTIFICATES: Part = {
  collection: "sslCertificates",
  kind: "sslCertificate",
  permissions: "compute.sslCertificates",
  references: [],
  settable: "name description type managed".split(" "),
  defaults: {},
  only: { type: ["MANAGED"] },
};
export const TLS_POLICIES: Part = {
  collection: "sslPolicies",
  kind: "sslPolicy",
  permissions: "compute.sslPolicies",
  references: [],
  settable: "name description profile minTlsVersion fingerprint".split(" "),
  defaults: { profile: "COMPATIBLE", minTlsVersion: "TLS_1_0" },
  only: { profile: ["COMPATIBLE", "MODERN", "RESTRICTED"], minTlsVersion: ["TLS_1_0", "TLS_1_1", "TLS_1_2"] },
  hasFingerprint: true,
};
export const PROXIES: Part = {
  collection: "targetHttpsProxies",
  kind: "targetHttpsProxy",
  permissions: "compute.targetHttpsProxies",
  references: [
    { field: "urlMap", collection: URL_MAPS.collection, permission: "compute.urlMaps.use" },
    { field: "sslCertificates", collection: CERTIFICATES.collection, permission: "compute.sslCertificates.get" },
    { field: "sslPolicy", collection: TLS_POLICIES.collection, permission: "compute.sslPolicies.use" },
  ],
  settable: "name description urlMap sslCertificates sslPolicy quicOverride fingerprint".split(" "),
  defaults: { quicOverride: "NONE" },
  only: { quicOverride: ["NONE"] },
  hasFingerprint: true,
};
export const RULES: Part = {
  collection: "forwardingRules",
  kind: "forwardingRule",
  permissions: "compute.globalForwardingRules",
  references: [
    { field: "target", collection: PROXIES.collection, permission: "compute.targetHttpsProxies.use" },
    { field: "IPAddress", collection: "addresses", permission: "compute.globalAddresses.use" },
  ],
  settable: "name description IPAddress IPProtocol loadBalancingScheme networkTier portRange target labels".split(" "),
  defaults: { IPProtocol: "TCP", networkTier: "PREMIUM" },
  only: { IPProtocol: ["TCP"], loadBalancingScheme: MANAGED, networkTier: ["PREMIUM"] },
};

/** Throws GoogleError PERMISSION_DENIED unless the caller has a permission. */
export type MayUse = (permission: string) => void;

/**
 * The parts of global external Application Load Balancers with serverless backends: a forwarding rule has an address and leads to
 * a proxy with certificates, that to a URL map, that to a backend service, and that to the endpoint group of a region.
 */
export class LoadBalancers {
  private readonly parts: Collection<ComputeResource>;
  private readonly networks: Networks;

  constructor(store: Store, networks: Networks) {
    this.parts = store.collection("load-balancer-parts");
    this.networks = networks;
  }

  /** @param path Such as `projects/P/global/urlMaps`. */
  list(path: string): ComputeResource[] {
    const keys = this.parts.keys().filter((key) => key.startsWith(`${path}/`));
    return keys.map((key) => this.get(key));
  }

  /** @throws GoogleError NOT_FOUND. */
  get(path: string): ComputeResource {
    const found = this.parts.get(path);
    if (!found) throw new GoogleError("NOT_FOUND", `The resource '${path}' was not found`, "notFound");
    if (found.kind === `compute#${CERTIFICATES.kind}`) return this.issued(found);
    return found.kind === `compute#${RULES.kind}` ? { ...found, labelFingerprint: etagOf(found.labels ?? {}) } : found;
  }

  /**
   * @param parent `projects/P/global` or `projects/P/regions/R`.
   * @throws GoogleError INVALID_ARGUMENT; ALREADY_EXISTS; NOT_FOUND for another resource that does not exist.
   */
  create(part: Part, parent: string, body: unknown, mayUse: MayUse): ComputeResource {
    const fields = settableFields<Fields>(body, part.settable, IGNORED);
    const name = checkName(fields.name);
    const path = `${parent}/${part.collection}/${name}`;
    if (this.parts.get(path)) {
      throw new GoogleError("ALREADY_EXISTS", `The resource '${path}' already exists`, "alreadyExists");
    }
    const own = {
      kind: `compute#${part.kind}`,
      id: String(randomInt(2 ** 47)),
      creationTimestamp: new Date().toISOString(),
      name,
      ...(parent.includes("/regions/") && { region: ROOT + parent }),
      selfLink: ROOT + path,
    };
    return this.put(part, path, { ...part.defaults, ...this.checked(part, parent, fields, mayUse), ...own });
  }

  /**
   * Replaces what can be set, or only what the body has.
   * @throws GoogleError NOT_FOUND; INVALID_ARGUMENT; PRECONDITION_FAILED if it has changed since the client read it.
   */
  change(part: Part, path: string, body: unknown, how: "replace" | "merge", mayUse: MayUse): ComputeResource {
    const current = this.get(path);
    const sent = settableFields<Fields>(body, part.settable, IGNORED);
    if (sent.fingerprint !== undefined && sent.fingerprint !== "" && sent.fingerprint !== current.fingerprint) {
      throw new GoogleError("PRECONDITION_FAILED", "Invalid fingerprint.", "conditionNotMet");
    }
    const parent = path.split("/").slice(0, -2).join("/");
    const [settable, fixed] = split(current, part);
    const wanted = { ...(how === "merge" ? settable : part.defaults), ...sent, name: current.name };
    return this.put(part, path, { ...fixed, ...this.checked(part, parent, wanted, mayUse) });
  }

  /** Replaces the labels of a rule. @throws GoogleError NOT_FOUND; PRECONDITION_FAILED as {@link change}. */
  setLabels(path: string, body: unknown): ComputeResource {
    const current = this.get(path);
    const { labels, labelFingerprint } = settableFields<Fields>(body, ["labels", "labelFingerprint"]);
    if (labelFingerprint !== current.labelFingerprint) {
      const problem = "Labels fingerprint either invalid or resource labels have changed";
      throw new GoogleError("PRECONDITION_FAILED", problem, "conditionNotMet");
    }
    const kept = without(current, "labels", "labelFingerprint");
    return this.put(RULES, path, isFields(labels) && Object.keys(labels).length > 0 ? { ...kept, labels } : kept);
  }

  /** @throws GoogleError NOT_FOUND; INVALID_ARGUMENT while another resource uses it. */
  delete(path: string): ComputeResource {
    const resource = this.get(path);
    this.refuseUsed(resource, path);
    this.parts.delete(path);
    return resource;
  }

  /** @throws GoogleError INVALID_ARGUMENT if a load balancer uses the resource. */
  refuseUsed(resource: ComputeResource, path: string): void {
    const [user] = this.usersOf(resource);
    if (user === undefined) return;
    const type = shortName(path.split("/").slice(0, -1).join("/"));
    const problem = `The ${type} resource '${path}' is already being used by '${user.slice(ROOT.length)}'`;
    throw new GoogleError("INVALID_ARGUMENT", problem, "resourceInUseByAnotherResource");
  }

  /** Links of the parts that use a resource. */
  usersOf({ address, selfLink }: ComputeResource): string[] {
    const used = [selfLink, ...(typeof address === "string" ? [address] : [])];
    return this.parts
      .values()
      .filter((part) => linksOf(part).some((link) => used.includes(String(link))))
      .map((part) => part.selfLink);
  }

  /**
   * Where a request for `https://DOMAIN` goes.
   * @returns Full name of a Cloud Run service; undefined without a rule whose proxy has an active certificate of the domain.
   */
  serviceOf(domain: string): string | undefined {
    for (const rule of this.ofKind(RULES)) {
      const proxy = this.linked(rule.target);
      const certificates = (proxy?.sslCertificates as string[] | undefined)?.map((link) => this.linked(link)) ?? [];
      const active = certificates.some((one) => one !== undefined && this.isActive(one) && hasDomain(one, domain));
      if (!active) continue;
      const map = this.linked(proxy?.urlMap);
      const [backend] = backendsOf(this.linked(map?.defaultService) ?? {});
      const group = this.linked(backend?.group);
      if (!group) return undefined;
      const [project = "", region = ""] = /projects\/([^/]+)\/regions\/([^/]+)/.exec(group.selfLink)?.slice(1) ?? [];
      const service = (group.cloudRun as { service: string }).service;
      return `projects/${project}/locations/${region}/services/${service}`;
    }
    return undefined;
  }

  private ofKind({ kind }: Part): ComputeResource[] {
    return this.parts.values().filter((part) => part.kind === `compute#${kind}`);
  }

  private linked(link: unknown): ComputeResource | undefined {
    return typeof link === "string" ? this.parts.get(link.slice(ROOT.length)) : undefined;
  }

  /** The fields of a part with full links, in place of names. */
  private checked(part: Part, parent: string, fields: Fields, mayUse: MayUse): Fields {
    const set = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
    for (const [field, values] of Object.entries(part.only)) {
      if (set[field] !== undefined && !values.includes(set[field])) throw unevaluated(field, set[field]);
    }
    for (const { collection, field, permission } of part.references) {
      if (set[field] === undefined) continue;
      const link = (name: unknown) => {
        mayUse(permission);
        return collection === "addresses"
          ? this.reserved(parent, name)
          : this.existing(`resource.${field}`, parent, collection, name);
      };
      set[field] = Array.isArray(set[field]) ? set[field].map(link) : link(set[field]);
    }
    if (part === ENDPOINT_GROUPS) checkEndpoints(set);
    if (part === BACKEND_SERVICES) return { ...set, backends: this.checkBackends(set, parent, mayUse) };
    if (part === URL_MAPS) require(set, "defaultService");
    if (part === CERTIFICATES) checkCertificate(set);
    if (part === PROXIES) {
      require(set, "urlMap");
      require(set, "sslCertificates");
    }
    return part === RULES ? this.checkRule(set) : set;
  }

  private existing(field: string, parent: string, collection: string, name: unknown): string {
    const project = parent.split("/").slice(0, 2).join("/");
    const path = String(name).replace(/^.*?(?=projects\/)/, "");
    const valid = path.startsWith(`${project}/`) && path.split("/").at(-2) === collection;
    if (!valid) throw malformed(field, name);
    this.get(path);
    return ROOT + path;
  }

  /** The address, itself or by name, which must be reserved and external. */
  private reserved(parent: string, name: unknown): string {
    const all = this.networks.list(`${parent}/addresses`);
    const path = String(name).replace(/^.*?(?=projects\/)/, "");
    const found = all.find(({ address, selfLink }) => address === name || selfLink === ROOT + path);
    if (found?.addressType !== "EXTERNAL") throw invalid("resource.IPAddress", name);
    return String(found.address);
  }

  private checkBackends(fields: Fields, parent: string, mayUse: MayUse): Fields[] {
    const project = parent.split("/")[1] ?? "";
    const { logConfig } = fields;
    require(fields, "loadBalancingScheme");
    if (isFields(logConfig) && logConfig.enable === true) throw unevaluated("logConfig.enable", true);
    const backends = backendsOf(fields).map((backend, index) => {
      const allowed = ["group", "balancingMode", "capacityScaler", "description"];
      const sent = settableFields<Fields>(backend, allowed);
      const { capacityScaler = 1, balancingMode = "UTILIZATION", group } = sent;
      if (capacityScaler !== 1) throw unevaluated("capacityScaler", capacityScaler);
      if (balancingMode !== "UTILIZATION") throw unevaluated("balancingMode", balancingMode);
      mayUse("compute.regionNetworkEndpointGroups.use");
      const place = `resource.backends[${index}].group`;
      const link = this.existing(place, `projects/${project}/global`, ENDPOINT_GROUPS.collection, group);
      return { ...sent, balancingMode, capacityScaler, group: link };
    });
    if (backends.length > 1) {
      const problem = "The embedded cloud does not evaluate which of several regions is nearest to a client.";
      throw new GoogleError("INVALID_ARGUMENT", problem, "invalid");
    }
    return backends;
  }

  private checkRule(fields: Fields): Fields {
    for (const field of ["IPAddress", "loadBalancingScheme", "portRange", "target"]) require(fields, field);
    const { IPAddress, portRange } = fields;
    const [, first = "", last = first] = /^(\d+)(?:-(\d+))?$/.exec(String(portRange)) ?? [];
    if (first !== last || !(Number(first) > 0 && Number(first) < 65536)) throw invalid("resource.portRange", portRange);
    const range = `${first}-${last}`;
    const other = this.ofKind(RULES).find((rule) => rule.IPAddress === IPAddress && rule.portRange === range);
    if (other && other.name !== fields.name) {
      const problem = `Invalid value for field 'resource.IPAddress': '${String(IPAddress)}'. Specified IP address is in-use and would result in a conflict.`;
      throw new GoogleError("INVALID_ARGUMENT", problem, "invalid");
    }
    return { ...fields, portRange: range };
  }

  /** A managed certificate with its status: https://cloud.google.com/load-balancing/docs/ssl-certificates/google-managed-certs */
  private issued(certificate: ComputeResource): ComputeResource {
    const { domains } = certificate.managed as { domains: string[] };
    const attached = this.isAttached(certificate);
    const active = this.isActive(certificate);
    const statusOf = (domain: string) => {
      if (!attached) return "PROVISIONING";
      return isLocal(domain) ? "ACTIVE" : "FAILED_NOT_VISIBLE";
    };
    const domainStatus = Object.fromEntries(domains.map((domain) => [domain, statusOf(domain)]));
    return {
      ...certificate,
      managed: { domains, status: active ? "ACTIVE" : "PROVISIONING", domainStatus },
      ...(active && { subjectAlternativeNames: domains }),
    };
  }

  private isActive(certificate: ComputeResource): boolean {
    const { domains } = certificate.managed as { domains: string[] };
    return this.isAttached(certificate) && domains.every(isLocal);
  }

  /** Whether a load balancer with an address uses a certificate. */
  private isAttached(certificate: ComputeResource): boolean {
    const proxies = this.usersOf(certificate);
    return this.ofKind(RULES).some(({ target }) => proxies.includes(String(target)));
  }

  private put({ hasFingerprint }: Part, path: string, resource: Fields): ComputeResource {
    const stored = hasFingerprint ? { ...resource, fingerprint: etagOf(without(resource, "fingerprint")) } : resource;
    return this.parts.put(path, stored as ComputeResource);
  }
}

/** Every name below `localhost` leads to this machine, and so to the embedded cloud; no other does. */
function isLocal(domain: string): boolean {
  return domain.endsWith(".localhost");
}

function hasDomain({ managed }: Fields, domain: string): boolean {
  return (managed as { domains: string[] }).domains.includes(domain);
}

function backendsOf({ backends = [] }: Fields): Fields[] {
  return backends as Fields[];
}

/** The links to other resources in a part, and its address. */
function linksOf(part: Fields): unknown[] {
  const { IPAddress, defaultService, sslCertificates = [], sslPolicy, target, urlMap } = part;
  const groups = backendsOf(part).map(({ group }) => group);
  return [IPAddress, defaultService, ...(sslCertificates as unknown[]), sslPolicy, target, urlMap, ...groups];
}

/** The fields of a part that clients may set, and the others. */
function split(resource: Fields, { settable }: Part): readonly [Fields, Fields] {
  const { true: own = [], false: others = [] } = Object.groupBy(Object.entries(resource), ([name]) =>
    settable.includes(name) ? "true" : "false",
  );
  return [Object.fromEntries(own), Object.fromEntries(others)];
}

/** A service of a single region; tags and URL masks are not evaluated. */
function checkEndpoints({ cloudRun, networkEndpointType }: Fields): void {
  if (networkEndpointType === undefined) throw invalid("resource.networkEndpointType", networkEndpointType);
  const { service } = settableFields<Fields>(cloudRun, ["service"]);
  if (typeof service !== "string" || service === "") throw invalid("resource.cloudRun.service", service);
}

/** https://cloud.google.com/compute/docs/reference/rest/v1/sslCertificates */
function checkCertificate({ managed, type }: Fields): void {
  if (type === undefined) throw unevaluated("type", "SELF_MANAGED");
  const { domains } = settableFields<Fields>(managed, ["domains"]);
  const valid = Array.isArray(domains) && domains.length > 0 && domains.length <= 100;
  if (!valid || !domains.every((domain) => typeof domain === "string" && isDomain(domain))) {
    throw invalid("resource.managed.domains", domains);
  }
}

/** A certificate's common name has at most 64 characters; Google manages no wildcards here. */
function isDomain(text: string): boolean {
  return text.length <= 64 && /^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])?$/i.test(text);
}

function require(fields: Fields, field: string): void {
  const value = fields[field];
  if (value !== undefined && !(Array.isArray(value) && value.length === 0)) return;
  throw new GoogleError("INVALID_ARGUMENT", `Required field 'resource.${field}' not specified`, "required");
}

function malformed(field: string, value: unknown): GoogleError {
  const problem = `Invalid value for field '${field}': '${String(value)}'. The URL is malformed.`;
  return new GoogleError("INVALID_ARGUMENT", problem, "invalid");
}

function unevaluated(field: string, value: unknown): GoogleError {
  const problem = `The embedded cloud does not evaluate ${field}=${JSON.stringify(value)}.`;
  return new GoogleError("INVALID_ARGUMENT", problem, "invalid");
}
