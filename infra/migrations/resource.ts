import * as pulumi from "@pulumi/pulumi";
import type { Applied } from "./importer.ts";

/** Arguments of {@link ImportedSchema}. None of them is a secret, and none may become one: the state keeps them. */
export interface ImportedSchemaArgs {
  /** Project id. */
  readonly project: pulumi.Input<string>;
  /** Name of the Cloud SQL instance. */
  readonly instance: pulumi.Input<string>;
  /** Name of the database. */
  readonly database: pulumi.Input<string>;
  /** The login that runs the import. */
  readonly user: pulumi.Input<string>;
  /** The logins that work with the tables. */
  readonly logins: readonly pulumi.Input<string>[];
  /** Name of the bucket that holds the scripts under `migrations/`. */
  readonly bucket: pulumi.Input<string>;
  /** The versions the database is to have, in order. */
  readonly migrations: readonly PlannedMigration[];
  /**
   * The version that the database may be taken back to: without it, a version that is applied but missing in
   * `migrations` stops the preview.
   */
  readonly target?: string | undefined;
  /** The version up to which tables made by hand are taken over, see `script.ts`. */
  readonly baseline?: string | undefined;
  /** How many of the backups made before migrations are kept. */
  readonly retainedBackups: number;
}

/** A version the database is to have. */
export interface PlannedMigration {
  readonly version: string;
  /** Its file's name, which is also its object's below `migrations/`. */
  readonly file: string;
  /** SHA-256 of the file, in hex. */
  readonly checksum: string;
}

/**
 * The schema of a database, brought to its newest version by Cloud SQL imports.
 *
 * The engine runs the provider in a process of its own, from its text, which is kept in the state.
 */
export class ImportedSchema extends pulumi.CustomResource {
  /** The newest version. */
  declare readonly version: pulumi.Output<string>;
  /** When each version was applied, and which backup was taken before. */
  declare readonly applied: pulumi.Output<Readonly<Record<string, Applied>>>;

  constructor(name: string, args: ImportedSchemaArgs, opts?: pulumi.CustomResourceOptions) {
    const version = args.migrations.at(-1)?.version ?? "";
    const props = { ...args, version, applied: undefined, __provider: PROVIDER };
    super("pulumi-nodejs:dynamic/settlement:ImportedSchema", name, props, opts);
  }
}

/**
 * No more than a pointer to `importer.ts`, so that a change of that file is not a change of the schema. Pulumi would make
 * this text from functions, and loads TypeScript's compiler for that in every preview. The engine runs it in a process whose
 * working folder differs; the one thing that is known there is the SDK, in `node_modules/@pulumi/pulumi` of the project, four
 * folders above its package.json. States keep the text, so a change of it is a change of every schema.
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
