import { GoogleError } from "../../rest/errors.ts";

/** A refused request, in Cloud SQL's form: `Invalid request: …`. */
export function invalid(what: string, reason = "invalid"): GoogleError {
  return new GoogleError("INVALID_ARGUMENT", `Invalid request: ${what}.`, reason);
}
