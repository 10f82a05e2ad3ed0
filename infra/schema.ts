import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import { keepsSettings } from "./adoption/adopt.ts";
import type { Apis } from "./apis.ts";
import type { StackConfig } from "./config.ts";
import type { Database } from "./database.ts";
import { migrationsBucket } from "./names.ts";
import type { Migration } from "./migrations/files.ts";
import { ImportedSchema, type PlannedMigration } from "./migrations/resource.ts";
import { squashedIn } from "./migrations/squash.ts";

export interface SchemaArgs {
  readonly apis: Apis;
  readonly database: Database;
  /** In the order of their versions. */
  readonly migrations: readonly Migration[];
  /** Applied after the migrations if their text has changed, in order; none by default. */
  readonly repeatables?: readonly Migration[];
  readonly config: StackConfig;
  /** Whether the migrations are imported; true by default. */
  readonly imports?: boolean;
  readonly labels: Readonly<Record<string, string>>;
}

/** The versioned schema: the migrations bucket, and the import into the database. */
export class Schema extends pulumi.ComponentResource {
  readonly bucketName: pulumi.Output<string>;
  /** The version of the database; empty without an import. */
  readonly version: pulumi.Output<string>;
  /** The import, if any; resources that need the tables depend on it. */
  readonly imported: readonly ImportedSchema[];

  constructor(name: string, args: SchemaArgs) {
    super("settlement:infra:Schema", name);
    const { apis, config, database, repeatables = [] } = args;
    const { project, protect, region } = config;
    const { baseline, inOrder, retainedBackups, version: target } = config.schema;

    const bucket = new gcp.storage.Bucket(
      `${name}-migrations`,
      {
        name: migrationsBucket(project),
        location: region.toUpperCase(),
        uniformBucketLevelAccess: true,
        publicAccessPrevention: "enforced",
        versioning: { enabled: true },
        // Replaced scripts are deleted after a year if three newer ones exist.
        lifecycleRules: [
          { action: { type: "Delete" }, condition: { daysSinceNoncurrentTime: 365, numNewerVersions: 3 } },
        ],
        forceDestroy: !protect,
        labels: args.labels,
      },
      { parent: this, protect, dependsOn: apis.enabled.storage },
    );
    const declareReader = (member: pulumi.Input<string>, logical = "migrations-reader") =>
      new gcp.storage.BucketIAMMember(
        `${name}-${logical}`,
        { bucket: bucket.name, role: "roles/storage.objectViewer", member },
        { parent: this },
      );
    const member = pulumi.interpolate`serviceAccount:${database.serviceAccount}`;
    // An import id cannot be an output. The member of an existing instance is known in the preview too.
    const reader = config.adopt ? member.apply((known) => declareReader(known)) : declareReader(member);
    const { replicaAccount } = database;
    const readers = replicaAccount
      ? [reader, declareReader(pulumi.interpolate`serviceAccount:${replicaAccount}`, "standby-migrations-reader")]
      : [reader];
    const scripts = [...args.migrations, ...repeatables].map(
      (migration) =>
        new gcp.storage.BucketObject(
          `${name}-${migration.version || migration.file.replace(/\W/g, "-")}`,
          {
            bucket: bucket.name,
            name: `migrations/${migration.file}`,
            source: new pulumi.asset.StringAsset(migration.text),
            contentType: "application/sql",
          },
          // A version that was removed from the repository can still be rolled back.
          { parent: this, retainOnDelete: true },
        ),
    );
    const importSchema = () =>
      new ImportedSchema(
        `${name}-schema`,
        {
          project,
          instance: database.instanceName,
          database: database.databaseName,
          user: database.logins.settlement_user.user.name,
          logins: Object.values(database.logins).map(({ user }) => user.name),
          bucket: bucket.name,
          migrations: args.migrations.filter(({ version }) => target === undefined || version <= target).map(planned),
          target,
          baseline,
          repeatables: repeatables.length === 0 || target !== undefined ? undefined : repeatables.map(planned),
          repairs: config.schema.repairs.length === 0 ? undefined : config.schema.repairs,
          retainedBackups,
          inOrder: inOrder || undefined,
          withoutAudit: keepsSettings(config) || undefined,
          extensions: declared(config.database.extensions),
          schemas: declared(config.database.schemas),
        },
        { parent: this, dependsOn: [...readers, ...scripts] },
      );
    this.imported = args.imports === false ? [] : [importSchema()];
    this.bucketName = bucket.name;
    this.version = this.imported[0]?.version ?? pulumi.output("");
    this.registerOutputs();
  }
}

function planned({ checksum, file, text, version }: Migration): PlannedMigration {
  const squashes = squashedIn(text);
  return { version, file, checksum, ...(Object.keys(squashes).length > 0 && { squashes }) };
}

/** Undefined if empty, so that the schema of a stack without it does not change. */
function declared(names: readonly string[]): readonly string[] | undefined {
  return names.length === 0 ? undefined : [...new Set(names)].sort();
}
