import { isPlaceholder, readConnectionString } from "./connection-strings.ts";
import type { Resource } from "./resource.ts";
import { isRecord, type Located, text, UNKNOWN, type Value } from "./values.ts";
import { wordsOf, workload } from "./workloads.ts";

/** A value in plain text and the name that its author gave it. */
export interface NamedValue {
  readonly path: string;
  readonly name: string;
  readonly value: Value;
}

/** Variables of functions, labels, metadata of virtual machines and the like: objects whose keys are chosen freely. */
const MAPS =
  /^(?:environmentVariables|buildEnvironmentVariables|envVariables|labels|userLabels|annotations|metadata|substitutions)$/;

/** The names and values that a resource's author chose: variables, options of a command, labels, metadata, and lines of a file. */
export function namedValues(resource: Resource): NamedValue[] {
  if (!resource.type.startsWith("gcp:")) return [];
  const run = workload(resource);
  const variables = (run?.env ?? []).map(({ path, name, value }): NamedValue => ({
    path,
    name: text(name) ?? "",
    value,
  }));
  const options = (run?.containers ?? []).flatMap(({ path, value }) =>
    optionsIn(wordsOf(value).map((word) => ({ path: `${path}.${word.path}`, value: word.value }))),
  );
  const lines = ["content", "metadataStartupScript"].flatMap((property) =>
    linesIn(property, text(resource.props[property]) ?? ""),
  );
  return [...variables, ...options, ...inMaps(resource.props), ...lines];
}

function inMaps(value: Value, path = ""): NamedValue[] {
  if (Array.isArray(value)) return value.flatMap((item: Value, index) => inMaps(item, `${path}[${index}]`));
  if (!isRecord(value)) return [];
  return Object.entries(value).flatMap(([key, inner]): NamedValue[] => {
    const at = path === "" ? key : `${path}.${key}`;
    const entries = MAPS.test(key) && isRecord(inner) ? Object.entries(inner) : [];
    const own = entries.flatMap(([name, one]): NamedValue[] =>
      typeof one === "string" || one === UNKNOWN ? [{ path: `${at}.${name}`, name, value: one }] : [],
    );
    return [...own, ...inMaps(inner, at)];
  });
}

/** `--db-password=VALUE`, or `--db-password` and its value as two words. */
function optionsIn(words: readonly Located[]): NamedValue[] {
  return words.flatMap(({ path, value }, index): NamedValue[] => {
    const [, name, own] = /^--?([a-z][\w-]*)(?:=(.*))?$/is.exec(text(value) ?? "") ?? [];
    if (name === undefined) return [];
    if (own !== undefined) return [{ path, name, value: own }];
    const next = words[index + 1];
    return next === undefined || text(next.value)?.startsWith("-")
      ? []
      : [{ path: next.path, name, value: next.value }];
  });
}

/** Lines such as `DB_PASSWORD=VALUE`, as in a file of variables or a shell script. */
function linesIn(path: string, content: string): NamedValue[] {
  const lines = content.matchAll(/^\s*(?:export\s+)?([A-Z][A-Z0-9_]*)=(["']?)([^\s"']*)\2\s*$/gm);
  return [...lines].map(([, name = "", , value = ""]) => ({ path, name, value }));
}

/** A URL with a password, other than one that is filled in when the container starts, such as `$(DB_PASS)`. */
const CREDENTIAL_URL = /[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:([^\s/@]+)@/gi;

/** What a text certainly holds that is a credential, whatever its name; undefined if nothing. */
export function credentialIn(path: string, value: string): string | undefined {
  if (/-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/.test(value)) return "a private key";
  const isReal = (password = "") =>
    password !== "" && !isPlaceholder(password) && !(PROSE.test(path) && EXAMPLE.test(password));
  if ([...value.matchAll(CREDENTIAL_URL)].some(([, password]) => isReal(password))) return "a URL with a password";
  return isReal(readConnectionString(value)?.password) ? "a connection string with a password" : undefined;
}

/** Texts for people, which may explain the form of a URL. */
const PROSE = /(?:^|[.\]])(?:description|documentation|displayName|comment|notes)(?:$|[.[])/i;
const EXAMPLE = /^(?:user|pass|passwd|password|pw|pwd|secret|changeme|your[-_]?\w*|[A-Z_]+)$/i;
