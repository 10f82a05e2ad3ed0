import type { Resource } from "./resource.ts";
import { text, textsIn, valuesAt } from "./values.ts";
import { isProxy, SOCKETS_ANNOTATION, workload } from "./workloads.ts";

/** A connection name found in a resource. */
export interface Mention {
  readonly path: string;
  readonly name: string;
}

/** Types whose text is searched for connection names; in others, such as an alert's documentation, it is just prose. */
const READ =
  /^(?:gcp:(?:cloudrun|cloudrunv2|cloudfunctions|cloudfunctionsv2|appengine|secretmanager)\/|gcp:compute\/instance|kubernetes:)/;

/** Text that can only be a connection name, with a zone instead of a region. */
const ZONAL =
  /(?<![a-z0-9.:-])((?:[a-z0-9.-]+\.[a-z]+:)?[a-z][a-z0-9-]*:[a-z]+(?:-[a-z]+)+[0-9]+-[a-z]:[a-z][a-z0-9-]*)/g;

/** Every connection name in a resource. */
export function mentions(resource: Resource): Mention[] {
  if (!READ.test(resource.type)) return [];
  const named = structured(resource);
  const seen = new Set(named.map(({ path, name }) => `${path} ${name}`));
  const read = textsIn(resource.props).flatMap(({ path, text }) => inText(path, text));
  return [...named, ...read.filter(({ path, name }) => !seen.has(`${path} ${name}`))];
}

/** Properties that hold only connection names. */
function structured(resource: Resource): Mention[] {
  const run = workload(resource);
  if (!run) return [];
  const mention = (path: string, name: string): Mention => ({ path, name });
  return [
    ...run.sockets.flatMap(({ path, value }) => (typeof value === "string" ? mention(path, value) : [])),
    ...run.env.flatMap(({ path, name, value }) =>
      typeof name === "string" && name.endsWith("CONNECTION_NAME") && typeof value === "string" && !isPlaceholder(value)
        ? mention(`${path}.value`, value)
        : [],
    ),
    ...run.containers.flatMap(({ path, value: container }) =>
      isProxy(container)
        ? valuesAt(container, "args.*").flatMap((arg) =>
            proxied(text(arg.value) ?? "").map((name) => mention(`${path}.${arg.path}`, name)),
          )
        : [],
    ),
  ];
}

/** The connection names in a proxy argument: `--instances=A=tcp:5432,B` (version 1) or `A?port=5432` (version 2). */
function proxied(argument: string): string[] {
  const list = /^--?instances=(.*)$/.exec(argument)?.[1]?.split(",");
  const names = list ?? (argument.startsWith("-") || !argument.includes(":") ? [] : [argument]);
  return names.map((name) => name.replace(/[=?].*$/, "")).filter((name) => !isPlaceholder(name));
}

function inText(path: string, encoded: string): Mention[] {
  if (path.includes(SOCKETS_ANNOTATION)) return [];
  const plain = encoded.replace(/%2f/gi, "/").replace(/%3a/gi, ":").replace(/%20/g, " ");
  // In a URL a blank is part of the (invalid) name; in other text, it ends the name.
  const end = /^[a-z0-9+]+:\/\//.test(plain) ? /[/?&#"',;|)\]}]/ : /[\s/?&#"',;|)\]}]/;
  const sockets = plain
    .split("/cloudsql/")
    .slice(1)
    .map((rest) => rest.split(end)[0] ?? "");
  const zonal = [...plain.matchAll(ZONAL)].map(([, name = ""]) => name);
  return [...new Set([...sockets, ...zonal])]
    .filter((name) => name !== "" && !isPlaceholder(name))
    .map((name) => ({ path, name }));
}

/** Whether the name is filled in when the container starts, such as `$(INSTANCE)` or `${INSTANCE}`. */
function isPlaceholder(name: string): boolean {
  return /[${}<>]/.test(name);
}
