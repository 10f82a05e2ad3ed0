import { parseConnectionName, parseConnectionString } from "../../infra/connection.ts";
import { mentions } from "./mentions.ts";
import type { Names } from "./references.ts";
import { type Resource, text } from "./resource.ts";
import { lastPart, workload } from "./workloads.ts";

/** The types of a secret's versions. */
export const VERSIONS = [
  "gcp:secretmanager/secretVersion:SecretVersion",
  "gcp:secretmanager/regionalSecretVersion:RegionalSecretVersion",
];

/** The types of secrets. */
export const SECRETS = ["gcp:secretmanager/secret:Secret", "gcp:secretmanager/regionalSecret:RegionalSecret"];

/** The type of Cloud SQL instances. */
export const INSTANCE = "gcp:sql/databaseInstance:DatabaseInstance";

/** The names by which a workload reaches its database: over the secret's versions to the login, and to the instance. */
export function wiring(resource: Resource): Names {
  const { type, props } = resource;
  // What is not known yet joins nothing.
  const named = (kind: string, ...properties: string[]) => {
    const parts = properties.map((property) => text(props[property]));
    return parts.includes(undefined) ? [] : [[kind, ...parts.map((part = "") => lastPart(part))].join(" ")];
  };
  const instances = mentions(resource).flatMap(({ name }) => {
    const parsed = parseConnectionName(name);
    return parsed.ok ? `instance ${parsed.value.instance}` : [];
  });
  if (VERSIONS.includes(type)) {
    const parsed = parseConnectionString(text(dataOf(resource)) ?? "");
    const login = parsed.ok ? [`login ${parsed.value.instance.instance} ${parsed.value.user}`] : [];
    return { own: named("secret", "secret"), others: [...instances, ...login] };
  }
  if (SECRETS.includes(type)) return { own: named("secret", "secretId"), others: instances };
  if (type === INSTANCE) return { own: named("instance", "name"), others: [] };
  if (type === "gcp:sql/user:User") return { own: named("login", "instance", "name"), others: [] };
  const secrets = (workload(resource)?.env ?? []).flatMap(({ secret }) => text(secret?.id) ?? []);
  return { own: [], others: [...instances, ...secrets.map((secret) => `secret ${lastPart(secret)}`)] };
}

/** The value of a secret's version. */
export function dataOf({ props }: Resource) {
  return props.secretData ?? props.secretDataWo;
}
