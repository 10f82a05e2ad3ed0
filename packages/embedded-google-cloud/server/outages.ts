import type { FastifyInstance, FastifyRequest } from "fastify";
import { GoogleError } from "../rest/errors.ts";

/** The loss of instances and of regions. */
export interface Outages {
  /** Ends an instance's server at once; its state is `FAILED`, and it serves nothing. @throws GoogleError if it does not run. */
  begin(project: string, instance: string): Promise<void>;
  /** Lets a replica receive nothing from its primary, so that it falls behind, until it is promoted or the embedded cloud restarts. */
  sever(project: string, replica: string): Promise<void>;
  /** Gives a lost instance back; as it was, or as the replica of the instance that took its place. */
  end(project: string, instance: string): Promise<void>;
  /**
   * Loses a region: its instances and the processes of its services end at once, and every call about what is in it gets 503, also of
   * an API with a global address, until {@link endRegion} or a restart.
   */
  beginRegion(region: string): Promise<void>;
  /** Gives a lost region back, with its instances as {@link end} does. */
  endRegion(region: string): Promise<void>;
}

/** What is in a region. */
export interface Regional {
  /** Ends what runs in a region. @returns Gives back what it ended. */
  readonly lose: (region: string) => Promise<() => Promise<void>>;
  /** The region of what a request is about; undefined if it is about nothing in a region. */
  readonly regionOf: (request: FastifyRequest) => string | undefined;
}

/** The lost regions. */
export class LostRegions {
  private readonly lost = new Map<string, () => Promise<void>>();
  private readonly regional: Regional;

  constructor(regional: Regional) {
    this.regional = regional;
  }

  async begin(region: string): Promise<void> {
    if (this.lost.has(region)) return;
    this.lost.set(region, () => Promise.resolve());
    this.lost.set(region, await this.regional.lose(region));
  }

  async end(region: string): Promise<void> {
    const giveBack = this.lost.get(region);
    this.lost.delete(region);
    await giveBack?.();
  }

  /** Adds the hook; call it after adding those for authentication and permissions. */
  hooks(app: FastifyInstance): void {
    // After the body, which names the region of what is to be created.
    app.addHook("preHandler", (request, _reply, done) => {
      const region = this.lost.size === 0 ? undefined : this.regional.regionOf(request);
      if (region === undefined || !this.lost.has(region.toLowerCase())) {
        done();
        return;
      }
      throw new GoogleError("UNAVAILABLE", `The service is currently unavailable in ${region}.`, "backendError");
    });
  }
}
