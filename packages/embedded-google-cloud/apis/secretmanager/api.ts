import type { FastifyInstance, FastifyRequest } from "fastify";
import { crc32c } from "../../rest/crc32c.ts";
import { GoogleError } from "../../rest/errors.ts";
import { applyMask, type Fields } from "../../rest/fields.ts";
import { type Access, fullName, type Resource } from "../../iam/access.ts";
import type { Policies } from "../../iam/policies.ts";
import type { PolicyRequests } from "../../iam/requests.ts";
import { page, type PageQuery } from "../../rest/pages.ts";
import type { Projects } from "../../server/projects.ts";
import type { Api } from "../../server/server.ts";
import type { Store } from "../../state/store.ts";
import { parseFilter } from "../logging/filter.ts";
import { CHANGEABLE, checkEtag, newSecret, readSecret, sealed } from "./secret.ts";
import { Secrets } from "./secrets.ts";
import {
  describe,
  findVersion,
  moved,
  newVersion,
  payload,
  destroyed,
  due,
  type StoredSecret,
  type Version,
  versionName,
} from "./version.ts";

const SERVICE = "secretmanager.googleapis.com";
/** https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets/list: at most 25,000 a page. */
const PAGE_LIMIT = 25_000;

interface Params {
  project: string;
  secret: string;
  version: string;
}

interface Query extends PageQuery {
  secretId?: string;
  filter?: string;
  updateMask?: string;
  etag?: string;
  "options.requestedPolicyVersion"?: string;
}
interface Route {
  Params: Params;
  Querystring: Query;
  Body: Fields;
}

/** Secret Manager v1. Requests may name a project by its id or its number; answers name it by its number. */
export class SecretManager implements Api {
  private readonly secrets: Secrets;
  private readonly projects: Projects;
  private readonly access: Access;
  private readonly policies: Policies;
  private readonly iam: PolicyRequests;

  constructor(store: Store, projects: Projects, access: Access, policies: Policies, iam: PolicyRequests) {
    this.projects = projects;
    this.access = access;
    this.policies = policies;
    this.iam = iam;
    this.secrets = new Secrets(store);
  }

  /**
   * Reads a secret's value on behalf of a member.
   * @param name `projects/P/secrets/S/versions/V`: P is an id or a number, V a number or `latest`.
   * @param member Such as `serviceAccount:EMAIL`; needs `secretmanager.versions.access`.
   * @throws GoogleError PERMISSION_DENIED; NOT_FOUND; FAILED_PRECONDITION for a disabled or destroyed version.
   */
  accessVersion(name: string, member: string): Buffer {
    const [, project, secret, version] = /^projects\/([^/]+)\/secrets\/([^/]+)\/versions\/([^/]+)$/.exec(name) ?? [];
    if (project === undefined || secret === undefined || version === undefined) {
      throw new GoogleError(
        "INVALID_ARGUMENT",
        `The provided Secret ID [${name}] does not match the expected format [projects/*/secrets/*/versions/*]`,
      );
    }
    const params = { project, secret, version };
    this.access.require(member, "secretmanager.versions.access", this.versionResource(params));
    const stored = this.stored(params);
    return payload(stored.secret, findVersion(stored, version));
  }

