import type * as pulumi from "@pulumi/pulumi";
import {
  endpoints,
  GOOGLE,
  Google,
  GoogleError,
  OperationError,
  pages,
  type Patience,
  PROPAGATION,
  type Sent,
} from "../google.ts";
import { checksum, type Migration } from "./files.ts";
import type { PlannedMigration } from "./resource.ts";
import { afterBackup, changeScript } from "./script.ts";
import { OWNER_ROLE } from "../names.ts";

/** What the engine keeps of a schema. */
export interface SchemaState {
  readonly project: string;
  readonly instance: string;
  readonly database: string;
  readonly user: string;
  /** Not in states from before there were two. */
  readonly logins?: readonly string[];
  readonly bucket: string;
  readonly migrations: readonly PlannedMigration[];
  readonly target?: string;
  readonly baseline?: string;
  readonly retainedBackups: number;
  /** The newest version. */
  readonly version: string;
  /** When each version was applied, and by which import, since this stack does it. */
  readonly applied?: Readonly<Record<string, Applied>>;
}

/** How a version came into the database. */
export interface Applied {
  /** ISO 8601. */
  readonly at: string;
  /** Id of the backup that was taken before. */
  readonly backup: string;
}

/** A backup of a Cloud SQL instance; its status is `SUCCESSFUL` where it can be restored. */
export type BackupRun = Sent<gapi.client.sql.BackupRun, "id" | "status" | "enqueuedTime">;

/** How long another operation of the instance, or a fault of Google's, is waited for, in milliseconds. */
const PATIENCE = 10 * 60_000;

/**
 * A migration's requests are sent again where that can help: another operation of the instance (409), too many requests
 * (429), faults of the server (5xx), no answer and, for an import, a binding that Google has not seen yet (403, 412). What
 * is asked for twice because its answer was lost does no harm: whatever runs is waited for, an import skips what is there,
 * and there may be a backup more.
 */
export const patience: Patience = ({ busy, status = 0 }, { path }) => {
  if (busy || [0, 409].includes(status)) return PATIENCE;
  // Cloud SQL was seen to answer both where its account may not read the bucket.
  return [403, 412].includes(status) && path.endsWith("/import") ? PROPAGATION : 0;
};

/** Cloud SQL's word for an error of PostgreSQL's. */
const RDBMS = "ERROR_RDBMS";

/** How the description of a backup begins that was made before a migration. */
const BACKUP = "before schema version ";

/** How it ends: with the version that the state had. */
const HOLDS = "; holds ";

/**
 * The version of the schema that a backup holds, as the state had it; empty where it is from before the first. Those that
 * Cloud SQL made by itself do not say, and the times of the versions tell.
 */
export function heldVersion({ description = "", startTime, enqueuedTime }: BackupRun, schema: SchemaState): string {
  const [, said] = description.startsWith(BACKUP) ? description.split(HOLDS) : [];
  if (said !== undefined) return said === NONE ? "" : said;
  const before = schema.migrations.filter(({ version }) => {
    const { at } = schema.applied?.[version] ?? {};
    return at !== undefined && new Date(at) <= new Date(startTime ?? enqueuedTime);
  });
  return before.at(-1)?.version ?? "";
}

const NONE = "none";

/** Brings a database to the versions of a plan: backup, upload, import. */
export class Importer {
  private google = new Google(GOOGLE, { patience });

  /** Takes the endpoints from where the provider does, so that both speak to the same cloud: configuration, environment. */
  configure(config: pulumi.dynamic.Config): Promise<void> {
    const google = endpoints((key) => config.get(key));
    this.google = new Google(google, { patience });
    return Promise.resolve();
  }

