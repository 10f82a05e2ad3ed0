import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";

/**
 * The embedded cloud's state: named collections of JSON values. Each value is a file that is replaced atomically before the
 * request that changed it gets its response.
 */
export class Store {
  private readonly collections = new Map<string, Collection<unknown>>();
  readonly folder: string;

  /** @param folder Created with mode 0700 if it does not exist. */
  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
  }

  /**
   * The collection in the subfolder `name`, such as `secrets`.
   * @throws StoreError if a file in it is not JSON.
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

/** A state file is unusable. */
export class StoreError extends Error {
  override readonly name = "StoreError";

  constructor(path: string, problem: string) {
    super(`A state file is damaged: ${path} (${problem}).`);
  }
}

/** Replaces a file atomically, with mode 0600: a killed process leaves the old text or the new one. */
export function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.tmp`, text, { mode: 0o600 });
  renameSync(`${path}.tmp`, path);
}

/** Values by key. Do not modify what `get` and `values` return; use `put`. */
export class Collection<T> {
  private readonly items = new Map<string, T>();
  /** The sorted keys; reset when the set of keys changes. */
  private sorted: readonly string[] | undefined;
  private readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const file of readdirSync(folder)) {
      const path = join(folder, file);
      if (file.endsWith(".tmp")) {
        rmSync(path); // an interrupted write; the previous value still exists
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

  /** Stores a value; it is on disk when this returns. */
  put(key: string, value: T): T {
    replaceFile(this.path(key), JSON.stringify({ key, value }));
    if (!this.items.has(key)) this.sorted = undefined;
    this.items.set(key, value);
    return value;
  }

  /** @returns Whether the value existed. */
  delete(key: string): boolean {
    rmSync(this.path(key), { force: true });
    this.sorted = undefined;
    return this.items.delete(key);
  }

  /** Keys in alphabetical order, like Google's lists. */
  keys(): readonly string[] {
    return (this.sorted ??= [...this.items.keys()].sort());
  }

  values(): T[] {
    return this.keys().map((key) => this.items.get(key) as T);
  }

  /** File names have at most 255 bytes, no slash and, on some systems, no case; keys are resource names of any form. */
  private path(key: string): string {
    const encoded = encodeURIComponent(key).replaceAll("~", "%7E").replaceAll("%2F", "~");
    const plain = encoded.length <= 200 && key === key.toLowerCase();
    return join(this.folder, `${plain ? encoded : `${encoded.slice(0, 150)}-${hash(key)}`}.json`);
  }
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 40);
}

/** Copies the values below one prefix to another. */
export function copyBelow<T>(values: Collection<T>, from: string, to: string): void {
  for (const key of values.keys()) {
    const value = key.startsWith(from) ? values.get(key) : undefined;
    if (value !== undefined) values.put(to + key.slice(from.length), value);
  }
}
