import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { Apis } from "./apis";
import type { StackConfig } from "./config";
import { type ConnectionName, formatConnectionName } from "./connection";

/** Arguments of {@link Database}. */
export interface DatabaseArgs {
  readonly apis: Apis;
  /** The stack's configuration: project, region, protection and the `database` section. */
  readonly config: StackConfig;
  /** Labels of the instance. */
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * What PostgreSQL records: who connects and disconnects, every change of the schema, and errors with their statements.
 * The values are those the CIS Google Cloud benchmark asks for in section 6.2; `pgaudit.log` says what pgAudit records,
 * whose extension the first import makes: https://cloud.google.com/sql/docs/postgres/pg-audit
 */
const FLAGS: Readonly<Record<string, string>> = {
  "cloudsql.enable_pgaudit": "on",
  log_connections: "on",
  log_disconnections: "on",
  log_error_verbosity: "default",
  log_min_duration_statement: "-1",
  log_min_error_statement: "error",
  log_min_messages: "warning",
  log_statement: "ddl",
  "pgaudit.log": "ddl,role",
};

/** The Cloud SQL instance with the settlement database and the login of the service. */
export class Database extends pulumi.ComponentResource {
  /** Name of the instance: `PROJECT-db-` and four random bytes, because a deleted name stays taken for a week. */
  readonly instanceName: pulumi.Output<string>;
  /** Where the instance is. */
  readonly connection: pulumi.Output<ConnectionName>;
  /** The same as text, `PROJECT:REGION:INSTANCE`. */
  readonly connectionName: pulumi.Output<string>;
  /** Email of the instance's own service account, which reads what is imported. */
  readonly serviceAccount: pulumi.Output<string>;
  /** Name of the database; known when the database exists. */
  readonly databaseName: pulumi.Output<string>;
  /** Name of the login; known when the login exists. */
  readonly userName: pulumi.Output<string>;
  /** The login's password, generated; a secret. */
  readonly password: pulumi.Output<string>;

  constructor(name: string, args: DatabaseArgs, opts?: pulumi.ComponentResourceOptions) {
    super("settlement:infra:Database", name, {}, opts);
    const { apis, config, labels } = args;
    const { database, project, protect, region } = config;
    const held = { parent: this, protect };

    const suffix = new random.RandomId(`${name}-instance-suffix`, { byteLength: 4 }, held);
    const password = new random.RandomPassword(`${name}-password`, { length: 25, special: false }, held);

    const instance = new gcp.sql.DatabaseInstance(
      `${name}-instance`,
      {
        name: pulumi.interpolate`${project}-db-${suffix.hex}`,
        region,
        databaseVersion: database.version,
        deletionProtection: protect,
        settings: {
          tier: database.tier,
          edition: database.edition,
          availabilityType: database.availability,
          diskAutoresize: true,
          deletionProtectionEnabled: protect,
          connectorEnforcement: "REQUIRED",
          ipConfiguration: { ipv4Enabled: true, sslMode: "ENCRYPTED_ONLY" },
          backupConfiguration: {
            enabled: true,
            startTime: "03:00",
            pointInTimeRecoveryEnabled: true,
            transactionLogRetentionDays: database.transactionLogDays,
            backupRetentionSettings: { retentionUnit: "COUNT", retainedBackups: database.retainedBackups },
          },
          insightsConfig: { queryInsightsEnabled: true, recordApplicationTags: true },
          databaseFlags: Object.entries(FLAGS).map(([flag, value]) => ({ name: flag, value })),
          ...(database.maintenance && { maintenanceWindow: { ...database.maintenance, updateTrack: "stable" } }),
          userLabels: labels,
        },
      },
      { ...held, dependsOn: apis.enabled.sqladmin },
    );
    const user = new gcp.sql.User(
      `${name}-user`,
      { name: "settlement_user", instance: instance.name, password: password.result },
      held,
    );
    const settlementDb = new gcp.sql.Database(
      `${name}-database`,
      { name: "settlement_db", instance: instance.name },
      // On destroy the tables must be gone before the role that owns them.
      { ...held, dependsOn: user },
    );

    this.instanceName = instance.name;
    this.connection = instance.name.apply((instanceName) => ({ project, region, instance: instanceName }));
    this.connectionName = this.connection.apply(formatConnectionName);
    this.serviceAccount = instance.serviceAccountEmailAddress;
    this.databaseName = settlementDb.name;
    this.userName = user.name;
    this.password = password.result;
    this.registerOutputs();
  }
}
