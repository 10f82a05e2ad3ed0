import { type PolicyResource, type ResourceValidationArgs, UnknownValueError } from "@pulumi/policy";

/** What stands where a value is not known yet: during a preview, whatever comes from a resource that does not exist. */
export const UNKNOWN = Symbol("unknown");

/**
 * A property's value as policies see it: secrets are plain here, so no message may contain one. The official provider
 * returns null for what is not set; here that is undefined, so that no policy takes it for a value.
 */
export type Value =
  string | number | boolean | undefined | typeof UNKNOWN | readonly Value[] | { readonly [key: string]: Value };

/** A resource, before it is created or as part of a stack. */
export interface Resource {
  readonly urn: string;
  /** Such as `gcp:sql/user:User`. */
  readonly type: string;
  readonly name: string;
  readonly props: Readonly<Record<string, Value>>;
  /** Whether Pulumi refuses to delete it. */
  readonly protect: boolean;
  /** The provider's configuration. */
  readonly provider: Readonly<Record<string, Value>>;
  /** All it depends on; empty before it is created, since the engine says so of a whole stack only. */
  readonly dependencies: readonly Resource[];
  /** What each property is made of; likewise. */
  readonly madeOf: Readonly<Record<string, readonly Resource[]>>;
}

/**
 * What the engine showed of one operation so far. Before a resource is created it shows what the program set, and only of
 * a whole stack, at the end, what waits for what; but then with what the provider made of the properties, which in a
 * preview may be less than the program said. So the one is kept for the other. Every policy is shown the same, a copy of
 * its own, which is read for the first of them only.
 */
export class Operation {
  private readonly seen = new Map<string, Shown<Resource>>();
  private stack: Shown<readonly Resource[]> | undefined;

  /** Takes in the resource that a policy is shown before it is created or changed. */
  see(args: ResourceValidationArgs, policy: string): Resource {
    const shown = shownTo(policy, this.seen.get(args.urn), () => ({ ...own(args), dependencies: [], madeOf: {} }));
    this.seen.set(args.urn, shown);
    return shown.what;
  }

  /**
   * All resources of the stack, as a policy is shown them, in the order of their URNs: as the program set them, completed
   * by the provider.
   */
  whole(resources: readonly PolicyResource[], policy: string): readonly Resource[] {
    this.stack = shownTo(policy, this.stack, () => this.complete(resources));
    return this.stack.what;
  }

  private complete(resources: readonly PolicyResource[]): readonly Resource[] {
    const byUrn = new Map<string, Resource & { dependencies: Resource[]; madeOf: Record<string, Resource[]> }>();
    for (const resource of resources) {
      const { props, ...rest } = own(resource);
      const set = Object.entries(this.seen.get(resource.urn)?.what.props ?? {}).filter(
        ([, value]) => value !== UNKNOWN,
      );
      const completed = { ...props, ...Object.fromEntries(set) };
      byUrn.set(resource.urn, { ...rest, props: completed, dependencies: [], madeOf: {} });
    }
    const known = (others: readonly PolicyResource[]) => others.flatMap(({ urn }) => byUrn.get(urn) ?? []);
    for (const resource of resources) {
      const linked = byUrn.get(resource.urn);
      if (!linked) continue;
      linked.dependencies = known(resource.dependencies);
      for (const [property, others] of Object.entries(resource.propertyDependencies)) {
        linked.madeOf[property] = known(others);
      }
    }
    return [...byUrn.values()].sort((a, b) => (a.urn < b.urn ? -1 : 1));
  }
}

/** What the engine showed, and the policies that it was shown to. */
interface Shown<What> {
  readonly what: What;
  readonly to: Set<string>;
}

/** What was shown to other policies is the same for this one; what this one was shown before, the engine shows anew. */
function shownTo<What>(policy: string, earlier: Shown<What> | undefined, read: () => What): Shown<What> {
  const shown = earlier && !earlier.to.has(policy) ? earlier : { what: read(), to: new Set<string>() };
  shown.to.add(policy);
  return shown;
}

function own({ urn, type, name, props, opts, provider }: ResourceValidationArgs | PolicyResource) {
  return { urn, type, name, props: record(props), protect: opts.protect, provider: record(provider?.props ?? {}) };
}

/** The SDK throws where an unknown value is touched; a copy with {@link UNKNOWN} in its place can be read to the end. */
function record(object: Readonly<Record<string, unknown>>): Record<string, Value> {
  const values = Object.keys(object).map((key) => [key, read(object, key)] as const);
  return Object.fromEntries(values.filter(([, value]) => value !== undefined));
}

function read(object: object, key: string | number): Value {
  try {
    const value: unknown = (object as Record<string | number, unknown>)[key];
    if (Array.isArray(value)) return Array.from({ length: value.length }, (_, index) => read(value, index));
    if (typeof value === "object" && value !== null) return record(value as Record<string, unknown>);
    return (value ?? undefined) as Value;
  } catch (error) {
    if (error instanceof UnknownValueError) return UNKNOWN;
    throw error;
  }
}

/** A value and where it stands, such as `template.volumes[0].name`. */
export interface Located {
  readonly path: string;
  readonly value: Value;
}

/**
 * The values at a path, `*` standing for every element of a list: `template.volumes.*.name`. A value that is not known
 * stands for all that lies below it; what is not there gives nothing.
 */
export function valuesAt(value: Value, path: string): Located[] {
  return below({ path: "", value }, path);
}

/** The same below a value that stands somewhere itself. */
export function below(outer: Located, path: string): Located[] {
  return path.split(".").reduce<Located[]>((found, step) => found.flatMap((one) => inside(one, step)), [outer]);
}

function inside({ path, value }: Located, step: string): Located[] {
  if (value === UNKNOWN) return [{ path, value }];
  if (step === "*")
    return isList(value) ? value.map((item, index) => ({ path: `${path}[${index}]`, value: item })) : [];
  const inner = isRecord(value) ? value[step] : undefined;
  return inner === undefined ? [] : [{ path: path === "" ? step : `${path}.${step}`, value: inner }];
}

/** The value at a path without `*`; undefined where nothing is there. */
export function valueAt(value: Value, path: string): Value {
  return valuesAt(value, path)[0]?.value;
}

/** Whether a value is, or may turn out to be, one that is accepted: what is not known cannot be judged. */
export function mayBe(value: Value, accepted: (known: Value) => boolean): boolean {
  return value === UNKNOWN || accepted(value);
}

/** Every text below a value, with its path. */
export function textsIn(value: Value, path = ""): { path: string; text: string }[] {
  if (typeof value === "string") return [{ path, text: value }];
  if (isList(value)) return value.flatMap((item, index) => textsIn(item, `${path}[${index}]`));
  if (!isRecord(value)) return [];
  return Object.entries(value).flatMap(([key, item]) => textsIn(item, path === "" ? key : `${path}.${key}`));
}

/** The text, where the value is one and known. */
export function text(value: Value): string | undefined {
  return typeof value === "string" ? value : undefined;
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

export function isRecord(value: Value): value is Readonly<Record<string, Value>> {
  return typeof value === "object" && !Array.isArray(value);
}

/** Works something out for an object the first time that it is asked for; the object must not change. */
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

/** The resources of the given types. */
export function ofType(resources: readonly Resource[], ...types: readonly string[]): Resource[] {
  return types.flatMap((type) => byType(resources).get(type) ?? []);
}

/** Whether one resource waits for another, over however many steps. */
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
