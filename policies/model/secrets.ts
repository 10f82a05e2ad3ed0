import { ofType, type Resource } from "./resource.ts";
import { lastPart } from "./values.ts";

/** The types of a secret's versions. */
export const VERSIONS = [
  "gcp:secretmanager/secretVersion:SecretVersion",
  "gcp:secretmanager/regionalSecretVersion:RegionalSecretVersion",
] as const;

/** The types of secrets. */
export const SECRETS = ["gcp:secretmanager/secret:Secret", "gcp:secretmanager/regionalSecret:RegionalSecret"] as const;

/** The value of a secret's version. */
export function dataOf({ props }: Resource) {
  return props.secretData ?? props.secretDataWo;
}

/** What the value of a secret's version is made of. */
export function originsOf({ madeOf }: Resource): Resource[] {
  return [...(madeOf.secretData ?? []), ...(madeOf.secretDataWo ?? [])];
}

/** Whether a property names a secret: by its id, or where that is not known, by what it is made of. */
export function refersTo(resource: Resource, property: "secret" | "secretId", secret: Resource): boolean {
  const name = resource.props[property];
  if (typeof name === "string") return lastPart(name) === secret.props.secretId;
  return resource.madeOf[property]?.includes(secret) ?? false;
}

/** The versions of any of these secrets. */
export function versionsOf(secrets: readonly Resource[], resources: readonly Resource[]): Resource[] {
  return ofType(resources, ...VERSIONS).filter((version) =>
    secrets.some((secret) => refersTo(version, "secret", secret)),
  );
}
