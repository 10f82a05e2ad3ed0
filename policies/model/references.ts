import type { Resource } from "./resource.ts";

/** The names that connect a resource with others. */
export interface Names {
  /** Names that others may use for it. */
  readonly own: readonly string[];
  /** Names that it uses for others. */
  readonly others: readonly string[];
}

/** An index of resources that refer to each other by name, so that unrelated ones need not be searched. */
export class References {
  private readonly resources = new Map<string, { readonly resource: Resource; readonly names: Names }>();
  private readonly called = new Map<string, Set<string>>();
  private readonly calling = new Map<string, Set<string>>();
  private readonly namesOf: (resource: Resource) => Names;

  constructor(namesOf: (resource: Resource) => Names) {
    this.namesOf = namesOf;
  }

  /** Adds a resource. Returns everything that refers to it, directly or indirectly, and everything those refer to. */
  around(resource: Resource): Resource[] {
    const { urn } = resource;
    const names = this.namesOf(resource);
    this.resources.set(urn, { resource, names });
    for (const name of names.own) add(this.called, name, urn);
    for (const name of names.others) add(this.calling, name, urn);
    const referring = reach([urn], (one) => this.names(one).own.flatMap((name) => [...(this.calling.get(name) ?? [])]));
    const all = reach(referring, (one) => this.names(one).others.flatMap((name) => [...(this.called.get(name) ?? [])]));
    return [...all].flatMap((one) => this.resources.get(one)?.resource ?? []);
  }

  private names(urn: string): Names {
    return this.resources.get(urn)?.names ?? { own: [], others: [] };
  }
}

function add(index: Map<string, Set<string>>, name: string, urn: string): void {
  const known = index.get(name);
  if (known) known.add(urn);
  else index.set(name, new Set([urn]));
}

function reach(from: Iterable<string>, next: (urn: string) => readonly string[]): Set<string> {
  const reached = new Set(from);
  for (const urn of reached) for (const one of next(urn)) reached.add(one);
  return reached;
}
