import { parseConnectionName, parseConnectionString } from "../../infra/connection.ts";
import { INSTANCE } from "./instances.ts";
import { mentions } from "./connection-names.ts";
import type { Names } from "./references.ts";
import { isA, type Resource } from "./resource.ts";
import { dataOf, SECRETS, VERSIONS } from "./secrets.ts";
import { lastPart, text, type Value } from "./values.ts";
import { workload } from "./workloads.ts";

/** The names that connect a workload to its database: through secret versions to the login, and to the instance. */
export function wiring(resource: Resource): Names {
  const instances = mentions(resource).flatMap(({ name }) => {
    const parsed = parseConnectionName(name);
    return parsed.ok ? `instance ${parsed.value.instance}` : [];
  });
  if (isA(resource, ...VERSIONS)) {
    const parsed = parseConnectionString(text(dataOf(resource)) ?? "");
    const login = parsed.ok ? [`login ${parsed.value.instance.instance} ${parsed.value.user}`] : [];
    return { own: named("secret", resource.props.secret), others: [...instances, ...login] };
  }
  if (isA(resource, ...SECRETS)) return { own: named("secret", resource.props.secretId), others: instances };
  if (isA(resource, INSTANCE)) return { own: named("instance", resource.props.name), others: [] };
  if (isA(resource, "gcp:sql/user:User"))
    return { own: named("login", resource.props.instance, resource.props.name), others: [] };
  const secrets = (workload(resource)?.env ?? []).flatMap(({ secret }) => text(secret?.id) ?? []);
  return { own: [], others: [...instances, ...secrets.map((secret) => `secret ${lastPart(secret)}`)] };
}

/** The kind and the last part of each name; empty if a name is not known yet, so that it connects nothing. */
function named(kind: string, ...names: readonly Value[]): string[] {
  const known = names.flatMap((name) => text(name) ?? []);
  return known.length < names.length ? [] : [[kind, ...known.map(lastPart)].join(" ")];
}
