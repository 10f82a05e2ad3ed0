import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { shortName } from "../../rest/names.ts";
import { RPC, StartFailure } from "./failure.ts";
import type { Log, Logs } from "./logs.ts";
import { untilReady } from "./probe.ts";
import type { Process } from "./program.ts";
import { type Revision, seconds } from "./resources.ts";
import type { Runtime } from "./runtime.ts";

/** A revision's process that is ready for a request. */
export interface Entered {
  /** Its port on 127.0.0.1. */
  readonly port: number;
  /** To be called once the response is complete. */
  readonly leave: () => void;
}

/** The process of a revision. */
class Instance {
  /** Resolves to its port once it accepts requests; rejects with a StartFailure. */
  readonly ready: Promise<number>;
  private process: Process | undefined;
  private stopped = false;
  private requests = 0;
  private onIdle: (() => void) | undefined;
  private readonly revision: Revision;
  private readonly runtime: Runtime;
  private readonly log: Log;
  private readonly onEnd: () => void;

  constructor(revision: Revision, runtime: Runtime, log: Log, onEnd: () => void) {
    this.revision = revision;
    this.runtime = runtime;
    this.log = log;
    this.onEnd = onEnd;
    this.ready = this.start();
  }

  async enter(): Promise<Entered> {
    this.requests++;
    const leave = () => {
      if (--this.requests === 0) this.onIdle?.();
    };
    try {
      return { port: await this.ready, leave };
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** Waits for its requests to complete, at most for the request timeout, then stops the process. */
  async drain(): Promise<void> {
    if (this.requests > 0) {
      const patience = new AbortController();
      const idle = new Promise<void>((resolve) => (this.onIdle = resolve));
      const limit = delay(seconds(this.revision.timeout) * 1000, undefined, { signal: patience.signal });
      await Promise.race([idle, limit.catch(() => undefined), this.process?.exited ?? idle]);
      patience.abort();
    }
    await this.stop();
  }

  /** Stops the process, even while it starts. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.process?.stop();
    await this.ready.catch(() => undefined);
  }

  private async start(): Promise<number> {
    try {
      const { name, service } = this.revision;
      const port = await freePort();
      const env = { PORT: String(port), K_SERVICE: service, K_REVISION: shortName(name), K_CONFIGURATION: service };
      const { revision, log } = this;
      this.process = await this.runtime.start({ template: revision, name, env, log });
      if (this.stopped) throw stoppedEarly();
      await untilReady({ revision, process: this.process, port, log });
      void this.process.exited.then(this.onEnd);
      return port;
    } catch (error) {
      await this.process?.stop();
      this.onEnd();
      throw this.stopped ? stoppedEarly() : error;
    }
  }
}

function stoppedEarly(): StartFailure {
  return new StartFailure("The revision was stopped while it started.", { reason: "REVISION_FAILED" }, RPC.ABORTED);
}

/** The processes of all revisions: one each, started on demand. */
export class Instances {
  /** The instances that get new requests, by the revision's full name. */
  private readonly current = new Map<string, Instance>();
  /** These and the draining ones. */
  private readonly alive = new Set<Instance>();
  private readonly runtime: Runtime;
  private readonly logs: Logs;

  constructor(runtime: Runtime, logs: Logs) {
    this.runtime = runtime;
    this.logs = logs;
  }

  /**
   * Waits for a revision's instance; starts one if none is running.
   * @throws StartFailure if it does not start.
   */
  enter(revision: Revision): Promise<Entered> {
    return (this.current.get(revision.name) ?? this.create(revision)).enter();
  }

  /** Drains instances; requests that arrive now get new ones. */
  async drain(which: (revision: string) => boolean): Promise<void> {
    await Promise.all(this.take(which).map((instance) => instance.drain()));
  }

  /** Stops instances at once. */
  async end(which: (revision: string) => boolean): Promise<void> {
    await Promise.all(this.take(which).map((instance) => instance.stop()));
  }

  /** Stops every process at once. */
  async stop(): Promise<void> {
    this.current.clear();
    await Promise.all([...this.alive].map((instance) => instance.stop()));
  }

  private create(revision: Revision): Instance {
    const { name } = revision;
    const instance: Instance = new Instance(revision, this.runtime, this.logs.of(name), () => {
      this.alive.delete(instance);
      if (this.current.get(name) === instance) this.current.delete(name);
    });
    this.current.set(name, instance);
    this.alive.add(instance);
    return instance;
  }

  private take(which: (revision: string) => boolean): Instance[] {
    const taken = [...this.current].filter(([name]) => which(name));
    for (const [name] of taken) this.current.delete(name);
    return taken.map(([, instance]) => instance);
  }
}

/** A free port. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
