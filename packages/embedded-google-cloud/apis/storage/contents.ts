import { createHash, randomUUID } from "node:crypto";
import { createReadStream, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { crc32c } from "../../rest/crc32c.ts";

/** What Cloud Storage tells about an object's bytes. */
export interface Sums {
  /** Bytes, as a decimal string. */
  readonly size: string;
  /** Base64. */
  readonly md5Hash: string;
  /** Base64, big-endian. */
  readonly crc32c: string;
}

/** The bytes of objects: one file per generation, readable only by its owner. */
export class Contents {
  private readonly folder: string;

  /**
   * @param folder Holds the files; created if it does not exist.
   * @param known Generations and resumable uploads that exist. Files of others, left by an interrupted request, are removed.
   */
  constructor(folder: string, known: ReadonlySet<string>) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const file of readdirSync(folder)) if (!known.has(file)) rmSync(join(folder, file));
  }

  /** A new, empty upload. @returns Its name. */
  async begin(): Promise<string> {
    const upload = `upload-${randomUUID()}`;
    await writeFile(this.path(upload), "", { mode: 0o600 });
    return upload;
  }

  /** Adds bytes to an upload as they arrive; those that arrived before an error stay. */
  append(upload: string, bytes: AsyncIterable<Uint8Array> | Uint8Array): Promise<void> {
    return writeFile(this.path(upload), bytes, { flag: "a" });
  }

  /** The bytes of an upload so far. */
  length(upload: string): number {
    return statSync(this.path(upload)).size;
  }

  shorten(upload: string, length: number): Promise<void> {
    return truncate(this.path(upload), length);
  }

  async sums(upload: string): Promise<Sums> {
    const md5 = createHash("md5");
    let crc = 0;
    let size = 0;
    for await (const chunk of createReadStream(this.path(upload)) as AsyncIterable<Buffer>) {
      md5.update(chunk);
      crc = crc32c(chunk, crc);
      size += chunk.length;
    }
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(crc);
    return { size: String(size), md5Hash: md5.digest("base64"), crc32c: bytes.toString("base64") };
  }

  /** Makes an upload the bytes of a generation. */
  keep(upload: string, generation: string): void {
    renameSync(this.path(upload), this.path(generation));
  }

  read(generation: string): Buffer {
    return readFileSync(this.path(generation));
  }

  /** @param range The first and the last byte; all by default. */
  stream(generation: string, range?: { readonly start: number; readonly end: number }): Readable {
    return createReadStream(this.path(generation), range);
  }

  /** Deletes the bytes of a generation or an upload. */
  delete(name: string): void {
    rmSync(this.path(name), { force: true });
  }

  private path(name: string): string {
    return join(this.folder, name);
  }
}
