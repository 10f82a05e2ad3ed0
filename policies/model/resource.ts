import type { Types } from "./types.ts";
import type { Shaped, Value } from "./values.ts";

/** A resource, before it is created or as part of a stack; its properties are typed by {@link Types}, or untyped. */
export interface Resource<Properties = Record<string, unknown>> {
  readonly urn: string;
  /** Such as `gcp:sql/user:User`. */
  readonly type: string;
  readonly name: string;
  readonly props: { readonly [Name in keyof Properties]?: Value } & Shaped<Properties>;
  /** Whether Pulumi refuses to delete it. */
  readonly protect: boolean;
  /** The provider's configuration. */
  readonly provider: Readonly<Record<string, Value>>;
  /** All its dependencies; empty before it is created, because the engine shows them only with the whole stack. */
  readonly dependencies: readonly Resource[];
  /** The resources that each property is derived from; likewise. */
  readonly madeOf: Readonly<Record<string, readonly Resource[]>>;
}

/** Caches a function's result per object; the object must not change. */
export function once<Of extends object, T>(work: (of: Of) => T): (of: Of) => T {
  const known = new WeakMap<Of, { readonly value: T }>();
  return (of) => {
    const found = known.get(of) ?? { value: work(of) };
    known.set(of, found);
    return found.value;
  };
}

const byType = once((resources: readonly Resource[]) => {
  const found = new Map<string, Resource[]>();
  for (const resource of resources) {
    const same = found.get(resource.type);
    if (same) same.push(resource);
    else found.set(resource.type, [resource]);
  }
  return found;
});

/** A resource's type as programs write it, such as `gcp.secretmanager.SecretVersion`. */
export function typeName({ type }: Pick<Resource, "type">): string {
  const [provider = "", module = "", name = ""] = type.split(":");
  const folder = module.replace(/\/.*/, "");
  return [provider, ...(folder === "" || folder === "index" ? [] : [folder]), name].join(".");
}

/** Whether a resource has one of these types. */
export function isA<Type extends keyof Types>(
  resource: Resource,
  ...types: readonly Type[]
): resource is Resource<Types[Type]> {
  return (types as readonly string[]).includes(resource.type);
}

/** The resources with one of these types. */
export function ofType<Type extends keyof Types>(
  resources: readonly Resource[],
  ...types: readonly Type[]
): Resource<Types[Type]>[] {
  return types.flatMap((type) => (byType(resources).get(type) ?? []) as Resource<Types[Type]>[]);
}

/** Whether a resource depends on another, directly or indirectly. */
export function dependsOn(resource: Resource, other: Resource): boolean {
  const seen = new Set<Resource>();
  const visit = (current: Resource): boolean => {
    if (current === other) return true;
    if (seen.has(current)) return false;
    seen.add(current);
    return current.dependencies.some(visit);
  };
  return resource !== other && visit(resource);
}
