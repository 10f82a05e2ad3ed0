import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import type { Apis } from "./apis.ts";
import type { StackConfig } from "./config.ts";
import type { Database } from "./database.ts";
import { migrationsBucket } from "./names.ts";
import type { Migration } from "./migrations/files.ts";
import { ImportedSchema } from "./migrations/resource.ts";

/** Arguments of {@link Schema}. */
export interface SchemaArgs {
  readonly apis: Apis;
  /** Where the schema is applied. */
  readonly database: Database;
  /** The migrations of the repository, in order. */
  readonly migrations: readonly Migration[];
  /** The stack's configuration: project, region, protection and the `schema` section. */
  readonly config: StackConfig;
  /** Whether the migrations are imported; by default they are. */
  readonly imports?: boolean;
  /** Labels of the bucket. */
  readonly labels: Readonly<Record<string, string>>;
}

/** The versioned schema: the scripts in their bucket, and their import into the database. */
export class Schema extends pulumi.ComponentResource {
  /** Name of the bucket. */
  readonly bucketName: pulumi.Output<string>;
  /** The newest version the database is at; empty without an import. */
  readonly version: pulumi.Output<string>;
  /** The import, where there is one; whatever needs the tables depends on it. */
  readonly imported: readonly ImportedSchema[];

  constructor(name: string, args: SchemaArgs, opts?: pulumi.ComponentResourceOptions) {
    super("settlement:infra:Schema", name, {}, opts);
    const { apis, config, database } = args;
    const { project, protect, region } = config;
    const { baseline, retainedBackups, version: target } = config.schema;

    const bucket = new gcp.storage.Bucket(
      `${name}-migrations`,
      {
        name: migrationsBucket(project),
        location: region.toUpperCase(),
        uniformBucketLevelAccess: true,
        publicAccessPrevention: "enforced",
        versioning: { enabled: true },
        // Replaced scripts are kept for a year and then, where three newer ones exist, deleted.
        lifecycleRules: [
          { action: { type: "Delete" }, condition: { daysSinceNoncurrentTime: 365, numNewerVersions: 3 } },
        ],
        forceDestroy: !protect,
        labels: args.labels,
      },
      { parent: this, protect, dependsOn: apis.enabled.storage },
    );
    const declareReader = (member: pulumi.Input<string>) =>
      new gcp.storage.BucketIAMMember(
        `${name}-migrations-reader`,
        { bucket: bucket.name, role: "roles/storage.objectViewer", member },
        { parent: this },
      );
    const member = pulumi.interpolate`serviceAccount:${database.serviceAccount}`;
    // The id of its import holds the member and is no output; that of an instance that exists is known in the preview too.
    const reader = config.adopt ? member.apply(declareReader) : declareReader(member);
    const scripts = args.migrations.map(
      (migration) =>
        new gcp.storage.BucketObject(
          `${name}-${migration.version}`,
          {
            bucket: bucket.name,
            name: `migrations/${migration.file}`,
            source: new pulumi.asset.StringAsset(migration.text),
            contentType: "application/sql",
          },
          // A version that left the repository can still be gone back from.
          { parent: this, retainOnDelete: true },
        ),
    );
    const imported = () =>
      new ImportedSchema(
        `${name}-schema`,
        {
          project,
          instance: database.instanceName,
          database: database.databaseName,
          user: database.logins.settlement_user.user.name,
          logins: Object.values(database.logins).map(({ user }) => user.name),
          bucket: bucket.name,
          migrations: args.migrations
            .filter(({ version }) => target === undefined || version <= target)
            .map(({ version, file, checksum }) => ({ version, file, checksum })),
          target,
          baseline,
          retainedBackups,
        },
        { parent: this, dependsOn: [reader, ...scripts] },
      );
    this.imported = args.imports === false ? [] : [imported()];
    this.bucketName = bucket.name;
    this.version = this.imported[0]?.version ?? pulumi.output("");
    this.registerOutputs();
  }
}
