import { join } from "node:path";
import type { Readable } from "node:stream";
import { GoogleError } from "../../rest/errors.ts";
import type { Collection, Store } from "../../state/store.ts";
import { Contents } from "./contents.ts";
import { newObject, patchedObject, type StorageObject } from "./object.ts";
import { checkPreconditions } from "./preconditions.ts";
import { type Draft, openSessions, Uploads } from "./uploads.ts";

/** The generations of all objects, oldest first, and their bytes. The last is the live one, unless it is noncurrent. */
export class Objects {
  private readonly generations: Collection<readonly StorageObject[]>;
  private readonly contents: Contents;
  /** Resumable uploads. */
  readonly uploads: Uploads;
  private last: number;

  constructor(store: Store) {
    this.generations = store.collection("storage-objects");
    const all = this.generations.values().flat();
    const sessions = openSessions(store);
    const known = new Set([...all.map((each) => each.generation), ...sessions.keys()]);
    this.contents = new Contents(join(store.folder, "storage-contents"), known);
    this.uploads = new Uploads(sessions, this.contents);
    this.last = Math.max(0, ...all.map((each) => Number(each.generation)));
  }

  /**
   * @param generation By default the live one.
   * @throws GoogleError NOT_FOUND.
   */
  get(bucket: string, name: string, generation?: string): StorageObject {
    const found =
      generation === undefined
        ? this.live(bucket, name)
        : this.of(bucket, name).find((each) => each.generation === generation);
    if (!found) throw new GoogleError("NOT_FOUND", `No such object: ${bucket}/${name}`, "notFound");
    return found;
  }

  /** The live generation, if any. */
  live(bucket: string, name: string): StorageObject | undefined {
    return this.of(bucket, name).find((each) => each.timeDeleted === undefined);
  }

  /** The objects of a bucket by name. @param versions Whether to include noncurrent generations. */
  list(bucket: string, versions: boolean): StorageObject[] {
    return this.generations
      .values()
      .flat()
      .filter((each) => each.bucket === bucket && (versions || each.timeDeleted === undefined));
  }

  bytes(object: StorageObject): Buffer {
    return this.contents.read(object.generation);
  }

  /** @param range The first and the last byte; all by default. */
  stream(object: StorageObject, range?: { readonly start: number; readonly end: number }): Readable {
    return this.contents.stream(object.generation, range);
  }

  /**
   * Creates a new live generation.
   * @param bytes They are written to disk as they arrive.
   * @param versioned Whether the previous one is kept, as noncurrent.
   * @throws GoogleError PRECONDITION_FAILED; INVALID_ARGUMENT.
   */
  async insert(
    draft: Draft,
    bytes: AsyncIterable<Uint8Array> | Uint8Array,
    versioned: boolean,
  ): Promise<StorageObject> {
    checkPreconditions(this.live(draft.bucket, draft.name), draft.preconditions);
    const upload = await this.contents.begin();
    try {
      await this.contents.append(upload, bytes);
      return await this.finish(draft, upload, versioned);
    } finally {
      this.contents.delete(upload);
    }
  }

  /** Ends a resumable upload without an object. @throws GoogleError NOT_FOUND. */
  cancel(upload: string): void {
    this.uploads.get(upload);
    this.uploads.end(upload);
    this.contents.delete(upload);
  }

  /** Creates a new live generation from an upload whose bytes have arrived. @throws as {@link insert}. */
  async finish(draft: Draft, upload: string, versioned: boolean): Promise<StorageObject> {
    const { bucket, name, metadata, preconditions } = draft;
    const sums = await this.contents.sums(upload);
    checkPreconditions(this.live(bucket, name), preconditions);
    const object = newObject(bucket, name, this.nextGeneration(), metadata, sums);
    this.contents.keep(upload, object.generation);
    this.replace(bucket, name, [...this.withoutLive(bucket, name, versioned), object]);
    return object;
  }

  patch(object: StorageObject, body: unknown): StorageObject {
    const next = patchedObject(object, body);
    this.replace(
      object.bucket,
      object.name,
      this.of(object.bucket, object.name).map((each) => (each.generation === next.generation ? next : each)),
    );
    return next;
  }

  /** Deletes the live generation. @param versioned Whether it is kept, as noncurrent. */
  deleteLive({ bucket, name }: StorageObject, versioned: boolean): void {
    this.replace(bucket, name, this.withoutLive(bucket, name, versioned));
  }

  /** Deletes one generation permanently. */
  deleteGeneration({ bucket, name, generation }: StorageObject): void {
    this.replace(
      bucket,
      name,
      this.of(bucket, name).filter((each) => each.generation !== generation),
    );
  }

  private of(bucket: string, name: string): readonly StorageObject[] {
    return this.generations.get(`${bucket}/${name}`) ?? [];
  }

  private withoutLive(bucket: string, name: string, keep: boolean): StorageObject[] {
    const timeDeleted = new Date().toISOString();
    return this.of(bucket, name).flatMap((each) =>
      each.timeDeleted !== undefined ? each : keep ? { ...each, timeDeleted } : [],
    );
  }

  private replace(bucket: string, name: string, next: readonly StorageObject[]): void {
    const gone = this.of(bucket, name).filter((each) => !next.some(({ generation }) => generation === each.generation));
    if (next.length > 0) this.generations.put(`${bucket}/${name}`, next);
    else this.generations.delete(`${bucket}/${name}`);
    for (const { generation } of gone) this.contents.delete(generation);
  }

  /** Microseconds since 1970, strictly increasing. */
  private nextGeneration(): string {
    this.last = Math.max(Date.now() * 1000, this.last + 1);
    return String(this.last);
  }
}
