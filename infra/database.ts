import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { Apis } from "./apis.ts";
import type { StackConfig } from "./config.ts";
import { type ConnectionName, formatConnectionName } from "./connection.ts";
import { DATABASE } from "./names.ts";
import type { Network } from "./network.ts";
import { type LoginName, passwordStep } from "./rotation.ts";

export interface DatabaseArgs {
  readonly apis: Apis;
  /** The network of the instance's private address; without it the address is public and only connectors are admitted. */
  readonly network: Network | undefined;
  readonly config: StackConfig;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * PostgreSQL logs connections, schema changes, and errors with their statements, as section 6.2 of the CIS Google Cloud
 * benchmark requires. The first import that finds pgAudit loaded creates its extension: https://cloud.google.com/sql/docs/postgres/pg-audit
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

/** A login of the service. */
export interface Login {
  readonly user: gcp.sql.User;
  /** Generated; a secret. */
  readonly password: pulumi.Output<string>;
}

/** The Cloud SQL instance with the settlement database and the logins of the service. */
export class Database extends pulumi.ComponentResource {
  /**
   * `PROJECT-db-` and four random bytes, because the name of a deleted instance stays reserved for a week. Known before the
   * instance exists.
   */
  readonly plannedName: pulumi.Output<string>;
  /** The same, known once the instance exists. */
  readonly instanceName: pulumi.Output<string>;
  /** The parts of `connectionName`. */
  readonly connection: pulumi.Output<ConnectionName>;
  /** `PROJECT:REGION:INSTANCE`. */
  readonly connectionName: pulumi.Output<string>;
  /** Email of the instance's service account, which reads the import scripts. */
  readonly serviceAccount: pulumi.Output<string>;
  /** Name of the database; known when the database exists. */
  readonly databaseName: pulumi.Output<string>;
  /** The logins, by name. */
  readonly logins: Readonly<Record<LoginName, Login>>;

  constructor(name: string, args: DatabaseArgs) {
    super("settlement:infra:Database", name);
    const { apis, config, labels, network } = args;
    const { database, project, protect, region } = config;
    const options = { parent: this, protect };

    const suffix = new random.RandomId(`${name}-instance-suffix`, { byteLength: 4 }, options);
    this.plannedName = pulumi.interpolate`${project}-db-${suffix.hex}`;
    const instance = new gcp.sql.DatabaseInstance(
      `${name}-instance`,
      {
        name: this.plannedName,
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
          ipConfiguration: {
            ipv4Enabled: !network,
            ...(network && { privateNetwork: network.peered }),
            sslMode: "ENCRYPTED_ONLY",
          },
          backupConfiguration: {
            enabled: true,
            startTime: "03:00",
            pointInTimeRecoveryEnabled: true,
            transactionLogRetentionDays: database.transactionLogDays,
            backupRetentionSettings: { retentionUnit: "COUNT", retainedBackups: database.retainedBackups },
          },
          ...(database.finalBackupDays > 0 && {
            retainBackupsOnDelete: true,
            finalBackupConfig: { enabled: true, retentionDays: database.finalBackupDays },
          }),
          insightsConfig: { queryInsightsEnabled: true, recordApplicationTags: true },
          databaseFlags: Object.entries(FLAGS).map(([flag, value]) => ({ name: flag, value })),
          ...(database.maintenance && { maintenanceWindow: { ...database.maintenance, updateTrack: "stable" } }),
          userLabels: labels,
        },
      },
      { ...options, dependsOn: apis.enabled.sqladmin },
    );
    const login = (userName: LoginName, suffix: string, before: readonly pulumi.Resource[] = []): Login => {
      const step = passwordStep(userName, config.rotation.step);
      const password = new random.RandomPassword(
        `${name}-password${suffix}`,
        { length: 25, special: false, ...(step > 0 && { keepers: { rotation: String(step) } }) },
        // Not protected: a rotation replaces it.
        { parent: this },
      ).result;
      const user = new gcp.sql.User(
        `${name}-user${suffix}`,
        { name: userName, instance: instance.name, password },
        { ...options, dependsOn: [...before] },
      );
      return { user, password };
    };
    const first = login("settlement_user", "");
    // Destroyed in reverse: PostgreSQL refuses to drop a role while a grant it made still exists.
    const second = login("settlement_user_b", "-b", [first.user]);
    this.logins = { settlement_user: first, settlement_user_b: second };
    const settlementDb = new gcp.sql.Database(
      `${name}-database`,
      { name: DATABASE, instance: instance.name },
      // Destroyed first: PostgreSQL refuses to drop a role that still owns tables.
      { ...options, dependsOn: Object.values(this.logins).map(({ user }) => user) },
    );

    this.instanceName = instance.name;
    this.connection = instance.name.apply((instanceName) => ({ project, region, instance: instanceName }));
    this.connectionName = this.connection.apply(formatConnectionName);
    this.serviceAccount = instance.serviceAccountEmailAddress;
    this.databaseName = settlementDb.name;
    this.registerOutputs();
  }
}
