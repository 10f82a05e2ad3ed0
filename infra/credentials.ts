import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import type { Apis } from "./apis";
import { formatConnectionString } from "./connection";
import type { Database } from "./database";

/** Arguments of {@link Credentials}. */
export interface CredentialsArgs {
  readonly apis: Apis;
  /** Whose credential it is. */
  readonly database: Database;
  /** Who may read the connection string, such as `serviceAccount:EMAIL`. Nobody may read the password's secret. */
  readonly reader: pulumi.Input<string>;
  /** Labels of both secrets. */
  readonly labels: Readonly<Record<string, string>>;
  /** Whether the secrets are protected from being deleted. */
  readonly protect: boolean;
}

/** A version of a secret: what a service needs to name it. */
export interface SecretVersionRef {
  /** Id of the secret, such as `settlement-db-connection-string`. */
  readonly secretId: pulumi.Output<string>;
  /** The version's number. */
  readonly version: pulumi.Output<string>;
}

/** The login's password and connection string in Secret Manager. */
export class Credentials extends pulumi.ComponentResource {
  /** The connection string; what `DATABASE_URL` is taken from. */
  readonly connectionString: SecretVersionRef;
  /** The password by itself, for people. */
  readonly password: SecretVersionRef;
  /** The binding without which the reader cannot read. */
  readonly accessor: gcp.secretmanager.SecretIamMember;

  constructor(name: string, args: CredentialsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("settlement:infra:Credentials", name, {}, opts);
    const { database } = args;

    const keep = (key: string, secretId: string, data: pulumi.Output<string>) => {
      const secret = new gcp.secretmanager.Secret(
        `${name}-${key}`,
        { secretId, replication: { auto: {} }, labels: args.labels, deletionProtection: args.protect },
        { parent: this, protect: args.protect, dependsOn: args.apis.enabled.secretmanager },
      );
      const version = new gcp.secretmanager.SecretVersion(
        `${name}-${key}-version`,
        // ABANDON: a revision that still names the version it was made with must be able to start again.
        { secret: secret.id, secretData: pulumi.secret(data), deletionPolicy: "ABANDON" },
        { parent: this },
      );
      return { secret, ref: { secretId: secret.secretId, version: version.version } };
    };

    const connectionString = pulumi
      .all([database.userName, database.password, database.databaseName, database.connection])
      .apply(([user, password, databaseName, instance]) =>
        formatConnectionString({ driver: "postgresql+asyncpg", user, password, database: databaseName, instance }),
      );

    this.password = keep("db-password", "settlement-db-password", database.password).ref;
    const kept = keep("db-connection-string", "settlement-db-connection-string", connectionString);
    this.connectionString = kept.ref;
    this.accessor = new gcp.secretmanager.SecretIamMember(
      `${name}-db-connection-string-accessor`,
      { secretId: kept.secret.id, role: "roles/secretmanager.secretAccessor", member: args.reader },
      { parent: this },
    );
    this.registerOutputs();
  }
}
