import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join, posix } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isAlive } from "../../packages/embedded-google-cloud/state/lock.ts";
import { replaceFile, StoreError } from "../../packages/embedded-google-cloud/state/store.ts";
import { UserError } from "../terminal/user-error.ts";
import { PROJECT } from "../../infra/names.ts";

// How Pulumi lays out states in a folder or a bucket: pkg/backend/diy in pulumi/pulumi, `stackLockDir` in lock.go,
// `projectReferenceStore` in store.go, `backupTarget` in state.go; and gocloud.dev, blob/fileblob/attrs.go.
// test/ops/engine/file-backend.test.ts holds all of it against the engine.

/**
 * The folder of a stack's locks, below the backend's root; each update leaves a file in it while it runs.
 * @param stack The stack's name.
 */
export function lockFolder(stack: string): string {
  return posix.join(".pulumi", "locks", "organization", PROJECT, stack);
}

/** A checkpoint, as far as it is read here: `apitype.VersionedCheckpoint`. */
interface Checkpoint<T> {
  readonly version: number;
  readonly checkpoint: { readonly latest?: T };
}

/**
 * The files of a stack whose state is in a folder.
 * @param backend The value of `PULUMI_BACKEND_URL`.
 * @param stack The stack's name.
 * @returns Undefined where the state is anywhere else.
 */
export function stackFiles(backend: string, stack: string): StackFiles | undefined {
  const url = URL.parse(backend);
  return url?.protocol === "file:" && url.hostname === "" ? new StackFiles(fileURLToPath(url), stack) : undefined;
}

/** The files of one stack. */
export class StackFiles {
  /** Where the state is. */
  readonly checkpoint: string;
  /** The checkpoint before that. */
  readonly before: string;
  /** What the engine notes about the checkpoint's file: it reads it, but does not need it. */
  readonly attributes: string;
  private readonly folder: string;

  /**
   * @param root The backend's root.
   * @param stack The stack's name.
   */
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

  /**
   * The state's checkpoint.
   * @returns Undefined where there is none, it is cut off, or the engine compresses it (`NAME.json.gz`).
   */
  read<T>(): Checkpoint<T> | undefined {
    return readJson(this.checkpoint) as Checkpoint<T> | undefined;
  }

  /** Replaces the checkpoint, past the engine: no update may be under way. */
  write(checkpoint: Checkpoint<unknown>): void {
    replaceFile(this.checkpoint, JSON.stringify(checkpoint));
  }

  /** The paths of the locks. */
  locks(): string[] {
    const files = existsSync(this.folder) ? readdirSync(this.folder) : [];
    return files.filter((file) => file.endsWith(".json")).map((file) => join(this.folder, file));
  }

  /**
   * Removes the locks of updates that were killed. Only for a caller that holds the folder, so that nobody else updates the
   * stack; an engine that outlived its command is left to finish.
   * @throws UserError where such an engine does not end.
   */
  async breakDeadLocks(): Promise<void> {
    for (const path of this.locks()) {
      const pid = Number(/"pid":\s*(\d+)/.exec(readFileSync(path, "utf8"))?.[1] ?? 0);
      const end = Date.now() + ENGINE_PATIENCE;
      while (pid > 0 && isAlive(pid)) {
        if (Date.now() > end) {
          throw new UserError(`An update of an earlier run is still under way in process ${pid}. Wait for it.`);
        }
        await delay(50);
      }
      rmSync(path);
    }
  }

  /**
   * Takes the checkpoint before where a kill has cut the last one off.
   * @throws StoreError where both are cut off.
   */
  restoreCutOff(): void {
    if (readJson(this.attributes) === undefined) rmSync(this.attributes, { force: true });
    if (!this.exists() || this.read() !== undefined) return;
    if (readJson(this.before) === undefined) throw new StoreError(this.checkpoint, "it is cut off");
    replaceFile(this.checkpoint, readFileSync(this.before, "utf8"));
  }
}

/** How long an engine that lost its command may take to end, in milliseconds. */
const ENGINE_PATIENCE = 10_000;

/** @returns Undefined where there is no such file, or it is cut off. */
function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
