import { GoogleError } from "../../rest/errors.ts";

/** A request that Cloud SQL refuses, in its form: `Invalid request: …`. */
export function invalid(what: string, reason = "invalid"): GoogleError {
  return new GoogleError("INVALID_ARGUMENT", `Invalid request: ${what}.`, reason);
}
