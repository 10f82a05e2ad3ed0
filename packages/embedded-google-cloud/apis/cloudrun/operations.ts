import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { GoogleError } from "../../rest/errors.ts";
import type { Collection, Store } from "../../state/store.ts";
import { RPC, StartFailure } from "./failure.ts";

/** A long-running operation: https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.operations */
export interface Operation {
  name: string;
  /** The resource when the operation began or ended. */
  metadata: object;
  done?: true;
  error?: { code: number; message: string };
  response?: object;
}

/** The type of an operation's resource. */
export type Kind = "Service" | "Revision" | "Job" | "Execution";

interface StoredOperation {
  operation: Operation;
  kind: Kind;
  /** Full name of the resource. */
  target: string;
}

/** Cloud Run's operations. Unfinished ones survive a restart and are resumed. */
export class Operations {
  private readonly stored: Collection<StoredOperation>;
  private readonly waiting = new Map<string, (() => void)[]>();

  constructor(store: Store) {
    this.stored = store.collection("cloudrun-operations");
    for (const { operation } of this.stored.values()) if (operation.done) this.stored.delete(operation.name);
  }

  /** The operations that were running when the embedded cloud stopped. */
  unfinished(): StoredOperation[] {
    return this.stored.values().filter(({ operation }) => !operation.done);
  }

  /** @param parent `projects/P/locations/L`. */
  begin(parent: string, kind: Kind, resource: { name: string }): Operation {
    const name = `${parent}/operations/${randomUUID()}`;
    return this.put({ operation: { name, metadata: typed(kind, resource) }, kind, target: resource.name });
  }

  /** A completed operation that is not stored, for a request that only validates. */
  validated(parent: string, kind: Kind, resource: object): Operation {
    const metadata = typed(kind, resource);
    return { name: `${parent}/operations/${randomUUID()}`, metadata, done: true, response: metadata };
  }

  succeed(name: string, resource: object): void {
    this.end(name, resource, (response) => ({ response }));
  }

  /** @param error A StartFailure has its own code. */
  fail(name: string, resource: object, error: Error): void {
    const code = error instanceof StartFailure ? error.code : RPC.ABORTED;
    this.end(name, resource, () => ({ error: { code, message: error.message } }));
  }

  /** @throws GoogleError NOT_FOUND. */
  get(name: string): Operation {
    const found = this.stored.get(name);
    if (!found) throw new GoogleError("NOT_FOUND", `operation "${name}" not found`);
    return found.operation;
  }

  /**
   * @param timeout Seconds after which the operation is returned even if it is not done.
   * @throws GoogleError NOT_FOUND.
   */
  async wait(name: string, timeout: number): Promise<Operation> {
    if (!this.get(name).done) {
      const patience = new AbortController();
      const done = new Promise<void>((resolve) => {
        this.waiting.set(name, [...(this.waiting.get(name) ?? []), resolve]);
      });
      await Promise.race([done, delay(timeout * 1000, undefined, { signal: patience.signal }).catch(() => undefined)]);
      patience.abort();
    }
    return this.get(name);
  }

  private end(name: string, resource: object, outcome: (metadata: object) => Partial<Operation>): void {
    const stored = this.stored.get(name);
    if (!stored) return;
    const metadata = typed(stored.kind, resource);
    this.put({ ...stored, operation: { name, metadata, done: true, ...outcome(metadata) } });
    for (const resolve of this.waiting.get(name) ?? []) resolve();
    this.waiting.delete(name);
  }

  private put(stored: StoredOperation): Operation {
    return this.stored.put(stored.operation.name, stored).operation;
  }
}

function typed(kind: Kind, resource: object): object {
  return { "@type": `type.googleapis.com/google.cloud.run.v2.${kind}`, ...resource };
}
