import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join, posix } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isAlive } from "../../packages/embedded-google-cloud/state/lock.ts";
import { replaceFile, StoreError } from "../../packages/embedded-google-cloud/state/store.ts";
import { UserError } from "../terminal/user-error.ts";
import { PROJECT } from "../../infra/names.ts";

// Pulumi's file layout in a folder or bucket: pkg/backend/diy in pulumi/pulumi, `stackLockDir` in lock.go,
// `projectReferenceStore` in store.go, `backupTarget` in state.go; and gocloud.dev, blob/fileblob/attrs.go.
// test/ops/engine/file-backend.test.ts compares it with the engine's.

/** The folder of a stack's locks, relative to the backend's root; each running update keeps a file in it. */
export function lockFolder(stack: string): string {
  return posix.join(".pulumi", "locks", "organization", PROJECT, stack);
}

/** The part of `apitype.VersionedCheckpoint` used here. */
interface Checkpoint<T> {
  readonly version: number;
  readonly checkpoint: { readonly latest?: T };
}

/**
 * The files of a stack, or undefined if its state is not in a folder.
 * @param backend The value of `PULUMI_BACKEND_URL`.
 */
export function stackFiles(backend: string, stack: string): StackFiles | undefined {
  const url = URL.parse(backend);
  return url?.protocol === "file:" && url.hostname === "" ? new StackFiles(fileURLToPath(url), stack) : undefined;
}

/** The files of one stack in a backend's root folder. */
export class StackFiles {
  /** Path of the state. */
  readonly checkpoint: string;
  /** Path of the previous checkpoint. */
  readonly before: string;
  /** Path of the checkpoint's metadata, which the engine reads but does not need. */
  readonly attributes: string;
  private readonly folder: string;

  constructor(root: string, stack: string) {
    this.checkpoint = join(root, ".pulumi", "stacks", PROJECT, `${stack}.json`);
    this.before = `${this.checkpoint}.bak`;
    this.attributes = `${this.checkpoint}.attrs`;
    this.folder = join(root, lockFolder(stack));
  }

  /** Whether the stack has a state. */
  exists(): boolean {
    return existsSync(this.checkpoint);
  }

  /** The checkpoint; undefined if it does not exist, is truncated, or is compressed (`NAME.json.gz`). */
  read<T>(): Checkpoint<T> | undefined {
    return readJson(this.checkpoint) as Checkpoint<T> | undefined;
  }

  /** Replaces the checkpoint, bypassing the engine: no update may be running. */
  write(checkpoint: Checkpoint<unknown>): void {
    replaceFile(this.checkpoint, JSON.stringify(checkpoint));
  }

  /** The paths of the locks. */
  locks(): string[] {
    const files = existsSync(this.folder) ? readdirSync(this.folder) : [];
    return files.filter((file) => file.endsWith(".json")).map((file) => join(this.folder, file));
  }

  /**
   * Removes the locks of killed updates, after waiting for an engine that outlived its command. The caller must have locked
   * the folder.
   * @throws UserError if such an engine does not end.
   */
  async breakDeadLocks(): Promise<void> {
    for (const path of this.locks()) {
      const pid = Number(/"pid":\s*(\d+)/.exec(readFileSync(path, "utf8"))?.[1] ?? 0);
      const end = Date.now() + ENGINE_PATIENCE;
      while (pid > 0 && isAlive(pid)) {
        if (Date.now() > end) {
          throw new UserError(`An earlier update is still running in process ${pid}. Wait for it to finish.`);
        }
        await delay(50);
      }
      rmSync(path);
    }
  }

  /**
   * Restores the previous checkpoint if a kill has truncated the last one.
   * @throws StoreError if both are truncated.
   */
  restoreTruncated(): void {
    if (readJson(this.attributes) === undefined) rmSync(this.attributes, { force: true });
    if (!this.exists() || this.read() !== undefined) return;
    if (readJson(this.before) === undefined) throw new StoreError(this.checkpoint, "it is truncated");
    replaceFile(this.checkpoint, readFileSync(this.before, "utf8"));
  }
}

/** How long to wait for an engine whose command was killed, in milliseconds. */
const ENGINE_PATIENCE = 10_000;

/** Undefined if the file does not exist or is truncated. */
function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
