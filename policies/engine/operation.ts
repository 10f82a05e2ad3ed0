import { type PolicyResource, type ResourceValidationArgs, UnknownValueError } from "@pulumi/policy";
import type { Resource } from "../model/resource.ts";
import { UNKNOWN, type Value } from "../model/values.ts";

/**
 * What the engine has shown of one operation. Before a resource is created, it shows the program's inputs. Dependencies
 * come at the end with the whole stack, but with the provider's outputs, which in a preview may be less than the inputs;
 * so the inputs are kept. Every policy gets its own copy of the same values, and only the first copy is read.
 */
export class Operation {
  private readonly seen = new Map<string, Shown<Resource>>();
  private stack: Shown<readonly Resource[]> | undefined;

  /** Records the resource that the engine shows a policy before creating or changing it. */
  see(args: ResourceValidationArgs, policy: string): Resource {
    const shown = shownTo(policy, this.seen.get(args.urn), () => ({ ...own(args), dependencies: [], madeOf: {} }));
    this.seen.set(args.urn, shown);
    return shown.what;
  }

  /** All resources of the stack, sorted by URN: the program's inputs, completed by the provider's outputs. */
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

/** What the engine showed, and to which policies. */
interface Shown<What> {
  readonly what: What;
  readonly to: Set<string>;
}

/** Other policies are shown the same values; if this policy has already seen them, the engine is showing newer ones. */
function shownTo<What>(policy: string, earlier: Shown<What> | undefined, read: () => What): Shown<What> {
  const shown = earlier && !earlier.to.has(policy) ? earlier : { what: read(), to: new Set<string>() };
  shown.to.add(policy);
  return shown;
}

function own({ urn, type, name, props, opts, provider }: ResourceValidationArgs | PolicyResource) {
  return { urn, type, name, props: record(props), protect: opts.protect, provider: record(provider?.props ?? {}) };
}

/** Copies properties with {@link UNKNOWN} for unknown values, because the SDK throws when an unknown value is accessed. */
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
