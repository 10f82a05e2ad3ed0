import type { Resource } from "./resource.ts";
import type { Types } from "./types.ts";

export const GENERATED = "random:index/randomPassword:RandomPassword";

/** The properties that hold a password or a text derived from one, by type. */
const CREDENTIALS: { readonly [Type in keyof Types]?: readonly (keyof Types[Type] & string)[] } = {
  "gcp:sql/user:User": ["password", "passwordWo"],
  "gcp:sql/databaseInstance:DatabaseInstance": ["rootPassword", "rootPasswordWo"],
  "gcp:secretmanager/secretVersion:SecretVersion": ["secretData", "secretDataWo"],
  "gcp:secretmanager/regionalSecretVersion:RegionalSecretVersion": ["secretData"],
};

/** The property that holds a resource's credential, if any. */
export function credentialProperty({ type, props }: Resource): string | undefined {
  const properties: readonly string[] | undefined = CREDENTIALS[type as keyof Types];
  return properties?.find((property) => props[property] !== undefined && props[property] !== "");
}

/** The generated passwords that a resource's credential is derived from, directly or through other resources. */
export function generatedPasswords(resource: Resource, seen: readonly Resource[] = []): Resource[] {
  const property = credentialProperty(resource);
  if (property === undefined || seen.includes(resource)) return [];
  const origins = resource.madeOf[property] ?? [];
  const own = origins.filter(({ type }) => type === GENERATED);
  return own.length > 0 ? own : origins.flatMap((origin) => generatedPasswords(origin, [...seen, resource]));
}
