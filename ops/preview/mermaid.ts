import { type Change, nameOf, OPS, order } from "./model.ts";
import { typeName } from "../engine/resource-types.ts";

/** The dependencies of each resource, by URN. */
export type Dependencies = ReadonlyMap<string, readonly string[]>;

/** The most nodes that are still readable in a comment's width. */
const MOST = 25;

/** GitHub's colours, readable in its light and dark themes. */
const COLOURS: Readonly<Record<(typeof OPS)[number], string>> = {
  delete: "#ffebe9,stroke:#cf222e",
  replace: "#ffd8b5,stroke:#bc4c00",
  forget: "#eaeef2,stroke:#57606a",
  update: "#fff8c5,stroke:#9a6700",
  import: "#ddf4ff,stroke:#0969da",
  create: "#dafbe1,stroke:#1a7f37",
};

/**
 * A Mermaid diagram of the changes: one node per resource, coloured by operation, grouped by component, with arrows from
 * dependencies to dependents. Undefined if there are too many resources.
 */
export function diagram(changes: readonly Change[], dependencies: Dependencies): string | undefined {
  if (changes.length > MOST) return undefined;
  const sorted = [...changes].sort((a, b) => order(a.urn + a.id, b.urn + b.id));
  const nodes = sorted.map((change, index) => ({ change, id: `n${index}` }));
  const lines = ["flowchart LR"];
  for (const [index, parent] of [...new Set(sorted.map((change) => change.parent))].entries()) {
    const component = componentOf({ parent });
    const inside = component !== undefined;
    if (inside) lines.push(`  subgraph g${index}["${label(component)}"]`);
    for (const { change, id } of nodes.filter((node) => node.change.parent === parent)) {
      const text = `${label(change.name)}<br/>${label(typeName(change.type))}`;
      lines.push(`${inside ? "    " : "  "}${id}["${text}"]:::${change.op}`);
    }
    if (inside) lines.push("  end");
  }
  const ids = new Map(nodes.map(({ change, id }) => [change.urn, id]));
  for (const [from, to] of arrows(ids, dependencies)) lines.push(`  ${from} --> ${to}`);
  for (const op of OPS.filter((one) => changes.some((change) => change.op === one))) {
    lines.push(`  classDef ${op} fill:${COLOURS[op]},color:#1f2328`);
  }
  return lines.join("\n");
}

/** The type of a resource's component without its package, and its name; undefined outside a component. */
export function componentOf({ parent }: Pick<Change, "parent">): string | undefined {
  if (parent === "" || parent.includes("::pulumi:pulumi:Stack::")) return undefined;
  const type = parent.split("::")[2]?.split("$").at(-1) ?? "";
  return `${type.split(":").at(-1) ?? ""} ${nameOf(parent)}`;
}

function label(text: string): string {
  return text.slice(0, 80).replace(/[^\w .:/-]/g, "_");
}

/** The arrows between changed resources, without those implied by a longer path. */
function arrows(ids: ReadonlyMap<string, string>, dependencies: Dependencies): [string, string][] {
  const needs = new Map(
    [...ids.keys()].map((urn) => [urn, (dependencies.get(urn) ?? []).filter((one) => ids.has(one))]),
  );
  const reaches = (from: string, to: string, seen = new Set<string>()): boolean => {
    if (seen.has(from)) return false;
    seen.add(from);
    return (needs.get(from) ?? []).some((next) => next === to || reaches(next, to, seen));
  };
  return [...needs].flatMap(([urn, needed]) =>
    [...new Set(needed)]
      .filter((one) => !needed.some((other) => other !== one && reaches(other, one)))
      .map((one): [string, string] => [ids.get(one) ?? "", ids.get(urn) ?? ""])
      .sort(([a], [b]) => order(a, b)),
  );
}
