import { parseConnectionName } from "../../infra/connection.ts";
import { readConnectionString } from "./connection-strings.ts";
import { referencesOf } from "./secret-references.ts";
import { INSTANCE } from "./instances.ts";
import { mentions } from "./connection-names.ts";
import { loginOf } from "./logins.ts";
import type { Names } from "./references.ts";
import { isA, type Resource } from "./resource.ts";
import { dataOf, SECRETS, VERSIONS } from "./secrets.ts";
import { lastPart, text, type Value } from "./values.ts";
import { workload } from "./workloads.ts";

/** The names that connect a workload to its database: through secret versions to the login, and to the instance. */
export function wiring(resource: Resource): Names {
  const instances = mentions(resource).flatMap(({ name }) =>
    instanceOf(name).map((instance) => `instance ${instance}`),
  );
  if (isA(resource, ...VERSIONS)) {
    const { instance = "", user } = readConnectionString(text(dataOf(resource)) ?? "") ?? {};
    const login = instanceOf(instance).flatMap((name) => [
      `instance ${name}`,
      ...(user ? [`login ${name} ${user}`] : []),
    ]);
    return { own: named("secret", resource.props.secret), others: [...instances, ...login] };
  }
  if (isA(resource, ...SECRETS)) return { own: named("secret", resource.props.secretId), others: instances };
  if (isA(resource, INSTANCE)) return { own: named("instance", resource.props.name), others: [] };
  if (isA(resource, "gcp:sql/user:User"))
    return { own: named("login", resource.props.instance, resource.props.name), others: [] };
  const run = workload(resource);
  const secrets = (run ? referencesOf(run) : []).flatMap(({ id }) => text(id) ?? []);
  const logins = (run?.containers ?? []).flatMap((container) => {
    const { instance = "", user } = loginOf(container) ?? {};
    return user === undefined ? [] : instanceOf(instance).map((name) => `login ${name} ${user}`);
  });
  return { own: [], others: [...instances, ...logins, ...secrets.map((secret) => `secret ${lastPart(secret)}`)] };
}

function instanceOf(connectionName: string): string[] {
  const parsed = parseConnectionName(connectionName);
  return parsed.ok ? [parsed.value.instance] : [];
}

/** The kind and the last part of each name; empty if a name is not known yet, so that it connects nothing. */
function named(kind: string, ...names: readonly Value[]): string[] {
  const known = names.flatMap((name) => text(name) ?? []);
  return known.length < names.length ? [] : [[kind, ...known.map(lastPart)].join(" ")];
}
