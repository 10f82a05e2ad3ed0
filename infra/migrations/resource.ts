import * as pulumi from "@pulumi/pulumi";
import type { Repair } from "./repairs.ts";

/** Arguments of {@link ImportedSchema}. None may be a secret, because the state stores them in plain text. */
export interface ImportedSchemaArgs {
  readonly project: pulumi.Input<string>;
  readonly instance: pulumi.Input<string>;
  readonly database: pulumi.Input<string>;
  /** The login that runs the import. */
  readonly user: pulumi.Input<string>;
  /** The logins that use the tables. */
  readonly logins: readonly pulumi.Input<string>[];
  /** The bucket with the scripts under `migrations/`. */
  readonly bucket: pulumi.Input<string>;
  /** The desired versions, in order. */
  readonly migrations: readonly PlannedMigration[];
  /** The version the database may be rolled back to; otherwise an applied version missing here stops the preview. */
  readonly target?: string | undefined;
  /** The version of manually created tables to adopt, see `script.ts`. */
  readonly baseline?: string | undefined;
  /** Files that run after the versions if their text has changed, in order; none by default. */
  readonly repeatables?: readonly PlannedMigration[] | undefined;
  /** Versions that count as applied by decision; none by default. */
  readonly repairs?: readonly Repair[] | undefined;
  /** How many backups taken before migrations to keep. */
  readonly retainedBackups: number;
  /** Whether the preview refuses a version older than the newest applied one. */
  readonly inOrder?: true | undefined;
  /** Whether the instance does not load pgAudit yet; the update that ends this creates the extension. */
  readonly withoutAudit?: true | undefined;
  /** Extensions to create, see `provisions.ts`; none by default. */
  readonly extensions?: readonly string[] | undefined;
  /** Schemas to create for the migrations; none by default. */
  readonly schemas?: readonly string[] | undefined;
}

export interface Applied {
  /** ISO 8601. */
  readonly at: string;
  /** Id of the backup taken before. */
  readonly backup: string;
}

/** A version the database should have. */
export interface PlannedMigration {
  readonly version: string;
  /** Name of its file, and of its object below `migrations/`. */
  readonly file: string;
  /** SHA-256 of the file, in hex. */
  readonly checksum: string;
  /** Checksums by the versions that the file replaces, see `squash.ts`. */
  readonly squashes?: Readonly<Record<string, string>>;
}

/**
 * The schema of a database, migrated by Cloud SQL imports. The engine runs the provider's text, which the state stores, in a
 * separate process.
 */
export class ImportedSchema extends pulumi.CustomResource {
  /** The version of the database. */
  declare readonly version: pulumi.Output<string>;
  /** When each version was applied, with the backup taken before. */
  declare readonly applied: pulumi.Output<Readonly<Record<string, Applied>>>;

  constructor(name: string, args: ImportedSchemaArgs, opts: pulumi.CustomResourceOptions) {
    const version = args.migrations.at(-1)?.version ?? "";
    const props = { ...args, version, applied: undefined, __provider: PROVIDER };
    super("pulumi-nodejs:dynamic/settlement:ImportedSchema", name, props, opts);
  }
}

/**
 * Loads `importer.ts`, so that changing that file does not change the schema. Written out, because Pulumi loads TypeScript's
 * compiler in every preview to serialize functions. The working folder at run time differs, so the project is located from
 * the SDK's package.json, four folders up. States store this text: changing it changes every schema.
 */
const PROVIDER = `exports.handler = () => {
  const path = require("node:path");
  const project = path.resolve(require.resolve("@pulumi/pulumi/package.json"), "../../../..");
  const { importer } = require(path.join(project, "infra", "migrations", "importer.ts"));
  return {
    configure: ({ config }) => importer.configure(config),
    check: (olds, news) => importer.check(olds, news),
    diff: (_id, olds, news) => importer.diff(olds, news),
    create: (inputs) => importer.create(inputs),
    update: (_id, olds, news) => importer.update(olds, news),
  };
};
`;
