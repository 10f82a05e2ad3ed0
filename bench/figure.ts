/** Statistics of one side's runs. */
export interface Summary {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
  readonly runs: number;
}

/** A side of a comparison. */
export interface Side extends Summary {
  readonly name: string;
  readonly unit: string;
}

/** A benchmark result, with the sides it is computed from. */
export interface Figure {
  /** Such as `preview against an empty program, time`. */
  readonly name: string;
  readonly value: number;
  /** `×` for a ratio of medians; only ratios are compared with committed figures. */
  readonly unit: string;
  /** A figure without a limit is only reported. */
  readonly limit?: { readonly most: number } | { readonly least: number };
  readonly sides: readonly Side[];
}

/** Computes the statistics of values. @throws Error if there are none. */
export function summarize(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number) => {
    const value = sorted[index];
    if (value === undefined) throw new Error("There are no values to summarize.");
    return value;
  };
  const median = (at(Math.floor((sorted.length - 1) / 2)) + at(Math.ceil((sorted.length - 1) / 2))) / 2;
  return { median, lowest: at(0), highest: at(sorted.length - 1), runs: sorted.length };
}

/** The measured values of one side. */
export interface Measured {
  readonly name: string;
  readonly unit: string;
  readonly values: readonly number[];
}

/** The ratio of the first side's median to the second's. */
export function ratio(name: string, one: Measured, other: Measured, limit?: Figure["limit"]): Figure {
  const [first, second] = [side(one), side(other)];
  return { name, value: first.median / second.median, unit: "×", ...(limit && { limit }), sides: [first, second] };
}

/** The median of one side. */
export function absolute(name: string, one: Measured, limit?: Figure["limit"]): Figure {
  const only = side(one);
  return { name, value: only.median, unit: one.unit, ...(limit && { limit }), sides: [only] };
}

function side({ name, unit, values }: Measured): Side {
  return { name, unit, ...summarize(values) };
}

/** The part of its limit that a figure uses; it misses the limit above 1. Undefined without a limit. */
export function used({ limit, value }: Figure): number | undefined {
  if (!limit) return undefined;
  return "most" in limit ? value / limit.most : limit.least / value;
}

/** How much worse than the committed one a ratio may be: slightly more than the same code varies between runs. */
export const TOLERANCE = 0.25;

/**
 * Messages about ratios that became worse. Times are not compared, because they depend on the machine.
 * @param before The committed figures.
 */
export function regressions(figures: readonly Figure[], before: readonly Figure[]): string[] {
  return figures.flatMap(({ name, unit, value, limit }) => {
    const earlier = before.find((one) => one.name === name && one.unit === "×");
    if (unit !== "×" || !earlier) return [];
    const worse = limit && "least" in limit ? earlier.value / value : value / earlier.value;
    if (worse <= 1 + TOLERANCE) return [];
    return [`${name}: ${value.toFixed(2)} ×, was ${earlier.value.toFixed(2)} ×`];
  });
}
