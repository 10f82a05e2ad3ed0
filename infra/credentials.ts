import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import type { Apis } from "./apis.ts";
import type { StackConfig } from "./config.ts";
import { formatConnectionString } from "./connection.ts";
import { CONNECTION_STRING_SECRET, PASSWORD_SECRET } from "./names.ts";
import type { Database, Login } from "./database.ts";
import { loginOf, validCredentials, versionName } from "./rotation.ts";

export interface CredentialsArgs {
  readonly apis: Apis;
  readonly database: Database;
  readonly config: StackConfig;
  /** The member that may read the connection string, such as `serviceAccount:EMAIL`. None may read the password's secret. */
  readonly reader: pulumi.Input<string>;
  /** The manually created version that holds the first credential; the stack then creates none for it. */
  readonly firstVersion?: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

/** A version of a secret. */
export interface SecretVersionRef {
  /** Id of the secret, such as `settlement-db-connection-string`. */
  readonly secretId: pulumi.Output<string>;
  /** The version's number. */
  readonly version: pulumi.Output<string>;
}

/** Password and connection string in Secret Manager: one version of both secrets for each valid credential. */
export class Credentials extends pulumi.ComponentResource {
  /** The newest connection string, the source of `DATABASE_URL`. */
  readonly connectionString: SecretVersionRef;
  /** Id of the secret that holds the password alone, for people. */
  readonly passwordSecretId: pulumi.Output<string>;
  /** The binding that lets the reader read. */
  readonly accessor: gcp.secretmanager.SecretIamMember;

  constructor(name: string, args: CredentialsArgs) {
    super("settlement:infra:Credentials", name);
    const { config, database } = args;
    const { destroyAfterDays, step } = config.rotation;

    const keep = (key: string, secretId: string, data: (login: Login) => pulumi.Output<string>) => {
      const secret = new gcp.secretmanager.Secret(
        `${name}-${key}`,
        {
          secretId,
          replication: { auto: {} },
          // A deleted version is disabled at once and destroyed after this time.
          versionDestroyTtl: `${destroyAfterDays * 86_400}s`,
          labels: args.labels,
          deletionProtection: config.protect,
        },
        { parent: this, protect: config.protect, dependsOn: args.apis.enabled.secretmanager },
      );
      const version = (credential: number, deletionPolicy: "ABANDON" | "DELETE") =>
        new gcp.secretmanager.SecretVersion(
          versionName(`${name}-${key}`, credential),
          {
            secret: secret.id,
            secretData: pulumi.secret(data(database.logins[loginOf(credential)])),
            deletionPolicy,
          },
          { parent: this },
        );
      const [newest, ...former] = validCredentials(step);
      const first = (credential: number) => (credential === 0 ? args.firstVersion : undefined);
      for (const credential of former) if (first(credential) === undefined) version(credential, "DELETE");
      // ABANDON: if only the string changes, revisions that use the old version must still be able to start.
      const number = pulumi.output(first(newest) ?? version(newest, "ABANDON").version);
      return { secret, ref: { secretId: secret.secretId, version: number } };
    };

    const connectionString = ({ user, password }: Login) =>
      pulumi
        .all([user.name, password, database.databaseName, database.connection])
        .apply(([userName, secret, databaseName, instance]) =>
          formatConnectionString({
            driver: "postgresql+asyncpg",
            user: userName,
            password: secret,
            database: databaseName,
            instance,
          }),
        );

    this.passwordSecretId = keep("db-password", PASSWORD_SECRET, ({ password }) => password).secret.secretId;
    const kept = keep("db-connection-string", CONNECTION_STRING_SECRET, connectionString);
    this.connectionString = kept.ref;
    this.accessor = new gcp.secretmanager.SecretIamMember(
      `${name}-db-connection-string-accessor`,
      { secretId: kept.secret.id, role: "roles/secretmanager.secretAccessor", member: args.reader },
      { parent: this },
    );
    this.registerOutputs();
  }
}
