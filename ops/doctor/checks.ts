import type { Check } from "./check.ts";
import { answer, errors } from "./checks/answer.ts";
import { accessor, account, breadth, bucketReader, client, image } from "./checks/access.ts";
import { connectionBudget } from "./checks/connection-budget.ts";
import {
  backup,
  connections,
  database,
  login,
  migration,
  operation,
  schemaDrift,
  schemaVersion,
  tables,
  user,
} from "./checks/database.ts";
import { apis, certificate, disk, instance } from "./checks/instance.ts";
import { duplicates } from "./checks/monitoring.ts";
import { connectionString, passwordSecret, pinnedVersion, rotation, secret } from "./checks/secrets.ts";
import { connectionName, databaseUrl, revision, service } from "./checks/service.ts";

/** All checks, the more likely root cause first; the last ones do not affect requests yet. */
export const CHECKS: readonly Check[] = [
  apis,
  disk,
  instance,
  account,
  service,
  image,
  secret,
  databaseUrl,
  accessor,
  client,
  connectionName,
  connectionString,
  user,
  database,
  pinnedVersion,
  connections,
  connectionBudget,
  login,
  bucketReader,
  migration,
  tables,
  schemaVersion,
  schemaDrift,
  revision,
  answer,
  errors,
  operation,
  passwordSecret,
  rotation,
  certificate,
  backup,
  breadth,
  duplicates,
];
