import { GoogleError } from "../../rest/errors.ts";

/** What a request demands of the object or bucket it is about, as it stands in the query. */
export interface Preconditions {
  readonly ifGenerationMatch?: string;
  readonly ifGenerationNotMatch?: string;
  readonly ifMetagenerationMatch?: string;
  readonly ifMetagenerationNotMatch?: string;
}

/**
 * Refuses a request whose preconditions do not hold.
 * @param current The object or bucket as it is; undefined where there is none, which has generation 0.
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
  if (!holds) {
    throw new GoogleError(
      "PRECONDITION_FAILED",
      "At least one of the pre-conditions you specified did not hold.",
      "conditionNotMet",
    );
  }
}
