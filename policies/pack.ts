import * as access from "./access.ts";
import * as buckets from "./buckets.ts";
import * as connectionNames from "./connection-names.ts";
import * as database from "./database.ts";
import * as databaseUrl from "./database-url.ts";
import * as hygiene from "./hygiene.ts";
import * as leastPrivilege from "./least-privilege.ts";
import type { Policy } from "./policy.ts";
import * as secrets from "./secrets.ts";
import * as sockets from "./sockets.ts";

/** Every policy, by subject. */
export const subjects: Readonly<Record<string, readonly Policy[]>> = {
  "Connection names": [connectionNames.connectionNameFormat, connectionNames.connectionNameMatchesInstance],
  "The causes of the incident": [
    databaseUrl.fromSecretManager,
    databaseUrl.noSqlite,
    databaseUrl.secretInStack,
    databaseUrl.matchesDatabase,
    databaseUrl.onePassword,
    sockets.socketMounted,
    sockets.privateReachable,
    access.mayConnect,
    access.mayReadSecret,
    access.schemaFirst,
    leastPrivilege.ownServiceAccount,
  ],
  "Least privilege": [
    leastPrivilege.noBasicRoles,
    leastPrivilege.noAdministrativeRoles,
    leastPrivilege.noImpersonation,
    leastPrivilege.noDefaultAccountRoles,
    leastPrivilege.noPublicMembers,
    leastPrivilege.publicInvoker,
    leastPrivilege.noProjectWideSecretAccess,
    leastPrivilege.noAuthoritativeGrants,
    leastPrivilege.noServiceAccountKeys,
  ],
  Database: [
    database.deletionProtection,
    database.dataProtected,
    database.backups,
    database.pointInTimeRecovery,
    database.noOpenNetworks,
    database.publicAddress,
    database.tlsOnly,
    database.supportedVersion,
    database.flags,
    database.regional,
    database.maintenanceWindow,
    database.diskAutoresize,
  ],
  Secrets: [secrets.noPlainCredentials, secrets.passwordsAreGenerated, secrets.passwordLength],
  Buckets: [buckets.uniformAccess, buckets.publicAccessPrevention, buckets.versioning, buckets.noSelfLogging],
  Hygiene: [hygiene.requiredLabels, hygiene.defaultLabels, hygiene.allowedRegions, hygiene.costLimits],
};

/** The same as a list. */
export const policies: readonly Policy[] = Object.values(subjects).flat();
