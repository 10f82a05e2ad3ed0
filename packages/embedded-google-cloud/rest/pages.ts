import { GoogleError } from "./errors.ts";

/** What a client asks for when it lists. */
export interface PageQuery {
  /** At most so many items; as it stands in the query, so text. */
  readonly pageSize?: string | undefined;
  /** The `nextPageToken` of the page before. */
  readonly pageToken?: string | undefined;
}

/** A page of a list; `nextPageToken` is absent on the last. */
export interface Page<T> {
  readonly items: T[];
  readonly nextPageToken?: string;
}

/**
 * Cuts a page out of a list. The token names the last item that was given, so what is created or deleted meanwhile
 * neither repeats nor hides another.
 * @param all The whole list, sorted by `key`.
 * @param key What an item is known by.
 * @param limit Most items on a page, and how many there are unless the client asks for fewer.
 * @throws GoogleError INVALID_ARGUMENT for a size that is not a number or a token that is none of ours.
 */
export function page<T>(all: readonly T[], key: (item: T) => string, query: PageQuery, limit: number): Page<T> {
  const asked = Number(query.pageSize ?? 0);
  if (!Number.isInteger(asked) || asked < 0) throw new GoogleError("INVALID_ARGUMENT", "Invalid page size.", "invalid");
  const size = Math.min(asked || limit, limit);
  const last = query.pageToken ? readToken(query.pageToken) : undefined;
  const rest = last === undefined ? all : all.filter((item) => key(item) > last);
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
    // falls through to the refusal below
  }
  throw new GoogleError("INVALID_ARGUMENT", "Invalid page token.", "invalid");
}
