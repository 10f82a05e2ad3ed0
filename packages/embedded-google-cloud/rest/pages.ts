import { GoogleError } from "./errors.ts";

/** The query parameters of a list request. */
export interface PageQuery {
  readonly pageSize?: string | undefined;
  readonly pageToken?: string | undefined;
}

/** A page of a list; `nextPageToken` is absent on the last. */
export interface Page<T> {
  readonly items: T[];
  readonly nextPageToken?: string;
}

/**
 * Returns one page of a list. The token contains the key of the last item, so creating or deleting items between requests
 * neither repeats nor hides others.
 * @param all The whole list, sorted by `key`.
 * @param limit The default and maximum page size.
 * @param order Of the keys in the list; ascending by default.
 * @throws GoogleError INVALID_ARGUMENT for an invalid size or token.
 */
export function page<T>(
  all: readonly T[],
  key: (item: T) => string,
  query: PageQuery,
  limit: number,
  order: "ascending" | "descending" = "ascending",
): Page<T> {
  const requested = Number(query.pageSize ?? 0);
  if (!Number.isInteger(requested) || requested < 0)
    throw new GoogleError("INVALID_ARGUMENT", "Invalid page size.", "invalid");
  const size = Math.min(requested || limit, limit);
  const last = query.pageToken ? readToken(query.pageToken) : undefined;
  const rest =
    last === undefined ? all : all.filter((item) => (order === "ascending" ? key(item) > last : key(item) < last));
  const items = rest.slice(0, size);
  const end = items.at(-1);
  return rest.length > items.length && end !== undefined ? { items, nextPageToken: writeToken(key(end)) } : { items };
}

function writeToken(key: string): string {
  return Buffer.from(JSON.stringify([key])).toString("base64url");
}

function readToken(token: string): string {
  try {
    const [key] = JSON.parse(Buffer.from(token, "base64url").toString()) as [unknown];
    if (typeof key === "string") return key;
  } catch {
    // handled below
  }
  throw new GoogleError("INVALID_ARGUMENT", "Invalid page token.", "invalid");
}
