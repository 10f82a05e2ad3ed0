import { ofType, type Resource } from "./resource.ts";
import { lastPart } from "./values.ts";

/** The types of secret versions. */
export const VERSIONS = [
  "gcp:secretmanager/secretVersion:SecretVersion",
  "gcp:secretmanager/regionalSecretVersion:RegionalSecretVersion",
] as const;

/** The types of secrets. */
export const SECRETS = ["gcp:secretmanager/secret:Secret", "gcp:secretmanager/regionalSecret:RegionalSecret"] as const;

/** The value of a secret version. */
export function dataOf({ props }: Resource) {
  return props.secretData ?? props.secretDataWo;
}

/** The resources that a secret version's value is derived from. */
export function originsOf({ madeOf }: Resource): Resource[] {
  return [...(madeOf.secretData ?? []), ...(madeOf.secretDataWo ?? [])];
}

/** Whether a property names a secret: by id or, if that is not known, by the property's dependencies. */
export function refersTo(resource: Resource, property: "secret" | "secretId", secret: Resource): boolean {
  const name = resource.props[property];
  if (typeof name === "string") return isNamed(secret, name);
  return resource.madeOf[property]?.includes(secret) ?? false;
}

/** Whether a text, an id or a full name, names a secret; one with another project's id does not. */
export function isNamed({ props, provider }: Resource, name: string): boolean {
  const [, project] = /^projects\/([^/]+)\//.exec(name) ?? [];
  const own = props.project ?? provider.project;
  // The full name of an existing secret has the project's number.
  const elsewhere = project !== undefined && !/^\d+$/.test(project) && typeof own === "string" && own !== project;
  return !elsewhere && lastPart(name) === props.secretId;
}

/** The versions of these secrets. */
export function versionsOf(secrets: readonly Resource[], resources: readonly Resource[]): Resource[] {
  return ofType(resources, ...VERSIONS).filter((version) =>
    secrets.some((secret) => refersTo(version, "secret", secret)),
  );
}
