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
import { type Lost, lostSinceImport } from "./lost.ts";
import { asSuperuser, grant, reduce } from "./membership.ts";
import type { Applied, PlannedMigration } from "./resource.ts";
import { afterBackup, changeScript, MISSING } from "./script.ts";
import { adds, type Provisions } from "./provisions.ts";
import { isRepaired, type Repair } from "./repairs.ts";
import { OWNER_ROLE } from "../names.ts";

/** A schema in the stack's state. */
export interface SchemaState extends Provisions {
  readonly project: string;
  readonly instance: string;
  readonly database: string;
  readonly user: string;
  /** Missing in states from before the second login. */
  readonly logins?: readonly string[];
  readonly bucket: string;
  readonly migrations: readonly PlannedMigration[];
  readonly target?: string;
  readonly baseline?: string;
  readonly repairs?: readonly Repair[];
  readonly repeatables?: readonly PlannedMigration[];
  readonly retainedBackups: number;
  readonly inOrder?: boolean;
  readonly withoutAudit?: boolean;
  /** The newest version. */
  readonly version: string;
  /** When this stack applied each version. */
  readonly applied?: Readonly<Record<string, Applied>>;
}

/** A backup of a Cloud SQL instance; it can be restored if its status is `SUCCESSFUL`. */
export type BackupRun = Sent<gapi.client.sql.BackupRun, "id" | "status" | "enqueuedTime">;

/** How long to retry during another operation of the instance or a Google outage, in milliseconds. */
const PATIENCE = 10 * 60_000;

/**
 * Retries a migration's request if that can help: another operation of the instance (409), too many requests (429), server
 * errors (5xx), no answer and, for an import, a binding that has not propagated (403, 412). A repeated request is harmless:
 * an import skips applied versions, and at worst there is one more backup.
 */
export const patience: Patience = ({ busy, status = 0 }, { path }) => {
  if (busy || [0, 409].includes(status)) return PATIENCE;
  // Cloud SQL was observed to answer both if its account cannot read the bucket.
  return [403, 412].includes(status) && path.endsWith("/import") ? PROPAGATION : 0;
};

/** Retries a request of a preview during an outage. */
const briefly: Patience = ({ busy }) => (busy ? 60_000 : 0);

/** Cloud SQL's code for a PostgreSQL error. */
const RDBMS = "ERROR_RDBMS";

/** Start of the description of a backup taken before a migration. */
const BACKUP = "before schema version ";

/** Separates the version in the backup. */
const HOLDS = "; holds ";

/**
 * The schema version in a backup; empty if it was taken before the first. For automatic backups the times at which versions
 * were applied decide.
 */
export function heldVersion({ description = "", startTime, enqueuedTime }: BackupRun, schema: SchemaState): string {
  const [, version] = description.startsWith(BACKUP) ? description.split(HOLDS) : [];
  if (version !== undefined) return version === NONE ? "" : version;
  const before = schema.migrations.filter((migration) => {
    const { at } = schema.applied?.[migration.version] ?? {};
    return at !== undefined && new Date(at) <= new Date(startTime ?? enqueuedTime);
  });
  return before.at(-1)?.version ?? "";
}

const NONE = "none";

/** Migrates a database: backup, upload, import. */
export class Importer {
  private google = new Google(GOOGLE, { patience });
  /** For a preview, which goes on without an answer. */
  private reader = new Google(GOOGLE, { patience: briefly });

  /** Uses the provider's endpoints, so that both talk to the same cloud. */
  configure(config: pulumi.dynamic.Config): Promise<void> {
    const urls = endpoints((key) => config.get(key));
    this.google = new Google(urls, { patience });
    this.reader = new Google(urls, { patience: briefly });
    return Promise.resolve();
  }