  routes(app: FastifyInstance): void {
    const onProject = (permission: string) => ({ config: { service: SERVICE, permission } });
    const onSecret = (permission: string) => {
      const resource = ({ params }: FastifyRequest) => this.secretResource(params as Params);
      return { config: { service: SERVICE, permission, resource } };
    };
    const onVersion = (permission: string) => {
      const resource = ({ params }: FastifyRequest) => this.versionResource(params as Params);
      return { config: { service: SERVICE, permission, resource } };
    };

    const secrets = "/v1/projects/:project/secrets";
    app.post<Route>(secrets, onProject("secretmanager.secrets.create"), ({ params, query, body }) => {
      const secret = newSecret(this.projects.number(params.project), query.secretId, readSecret(body));
      if (this.secrets.get(secret.name)) {
        throw new GoogleError("ALREADY_EXISTS", `Secret [${secret.name}] already exists.`);
      }
      return this.secrets.put(secret);
    });
    app.get<Route>(secrets, onProject("secretmanager.secrets.list"), ({ params, query }) => {
      const prefix = `projects/${this.projects.number(params.project)}/`;
      const isWanted = filterOf(query.filter);
      const all = this.secrets.list().filter((secret) => secret.name.startsWith(prefix) && isWanted(secret));
      const { items, ...rest } = page(all, ({ name }) => name, query, PAGE_LIMIT);
      return { secrets: items, ...rest, totalSize: all.length };
    });

    const one = `${secrets}/:secret`;
    app.get<Route>(one, onSecret("secretmanager.secrets.get"), ({ params }) => this.stored(params).secret);
    app.patch<Route>(one, onSecret("secretmanager.secrets.update"), ({ params, query, body }) => {
      const { secret } = this.stored(params);
      const change = readSecret(body);
      checkEtag(secret, body.etag);
      const mask = query.updateMask?.replace(/(^|,)ttl(?=,|$)/, "$1expireTime");
      return this.secrets.put(sealed(applyMask(secret, change, mask, CHANGEABLE)));
    });
    app.delete<Route>(one, onSecret("secretmanager.secrets.delete"), ({ params, query }) => {
      const { secret } = this.stored(params);
      checkEtag(secret, query.etag);
      this.policies.delete(fullName(this.secretResource(params)));
      this.secrets.delete(secret.name);
      return {};
    });

    const oneWithVerb = `${secrets}/:secret(^[^:]+)`;
    app.post<Route>(`${oneWithVerb}::addVersion`, onSecret("secretmanager.versions.add"), ({ params, body }) => {
      const { secret, versions } = this.stored(params);
      const version = newVersion(body, versions.length + 1);
      this.secrets.putVersion(secret.name, version);
      return describe(secret, version);
    });
    app.get<Route>(
      `${oneWithVerb}::getIamPolicy`,
      onSecret("secretmanager.secrets.getIamPolicy"),
      ({ params, query }) => {
        this.stored(params);
        return this.iam.get(this.secretResource(params), query["options.requestedPolicyVersion"]);
      },
    );
    app.post<Route>(
      `${oneWithVerb}::setIamPolicy`,
      onSecret("secretmanager.secrets.setIamPolicy"),
      ({ params, body }) => {
        this.stored(params);
        return this.iam.set(this.secretResource(params), body.policy, body.updateMask);
      },
    );
    app.post<Route>(
      `${oneWithVerb}::testIamPermissions`,
      { config: { service: SERVICE } },
      ({ params, body, caller }) => this.iam.test(caller, this.secretResource(params), body.permissions),
    );

    const versions = `${one}/versions`;
    app.get<Route>(versions, onSecret("secretmanager.versions.list"), ({ params, query }) => {
      const stored = this.stored(params);
      const isWanted = filterOf(query.filter);
      const all = stored.versions.toReversed().filter((version) => isWanted(describe(stored.secret, version)));
      const newestFirst = ({ number }: Version) => String(1e9 - number);
      const { items, ...rest } = page(all, newestFirst, query, PAGE_LIMIT);
      return { versions: items.map((version) => describe(stored.secret, version)), ...rest, totalSize: all.length };
    });
    app.get<Route>(`${versions}/:version`, onVersion("secretmanager.versions.get"), ({ params }) => {
      const stored = this.stored(params);
      return describe(stored.secret, findVersion(stored, params.version));
    });
    app.get<Route>(`${versions}/:version(^[^:]+)::access`, onVersion("secretmanager.versions.access"), ({ params }) => {
      const stored = this.stored(params);
      const version = findVersion(stored, params.version);
      const data = payload(stored.secret, version);
      const read = { data: data.toString("base64"), dataCrc32c: String(crc32c(data)) };
      return { name: versionName(stored.secret, version), payload: read };
    });
    for (const verb of ["enable", "disable", "destroy"] as const) {
      app.post<Route>(
        `${versions}/:version(^[^:]+)::${verb}`,
        onVersion(`secretmanager.versions.${verb}`),
        ({ params, body }) => {
          const stored = this.stored(params);
          const version = findVersion(stored, params.version);
          checkEtag(describe(stored.secret, version), body.etag);
          const next = moved(stored.secret, version, verb);
          this.secrets.putVersion(stored.secret.name, next);
          return describe(stored.secret, next);
        },
      );
    }
  }

  private stored(params: Pick<Params, "project" | "secret">): StoredSecret {
    const { name } = this.secretResource(params);
    const stored = this.secrets.get(name);
    if (!stored) throw new GoogleError("NOT_FOUND", `Secret [${name}] not found.`);
    for (const version of due(stored)) this.secrets.putVersion(name, destroyed(version));
    return stored;
  }

  private secretResource({ project, secret }: Pick<Params, "project" | "secret">): Resource {
    return {
      project: this.projects.id(project),
      service: SERVICE,
      type: `${SERVICE}/Secret`,
      name: `projects/${this.projects.number(project)}/secrets/${secret}`,
    };
  }

  private versionResource(params: Params): Resource {
    const secret = this.secretResource(params);
    return { ...secret, type: `${SERVICE}/SecretVersion`, name: `${secret.name}/versions/${params.version}` };
  }
}

/**
 * A filter of secrets or versions, whose fields may be written as `create_time` too.
 * https://cloud.google.com/secret-manager/docs/filtering
 * @throws GoogleError INVALID_ARGUMENT for a syntax error, or a word without a field.
 */
function filterOf(text = ""): (resource: object) => boolean {
  if (text === "") return () => true;
  const matches = parseFilter(text, false);
  const snakeCase = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return (resource) => {
    const fields = Object.entries(resource) as [string, unknown][];
    return matches(
      Object.fromEntries(
        fields.flatMap(([name, value]) => [
          [name, value],
          [snakeCase(name), value],
        ]),
      ),
    );
  };
}
