import type * as pulumi from "@pulumi/pulumi";
import { checksum, type Migration } from "./files";
import { GOOGLE, GoogleApis } from "./googleapis";
import type { PlannedMigration } from "./resource";
import { upScript } from "./script";

/** What the engine keeps of a schema. */
export interface SchemaState {
  readonly project: string;
  readonly instance: string;
  readonly database: string;
  readonly user: string;
  readonly bucket: string;
  readonly migrations: readonly PlannedMigration[];
  /** The newest version. */
  readonly version: string;
  /** Id of the backup taken before the last import. */
  readonly backup?: string;
}

/** Brings a database to the versions of a plan: backup, upload, import. */
export class Importer {
  private google = new GoogleApis(GOOGLE);

  /** Takes the endpoints from the provider's own configuration, so that both speak to the same cloud. */
  configure(config: pulumi.dynamic.Config): Promise<void> {
    this.google = new GoogleApis({
      sql: config.get("gcp:sqlCustomEndpoint") ?? GOOGLE.sql,
      storage: config.get("gcp:storageCustomEndpoint") ?? GOOGLE.storage,
    });
    return Promise.resolve();
  }

  /** Stops a preview where an applied version was edited or is missing here. */
  check(olds: SchemaState, news: SchemaState): Promise<pulumi.dynamic.CheckResult<SchemaState>> {
    const planned = new Map(known(news.migrations).map((migration) => [migration.version, migration]));
    const failures = known(olds.migrations)
      .filter((applied) => planned.get(applied.version)?.checksum !== applied.checksum)
      .map(({ version, file }) => ({
        property: "migrations",
        reason: planned.has(version)
          ? `migrations/${file} was edited after it was applied. Restore it and put the change into a new version.`
          : `Version ${version} (migrations/${file}) is applied but missing in this checkout, whose newest is ${news.version}. Deploy a checkout that holds it.`,
      }));
    return Promise.resolve({ inputs: news, failures: samePlace(olds, news) ? failures : [] });
  }

  /** A schema changes with its versions only; a new instance or database begins from nothing. */
  diff(olds: SchemaState, news: SchemaState): Promise<pulumi.dynamic.DiffResult> {
    const moved = (["project", "instance", "database"] as const).filter((key) => olds[key] !== news[key]);
    const versions = JSON.stringify(known(olds.migrations)) !== JSON.stringify(known(news.migrations));
    return Promise.resolve({ changes: moved.length > 0 || versions, replaces: moved });
  }

  async create(inputs: SchemaState): Promise<pulumi.dynamic.CreateResult<SchemaState>> {
    const outs = await this.migrate(inputs);
    return { id: `${inputs.project}/${inputs.instance}/${inputs.database}`, outs };
  }

  async update(_olds: SchemaState, news: SchemaState): Promise<pulumi.dynamic.UpdateResult<SchemaState>> {
    return { outs: await this.migrate(news) };
  }

  private async migrate(plan: SchemaState): Promise<SchemaState> {
    const { project, instance, database, user, bucket, version } = plan;
    const script = upScript(await this.files(plan), user);
    const backup = await this.google.operate(project, instance, "backupRuns", {
      description: `before schema version ${version}`,
    });
    const uri = await this.google.upload(bucket, `imports/${version}-${checksum(script).slice(0, 12)}.sql`, script);
    const backupId = backup.backupContext?.backupId;
    try {
      const importContext = { kind: "sql#importContext", fileType: "SQL", uri, database, importUser: user };
      await this.google.operate(project, instance, "import", { importContext });
    } catch (error) {
      throw new Error(
        `The import of schema version ${version} into ${instance}/${database} failed and changed nothing: ` +
          `${(error as Error).message}\nThe script is ${uri}; the backup taken before it is ${backupId ?? "unknown"}.`,
        { cause: error },
      );
    }
    return { ...plan, ...(backupId !== undefined && { backup: backupId }) };
  }

  /** The plan's files as they lie in the bucket, each compared with its checksum. */
  private async files({ bucket, migrations }: SchemaState): Promise<Migration[]> {
    const files: Migration[] = [];
    for (const planned of migrations) {
      const object = `migrations/${planned.file}`;
      const text = await this.google.download(bucket, object);
      if (checksum(text) !== planned.checksum) {
        throw new Error(`gs://${bucket}/${object} is not the file of this checkout; upload it again and repeat.`);
      }
      files.push({ ...planned, text });
    }
    return files;
  }
}

/** The one importer of a dynamic provider's process. */
export const importer = new Importer();

/** In a preview a property may be unknown, which the engine hands over as a text. */
function known(migrations: readonly PlannedMigration[] | string | undefined): readonly PlannedMigration[] {
  return typeof migrations === "object" ? migrations : [];
}

function samePlace(olds: SchemaState, news: SchemaState): boolean {
  return olds.instance === news.instance && olds.database === news.database;
}
