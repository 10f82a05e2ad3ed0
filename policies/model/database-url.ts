import { DATABASE_URL } from "../../infra/names.ts";
import { ofType, type Resource } from "./resource.ts";
import { refersTo, SECRETS, VERSIONS } from "./secrets.ts";
import { lastPart, text } from "./values.ts";
import { type Container, type Env, type Workload, workloads } from "./workloads.ts";

/** The variables that a workload reads its connection string from, one for each container that has one. */
export function databaseUrls({ env }: Workload): Env[] {
  return env.filter(({ name }) => name === DATABASE_URL);
}

/** A container that reads a connection string from a secret. */
export interface Reader {
  readonly run: Workload;
  readonly container: Container;
  readonly url: Reference;
}

type Reference = Env & { readonly secret: NonNullable<Env["secret"]> };

/** The containers that read a connection string from a secret. */
export function readers(resources: readonly Resource[]): Reader[] {
  return workloads(resources).flatMap((run) =>
    run.containers.flatMap((container) =>
      container.env.flatMap((url) =>
        url.name === DATABASE_URL && url.secret ? [{ run, container, url: { ...url, secret: url.secret } }] : [],
      ),
    ),
  );
}

/** Whether a workload needs the database: it mounts a socket, or reads a connection string from a secret. */
export function needsDatabase(run: Workload): boolean {
  return run.sockets.length > 0 || databaseUrls(run).some(({ secret }) => secret);
}

/** The secret a variable refers to: by its id, or where that is not known, one that the workload is made of. */
export function secretsOf({ run, url }: Reader, resources: readonly Resource[]): Resource[] {
  const all = ofType(resources, ...SECRETS);
  const { id } = url.secret;
  if (typeof id === "string") return all.filter(({ props }) => props.secretId === lastPart(id));
  return all.filter((one) => run.resource.madeOf.template?.includes(one));
}

/** The versions that a variable may be taken from, also where another stack has their secret. */
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

/** Whether a version can be the one that is referred to. */
export function isMeant({ props }: Resource, { secret }: Reference): boolean {
  if (props.enabled === false) return false;
  if (typeof secret.version !== "string" || secret.version === "latest") return true;
  return typeof props.version !== "string" || props.version === secret.version;
}
