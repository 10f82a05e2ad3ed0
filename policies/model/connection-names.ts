import type { Resource } from "./resource.ts";
import { text, textsIn, valuesAt } from "./values.ts";
import { isProxy, SOCKETS_ANNOTATION, workload } from "./workloads.ts";

/** A connection name as it stands in a resource. */
export interface Mention {
  readonly path: string;
  readonly name: string;
}

/** Where text is read for connection names; elsewhere, such as in an alert's documentation, it is only text. */
const READ =
  /^(?:gcp:(?:cloudrun|cloudrunv2|cloudfunctions|cloudfunctionsv2|appengine|secretmanager)\/|gcp:compute\/instance|kubernetes:)/;

/** What can only be a connection name, and a wrong one, whatever stands around it. */
const ZONAL =
  /(?<![a-z0-9.:-])((?:[a-z0-9.-]+\.[a-z]+:)?[a-z][a-z0-9-]*:[a-z]+(?:-[a-z]+)+[0-9]+-[a-z]:[a-z][a-z0-9-]*)/g;

/** Every connection name that stands in a resource. */
export function mentions(resource: Resource): Mention[] {
  if (!READ.test(resource.type)) return [];
  const named = structured(resource);
  const seen = new Set(named.map(({ path, name }) => `${path} ${name}`));
  const read = textsIn(resource.props).flatMap(({ path, text }) => inText(path, text));
  return [...named, ...read.filter(({ path, name }) => !seen.has(`${path} ${name}`))];
}

/** Properties that are connection names and nothing else. */
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

/** The connection names in one argument of the proxy: `--instances=A=tcp:5432,B` of version 1, `A?port=5432` of version 2. */
function proxied(argument: string): string[] {
  const list = /^--?instances=(.*)$/.exec(argument)?.[1]?.split(",");
  const names = list ?? (argument.startsWith("-") || !argument.includes(":") ? [] : [argument]);
  return names.map((name) => name.replace(/[=?].*$/, "")).filter((name) => !isPlaceholder(name));
}

function inText(path: string, encoded: string): Mention[] {
  if (path.includes(SOCKETS_ANNOTATION)) return [];
  const plain = encoded.replace(/%2f/gi, "/").replace(/%3a/gi, ":").replace(/%20/g, " ");
  // In a URL a blank is part of the name, and wrong; anywhere else the name ends there.
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

/** Filled in when the container starts, such as `$(INSTANCE)` or `${INSTANCE}`; nothing to judge. */
function isPlaceholder(name: string): boolean {
  return /[${}<>]/.test(name);
}
