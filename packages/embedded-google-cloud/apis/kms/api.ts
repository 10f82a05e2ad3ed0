import type { FastifyInstance, FastifyRequest } from "fastify";
import { GoogleError } from "../../rest/errors.ts";
import { applyMask, type Fields } from "../../rest/fields.ts";
import type { Resource } from "../../iam/access.ts";
import type { PolicyRequests } from "../../iam/requests.ts";
import { page, type PageQuery } from "../../rest/pages.ts";
import type { Projects } from "../../server/projects.ts";
import type { Api } from "../../server/server.ts";
import type { Collection, Store } from "../../state/store.ts";
import { CHANGEABLE, checked, checkId, type CryptoKey, type KeyRing, newKey, readKey } from "./key.ts";

const SERVICE = "cloudkms.googleapis.com";
/** https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings/list */
const PAGE_LIMIT = 1000;

interface Params {
  project: string;
  location: string;
  ring: string;
  key: string;
}

interface Query extends PageQuery {
  keyRingId?: string;
  cryptoKeyId?: string;
  updateMask?: string;
  "options.requestedPolicyVersion"?: string;
}
interface Route {
  Params: Params;
  Querystring: Query;
  Body: Fields;
}

/** Cloud KMS v1: key rings, keys and their policies. Nothing is encrypted. */
export class Kms implements Api {
  private readonly rings: Collection<KeyRing>;
  private readonly keys: Collection<CryptoKey>;
  private readonly projects: Projects;
  private readonly iam: PolicyRequests;

  constructor(store: Store, projects: Projects, iam: PolicyRequests) {
    this.projects = projects;
    this.iam = iam;
    this.rings = store.collection("kms-key-rings");
    this.keys = store.collection("kms-crypto-keys");
  }

  routes(app: FastifyInstance): void {
    const inProject = (permission: string) => ({ config: { service: SERVICE, permission } });
    const onRing = (permission?: string) => this.on(permission, (params) => this.ringResource(params));
    const onKey = (permission?: string) => this.on(permission, (params) => this.keyResource(params));

    const rings = "/v1/projects/:project/locations/:location/keyRings";
    app.post<Route>(rings, inProject("cloudkms.keyRings.create"), ({ params, query }) => {
      const { name } = this.ringResource({ ...params, ring: checkId(query.keyRingId, "KeyRing id") });
      if (this.rings.get(name)) throw new GoogleError("ALREADY_EXISTS", `KeyRing ${name} already exists.`);
      return this.rings.put(name, { name, createTime: new Date().toISOString() });
    });
    app.get<Route>(rings, inProject("cloudkms.keyRings.list"), ({ params, query }) => {
      const { name: prefix } = this.ringResource({ ...params, ring: "" });
      const all = this.rings.values().filter(({ name }) => name.startsWith(prefix));
      const { items, ...rest } = page(all, ({ name }) => name, query, PAGE_LIMIT);
      return { keyRings: items, ...rest, totalSize: all.length };
    });
    app.get<Route>(`${rings}/:ring`, onRing("cloudkms.keyRings.get"), ({ params }) => this.ring(params));
    this.policyRoutes(app, `${rings}/:ring(^[^:]+)`, "cloudkms.keyRings", onRing, (params) => {
      this.ring(params);
      return this.ringResource(params);
    });

    const keys = `${rings}/:ring/cryptoKeys`;
    app.post<Route>(keys, onRing("cloudkms.cryptoKeys.create"), ({ params, query, body }) => {
      this.ring(params);
      const { name } = this.keyResource({ ...params, key: checkId(query.cryptoKeyId, "CryptoKey id") });
      if (this.keys.get(name)) throw new GoogleError("ALREADY_EXISTS", `CryptoKey ${name} already exists.`);
      return this.keys.put(name, newKey(name, readKey(body)));
    });
    app.get<Route>(keys, onRing("cloudkms.cryptoKeys.list"), ({ params, query }) => {
      const { name: prefix } = this.keyResource({ ...params, key: "" });
      const all = this.keys.values().filter(({ name }) => name.startsWith(prefix));
      const { items, ...rest } = page(all, ({ name }) => name, query, PAGE_LIMIT);
      return { cryptoKeys: items, ...rest, totalSize: all.length };
    });
    app.get<Route>(`${keys}/:key`, onKey("cloudkms.cryptoKeys.get"), ({ params }) => this.key(params));
    app.patch<Route>(`${keys}/:key`, onKey("cloudkms.cryptoKeys.update"), ({ params, query, body }) => {
      const key = this.key(params);
      return this.keys.put(key.name, checked(applyMask(key, readKey(body), query.updateMask, CHANGEABLE)));
    });
    app.get<Route>(`${keys}/:key/cryptoKeyVersions`, onKey("cloudkms.cryptoKeyVersions.list"), ({ params }) => ({
      cryptoKeyVersions: [this.key(params).primary],
      totalSize: 1,
    }));
    this.policyRoutes(app, `${keys}/:key(^[^:]+)`, "cloudkms.cryptoKeys", onKey, (params) => {
      this.key(params);
      return this.keyResource(params);
    });
  }

  /** @param existing Returns the resource, or throws if it does not exist. */
  private policyRoutes(
    app: FastifyInstance,
    one: string,
    permissions: string,
    on: (permission?: string) => object,
    existing: (params: Params) => Resource,
  ): void {
    app.get<Route>(`${one}::getIamPolicy`, on(`${permissions}.getIamPolicy`), ({ params, query }) =>
      this.iam.get(existing(params), query["options.requestedPolicyVersion"]),
    );
    app.post<Route>(`${one}::setIamPolicy`, on(`${permissions}.setIamPolicy`), ({ params, body }) =>
      this.iam.set(existing(params), body.policy, body.updateMask),
    );
    app.post<Route>(`${one}::testIamPermissions`, on(), ({ params, body, caller }) =>
      this.iam.test(caller, existing(params), body.permissions),
    );
  }

  private on(permission: string | undefined, resource: (params: Params) => Resource) {
    const inPath = ({ params }: FastifyRequest) => resource(params as Params);
    return { config: { service: SERVICE, ...(permission && { permission }), resource: inPath } };
  }

  private ring(params: Params): KeyRing {
    const { name } = this.ringResource(params);
    const ring = this.rings.get(name);
    if (!ring) throw new GoogleError("NOT_FOUND", `KeyRing ${name} not found.`);
    return ring;
  }

  private key(params: Params): CryptoKey {
    const { name } = this.keyResource(params);
    const key = this.keys.get(name);
    if (!key) throw new GoogleError("NOT_FOUND", `CryptoKey ${name} not found.`);
    return key;
  }

  private ringResource({ project, location, ring }: Pick<Params, "project" | "location" | "ring">): Resource {
    const id = this.projects.id(project);
    const name = `projects/${id}/locations/${location}/keyRings/${ring}`;
    return { project: id, service: SERVICE, type: `${SERVICE}/KeyRing`, name };
  }

  private keyResource(params: Params): Resource {
    const ring = this.ringResource(params);
    return { ...ring, type: `${SERVICE}/CryptoKey`, name: `${ring.name}/cryptoKeys/${params.key}` };
  }
}
