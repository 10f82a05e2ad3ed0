/** The name of a replica's primary, without its project; undefined for other instances. */
export function primaryNameOf({ masterInstanceName }: { readonly masterInstanceName?: string }): string | undefined {
  return masterInstanceName?.slice(masterInstanceName.lastIndexOf(":") + 1);
}

/** An instance's own name from `PROJECT:NAME` or `NAME`; undefined if it is empty, or another project's. */
export function ownName(project: string, name: unknown): string | undefined {
  if (typeof name !== "string" || name === "") return undefined;
  if (!name.includes(":")) return name;
  return name.startsWith(`${project}:`) ? name.slice(project.length + 1) : undefined;
}
