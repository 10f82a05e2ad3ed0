import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { shortName } from "../../rest/names.ts";
import { RPC, StartFailure } from "./failure.ts";
import type { Log, Logs } from "./logs.ts";
import { untilReady } from "./probe.ts";
import type { Process } from "./program.ts";
import { type Revision, type Scaling, seconds } from "./resources.ts";
import type { Runtime } from "./runtime.ts";

/** A revision's process that is ready for a request. */
export interface Entered {
  /** Its port on 127.0.0.1. */
  readonly port: number;
  /** To be called once the response is complete. */
  readonly leave: () => void;
}

/**
 * Requests that an instance gets at a time if the template does not say, and how many instances a service has at most:
 * https://cloud.google.com/run/docs/about-concurrency, https://cloud.google.com/run/docs/configuring/max-instances
 */
const DEFAULTS = { concurrency: 80, instances: 100 };

/**
 * How long a request waits for a place in an instance, in milliseconds, while instances start in less than three seconds:
 * https://cloud.google.com/run/docs/about-instance-autoscaling
 */
const PATIENCE = 10_000;

/** No instance had a place for a request. */
export class NoInstance extends Error {}

/** The most instances of a revision; 0 stands for none set. */
export function mostInstances(revision: Revision, service: Scaling | undefined): number {
  const limits = [revision.scaling?.maxInstanceCount, service?.maxInstanceCount];
  return Math.min(...limits.map((limit = 0) => (limit === 0 ? DEFAULTS.instances : limit)));
}

/** A process of a revision. */
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
  private readonly onPlace: () => void;

  constructor(
    revision: Revision,
    { runtime, log, onEnd, onPlace }: { runtime: Runtime; log: Log; onEnd: () => void; onPlace: () => void },
  ) {
    this.revision = revision;
    this.runtime = runtime;
    this.log = log;
    this.onEnd = onEnd;
    this.onPlace = onPlace;
    this.ready = this.start();
  }

  /** Requests that it could get now. */
  get places(): number {
    // 0 stands for none set.
    const { maxInstanceRequestConcurrency: most = 0 } = this.revision;
    return (most === 0 ? DEFAULTS.concurrency : most) - this.requests;
  }

  async enter(): Promise<Entered> {
    this.requests++;
    const leave = () => {
      if (--this.requests === 0) this.onIdle?.();
      this.onPlace();
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

/** The instances of a revision that get new requests, and the requests that wait for a place in one, oldest first. */
interface Fleet {
  readonly instances: Instance[];
  /** Called without an instance to look again. */
  readonly waiting: ((instance?: Instance) => void)[];
}

/** The processes of all revisions, started on demand: another one when every instance has as many requests as it may get. */
export class Instances {
  /** By the revision's full name. */
  private readonly current = new Map<string, Fleet>();
  /** The instances of fleets and the draining ones. */
  private readonly alive = new Set<Instance>();
  private readonly runtime: Runtime;
  private readonly logs: Logs;

  constructor(runtime: Runtime, logs: Logs) {
    this.runtime = runtime;
    this.logs = logs;
  }

  /**
   * Waits for a place in an instance of a revision; starts an instance if none has one.
   * @param most Instances of the revision.
   * @throws StartFailure if it does not start; NoInstance if there is no place for too long.
   */
  async enter(revision: Revision, most = 1): Promise<Entered> {
    const end = Date.now() + PATIENCE;
    for (;;) {
      const fleet = this.fleetOf(revision);
      const [free] = fleet.instances.filter(({ places }) => places > 0).sort((one, other) => other.places - one.places);
      if (free) return free.enter();
      if (fleet.instances.length < most) return this.create(revision, fleet).enter();
      const entered = await this.placeIn(fleet, end - Date.now());
      if (entered) return entered;
    }
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
    this.take(() => true);
    await Promise.all([...this.alive].map((instance) => instance.stop()));
  }

  private fleetOf({ name }: Revision): Fleet {
    const fleet = this.current.get(name) ?? { instances: [], waiting: [] };
    this.current.set(name, fleet);
    return fleet;
  }

  /**
   * Waits for a place. @returns undefined if the fleet has changed.
   * @throws NoInstance after the given milliseconds.
   */
  private placeIn({ waiting }: Fleet, patience: number): Promise<Entered | undefined> {
    return new Promise((resolve, reject) => {
      const get = (instance?: Instance) => {
        clearTimeout(limit);
        resolve(instance?.enter());
      };
      const limit = setTimeout(() => {
        waiting.splice(waiting.indexOf(get), 1);
        reject(new NoInstance("The request was aborted because there was no available instance."));
      }, patience);
      waiting.push(get);
    });
  }

  private create(revision: Revision, fleet: Fleet): Instance {
    const { instances, waiting } = fleet;
    const instance: Instance = new Instance(revision, {
      runtime: this.runtime,
      log: this.logs.of(revision.name),
      onPlace: () => {
        if (waiting.length > 0 && instances.includes(instance) && instance.places > 0) waiting.shift()?.(instance);
      },
      onEnd: () => {
        this.alive.delete(instance);
        if (instances.includes(instance)) instances.splice(instances.indexOf(instance), 1);
        wake(fleet);
      },
    });
    instances.push(instance);
    this.alive.add(instance);
    return instance;
  }

  private take(which: (revision: string) => boolean): Instance[] {
    const taken = [...this.current].filter(([name]) => which(name)).map(([name, fleet]) => ({ name, fleet }));
    for (const { name } of taken) this.current.delete(name);
    const instances = taken.flatMap(({ fleet }) => fleet.instances.splice(0));
    for (const { fleet } of taken) wake(fleet);
    return instances;
  }
}

/** Lets the waiting requests of a fleet look again, since it has changed. */
function wake({ waiting }: Fleet): void {
  for (const get of waiting.splice(0)) get();
}

/** Ports that no system gives to a connection: Linux begins at 32768, and macOS at 49152. */
const PORTS = { first: 30_000, end: 32_768 };

/** A free port, which no connection takes until the instance listens. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(PORTS.first, PORTS.end);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve, reject) => {
      server.once("error", (error: NodeJS.ErrnoException) => {
        if (error.code === "EADDRINUSE") resolve(false);
        else reject(error);
      });
      server.listen(port, "127.0.0.1", () => {
        server.close(() => {
          resolve(true);
        });
      });
    });
    if (isFree) return port;
  }
}
