import { page } from "../../rest/pages.ts";
import type { StorageObject } from "./object.ts";

/** The query of a request that lists objects. */
export interface ListQuery {
  readonly prefix?: string;
  /** Names with this text after the prefix are cut after it and listed once, in `prefixes`. */
  readonly delimiter?: string;
  readonly maxResults?: string;
  readonly pageToken?: string;
}

/** https://cloud.google.com/storage/docs/json_api/v1/objects/list */
const PAGE_LIMIT = 1000;

/**
 * The response to a list request.
 * @param objects The objects of the bucket, by name and generation.
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