  /** Stops a preview if an applied version was edited, is missing without a rollback, or is newer than a pending one. */
  check(olds: SchemaState, news: SchemaState): Promise<pulumi.dynamic.CheckResult<SchemaState>> {
    if (olds.instance !== news.instance || olds.database !== news.database) {
      return Promise.resolve({ inputs: news, failures: [] });
    }
    const planned = new Map(known(news.migrations).map((migration) => [migration.version, migration]));
    const squashed = squashedBy(news.migrations);
    const problems = known(olds.migrations).flatMap(({ version, file, checksum: applied }) => {
      if (squashed.get(version) === applied) return [];
      const now = planned.get(version);
      if (!now && (news.target === undefined || version <= news.target)) {
        return [
          `Version ${version} (migrations/${file}) is applied but missing in this checkout, whose newest is ${news.version}. ` +
            "Deploy a checkout that includes it, or roll back with: npm run migration -- rollback",
        ];
      }
      return now && now.checksum !== applied && !isRepaired(news.repairs, now)
        ? [`migrations/${file} was edited after it was applied. Restore it and put the change into a new version.`]
        : [];
    });
    const newest = known(olds.migrations).at(-1)?.version ?? "";
    const late = news.inOrder ? outOfOrder(known(news.migrations), known(olds.migrations)) : [];
    problems.push(
      ...late.map(
        ({ file }) =>
          `migrations/${file} is older than the applied version ${newest}, which settlement:schema.inOrder refuses. ` +
          "Give it a new version.",
      ),
    );
    const failures = problems.map((reason) => ({ property: "migrations", reason }));
    return Promise.resolve({ inputs: news, failures });
  }

  /**
   * Versions, logins, pgAudit, what is declared newly, and what was deleted manually update a schema; a new instance or database
   * replaces it.
   */
  async diff(olds: SchemaState, news: SchemaState): Promise<pulumi.dynamic.DiffResult> {
    const moved = (["project", "instance", "database"] as const).filter((key) => olds[key] !== news[key]);
    const files = ({ migrations, repeatables }: SchemaState) => JSON.stringify([known(migrations), known(repeatables)]);
    const versions = files(olds) !== files(news);
    const logins = JSON.stringify(loginsOf(olds)) !== JSON.stringify(loginsOf(news));
    const rights = olds.withoutAudit !== news.withoutAudit || adds(olds, news);
    const differ = moved.length > 0 || versions || logins || rights;
    return { changes: differ || (await this.lost(news)) !== undefined, replaces: moved };
  }

  async create(inputs: SchemaState): Promise<pulumi.dynamic.CreateResult<SchemaState>> {
    const outs = await this.migrate(inputs);
    return { id: `${inputs.project}/${inputs.instance}/${inputs.database}`, outs };
  }

  async update(olds: SchemaState, news: SchemaState): Promise<pulumi.dynamic.UpdateResult<SchemaState>> {
    const stay = new Set(news.migrations.map(({ version }) => version));
    const squashed = squashedBy(news.migrations);
    const down = olds.migrations.filter(
      ({ version, checksum: applied }) => !stay.has(version) && squashed.get(version) !== applied,
    );
    // Only a new login can still drop rights; the others have already lost that right.
    const joining = loginsOf(news).find((login) => !loginsOf(olds).includes(login));
    const lost = joining === undefined ? await this.lost(news) : undefined;
    if (lost?.exists === false) {
      throw new Error(
        `The ${lost.what} does not exist on ${news.instance} any more. An update with --refresh creates it.`,
      );
    }
    if (joining !== undefined) await grant(this.google, news, joining, OWNER_ROLE);
    const migrate = () => this.migrate(news, olds, down, joining);
    // Creating pgAudit, other extensions and schemas, and putting back what was lost, need a right that the logins gave up.
    const audits = olds.withoutAudit === true && !news.withoutAudit;
    const lends = joining === undefined && (audits || adds(olds, news) || lost !== undefined);
    return { outs: await (lends ? asSuperuser(this.google, news, news.user, migrate) : migrate()) };
  }

