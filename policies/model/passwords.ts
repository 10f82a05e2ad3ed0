import type { Resource } from "./resource.ts";
import type { Types } from "./types.ts";

export const GENERATED = "random:index/randomPassword:RandomPassword";

/** The properties that hold a password or something made of one, by type. */
const CREDENTIALS: { readonly [Type in keyof Types]?: readonly (keyof Types[Type] & string)[] } = {
  "gcp:sql/user:User": ["password", "passwordWo"],
  "gcp:sql/databaseInstance:DatabaseInstance": ["rootPassword", "rootPasswordWo"],
  "gcp:secretmanager/secretVersion:SecretVersion": ["secretData", "secretDataWo"],
  "gcp:secretmanager/regionalSecretVersion:RegionalSecretVersion": ["secretData"],
};

/** The property of a resource that holds its credential, where it has one. */
export function credentialProperty({ type, props }: Resource): string | undefined {
  const properties: readonly string[] | undefined = CREDENTIALS[type as keyof Types];
  return properties?.find((property) => props[property] !== undefined && props[property] !== "");
}

/** The generated passwords that a resource's credential is made of, also where it takes it over from another resource. */
export function generatedPasswords(resource: Resource, seen: readonly Resource[] = []): Resource[] {
  const property = credentialProperty(resource);
  if (property === undefined || seen.includes(resource)) return [];
  const origins = resource.madeOf[property] ?? [];
  const own = origins.filter(({ type }) => type === GENERATED);
  return own.length > 0 ? own : origins.flatMap((origin) => generatedPasswords(origin, [...seen, resource]));
}
