import type { Measurement } from "./measure.ts";

/** The measurement of a configuration. */
export interface Run extends Measurement {
  readonly name: string;
}

/** What `docs/benchmarks/load.json` holds. */
export interface Results {
  readonly machine: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly commit: string;
  readonly time: string;
  /** Of a stored command, with its index. */
  readonly bytesPerRow: number;
  readonly runs: readonly Run[];
}
