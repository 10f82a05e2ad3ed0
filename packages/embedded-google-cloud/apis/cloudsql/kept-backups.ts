import { createHash, randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { GoogleError } from "../../rest/errors.ts";
import { applyMask, type Fields } from "../../rest/fields.ts";
import type { Collection, Store } from "../../state/store.ts";
import type { BackupRun, Backups, Copy } from "./backups.ts";
import type { Instance } from "./instance.ts";
import type { Instances } from "./instances.ts";
import { invalid } from "./invalid.ts";
import { API_ROOT, type Operation, type Operations } from "./operations.ts";

/** https://cloud.google.com/sql/docs/postgres/admin-api/rest/v1beta4/backups */
export interface Backup {
  readonly kind: "sql#backup";
  /** `projects/PROJECT/backups/UUID`. */
  readonly name: string;
  readonly selfLink: string;
  readonly type: "ON_DEMAND" | "FINAL";
  readonly description?: string;
  readonly instance: string;
  readonly location: string;
  readonly backupInterval?: { readonly startTime: string; readonly endTime: string };
  readonly state: BackupRun["status"];
  readonly error?: Fields;
  readonly backupKind: "PHYSICAL";
  readonly databaseVersion: string;
  readonly backupRun?: string;
  readonly instanceDeletionTime?: string;
  readonly instanceSettings?: Fields;
  readonly expiryTime?: string;
}

/** A backup that outlives its instance. */
interface Kept {
  readonly backup: Backup;
  /** The id of its copy, as that of a backup run. */
  readonly id: string;
}

/** The parameters of a request that deletes an instance. */
export interface FinalBackupQuery {
  readonly enableFinalBackup?: string;
  readonly finalBackupTtlDays?: string;
  readonly finalBackupExpiryTime?: string;
  readonly finalBackupDescription?: string;
}

/** Days, at most and by default: https://cloud.google.com/sql/docs/postgres/backup-recovery/backups#final-backup */
const FINAL = { most: 365, usual: 30 };
const DAY = 24 * 3600 * 1000;

/** The backups of a project: the runs of its instances, and what is kept of deleted ones. */
export class KeptBackups {
  private readonly kept: Collection<Kept>;
  private readonly instances: Instances;
  private readonly backups: Backups;
  private readonly operations: Operations;

  constructor(store: Store, instances: Instances, backups: Backups, operations: Operations) {
    this.instances = instances;
    this.backups = backups;
    this.operations = operations;
    this.kept = store.collection("cloudsql-kept-backups");
    instances.onDelete(async (instance, copyTo) => {
      await this.takeFinal(instance, copyTo);
      this.keepRuns(instance);
    });
  }

  /** By name. @param filter Such as `instance:NAME AND type:FINAL`. @throws GoogleError INVALID_ARGUMENT. */
  list(project: string, filter = ""): Backup[] {
    const wanted = readFilter(filter);
    this.expire();
    const live = this.instances
      .list(project)
      .flatMap((instance) => this.backups.list(project, instance.name).map((run) => backupOf(instance, run)));
    const gone = this.kept.values().map(({ backup }) => backup);
    return [...live, ...gone.filter(({ name }) => name.startsWith(`projects/${project}/`))]
      .filter((backup) => wanted.every(([field, value]) => backup[field] === value))
      .sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  /** @throws GoogleError NOT_FOUND. */
  get(project: string, id: string): Backup {
    const name = `projects/${project}/backups/${id}`;
    const found = this.list(project).find((backup) => backup.name === name);
    if (!found) throw new GoogleError("NOT_FOUND", "The backup does not exist.", "backupDoesNotExist");
    return found;
  }

  /** Changes the description or the expiry of a final backup. */
  update(project: string, id: string, body: unknown, mask: string | undefined, caller: string): Operation {
    const backup = this.get(project, id);
    const kept = this.kept.get(backup.name);
    if (!kept || backup.type !== "FINAL") throw invalid("Only a final backup can be updated");
    const { ttlDays, ...sent } = body as Fields;
    const expiry = ttlDays === undefined ? sent : { ...sent, expiryTime: expiryIn(ttlDays) };
    const fields = ["description", "expiryTime"] as const;
    const paths = (mask ?? "description,expiryTime").replace("ttlDays", "expiryTime").replace("ttl_days", "expiryTime");
    const next = applyMask<Backup>(backup, expiry, paths, fields);
    return this.operations.begin({ type: "UPDATE_BACKUP", project, instance: backup.instance, caller }, () => {
      this.kept.put(next.name, { ...kept, backup: next });
      return Promise.resolve();
    });
  }

  delete(project: string, id: string, caller: string): Operation {
    const backup = this.get(project, id);
    const kept = this.kept.get(backup.name);
    if (!kept) return this.backups.delete(project, backup.instance, runOf(backup), caller);
    return this.operations.begin({ type: "DELETE_BACKUP", project, instance: backup.instance, caller }, () => {
      this.remove(kept);
      return Promise.resolve();
    });
  }

  /** The copy that a request to restore names, of a backup or a backup run. @param instance The one to be restored. */
  copy(project: string, instance: string, body: unknown): Copy {
    const { backup: name, restoreBackupContext: context } = body as Fields;
    if (name === undefined) return this.backups.copy(project, instance, context);
    if (context !== undefined) throw invalid("Only one of restoreBackupContext and backup can be given");
    const [, source, id] = /^projects\/([^/]+)\/backups\/([^/]+)$/.exec(typeof name === "string" ? name : "") ?? [];
    if (source === undefined || id === undefined) throw invalid(`Invalid backup (${JSON.stringify(name)})`);
    const backup = this.get(source, id);
    const kept = this.kept.get(backup.name);
    if (!kept) return this.backups.copy(source, backup.instance, { backupRunId: runOf(backup) });
    if (backup.state !== "SUCCESSFUL") throw invalid("The backup status isn't valid for the given request");
    const { databaseVersion } = backup;
    return { databaseVersion, folder: this.backups.folder(source, backup.instance, kept.id) };
  }

  /**
   * Notes the final backup that an instance gets when it is deleted, if the request or its settings ask for one.
   * @throws GoogleError INVALID_ARGUMENT.
   */
  requestFinal(instance: Instance, query: FinalBackupQuery): void {
    const { enabled, retentionDays } = (instance.settings.finalBackupConfig ?? {}) as Fields;
    const { enableFinalBackup, finalBackupTtlDays: days, finalBackupExpiryTime: expiry } = query;
    if (days !== undefined && expiry !== undefined) {
      throw invalid("Only one of finalBackupTtlDays and finalBackupExpiryTime can be given");
    }
    if (enableFinalBackup?.toLowerCase() !== "true" && (enableFinalBackup !== undefined || !enabled)) return;
    this.cancelFinal(instance); // that of an attempt that was killed before it began
    const name = `projects/${instance.project}/backups/${randomUUID()}`;
    const backup: Backup = {
      ...common(instance),
      name,
      selfLink: `${API_ROOT}/${name}`,
      type: "FINAL",
      ...(query.finalBackupDescription && { description: query.finalBackupDescription }),
      location: instance.region,
      state: "RUNNING",
      expiryTime: expiry === undefined ? expiryIn(days ?? retentionDays ?? FINAL.usual) : checkedExpiry(expiry),
    };
    this.kept.put(name, { backup, id: this.backups.newId() });
  }

  /** Forgets what {@link requestFinal} noted: the instance stays. */
  cancelFinal({ project, name }: Instance): void {
    for (const kept of this.pending(project, name)) this.remove(kept);
  }

  private async takeFinal({ project, name }: Instance, copyTo: (folder: string) => Promise<void>): Promise<void> {
    for (const { backup, id } of this.pending(project, name)) {
      const startTime = new Date().toISOString();
      const folder = this.backups.folder(project, name, id);
      rmSync(folder, { recursive: true, force: true }); // of a killed attempt
      await copyTo(folder);
      const endTime = new Date().toISOString();
      const done = {
        state: "SUCCESSFUL",
        backupInterval: { startTime, endTime },
        instanceDeletionTime: endTime,
      } as const;
      this.kept.put(backup.name, { id, backup: { ...backup, ...done } });
    }
  }

  private pending(project: string, instance: string): Kept[] {
    const prefix = `projects/${project}/`;
    return this.kept
      .values()
      .filter(
        ({ backup: { instance: of, name, state } }) =>
          state === "RUNNING" && of === instance && name.startsWith(prefix),
      );
  }

  /** What the instance's settings say about its backup runs: they are kept, or deleted with it. */
  private keepRuns(instance: Instance): void {
    const { name, project, settings } = instance;
    for (const run of this.backups.list(project, name)) {
      if (settings.retainBackupsOnDelete !== true || run.status !== "SUCCESSFUL") this.backups.remove(project, run);
      else {
        const backup = { ...backupOf(instance, run), instanceDeletionTime: new Date().toISOString() };
        this.kept.put(backup.name, { backup, id: run.id });
        this.backups.forget(project, run);
      }
    }
  }

  private expire(): void {
    for (const kept of this.kept.values()) {
      const { expiryTime, state } = kept.backup;
      if (state !== "RUNNING" && expiryTime !== undefined && Date.parse(expiryTime) < Date.now()) this.remove(kept);
    }
  }

  private remove({ backup: { instance, name }, id }: Kept): void {
    const [, project = ""] = name.split("/");
    rmSync(this.backups.folder(project, instance, id), { recursive: true, force: true });
    this.kept.delete(name);
  }
}

function common({ databaseVersion, name, region, settings }: Instance) {
  return {
    kind: "sql#backup",
    instance: name,
    backupKind: "PHYSICAL",
    databaseVersion,
    instanceSettings: { name, databaseVersion, region, settings },
  } as const;
}

function backupOf(instance: Instance, run: BackupRun): Backup {
  const { description, endTime, error, id, location, startTime, status: state, type } = run;
  const name = `projects/${instance.project}/backups/${uuidOf(`${instance.project}/${instance.name}/${id}`)}`;
  return {
    ...common(instance),
    name,
    selfLink: `${API_ROOT}/${name}`,
    type,
    ...(description !== undefined && { description }),
    location,
    ...(startTime !== undefined && endTime !== undefined && { backupInterval: { startTime, endTime } }),
    state,
    ...(error && { error }),
    backupRun: `projects/${instance.project}/instances/${instance.name}/backupRuns/${id}`,
  };
}

function runOf({ backupRun = "" }: Backup): string {
  return backupRun.slice(backupRun.lastIndexOf("/") + 1);
}

/** A UUID that stays the same for the same text. */
function uuidOf(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `a${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    "-",
  );
}

/** @throws GoogleError INVALID_ARGUMENT unless it is a number of days that Cloud SQL admits. */
function expiryIn(days: unknown): string {
  const number = Number(days);
  if (!Number.isInteger(number) || number < 1 || number > FINAL.most) {
    throw invalid(`A final backup is retained between 1 and ${FINAL.most} days, and not ${String(days)}`);
  }
  return new Date(Date.now() + number * DAY).toISOString();
}

function checkedExpiry(time: string): string {
  const at = Date.parse(time);
  if (Number.isNaN(at) || at < Date.now() || at > Date.now() + FINAL.most * DAY) {
    throw invalid(`A final backup expires within ${FINAL.most} days, and not at ${time}`);
  }
  return new Date(at).toISOString();
}

const FIELDS = ["instance", "type", "location"] as const;

/** https://cloud.google.com/sql/docs/postgres/admin-api/rest/v1beta4/backups/listBackups: queries, all of which must hold. */
function readFilter(filter: string): [(typeof FIELDS)[number], string][] {
  return filter
    .split(/\s+(?:AND\s+)?/)
    .filter((query) => query !== "")
    .map((query) => {
      const [, field, value = ""] = /^(\w+)[:=]"?([^"]*)"?$/.exec(query) ?? [];
      const known = FIELDS.find((name) => name === field);
      if (known === undefined) throw invalid(`The embedded cloud does not evaluate the filter ${query}`);
      return [known, value];
    });
}
