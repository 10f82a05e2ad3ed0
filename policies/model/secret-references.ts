import { type ConnectionString, readConnectionString } from "./connection-strings.ts";
import { ofType, type Resource } from "./resource.ts";
import { dataOf, isNamed, refersTo, SECRETS, VERSIONS } from "./secrets.ts";
import { lastPart, text, type Value } from "./values.ts";
import { type Container, type Workload, workloads } from "./workloads.ts";

/** A secret that a workload reads: by a variable, or as a file of a volume. */
export interface Reference {
  readonly run: Workload;
  readonly path: string;
  /** The container whose variable it is; undefined for a volume. */
  readonly container?: Container;
  readonly variable?: string;
  /** The secret (id or full name) and the versions. */
  readonly id: Value;
  readonly versions: readonly Value[];
}

/** The variable that holds a connection string, or the path of a file with one, whatever the prefix. */
const URL_NAME =
  /(?:^|_)(?:DATABASE|DB|POSTGRES(?:QL)?|PG|SQL|MYSQL|JDBC|DATASOURCE|SQLALCHEMY)(?:_[A-Z]+)*_(?:URL|URI|DSN|CONNECTION_STRING)$/;

/** Whether a variable's name says that it holds the connection string of a database, such as `DATABASE_URL`. */
export function isUrlName(name: Value): boolean {
  return typeof name === "string" && URL_NAME.test(name);
}

/** Every secret that workloads read. */
export function references(resources: readonly Resource[]): Reference[] {
  return workloads(resources).flatMap(referencesOf);
}

/** The secrets that a workload reads. */
export function referencesOf(run: Workload): Reference[] {
  const volumes = run.secretVolumes.map(({ path, id, versions }): Reference => ({ run, path, id, versions }));
  const variables = run.containers.flatMap((container) =>
    container.env.flatMap(({ path, name, secret }): Reference[] => {
      if (!secret) return [];
      const variable = text(name);
      const { id, version } = secret;
      return [{ run, path, container, id, versions: [version], ...(variable !== undefined && { variable }) }];
    }),
  );
  return [...variables, ...volumes];
}

/** The variables that by their name hold a connection string from a secret. */
export function urlReferences(resources: readonly Resource[]): Reference[] {
  return references(resources).filter(({ variable }) => isUrlName(variable));
}

/** Whether a workload needs a database: it mounts a socket, or reads a connection string from a secret. */
export function needsDatabase(run: Workload): boolean {
  return run.sockets.length > 0 || referencesOf(run).some(({ variable }) => isUrlName(variable));
}

/** The secrets of the stack that a workload may mean: by id or, if that is not known, by the workload's dependencies. */
export function secretsOf({ run, id }: Reference, resources: readonly Resource[]): Resource[] {
  const all = ofType(resources, ...SECRETS);
  if (typeof id === "string") return all.filter((one) => isNamed(one, id));
  return all.filter((one) => run.resource.madeOf.template?.includes(one));
}

/**
 * What each reference of a workload means. References whose ids are not known yet are told apart if the workload depends on
 * no more secrets than it has such references: then it reads all of them.
 */
export function meanings(
  run: Workload,
  resources: readonly Resource[],
): { readonly reference: Reference; readonly secrets: readonly Resource[] }[] {
  const found = referencesOf(run).map((reference) => ({ reference, secrets: secretsOf(reference, resources) }));
  const known = found.filter(({ reference }) => typeof reference.id === "string");
  const unknown = found.filter(({ reference }) => typeof reference.id !== "string");
  const candidates = (unknown[0]?.secrets ?? []).filter(
    (secret) => !known.some(({ secrets }) => secrets.includes(secret)),
  );
  if (candidates.length > unknown.length) return found;
  return [
    ...known,
    ...unknown.map(({ reference, secrets }, index) => {
      const own = candidates[index];
      return { reference, secrets: own ? [own] : secrets };
    }),
  ];
}

/** The secret versions that a reference may mean, even if another stack owns the secret. */
export function versionsRead(reference: Reference, resources: readonly Resource[]): Resource[] {
  const secrets = secretsOf(reference, resources);
  return ofType(resources, ...VERSIONS).filter(
    (version) =>
      isMeant(version, reference) &&
      (isSameSecret(version.props.secret, reference.id) ||
        secrets.some((secret) => refersTo(version, "secret", secret))),
  );
}

function isSameSecret(one: Value, other: Value): boolean {
  return typeof one === "string" && typeof other === "string" && lastPart(one) === lastPart(other);
}

/** Whether a reference may mean this version of its secret. */
export function isMeant({ props }: Resource, { versions }: Reference): boolean {
  if (props.enabled === false) return false;
  return (
    versions.length === 0 ||
    versions.some(
      (wanted) =>
        typeof wanted !== "string" ||
        wanted === "latest" ||
        typeof props.version !== "string" ||
        props.version === wanted,
    )
  );
}

/** A connection string in a secret version that a workload reads. */
export interface Read {
  readonly reference: Reference;
  readonly version: Resource;
  readonly value: string;
  /** Undefined if it is in no form that is read here. */
  readonly parsed: ConnectionString | undefined;
}

/** The known values of secrets that workloads read and that are connection strings, by their form or by the variable's name. */
export function connectionStrings(resources: readonly Resource[]): Read[] {
  return references(resources).flatMap((reference) =>
    versionsRead(reference, resources).flatMap((version): Read[] => {
      const value = text(dataOf(version));
      if (value === undefined) return [];
      const parsed = readConnectionString(value);
      return parsed !== undefined || isUrlName(reference.variable) ? [{ reference, version, value, parsed }] : [];
    }),
  );
}
