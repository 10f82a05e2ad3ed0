import type { Policy } from "./engine/policy.ts";
import * as access from "./rules/access.ts";
import * as buckets from "./rules/buckets.ts";
import * as budget from "./rules/connection-budget.ts";
import * as connectionNames from "./rules/connection-names.ts";
import * as database from "./rules/database.ts";
import * as databaseUrl from "./rules/database-url.ts";
import * as hygiene from "./rules/hygiene.ts";
import * as leastPrivilege from "./rules/least-privilege.ts";
import * as loadBalancers from "./rules/load-balancers.ts";
import * as logins from "./rules/logins.ts";
import * as schema from "./rules/schema.ts";
import * as secrets from "./rules/secrets.ts";
import * as sockets from "./rules/sockets.ts";

/** Every policy, by subject. */
export const subjects: Readonly<Record<string, readonly Policy[]>> = {
  "Connection names": [connectionNames.connectionNameFormat, connectionNames.connectionNameMatchesInstance],
  "The causes of the incident": [
    databaseUrl.fromSecretManager,
    databaseUrl.noSqlite,
    databaseUrl.secretInStack,
    logins.matchesDatabase,
    logins.onePassword,
    sockets.socketMounted,
    sockets.privateReachable,
    sockets.onPrimary,
    access.mayConnect,
    access.mayReadSecret,
    schema.schemaFirst,
    leastPrivilege.ownServiceAccount,
  ],
  "Least privilege": [
    leastPrivilege.noBasicRoles,
    leastPrivilege.noAdministrativeRoles,
    leastPrivilege.noImpersonation,
    leastPrivilege.federationRestricted,
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
    database.othersProtected,
    database.backups,
    database.keptBackups,
    database.pointInTimeRecovery,
    database.noOpenNetworks,
    database.publicAddress,
    database.tlsOnly,
    database.supportedVersion,
    database.flags,
    budget.connectionBudget,
    database.loginHasPassword,
    database.rootLogin,
    database.iamLogin,
    database.regional,
    database.maintenanceWindow,
    database.diskAutoresize,
  ],
  Secrets: [secrets.noPlainCredentials, secrets.passwordsAreGenerated, secrets.passwordLength],
  Buckets: [buckets.uniformAccess, buckets.publicAccessPrevention, buckets.versioning, buckets.noSelfLogging],
  "Load balancers": [loadBalancers.frontendHttps, loadBalancers.frontendTls],
  Hygiene: [hygiene.requiredLabels, hygiene.defaultLabels, hygiene.allowedRegions, hygiene.costLimits],
};

/** Every policy. */
export const policies: readonly Policy[] = Object.values(subjects).flat();