  /** Stops a preview where an applied version was edited, or is missing here and is not to be gone back from. */
  check(olds: SchemaState, news: SchemaState): Promise<pulumi.dynamic.CheckResult<SchemaState>> {
    if (olds.instance !== news.instance || olds.database !== news.database) {
      return Promise.resolve({ inputs: news, failures: [] });
    }
    const planned = new Map(known(news.migrations).map((migration) => [migration.version, migration]));
    const problems = known(olds.migrations).flatMap(({ version, file, checksum: applied }) => {
      const now = planned.get(version);
      if (!now && (news.target === undefined || version <= news.target)) {
        return [
          `Version ${version} (migrations/${file}) is applied but missing in this checkout, whose newest is ${news.version}. ` +
            "Deploy a checkout that holds it, or go back with: npm run migration -- rollback",
        ];
      }
      return now && now.checksum !== applied
        ? [`migrations/${file} was edited after it was applied. Restore it and put the change into a new version.`]
        : [];
    });
    const failures = problems.map((reason) => ({ property: "migrations", reason }));
    return Promise.resolve({ inputs: news, failures });
  }

  /** A schema changes with its versions and its logins; a new instance or database begins from nothing. */
  diff(olds: SchemaState, news: SchemaState): Promise<pulumi.dynamic.DiffResult> {
    const moved = (["project", "instance", "database"] as const).filter((key) => olds[key] !== news[key]);
    const versions = JSON.stringify(known(olds.migrations)) !== JSON.stringify(known(news.migrations));
    const logins = JSON.stringify(loginsOf(olds)) !== JSON.stringify(loginsOf(news));
    return Promise.resolve({ changes: moved.length > 0 || versions || logins, replaces: moved });
  }

  async create(inputs: SchemaState): Promise<pulumi.dynamic.CreateResult<SchemaState>> {
    const outs = await this.migrate(inputs);
    return { id: `${inputs.project}/${inputs.instance}/${inputs.database}`, outs };
  }

  async update(olds: SchemaState, news: SchemaState): Promise<pulumi.dynamic.UpdateResult<SchemaState>> {
    const stay = new Set(news.migrations.map(({ version }) => version));
    const down = olds.migrations.filter(({ version }) => !stay.has(version));
    // Only a login that is new has the right to give up its rights; the others have done so.
    const joining = loginsOf(news).find((login) => !loginsOf(olds).includes(login));
    if (joining !== undefined) await this.join(news, joining);
    return { outs: await this.migrate(news, olds, down, joining) };
  }

  /**
   * Backup, upload, import; then the logins are left with the owner's role alone, and old backups go.
   * @param olds What was there before.
   * @param down The versions to go back from.
   * @param user The login that runs the import.
   */
  private async migrate(
    plan: SchemaState,
    olds?: SchemaState,
    down: readonly PlannedMigration[] = [],
    user = plan.user,
  ): Promise<SchemaState> {
    const { instance, database, bucket, version } = plan;
    const change = await changeScript({
      up: await this.files(bucket, plan.migrations),
      down: await this.files(bucket, down),
      user,
      logins: loginsOf(plan),
      ...(plan.baseline !== undefined && { baseline: plan.baseline }),
    });
    const description = `${BACKUP}${version}${HOLDS}${olds?.version ?? NONE}`;
    const { backupContext } = await this.operate(plan, "POST", "backupRuns", { description });
    const now: Applied = { at: new Date().toISOString(), backup: backupContext?.backupId ?? "unknown" };
    const script = `${afterBackup(now.backup)}${change}`;
    const object = `imports/${version}-${checksum(script).slice(0, 12)}.sql`;
    let known: string | undefined = "did not begin and changed nothing";
    try {
      await this.upload(bucket, object, script);
      known = undefined;
      const uri = `gs://${bucket}/${object}`;
      const importContext = { kind: "sql#importContext", fileType: "SQL", uri, database, importUser: user };
      await this.operate(plan, "POST", "import", { importContext });
      known = "is done, and what follows it is not; run the update again, which skips what is there";
      await this.leaveOwnerRoleOnly(plan);
      await this.forgetBackups(plan);
    } catch (error) {
      throw new Error(
        `The import of schema version ${version} into ${instance}/${database} ${known ?? outcome(error)}: ` +
          `${(error as Error).message}\nThe script is gs://${bucket}/${object}; the backup taken before it is ${now.backup}.`,
        { cause: error },
      );
    }
    const history = plan.migrations.map(({ version: each }) => [each, olds?.applied?.[each] ?? now]);
    return { ...plan, applied: Object.fromEntries(history) as Record<string, Applied> };
  }

