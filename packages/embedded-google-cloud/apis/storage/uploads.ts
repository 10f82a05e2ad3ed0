import type { FastifyRequest } from "fastify";
import { GoogleError } from "../../rest/errors.ts";
import type { Collection, Store } from "../../state/store.ts";
import type { Contents } from "./contents.ts";
import type { Metadata } from "./object.ts";
import type { Preconditions } from "./preconditions.ts";

/** An object to be created once all of its bytes are there. */
export interface Draft {
  readonly bucket: string;
  readonly name: string;
  readonly metadata: Metadata;
  readonly preconditions: Preconditions;
}

/** A resumable upload that has begun. */
export interface Session extends Draft {
  /** Milliseconds since 1970. */
  readonly begun: number;
}

/** The stored uploads that can still be continued. */
export function openSessions(store: Store): Collection<Session> {
  const sessions = store.collection<Session>("storage-uploads");
  for (const id of sessions.keys()) {
    if ((sessions.get(id)?.begun ?? 0) + LIFETIME < Date.now()) sessions.delete(id);
  }
  return sessions;
}

/** How long a resumable upload can be continued: https://cloud.google.com/storage/docs/resumable-uploads */
const LIFETIME = 7 * 24 * 3600_000;

/** Except for the last, chunks are a multiple of this: https://cloud.google.com/storage/docs/performing-resumable-uploads */
const QUANTUM = 256 * 1024;

/** `bytes FIRST-LAST/TOTAL`, or with `*` for what is not known. */
const CONTENT_RANGE = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/;

/** Resumable uploads; they survive a restart. */
export class Uploads {
  private readonly sessions: Collection<Session>;
  private readonly contents: Contents;

  /** @param sessions The stored ones, by the name of their bytes in `contents`. */
  constructor(sessions: Collection<Session>, contents: Contents) {
    this.sessions = sessions;
    this.contents = contents;
  }

  /** @returns The upload's id. */
  async begin(draft: Draft): Promise<string> {
    const id = await this.contents.begin();
    this.sessions.put(id, { ...draft, begun: Date.now() });
    return id;
  }

  /** @throws GoogleError NOT_FOUND if the upload does not exist, or is complete. */
  get(id: string): Draft {
    const session = this.sessions.get(id);
    if (!session) throw new GoogleError("NOT_FOUND", "The upload does not exist, or is complete.", "notFound");
    return session;
  }

  /** Forgets an upload; its bytes stay. */
  end(id: string): void {
    this.sessions.delete(id);
  }

  /**
   * Takes a chunk, as far as it arrives; a client may repeat bytes that have arrived.
   * @param range The header `Content-Range`; without it, the bytes are all that the object has.
   * @returns Whether the upload is complete.
   * @throws GoogleError INVALID_ARGUMENT if the header is malformed, or bytes before the chunk are missing.
   */
  async take(id: string, range: string | undefined, bytes: AsyncIterable<Uint8Array>): Promise<boolean> {
    const before = this.contents.length(id);
    const { first = before, total } = range === undefined ? { first: 0 } : readRange(range);
    if (first > before) {
      throw invalid(`Invalid request. The next byte is ${before}, and the chunk begins at ${first}.`);
    }
    let whole = false;
    try {
      await this.contents.append(id, without(before - first, bytes));
      whole = total === undefined ? range === undefined : this.contents.length(id) === total;
    } finally {
      const length = this.contents.length(id);
      if (!whole) await this.contents.shorten(id, length - (length % QUANTUM));
    }
    return whole;
  }

  /** How many bytes have arrived. */
  length(id: string): number {
    return this.contents.length(id);
  }
}

/** Adds the checksums that the header `X-Goog-Hash` asks to check. */
export function withSums(draft: Draft, headers: FastifyRequest["headers"]): Draft {
  const sums = [headers["x-goog-hash"] ?? []].flat().join(",");
  const [, crc32c] = /crc32c=([^,\s]+)/.exec(sums) ?? [];
  const [, md5Hash] = /md5=([^,\s]+)/.exec(sums) ?? [];
  return { ...draft, metadata: { ...draft.metadata, ...(crc32c && { crc32c }), ...(md5Hash && { md5Hash }) } };
}

/** Drops the first bytes. */
async function* without(count: number, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let left = count;
  for await (const chunk of bytes) {
    if (chunk.length > left) yield chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
  }
}

function readRange(header: string): { first?: number; total?: number } {
  const [match, first, , total] = CONTENT_RANGE.exec(header) ?? [];
  if (match === undefined) throw invalid(`Invalid Content-Range: ${header}`);
  return {
    ...(first !== undefined && { first: Number(first) }),
    ...(total !== undefined && total !== "*" && { total: Number(total) }),
  };
}

function invalid(message: string): GoogleError {
  return new GoogleError("INVALID_ARGUMENT", message, "badRequest");
}
