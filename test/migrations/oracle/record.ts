import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LONG_FORM } from "../../long-form.ts";
import type { Outcome } from "./sides.ts";

const FILE = join(import.meta.dirname, "dbmate.json");

/** What dbmate left behind after each phase of a history. */
type Phases = Readonly<Record<string, Outcome>>;

interface Entry {
  /** Digest of the history's files. */
  readonly of: string;
  readonly phases: Phases;
}

type Recorded = Readonly<Record<string, Entry>>;

const recorded = JSON.parse(readFileSync(FILE, "utf8")) as Recorded;
const found: Record<string, Entry> = {};

/**
 * What dbmate did with a history in the last long form.
 * @returns Gives the outcome of a phase, and throws an Error if dbmate did not come that far, because one of both failed before.
 * @throws Error if the history has changed since.
 */
export function recordedPhases(folder: string, history: string): (phase: string) => Outcome {
  const entry = recorded[history];
  if (entry?.of !== digest(folder)) throw unrecorded(history);
  return (phase) => {
    const outcome = entry.phases[phase];
    if (!outcome) throw unrecorded(`"${phase}" of ${history}`);
    return outcome;
  };
}

function unrecorded(what: string): Error {
  return new Error(
    `dbmate has not run ${what} as it is: UPDATE_GOLDEN=1 npm run test:faults -- -i test/migrations/oracle`,
  );
}

/** Compares what dbmate did with the record, which `UPDATE_GOLDEN=1` replaces. */
export function comparePhases(folder: string, history: string, outcomes: Phases): void {
  const phases = JSON.parse(JSON.stringify(outcomes).replaceAll(/history_\d+/g, "history")) as Phases;
  if (process.env.UPDATE_GOLDEN !== undefined) found[history] = { of: digest(folder), phases };
  else expect(recorded[history]).toEqual({ of: digest(folder), phases });
}

/** Writes the new record, one history per line. */
export function writePhases(): void {
  if (!LONG_FORM || process.env.UPDATE_GOLDEN === undefined) return;
  const rows = Object.entries(found).map(([history, entry]) => `${JSON.stringify(history)}: ${JSON.stringify(entry)}`);
  writeFileSync(FILE, `{\n${rows.join(",\n")}\n}\n`);
}

function digest(folder: string): string {
  const hash = createHash("sha256");
  for (const file of readdirSync(folder).sort()) hash.update(`${file}\n`).update(readFileSync(join(folder, file)));
  return hash.digest("hex");
}
