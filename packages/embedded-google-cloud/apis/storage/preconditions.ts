import { GoogleError } from "../../rest/errors.ts";

/** The preconditions in a request's query. */
export interface Preconditions {
  readonly ifGenerationMatch?: string;
  readonly ifGenerationNotMatch?: string;
  readonly ifMetagenerationMatch?: string;
  readonly ifMetagenerationNotMatch?: string;
}

/**
 * Refuses a request whose preconditions do not hold.
 * @param current The object or bucket; undefined, which counts as generation 0, if it does not exist.
 * @throws GoogleError PRECONDITION_FAILED.
 */
export function checkPreconditions(
  current: { generation: string; metageneration: string } | undefined,
  wanted: Preconditions,
): void {
  const { generation = "0", metageneration = "0" } = current ?? {};
  const holds =
    [undefined, generation].includes(wanted.ifGenerationMatch) &&
    wanted.ifGenerationNotMatch !== generation &&
    [undefined, metageneration].includes(wanted.ifMetagenerationMatch) &&
    wanted.ifMetagenerationNotMatch !== metageneration;
  if (!holds) throw conditionNotMet();
}

/** The error for a precondition that does not hold. */
export function conditionNotMet(): GoogleError {
  return new GoogleError(
    "PRECONDITION_FAILED",
    "At least one of the pre-conditions you specified did not hold.",
    "conditionNotMet",
  );
}

/** Whether a reader knows the current state, and gets 304: https://cloud.google.com/storage/docs/request-preconditions */
export function isUnchanged(
  { etag, generation, metageneration }: { etag: string; generation: string; metageneration: string },
  wanted: Preconditions,
  ifNoneMatch: string | undefined,
): boolean {
  return (
    wanted.ifGenerationNotMatch === generation ||
    wanted.ifMetagenerationNotMatch === metageneration ||
    (ifNoneMatch !== undefined && [etag, `"${etag}"`].includes(ifNoneMatch))
  );
}
