/** What one side of a comparison took, over all its runs. */
export interface Summary {
  readonly median: number;
  /** The spread. */
  readonly lowest: number;
  readonly highest: number;
  readonly runs: number;
}

/** A side of a comparison. */
export interface Side extends Summary {
  readonly name: string;
  readonly unit: string;
}

/** A number that the benchmarks give, with what it was made of. */
export interface Figure {
  /** Such as `preview against an empty program, time`. */
  readonly name: string;
  readonly value: number;
  /** `×` for a ratio of medians, the only figures that are compared between runs. */
  readonly unit: string;
  /** What it may be; a figure without is reported only. */
  readonly limit?: { readonly most: number } | { readonly least: number };
  readonly sides: readonly Side[];
}

/** @throws Error without values. */
export function summarize(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number) => {
    const value = sorted[index];
    if (value === undefined) throw new Error("There is nothing to summarize.");
    return value;
  };
  const median = (at(Math.floor((sorted.length - 1) / 2)) + at(Math.ceil((sorted.length - 1) / 2))) / 2;
  return { median, lowest: at(0), highest: at(sorted.length - 1), runs: sorted.length };
}

/** Values of one side. */
export interface Measured {
  readonly name: string;
  readonly unit: string;
  readonly values: readonly number[];
}

/** The median of the first side as a multiple of the second's. */
export function ratio(name: string, one: Measured, other: Measured, limit?: Figure["limit"]): Figure {
  const sides = [one, other].map(side);
  const [first, second] = sides;
  if (!first || !second) throw new Error("A ratio has two sides.");
  return { name, value: first.median / second.median, unit: "×", ...(limit && { limit }), sides };
}

/** The median of one side. */
export function absolute(name: string, one: Measured, limit?: Figure["limit"]): Figure {
  const only = side(one);
  return { name, value: only.median, unit: one.unit, ...(limit && { limit }), sides: [only] };
}

function side({ name, unit, values }: Measured): Side {
  return { name, unit, ...summarize(values) };
}

/** How much of its limit a figure uses: more than 1 misses it. Undefined where there is none. */
export function used({ limit, value }: Figure): number | undefined {
  if (!limit) return undefined;
  return "most" in limit ? value / limit.most : limit.least / value;
}

/** A ratio may be so much worse than the committed one: what the same code differs by from run to run, and a little more. */
export const TOLERANCE = 0.25;

/**
 * What became worse than it was, in sentences. Only ratios are compared: times are another machine's.
 * @param before The committed figures.
 */
export function regressions(figures: readonly Figure[], before: readonly Figure[]): string[] {
  return figures.flatMap(({ name, unit, value, limit }) => {
    const earlier = before.find((one) => one.name === name && one.unit === "×");
    if (unit !== "×" || !earlier) return [];
    const worse = limit && "least" in limit ? earlier.value / value : value / earlier.value;
    if (worse <= 1 + TOLERANCE) return [];
    return [`${name}: ${value.toFixed(2)} ×, and was ${earlier.value.toFixed(2)} ×`];
  });
}
