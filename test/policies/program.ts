import * as pulumi from "@pulumi/pulumi";
import type { Declared } from "./declare.ts";

class Resource extends pulumi.CustomResource {}

/** Declares a test's resources in a real program, each after its dependencies, with a prefix before their names. */
export function declareResources(prefix: string, declared: readonly Declared[]): pulumi.Resource[] {
  const created = new Map<string, Resource>();
  const isReady = ({ dependsOn = [], madeOf = {} }: Declared, rest: readonly Declared[]) =>
    [...dependsOn, ...Object.values(madeOf).flat()].every((name) => !rest.some((other) => other.name === name));
  const origins = (names: readonly string[] = []) => names.flatMap((name) => created.get(name) ?? []);
  const add = ({ type, name, props, protect = false, dependsOn, madeOf }: Declared) => {
    const values = Object.entries(props).map(([key, value]) => {
      const from = origins(madeOf?.[key]);
      return [key, from.length > 0 ? pulumi.all(from.map(({ urn }) => urn)).apply(() => value) : value] as const;
    });
    const options = { protect, dependsOn: origins(dependsOn) };
    created.set(name, new Resource(type, `${prefix}-${name}`, Object.fromEntries(values), options));
  };
  let rest = [...declared];
  while (rest.length > 0) {
    const ready = rest.filter((one) => isReady(one, rest));
    if (ready.length === 0) throw new Error(`The resources of ${prefix} have circular dependencies.`);
    ready.forEach(add);
    rest = rest.filter((one) => !ready.includes(one));
  }
  return [...created.values()];
}
