import { page } from "../../rest/pages.ts";
import type { StorageObject } from "./object.ts";

/** What a client asks for when it lists objects, as it stands in the query. */
export interface ListQuery {
  readonly prefix?: string;
  /** Names that hold it after the prefix are given once, cut off behind it, in `prefixes`. */
  readonly delimiter?: string;
  readonly maxResults?: string;
  readonly pageToken?: string;
}

/** https://cloud.google.com/storage/docs/json_api/v1/objects/list */
const PAGE_LIMIT = 1000;

/**
 * Answers a list request.
 * @param objects Those of the bucket that count, by name, a name's generations in their order.
 */
export function listObjects(objects: readonly StorageObject[], query: ListQuery) {
  const { prefix = "", delimiter = "" } = query;
  const entries = new Map<string, { key: string; object?: StorageObject; prefix?: string }>();
  for (const object of objects.filter(({ name }) => name.startsWith(prefix))) {
    const cut = delimiter === "" ? -1 : object.name.indexOf(delimiter, prefix.length);
    const key = cut === -1 ? `${object.name}\0${object.generation}` : object.name.slice(0, cut + delimiter.length);
    entries.set(key, cut === -1 ? { key, object } : { key, prefix: key });
  }
  const { items, ...rest } = page(
    [...entries.values()],
    ({ key }) => key,
    { pageSize: query.maxResults, pageToken: query.pageToken },
    PAGE_LIMIT,
  );
  const listed = items.flatMap(({ object }) => object ?? []);
  const prefixes = items.flatMap((entry) => entry.prefix ?? []);
  return {
    kind: "storage#objects",
    ...(listed.length > 0 && { items: listed }),
    ...(prefixes.length > 0 && { prefixes }),
    ...rest,
  };
}
