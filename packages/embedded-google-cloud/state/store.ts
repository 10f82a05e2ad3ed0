import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";

/**
 * The embedded cloud's memory: named collections of JSON values, each value a file that is replaced whole before the
 * request that changed it is answered. A process that is killed leaves either the old value or the new one.
 */
export class Store {
  private readonly collections = new Map<string, Collection<unknown>>();

  readonly folder: string;

  /** @param folder Where the collections live; made where it does not exist, readable by its owner only. */
  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
  }

  /**
   * @param name A folder's name, such as `secrets`; a name stands for one collection of one type.
   * @throws StoreError where a file in it is not JSON.
   */
  collection<T>(name: string): Collection<T> {
    let found = this.collections.get(name);
    if (!found) {
      found = new Collection<unknown>(join(this.folder, name));
      this.collections.set(name, found);
    }
    return found as Collection<T>;
  }
}

/** A file that an earlier run left cannot be used. */
export class StoreError extends Error {
  override readonly name = "StoreError";

  /**
   * @param path The file.
   * @param problem What is wrong with it.
   */
  constructor(path: string, problem: string) {
    super(`What an earlier run left is damaged: ${path} (${problem}).`);
  }
}

/**
 * Replaces a file whole, readable by its owner only: whoever is killed meanwhile leaves the old text or the new one.
 * @param path Its path; the folder exists.
 */
export function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.tmp`, text, { mode: 0o600 });
  renameSync(`${path}.tmp`, path);
}

/** Values by key. What `get` and `values` return must be changed only by way of `put`. */
export class Collection<T> {
  private readonly items = new Map<string, T>();
  /** The keys in order, until another comes or one goes. */
  private sorted: readonly string[] | undefined;

  private readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const file of readdirSync(folder)) {
      const path = join(folder, file);
      if (file.endsWith(".tmp")) {
        rmSync(path); // a write that was cut off; the value before it is still there
        continue;
      }
      try {
        const { key, value } = JSON.parse(readFileSync(path, "utf8")) as { key: string; value: T };
        this.items.set(key, value);
      } catch (error) {
        throw new StoreError(path, (error as Error).message);
      }
    }
  }

  get(key: string): T | undefined {
    return this.items.get(key);
  }

  /** Keeps a value; it is on disk when this returns. */
  put(key: string, value: T): T {
    replaceFile(this.path(key), JSON.stringify({ key, value }));
    if (!this.items.has(key)) this.sorted = undefined;
    this.items.set(key, value);
    return value;
  }

  /** @returns Whether there was such a value. */
  delete(key: string): boolean {
    rmSync(this.path(key), { force: true });
    this.sorted = undefined;
    return this.items.delete(key);
  }

  /** Keys in the order of the alphabet, as Google's lists are. */
  keys(): readonly string[] {
    return (this.sorted ??= [...this.items.keys()].sort());
  }

  values(): T[] {
    return this.keys().map((key) => this.items.get(key) as T);
  }

  /**
   * File names are limited to 255 bytes, know no slash and, on some systems, no upper case; keys are resource names and
   * may have all of these.
   */
  private path(key: string): string {
    const encoded = encodeURIComponent(key).replaceAll("~", "%7E").replaceAll("%2F", "~");
    const plain = encoded.length <= 200 && key === key.toLowerCase();
    return join(this.folder, `${plain ? encoded : `${encoded.slice(0, 150)}-${hash(key)}`}.json`);
  }
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 40);
}
