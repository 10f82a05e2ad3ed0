/** Names that are the same in every stack. Pure and without imports, so that policies and commands can use it too. */

/** Name of the Pulumi project, value of the label `app`, and prefix of all logical names. */
export const PROJECT = "settlement";

/**
 * A project id: https://cloud.google.com/resource-manager/docs/creating-managing-projects. One scoped by a domain, such as
 * `example.com:project`, is refused, because the migrations bucket and the accounts could not be named after it.
 */
export const PROJECT_ID = /^[a-z][a-z0-9-]{4,28}[a-z0-9]$/;

/** The label of resources that Pulumi manages. */
export const MANAGED_BY = { "managed-by": "pulumi" } as const;

/** Name of the Cloud Run service. */
export const SERVICE = "settlement-service";

/** The account that the service runs as. */
export const SERVICE_ACCOUNT = { accountId: "settlement-service", displayName: "Settlement service" } as const;

/** Email of the account that the service runs as. @param project Project id. */
export function serviceAccountEmail(project: string): string {
  return `${SERVICE_ACCOUNT.accountId}@${project}.iam.gserviceaccount.com`;
}

/** Title of the condition on the binding that lets the service connect to its instance. */
export const CLIENT_CONDITION = "settlement-instance";

/** Name of the Cloud Run job that runs migrations. */
export const MIGRATION_JOB = "settlement-migration";

/** Name of the database. */
export const DATABASE = "settlement_db";

/** The logins of the service, in the order they take turns; see `rotation.ts`. */
export const LOGINS = ["settlement_user", "settlement_user_b"] as const;

/** The role without login that owns the tables. */
export const OWNER_ROLE = "settlement_owner";

/** Cloud SQL's role for administrators, of which the API makes every new login a member. */
export const SUPERUSER = "cloudsqlsuperuser";

/** The table in which dbmate and the import record the versions of the schema. */
export const VERSIONS_TABLE = "schema_migrations";

/** The environment variable that holds the connection string. */
export const DATABASE_URL = "DATABASE_URL";

/** The environment variable that holds the number of connections per instance; without it the service has a default. */
export const POOL_SIZE = "DATABASE_POOL_SIZE";

/** Id of the secret that holds the connection string, and its logical name. */
export const CONNECTION_STRING_SECRET = "settlement-db-connection-string";

/** Id of the secret that holds the password alone, and its logical name. */
export const PASSWORD_SECRET = "settlement-db-password";

/** Name of the migrations bucket. @param project Project id. */
export function migrationsBucket(project: string): string {
  return `${project}-migrations`;
}

/** Name of the parts of the load balancer. */
export const FRONTEND = "settlement";

/** Name of the load balancer's certificate. @param domain Its domain. */
export function certificateName(domain: string): string {
  return `${FRONTEND}-${domain.replaceAll(".", "-")}`;
}

/** URL that clients call through the load balancer, which is also an audience of their tokens. @param domain Its domain. */
export function frontendUrl(domain: string): string {
  return `https://${domain}`;
}

/** Id of the log written by `npm run doctor -- --log`. */
export const DOCTOR_LOG = "settlement-doctor";