  private lost(plan: SchemaState): Promise<Lost | undefined> {
    return lostSinceImport(this.reader, plan, loginsOf(plan));
  }

  /**
   * Runs the import, then reduces the logins to the owner's role and deletes old backups. The script omits the files of
   * versions that the state records as applied, so that its size does not grow with the history.
   * @param down The versions to roll back.
   * @param user The login that runs the import.
   */
  private async migrate(
    plan: SchemaState,
    olds?: SchemaState,
    down: readonly PlannedMigration[] = [],
    user = plan.user,
  ): Promise<SchemaState> {
    const { instance, database, bucket, version } = plan;
    const recorded = new Map(olds?.migrations.map((migration) => [migration.version, migration.checksum]));
    const applied = plan.migrations.filter((migration) => recorded.get(migration.version) === migration.checksum);
    const { baseline, extensions, repairs, schemas } = plan;
    const change = {
      baseline,
      extensions,
      repairs,
      repeatables: await this.files(bucket, plan.repeatables ?? []),
      schemas,
      user,
      logins: loginsOf(plan),
      down: await this.files(bucket, down),
    };
    const pending = await this.files(bucket, without(plan.migrations, applied));
    const script = await changeScript({ ...change, applied, up: pending });
    const description = `${BACKUP}${version}${HOLDS}${olds?.version ?? NONE}`;
    const { backupContext } = await this.operate(plan, "POST", "backupRuns", { description });
    const now: Applied = { at: new Date().toISOString(), backup: backupContext?.backupId ?? "unknown" };
    let object = "";
    let known: string | undefined;
    const run = async (text: string) => {
      object = `imports/${version}-${checksum(text).slice(0, 12)}.sql`;
      known = "did not start and changed nothing";
      await this.upload(bucket, object, text);
      known = undefined;
      const uri = `gs://${bucket}/${object}`;
      const importContext = { kind: "sql#importContext", fileType: "SQL", uri, database, importUser: user };
      await this.operate(plan, "POST", "import", { importContext });
    };
    try {
      await run(`${afterBackup(now.backup)}${script}`).catch(async (error: unknown) => {
        if (!lacksVersion(error)) throw error;
        // The database is behind the state, as after restoring an older backup: send every version.
        const all = await changeScript({
          ...change,
          up: [...(await this.files(bucket, applied)), ...pending].sort(byVersion),
        });
        await run(`${afterBackup(now.backup)}${all}`);
      });
      known = "succeeded, but a later step failed; run the update again, which skips applied versions";
      // Cloud SQL makes every login a member of `cloudsqlsuperuser`, which only its API can revoke.
      for (const login of loginsOf(plan)) await reduce(this.google, plan, login);
      await this.deleteOldBackups(plan);
    } catch (error) {
      throw new Error(
        `The import of schema version ${version} into ${instance}/${database} ${known ?? outcome(error)}: ` +
          `${(error as Error).message}${waiting(error)}\nThe script is gs://${bucket}/${object}; the backup taken before it is ${now.backup}.`,
        { cause: error },
      );
    }
    const history = plan.migrations.map(({ version: each }) => [each, olds?.applied?.[each] ?? now]);
    return { ...plan, applied: Object.fromEntries(history) as Record<string, Applied> };
  }

  /** Deletes old backups taken before migrations; others are not touched. */
  private async deleteOldBackups(plan: SchemaState): Promise<void> {
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
    method: "POST" | "DELETE",
    path: string,
    body?: gapi.client.sql.BackupRun | gapi.client.sql.InstancesImportRequest,
  ): Promise<gapi.client.sql.Operation> {
    return this.google.operate({
      ...{ api: "sql", method, path: `projects/${project}/instances/${instance}/${path}` },
      ...(body && { body }),
    });
  }

