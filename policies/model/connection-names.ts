import type { Resource } from "./resource.ts";
import { text, textsIn, type Value } from "./values.ts";
import { type Container, isProxy, isProxyItself, SOCKETS_ANNOTATION, wordsOf, workload } from "./workloads.ts";

/** A connection name found in a resource. */
export interface Mention {
  readonly path: string;
  readonly name: string;
  /** Whether it only looks like one, in a text of any meaning: it may be a secret, so no message may contain it. */
  readonly doubtful?: true;
}

/** Types whose text is searched for connection names; in others, such as an alert's documentation, it is just prose. */
const READ =
  /^(?:gcp:(?:cloudrun|cloudrunv2|cloudfunctions|cloudfunctionsv2|appengine|secretmanager)\/|gcp:compute\/instance|kubernetes:)/;

/** Text that can only be a connection name, with a zone instead of a region. */
const ZONAL =
  /(?<![a-z0-9.:-])((?:[a-z0-9.-]+\.[a-z]+:)?[a-z][a-z0-9-]*:[a-z]+(?:-[a-z]+)+[0-9]+-[a-z]:[a-z][a-z0-9-]*)/g;

/** The variables that hold connection names by custom; those of other products have connection names of their own. */
const NAMED =
  /^(?:\w+_)?(?:INSTANCE|CLOUD_?SQL|SQL|DB|DATABASE|POSTGRES(?:QL)?|PG|MYSQL)(?:_INSTANCE)?_CONNECTION_NAME$/;

/** Every connection name in a resource. */
export function mentions(resource: Resource): Mention[] {
  if (!READ.test(resource.type)) return [];
  const named = structured(resource);
  const seen = new Set(named.map(({ path, name }) => `${path} ${name}`));
  const given: readonly Value[] = [resource.props.project, resource.provider.project];
  const projects = given.flatMap((project) => text(project) ?? []);
  const read = textsIn(resource.props).flatMap(({ path, text }) => inText(path, text, projects));
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
      typeof name === "string" && NAMED.test(name) && typeof value === "string" && !isPlaceholder(value)
        ? mention(`${path}.value`, value)
        : [],
    ),
    ...run.containers.flatMap(proxied),
  ];
}

/** The connection names in the command and the arguments of a container that runs the Cloud SQL proxy. */
export function proxied({ path, value: container }: Container): Mention[] {
  if (!isProxy(container)) return [];
  const isProgram = isProxyItself(container);
  return wordsOf(container).flatMap((word) =>
    inWord(text(word.value) ?? "", isProgram).map((name) => ({ path: `${path}.${word.path}`, name })),
  );
}

/**
 * The connection names in an argument of the proxy: `--instances=A=tcp:5432,B` (version 1) or `A?port=5432` (version 2). In a
 * shell's command line or among another program's arguments, which have other meanings, only what has the parts of one.
 */
function inWord(word: string, isProgram: boolean): string[] {
  const words = word.trim().split(/[\s"';&|]+/);
  const list = words.flatMap((one) => /^--?instances=(.*)$/.exec(one)?.[1]?.split(",") ?? []);
  const isName = words.length > 1 || !isProgram ? /^[^-/:][^/:]*:[^/:]+:[^/:?]+(?:\?.*)?$/ : /^[^-].*:/;
  const names = list.length > 0 ? list : words.filter((one) => isName.test(one));
  return names.map((name) => name.replace(/[=?].*$/, "")).filter((name) => !isPlaceholder(name));
}

/** A socket at the beginning of a path, so that a bucket's folder or a web page called `cloudsql` is none. */
const SOCKET = /(^|[^\w.~-])\/cloudsql\/([^/?&#"',;|)\]}]*)/g;

function inText(path: string, encoded: string, projects: readonly string[]): Mention[] {
  if (path.includes(SOCKETS_ANNOTATION)) return [];
  const plain = encoded.replace(/%2f/gi, "/").replace(/%3a/gi, ":").replace(/%20/g, " ");
  // In a URL a blank is part of the (invalid) name; in other text, it ends the name.
  const isUrl = /^[a-z0-9+]+:\/\//.test(plain);
  const sockets = [...plain.matchAll(SOCKET)].flatMap(([, before = "", rest = ""]) => {
    const name = isUrl ? rest : (rest.split(/\s/)[0] ?? "");
    return before === "=" || before === "" || name.includes(":") ? [name] : [];
  });
  const zonal = [...plain.matchAll(ZONAL)].map(({ 1: name = "", index }): Mention => {
    const certain =
      plain.slice(0, index).endsWith("instances=") || projects.some((project) => name.startsWith(`${project}:`));
    return { path, name, ...(!certain && { doubtful: true }) };
  });
  const found = [...new Set(sockets)].map((name): Mention => ({ path, name }));
  return [...found, ...zonal.filter(({ name }) => !sockets.includes(name))].filter(
    ({ name }) => name !== "" && !isPlaceholder(name),
  );
}

/** Whether the name is filled in when the container starts, such as `$(INSTANCE)` or `${INSTANCE}`. */
function isPlaceholder(name: string): boolean {
  return /[${}<>]/.test(name);
}
