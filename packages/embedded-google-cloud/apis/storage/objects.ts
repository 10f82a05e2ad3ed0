import { join } from "node:path";
import { GoogleError } from "../../rest/errors.ts";
import type { Collection, Store } from "../../state/store.ts";
import { Contents } from "./contents.ts";
import { type Metadata, newObject, patchedObject, type StorageObject } from "./object.ts";
import { checkPreconditions, type Preconditions } from "./preconditions.ts";

/** The generations of all objects, oldest first, and their bytes. The last is the live one, unless it is noncurrent. */
export class Objects {
  private readonly generations: Collection<readonly StorageObject[]>;
  private readonly contents: Contents;
  private last: number;

  constructor(store: Store) {
    this.generations = store.collection("storage-objects");
    const all = this.generations.values().flat();
    this.contents = new Contents(join(store.folder, "storage-contents"), new Set(all.map((each) => each.generation)));
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

  /**
   * Creates a new live generation.
   * @param versioned Whether the previous one is kept, as noncurrent.
   * @throws GoogleError PRECONDITION_FAILED; INVALID_ARGUMENT.
   */
  insert(
    bucket: string,
    name: string,
    metadata: Metadata,
    bytes: Buffer,
    versioned: boolean,
    wanted: Preconditions,
  ): StorageObject {
    const live = this.live(bucket, name);
    checkPreconditions(live, wanted);
    const object = newObject(bucket, name, this.nextGeneration(), metadata, bytes);
    this.contents.write(object.generation, bytes);
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
