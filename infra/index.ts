import { loadConfig } from "./config.ts";
import { settlement } from "./settlement.ts";
import { shortenStackTraces } from "./stack-traces.ts";

shortenStackTraces();

/** The program for plain `pulumi`, started by `main.mjs`: its exports are the stack's outputs. */
export const {
  instanceName,
  connectionName,
  serviceUrl,
  frontendAddress,
  passwordSecret,
  connectionStringSecret,
  migrationsBucket,
  schemaVersion,
} = settlement(loadConfig());
