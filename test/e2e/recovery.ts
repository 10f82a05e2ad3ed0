import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What a recovery was measured to take on the embedded cloud. */
export interface Recovery {
  /** Until the service accepts a command again. */
  readonly seconds: number;
  /** What is lost, in words. */
  readonly lost: string;
  /** The day of the measurement, such as 2026-11-28. */
  readonly on: string;
}

const FILE = join(import.meta.dirname, "recovery.json");

/** The recorded measurements, by what was lost. */
export function recoveries(): Readonly<Record<string, Recovery>> {
  return JSON.parse(readFileSync(FILE, "utf8")) as Record<string, Recovery>;
}

/** Records a measurement if the test runs with UPDATE_GOLDEN=1. @param milliseconds See {@link Recovery}. */
export function measured(what: string, milliseconds: number, lost: string): void {
  if (process.env.UPDATE_GOLDEN !== "1") return;
  const on = new Date().toISOString().slice(0, 10);
  const found: Recovery = { seconds: Math.round(milliseconds / 1000), lost, on };
  const all = Object.entries({ ...recoveries(), [what]: found }).sort(([one], [other]) => one.localeCompare(other));
  writeFileSync(FILE, `${JSON.stringify(Object.fromEntries(all), undefined, 2)}\n`);
}
