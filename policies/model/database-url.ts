import { DATABASE_URL } from "../../infra/names.ts";
import { ofType, type Resource } from "./resource.ts";
import { refersTo, SECRETS, VERSIONS } from "./secrets.ts";
import { lastPart, text } from "./values.ts";
import { type Container, type Env, type Workload, workloads } from "./workloads.ts";

/** A workload's DATABASE_URL variables, at most one per container. */
export function databaseUrls({ env }: Workload): Env[] {
  return env.filter(({ name }) => name === DATABASE_URL);
}

/** A container that reads DATABASE_URL from a secret. */
export interface Reader {
  readonly run: Workload;
  readonly container: Container;
  readonly url: Reference;
}

type Reference = Env & { readonly secret: NonNullable<Env["secret"]> };

/** The containers that read DATABASE_URL from a secret. */
export function readers(resources: readonly Resource[]): Reader[] {
  return workloads(resources).flatMap((run) =>
    run.containers.flatMap((container) =>
      container.env.flatMap((url) =>
        url.name === DATABASE_URL && url.secret ? [{ run, container, url: { ...url, secret: url.secret } }] : [],
      ),
    ),
  );
}

/** Whether a workload needs the database: it mounts a socket or reads DATABASE_URL from a secret. */
export function needsDatabase(run: Workload): boolean {
  return run.sockets.length > 0 || databaseUrls(run).some(({ secret }) => secret);
}

/** The secrets that a variable may refer to: by id or, if that is not known, by the workload's dependencies. */
export function secretsOf({ run, url }: Reader, resources: readonly Resource[]): Resource[] {
  const all = ofType(resources, ...SECRETS);
  const { id } = url.secret;
  if (typeof id === "string") return all.filter(({ props }) => props.secretId === lastPart(id));
  return all.filter((one) => run.resource.madeOf.template?.includes(one));
}

/** The secret versions that a variable may refer to, even if another stack owns the secret. */
export function versionsRead(reader: Reader, resources: readonly Resource[]): Resource[] {
  const { id } = reader.url.secret;
  const secrets = secretsOf(reader, resources);
  return ofType(resources, ...VERSIONS).filter(
    (version) =>
      isMeant(version, reader.url) &&
      ((typeof id === "string" && lastPart(text(version.props.secret) ?? "") === lastPart(id)) ||
        secrets.some((secret) => refersTo(version, "secret", secret))),
  );
}

/** Whether a variable may refer to this version of its secret. */
export function isMeant({ props }: Resource, { secret }: Reference): boolean {
  if (props.enabled === false) return false;
  if (typeof secret.version !== "string" || secret.version === "latest") return true;
  return typeof props.version !== "string" || props.version === secret.version;
}
