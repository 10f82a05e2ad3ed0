import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { Apis } from "./apis.ts";
import type { StackConfig } from "./config.ts";
import { type ConnectionName, formatConnectionName } from "./connection.ts";
import { DATABASE } from "./names.ts";
import type { Network } from "./network.ts";
import { type LoginName, passwordStep } from "./rotation.ts";

/** Arguments of {@link Database}. */
export interface DatabaseArgs {
  readonly apis: Apis;
  /** Where the instance has its one address; without it that is public, and Cloud SQL's connectors alone get in. */
  readonly network: Network | undefined;
  /** The stack's configuration: project, region, protection, and the sections `database` and `rotation`. */
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

/** A login of the service. */
export interface Login {
  /** Cloud SQL's record of it; its name is known once it has its password. */
  readonly user: gcp.sql.User;
  /** Its password, generated; a secret. */
  readonly password: pulumi.Output<string>;
}

/** The Cloud SQL instance with the settlement database and the logins of the service. */
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
  /** The logins, by name. */
  readonly logins: Readonly<Record<LoginName, Login>>;

  constructor(name: string, args: DatabaseArgs, opts?: pulumi.ComponentResourceOptions) {
    super("settlement:infra:Database", name, {}, opts);
    const { apis, config, labels, network } = args;
    const { database, project, protect, region } = config;
    const held = { parent: this, protect };

    const suffix = new random.RandomId(`${name}-instance-suffix`, { byteLength: 4 }, held);
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
          insightsConfig: { queryInsightsEnabled: true, recordApplicationTags: true },
          databaseFlags: Object.entries(FLAGS).map(([flag, value]) => ({ name: flag, value })),
          ...(database.maintenance && { maintenanceWindow: { ...database.maintenance, updateTrack: "stable" } }),
          userLabels: labels,
        },
      },
      { ...held, dependsOn: apis.enabled.sqladmin },
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
        { ...held, dependsOn: [...before] },
      );
      return { user, password };
    };
    const first = login("settlement_user", "");
    // On destroy the first one goes last: PostgreSQL keeps whoever granted another its role.
    const second = login("settlement_user_b", "-b", [first.user]);
    this.logins = { settlement_user: first, settlement_user_b: second };
    const settlementDb = new gcp.sql.Database(
      `${name}-database`,
      { name: DATABASE, instance: instance.name },
      // On destroy the tables must be gone before the role that owns them.
      { ...held, dependsOn: Object.values(this.logins).map(({ user }) => user) },
    );

    this.instanceName = instance.name;
    this.connection = instance.name.apply((instanceName) => ({ project, region, instance: instanceName }));
    this.connectionName = this.connection.apply(formatConnectionName);
    this.serviceAccount = instance.serviceAccountEmailAddress;
    this.databaseName = settlementDb.name;
    this.registerOutputs();
  }
}
