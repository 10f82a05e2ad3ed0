import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import type { Apis } from "./apis.ts";
import type { StackConfig } from "./config.ts";
import { formatConnectionString } from "./connection.ts";
import { CONNECTION_STRING_SECRET, PASSWORD_SECRET } from "./names.ts";
import type { Database, Login } from "./database.ts";
import { loginOf, validCredentials, versionName } from "./rotation.ts";

/** Arguments of {@link Credentials}. */
export interface CredentialsArgs {
  readonly apis: Apis;
  /** Whose credentials they are. */
  readonly database: Database;
  /** The stack's configuration: protection, and the section `rotation`. */
  readonly config: StackConfig;
  /** Who may read the connection string, such as `serviceAccount:EMAIL`. Nobody may read the password's secret. */
  readonly reader: pulumi.Input<string>;
  /** The version that holds the first credential, where another than this stack made it; the stack makes none for it. */
  readonly firstVersion?: string | undefined;
  /** Labels of both secrets. */
  readonly labels: Readonly<Record<string, string>>;
}

/** A version of a secret: what a service needs to name it. */
export interface SecretVersionRef {
  /** Id of the secret, such as `settlement-db-connection-string`. */
  readonly secretId: pulumi.Output<string>;
  /** The version's number. */
  readonly version: pulumi.Output<string>;
}

/** Password and connection string in Secret Manager: a version of both secrets for every credential that is valid. */
export class Credentials extends pulumi.ComponentResource {
  /** The newest connection string; what `DATABASE_URL` is taken from. */
  readonly connectionString: SecretVersionRef;
  /** Id of the secret that holds its password by itself, for people. */
  readonly passwordSecretId: pulumi.Output<string>;
  /** The binding without which the reader cannot read. */
  readonly accessor: gcp.secretmanager.SecretIamMember;

  constructor(name: string, args: CredentialsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("settlement:infra:Credentials", name, {}, opts);
    const { config, database } = args;
    const { destroyAfterDays, step } = config.rotation;

    const keep = (key: string, secretId: string, data: (login: Login) => pulumi.Output<string>) => {
      const secret = new gcp.secretmanager.Secret(
        `${name}-${key}`,
        {
          secretId,
          replication: { auto: {} },
          // A version that is deleted is disabled at once, and destroyed so much later.
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
      // ABANDON: where the string changes but not the credential, a revision that names this version must be able to start.
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
