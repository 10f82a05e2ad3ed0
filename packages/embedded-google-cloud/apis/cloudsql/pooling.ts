import { type Fields, isFields } from "../../rest/fields.ts";
import { invalid } from "./invalid.ts";

/**
 * Checks Managed Connection Pooling. It cannot be switched on here: there is no pooler before this PostgreSQL, and a service
 * would have sessions and a limit of connections that it does not have on Google Cloud.
 * @throws GoogleError INVALID_ARGUMENT for what Cloud SQL refuses, and for every instance with poolers.
 */
export function checkPooling({ connectionPoolConfig, edition }: Fields): void {
  if (!isFields(connectionPoolConfig)) return;
  const { connectionPoolingEnabled, flags } = connectionPoolConfig;
  // In Google's words, as https://github.com/GoogleCloudPlatform/magic-modules/pull/15107 quotes them.
  if (edition !== "ENTERPRISE_PLUS") throw invalid("Connection pool is only supported for Enterprise Plus edition.");
  if (connectionPoolingEnabled === true) throw invalid("Managed Connection Pooling is not available here");
  if (Array.isArray(flags) && flags.length > 0) throw invalid("connection pool flags need connectionPoolingEnabled");
}
