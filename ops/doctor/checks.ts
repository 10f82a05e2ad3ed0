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
import { destruction } from "./checks/destruction.ts";
import { encryption, invokers, networks, outsiders } from "./checks/exposure.ts";
import { frontend } from "./checks/frontend.ts";
import { apis, certificate, disk, instance } from "./checks/instance.ts";
import { duplicates } from "./checks/monitoring.ts";
import { networkPath } from "./checks/network-path.ts";
import { replica } from "./checks/replica.ts";
import { privileges } from "./checks/privileges.ts";
import { connectionString, passwordSecret, pinnedVersion, rotation, secret } from "./checks/secrets.ts";
import { connectionName, databaseUrl, project, revision, service } from "./checks/service.ts";
import { ingress, scaling, traffic } from "./checks/traffic.ts";

/** All checks, the more likely root cause first; the last ones do not affect requests yet. */
export const CHECKS: readonly Check[] = [
  project,
  apis,
  disk,
  instance,
  account,
  service,
  ingress,
  scaling,
  image,
  destruction,
  secret,
  databaseUrl,
  accessor,
  client,
  connectionName,
  networkPath,
  connectionString,
  user,
  database,
  pinnedVersion,
  connectionBudget,
  connections,
  login,
  bucketReader,
  migration,
  tables,
  privileges,
  schemaVersion,
  schemaDrift,
  revision,
  traffic,
  answer,
  errors,
  frontend,
  operation,
  passwordSecret,
  rotation,
  certificate,
  backup,
  replica,
  networks,
  encryption,
  invokers,
  outsiders,
  breadth,
  duplicates,
];