  /** Makes a login a member of the owner's role, which the database has already. */
  private async join(plan: SchemaState, login: string): Promise<void> {
    const query = new URLSearchParams({ name: login, databaseRoles: OWNER_ROLE });
    await this.operate(plan, "PUT", `users?${query.toString()}`, { name: login });
  }

  /** Cloud SQL makes every login a member of `cloudsqlsuperuser`, and only its API can end that. */
  private async leaveOwnerRoleOnly(plan: SchemaState): Promise<void> {
    for (const login of loginsOf(plan)) {
      const query = new URLSearchParams({ name: login, databaseRoles: OWNER_ROLE, revokeExistingRoles: "true" });
      await this.operate(plan, "PUT", `users?${query.toString()}`, { name: login });
    }
  }

  /** Keeps the newest backups that were made before migrations; those that Cloud SQL makes by itself are not touched. */
  private async forgetBackups(plan: SchemaState): Promise<void> {
    const runs = await backupRuns(this.google, plan);
    const own = runs.filter(({ description }) => description?.startsWith(BACKUP));
    for (const { id } of own.sort((a, b) => Number(b.id) - Number(a.id)).slice(plan.retainedBackups)) {
      await this.operate(plan, "DELETE", `backupRuns/${id}`).catch((error: unknown) => {
        // Where an answer was lost, it is gone already.
        if (!(error instanceof GoogleError && error.status === 404)) throw error;
      });
    }
  }

  /** @param path Below the instance. */
  private operate(
    { instance, project }: SchemaState,
    method: "POST" | "PUT" | "DELETE",
    path: string,
    body?: gapi.client.sql.BackupRun | gapi.client.sql.InstancesImportRequest | gapi.client.sql.User,
  ): Promise<gapi.client.sql.Operation> {
    return this.google.operate({
      ...{ api: "sql", method, path: `projects/${project}/instances/${instance}/${path}` },
      ...(body && { body }),
    });
  }

  /** Uploads an object, replacing what is there. */
  private async upload(bucket: string, name: string, body: string): Promise<void> {
    const query = `uploadType=media&name=${encodeURIComponent(name)}`;
    const path = `../../upload/storage/v1/b/${encodeURIComponent(bucket)}/o?${query}`;
    await this.google.call({ api: "storage", path, body, contentType: "application/sql" });
  }

  /** Migrations as they lie in the bucket, where they stay; each is compared with its checksum. */
  private async files(bucket: string, migrations: readonly PlannedMigration[]): Promise<Migration[]> {
    const files: Migration[] = [];
    for (const planned of migrations) {
      const object = `migrations/${planned.file}`;
      const path = `b/${encodeURIComponent(bucket)}/o/${encodeURIComponent(object)}?alt=media`;
      const text = await this.google.call<string>({ api: "storage", path, as: "text" });
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

/** What an import that failed has done: only PostgreSQL's own error, or a refusal, says for certain. */
function outcome(error: unknown): string {
  const certain =
    (error instanceof GoogleError && error.nothingDone) ||
    (error instanceof OperationError && error.codes.every((code) => code === RDBMS));
  return certain
    ? "failed and changed nothing"
    : "was cut off, and its outcome is not known; run the update again, which skips what is there";
}

/** The backups of a schema's instance. */
export async function backupRuns(google: Google, { instance, project }: SchemaState): Promise<BackupRun[]> {
  type Page = gapi.client.sql.BackupRunsListResponse;
  const path = `projects/${project}/instances/${instance}/backupRuns`;
  const lists = await pages(path, (page) => google.call<Page>({ api: "sql", path: page }));
  return lists.flatMap(({ items = [] }) => items as BackupRun[]);
}

function loginsOf({ logins, user }: SchemaState): readonly string[] {
  return logins ?? [user];
}

/** In a preview a property may be unknown, which the engine hands over as a text. */
function known(migrations: readonly PlannedMigration[] | string | undefined): readonly PlannedMigration[] {
  return typeof migrations === "object" ? migrations : [];
}
