import { isDeepStrictEqual } from "node:util";
import { GoogleError } from "../../rest/errors.ts";
import type { Fields } from "../../rest/fields.ts";

/** What keeps objects from being deleted or replaced on Google, and would not here. */
const KEEPING = [
  ..."autoclass defaultEventBasedHold eventBasedHold objectRetention retention retentionPolicy temporaryHold".split(
    " ",
  ),
];

/**
 * Refuses to store a retention or a hold of a bucket or an object. What turns one off is accepted.
 * @param sent What the client sent.
 * @returns It.
 * @throws GoogleError INVALID_ARGUMENT.
 */
export function withoutRetention<T extends Fields>(sent: T): T {
  for (const name of KEEPING) {
    const value = sent[name];
    if (value === undefined || value === null || value === false) continue;
    if (isDeepStrictEqual(value, {}) || isDeepStrictEqual(value, { enabled: false })) continue;
    throw new GoogleError("INVALID_ARGUMENT", `The embedded cloud does not evaluate ${name}.`, "invalid");
  }
  return sent;
}
