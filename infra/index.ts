import { loadConfig } from "./config.ts";
import { settlement } from "./settlement.ts";

/** The program of plain `pulumi`: what is exported are the stack's outputs. `main.mjs` starts it. */
export const {
  instanceName,
  connectionName,
  serviceUrl,
  passwordSecret,
  connectionStringSecret,
  migrationsBucket,
  schemaVersion,
} = settlement(loadConfig());
