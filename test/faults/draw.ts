/** Random numbers from a seed: mulberry32. */
export class Draw {
  private state: number;

  constructor(state: number) {
    this.state = state;
  }

  /** From 0 up to, but not including, 1. */
  number(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 1 to the last one. */
  upTo(last: number): number {
    return 1 + Math.floor(this.number() * last);
  }

  /** One of these. */
  of<T>(all: readonly T[]): T {
    return all[this.upTo(all.length) - 1] as T;
  }
}