  /** Uploads an object, replacing an existing one. */
  private async upload(bucket: string, name: string, body: string): Promise<void> {
    const query = `uploadType=media&name=${encodeURIComponent(name)}`;
    const path = `../../upload/storage/v1/b/${encodeURIComponent(bucket)}/o?${query}`;
    await this.google.call({ api: "storage", path, body, contentType: "application/sql" });
  }

  /** Reads migrations from the bucket and verifies their checksums. */
  private async files(bucket: string, migrations: readonly PlannedMigration[]): Promise<Migration[]> {
    const files: Migration[] = [];
    for (const planned of migrations) {
      const object = `migrations/${planned.file}`;
      const path = `b/${encodeURIComponent(bucket)}/o/${encodeURIComponent(object)}?alt=media`;
      const text = await this.google.call<string>({ api: "storage", path, as: "text" });
      if (checksum(text) !== planned.checksum) {
        throw new Error(`gs://${bucket}/${object} differs from the file in this checkout; upload it again and retry.`);
      }
      files.push({ ...planned, text });
    }
    return files;
  }
}

/** The importer of the dynamic provider's process. */
export const importer = new Importer();

/** The effect of a failed import; the message of a PostgreSQL error says what is applied. */
function outcome(error: unknown): string {
  if (error instanceof GoogleError && error.nothingDone) return "failed and changed nothing";
  if (error instanceof OperationError && error.codes.every((code) => code === RDBMS)) return "failed";
  return "was interrupted and its outcome is unknown; run the update again, which skips applied versions";
}

/** Whether an import stopped because the database lacks a version that the state records. */
function lacksVersion(error: unknown): boolean {
  return error instanceof OperationError && error.message.includes(MISSING);
}

/** Says how long a refused request was retried, and for what; empty if it was not. */
function waiting(error: unknown): string {
  const { request = "", status = 0, waited = 0 } = error instanceof GoogleError ? error : {};
  const minutes = Math.floor(waited / 60_000);
  if (minutes === 0) return "";
  const reason =
    [403, 412].includes(status) && request.endsWith("/import")
      ? "because a new role of the instance's account on the bucket may take that long to act"
      : "because Google was busy, or another operation of the instance was running";
  return ` It was retried for ${minutes} minutes, ${reason}.`;
}

/** The backups of a schema's instance. */
export async function backupRuns(google: Google, { instance, project }: SchemaState): Promise<BackupRun[]> {
  type Page = gapi.client.sql.BackupRunsListResponse;
  const path = `projects/${project}/instances/${instance}/backupRuns`;
  const lists = await pages(path, (page) => google.call<Page>({ api: "sql", path: page }));
  return lists.flatMap(({ items = [] }) => items as BackupRun[]);
}

/** The planned versions that are older than the newest applied one, and not applied. */
function outOfOrder(planned: readonly PlannedMigration[], applied: readonly PlannedMigration[]) {
  const newest = applied.at(-1)?.version ?? "";
  return planned.filter(({ version }) => version < newest && !applied.some((one) => one.version === version));
}

function without(all: readonly PlannedMigration[], some: readonly PlannedMigration[]): readonly PlannedMigration[] {
  return all.filter((one) => !some.includes(one));
}

function byVersion(one: PlannedMigration, other: PlannedMigration): number {
  return one.version < other.version ? -1 : 1;
}

/** The logins that use a schema's tables. */
export function loginsOf({ logins, user }: SchemaState): readonly string[] {
  return logins ?? [user];
}

/** The checksums of the versions that others replace. */
export function squashedBy(migrations: readonly PlannedMigration[] | string | undefined): ReadonlyMap<string, string> {
  return new Map(known(migrations).flatMap(({ squashes = {} }) => Object.entries(squashes)));
}

/** In a preview a property may be unknown, which the engine passes as a string. */
function known(migrations: readonly PlannedMigration[] | string | undefined): readonly PlannedMigration[] {
  return typeof migrations === "object" ? migrations : [];
}
