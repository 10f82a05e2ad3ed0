import { loadConfig } from "./config";
import { settlement } from "./settlement";

/** The entry of `pulumi up`: what is exported are the stack's outputs. */
export const {
  instanceName,
  connectionName,
  serviceUrl,
  passwordSecret,
  connectionStringSecret,
  migrationsBucket,
  schemaVersion,
} = settlement(loadConfig());
