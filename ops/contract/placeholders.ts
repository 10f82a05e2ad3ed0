import type { Exchange, Message } from "./exchange.ts";

/** The project of a recording, which its texts must not depend on. */
export interface RecordedProject {
  readonly project: string;
  /** The project's number. */
  readonly number: string;
}

/** Fields whose values are secret, or may contain secrets. */
const SECRET = /^(password|rootPassword|data|accessToken|token|idToken|privateKeyData|privateKey)$/;

/** Fields whose values are another in each run. */
const VOLATILE: Readonly<Record<string, string>> = {
  ...named("caller", "creator", "lastModifier", "user", "lastModifiedBy"),
  ...named("certificate", "cert", "certSerialNumber", "sha1Fingerprint", "commonName", "publicKeyData"),
  ...named("etag", "etag", "fingerprint", "labelFingerprint"),
  ...named("generation", "generation"),
  ...named("hash", "md5Hash", "crc32c"),
  ...named("id", "uniqueId", "uid", "oauth2ClientId", "nextPageToken"),
  ...named("ip", "ipAddress"),
  ...named("uri", "uri", "urls", "dnsName", "pscServiceAttachmentLink", "writerEndpoint"),
};

/** Parts of texts that are another in each run. */
const PARTS: readonly (readonly [RegExp, string])[] = [
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/g, "${time}"],
  [/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, "${id}"],
  [/https?:\/\/(127\.0\.0\.1|localhost)(:\d+)?[^\s"]*/g, "${uri}"],
  [/\bhttps:\/\/[a-z0-9-]+\.run\.app\b/g, "${uri}"],
  [/(-db-)[0-9a-f]{8}\b/g, "$1${suffix}"],
  [/(settlement-service-\d{5}-)[a-z0-9]{3}\b/g, "$1${suffix}"],
  [/(generation=)\d+/g, "$1${generation}"],
  [/\bp(\d+|\$\{number\})-[a-z0-9]+@/g, "${agent}@"],
  // A version of the schema is a time: 20251025120000.
  [/\b(?!20\d\d(0\d|1[0-2])\d{8}\b)(\d{9,}|[0-9a-f]{12,64})\b/g, "${id}"],
];

/**
 * Makes exchanges comparable and safe to publish: replaces secrets, ids, times, etags and generated names with placeholders
 * such as `${time}`, sorts what has no order, and omits repetitions and the polling of unfinished operations.
 * @throws Error if a secret is left in an exchange; its value is not in the message.
 */
export function withPlaceholders(exchanges: readonly Exchange[], place: RecordedProject): Exchange[] {
  const secrets = new Set(exchanges.flatMap(({ answer, request }) => [...secretsIn(request), ...secretsIn(answer)]));
  const all = exchanges
    .filter((exchange) => !isUnfinishedPoll(exchange))
    .map(({ answer, method, request, status, url }) => ({
      method,
      url: replaced(decoded(url), place),
      status,
      request: message(request, place),
      answer: message(answer, place),
    }));
  const distinct = new Map(all.map((exchange) => [JSON.stringify(exchange), exchange]));
  for (const [text, { method, url }] of distinct) {
    if ([...secrets].some((secret) => text.includes(secret))) {
      throw new Error(`${method} ${url} still contains a secret: add its field to ops/contract/placeholders.ts.`);
    }
  }
  return [...distinct.values()];
}

function named(placeholder: string, ...fields: string[]): Record<string, string> {
  return Object.fromEntries(fields.map((field) => [field, `\${${placeholder}}`]));
}

/** Reads an operation that has not ended; how often depends on time only. */
function isUnfinishedPoll({ answer: { body }, method, url }: Exchange): boolean {
  if (!url.includes("/operations/") || (method !== "GET" && !url.includes(":wait"))) return false;
  const { done, status } = (body ?? {}) as { done?: boolean; status?: string };
  return status === undefined ? done !== true : status !== "DONE";
}

function decoded(url: string): string {
  const [path = "", query] = url.split("?");
  if (query === undefined) return path;
  const parameters = [...new URLSearchParams(query)].map(([name, value]) => `${name}=${value}`);
  return `${path}?${parameters.sort().join("&")}`;
}

function message({ body, type }: Message, place: RecordedProject): Message {
  if (body === undefined) return {};
  // Migrations' scripts and other contents of objects.
  if (typeof body === "string")
    return { type: type?.startsWith("multipart/") ? "multipart" : type, body: "${content}" };
  return { type, body: value(body, "", place) };
}

function value(any: unknown, field: string, place: RecordedProject): unknown {
  if (any === null || typeof any === "boolean" || any === "") return any;
  if (SECRET.test(field) && typeof any === "string") return "${secret}";
  if (Array.isArray(any)) {
    const items = any.map((item) => value(item, field, place));
    return UNORDERED.has(field) ? items.sort((a, b) => compare(JSON.stringify(a), JSON.stringify(b))) : items;
  }
  if (typeof any === "object") {
    const entries = Object.entries(any).map(([name, item]): [string, unknown] => [
      replaced(name, place),
      value(item, name, place),
    ]);
    return Object.fromEntries(entries.sort(([a], [b]) => compare(a, b)));
  }
  return VOLATILE[field] ?? (typeof any === "string" ? replaced(any, place) : any);
}

/** Lists that Google keeps in any order. */
const UNORDERED = new Set(["bindings", "members", "permissions", "services"]);

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function replaced(text: string, { number, project }: RecordedProject): string {
  const own = text.replaceAll(project, "${project}").replaceAll(number, "${number}");
  return PARTS.reduce((sofar, [part, placeholder]) => sofar.replaceAll(part, placeholder), own);
}

/** Every text in a secret field, also as it was before Base64. */
function secretsIn({ body }: Message): string[] {
  if (Array.isArray(body)) return body.flatMap((item: unknown) => secretsIn({ body: item }));
  if (typeof body !== "object" || body === null) return [];
  return Object.entries(body).flatMap(([name, item]: [string, unknown]) =>
    typeof item === "string" && SECRET.test(name)
      ? [item, Buffer.from(item, "base64").toString()].filter(({ length }) => length >= 8)
      : secretsIn({ body: item }),
  );
}
