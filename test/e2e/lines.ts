import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LONG_FORM } from "../long-form.ts";

const FILE = join(import.meta.dirname, "lines.json");

function record(): Readonly<Record<string, readonly string[]>> {
  return JSON.parse(readFileSync(FILE, "utf8")) as Record<string, string[]>;
}

/**
 * The lines of shell that a test file ran in its last long form, for `npm test`, which runs only some of them.
 * @param file The test file's name.
 */
export function recordedLines(file: string): readonly string[] {
  return record()[file] ?? [];
}

/**
 * Compares what a test file ran with the record. After a change: `UPDATE_GOLDEN=1 npm run test:faults -- -i test/e2e/FILE`.
 * @param ran May lack lines of the record, such as those of programs that this machine does not have.
 */
export function compareLines(file: string, ran: readonly string[]): void {
  if (LONG_FORM && process.env.UPDATE_GOLDEN !== undefined) {
    writeFileSync(FILE, `${JSON.stringify({ ...record(), [file]: ran }, undefined, 2)}\n`);
  }
  expect(ran.filter((line) => !recordedLines(file).includes(line))).toEqual([]);
}
