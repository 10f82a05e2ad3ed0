import type { Check } from "./check";
import { accessor, account, breadth, bucketReader, client } from "./checks/access";
import {
  backup,
  connections,
  database,
  login,
  migration,
  operation,
  schemaVersion,
  tables,
  user,
} from "./checks/database";
import { apis, certificate, disk, instance } from "./checks/instance";
import { doubles } from "./checks/monitoring";
import { connectionString, passwordSecret, pinnedVersion, rotation, secret } from "./checks/secrets";
import { connectionName, databaseUrl, revision, service } from "./checks/service";

/**
 * All checks, in the order in which a request depends on them: what comes first is the likelier root cause. The last
 * ones do not stop a request, yet.
 */
export const CHECKS: readonly Check[] = [
  apis,
  disk,
  instance,
  account,
  service,
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
  login,
  bucketReader,
  migration,
  tables,
  schemaVersion,
  revision,
  operation,
  passwordSecret,
  rotation,
  certificate,
  backup,
  breadth,
  doubles,
];
