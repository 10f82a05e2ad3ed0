import { mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { GoogleError } from "../../rest/errors.ts";
import { type Fields, isFields } from "../../rest/fields.ts";
import type { Collection, Store } from "../../state/store.ts";
import { majorOf } from "./instance.ts";
import type { Instances } from "./instances.ts";
import { API_ROOT, type Operation, type Operations, type Target } from "./operations.ts";
import { invalid } from "./invalid.ts";
import { invalidOperation, refuseOnReplica } from "./replica-rules.ts";

/** https://cloud.google.com/sql/docs/postgres/admin-api/rest/v1beta4/backupRuns */
export interface BackupRun {
  readonly kind: "sql#backupRun";
  /** A number as text. */
  readonly id: string;
  readonly status: "ENQUEUED" | "RUNNING" | "SUCCESSFUL" | "FAILED";
  readonly type: "ON_DEMAND";
  readonly backupKind: "PHYSICAL";
  readonly instance: string;
  readonly databaseVersion: string;
  readonly location: string;
  readonly description?: string;
  readonly enqueuedTime: string;
  readonly startTime?: string;
  readonly endTime?: string;
  readonly error?: Fields;
  readonly selfLink: string;
}

/** A copy of an instance's data. */
export interface Copy {
  readonly databaseVersion: string;
  readonly folder: string;
}

/** Backup runs: physical copies of running instances. */
export class Backups {
  private readonly runs: Collection<BackupRun>;
  private readonly copies: string;
  private lastId = 0;
  private readonly instances: Instances;
  private readonly operations: Operations;

  constructor(store: Store, instances: Instances, operations: Operations) {
    this.instances = instances;
    this.operations = operations;
    this.runs = store.collection("cloudsql-backups");
    this.copies = join(instances.folder, "backups");
    for (const key of this.runs.keys()) {
      const run = this.runs.get(key);
      if (run && run.status !== "SUCCESSFUL" && run.status !== "FAILED") {
        this.fail(key, run, "The embedded cloud was stopped during the backup.");
      }
    }
  }

  /** Newest first. */
  list(project: string, instance: string): BackupRun[] {
    const prefix = `${project}/${instance}/`;
    const keys = this.runs.keys().filter((key) => key.startsWith(prefix));
    const runs = keys.map((key) => this.runs.get(key)).filter((run) => run !== undefined);
    return runs.sort((a, b) => Number(b.id) - Number(a.id));
  }

  /** @throws GoogleError NOT_FOUND. */
  get(project: string, instance: string, id: string): BackupRun {
    const found = this.runs.get(`${project}/${instance}/${id}`);
    if (!found) throw new GoogleError("NOT_FOUND", "The backup run does not exist.", "backupRunDoesNotExist");
    return found;
  }

  insert(project: string, instance: string, body: unknown, caller: string): Operation {
    const source = this.instances.requireRunning(project, instance);
    refuseOnReplica(source);
    const { databaseVersion, region } = source;
    const fields = body as Fields;
    const id = this.newId();
    const key = `${project}/${instance}/${id}`;
    const run: BackupRun = {
      kind: "sql#backupRun",
      id,
      status: "ENQUEUED",
      type: "ON_DEMAND",
      backupKind: "PHYSICAL",
      instance,
      databaseVersion,
      location: typeof fields.location === "string" ? fields.location : region,
      ...(typeof fields.description === "string" && { description: fields.description }),
      enqueuedTime: new Date().toISOString(),
      selfLink: `${API_ROOT}/projects/${project}/instances/${instance}/backupRuns/${id}`,
    };
    const context = { backupContext: { kind: "sql#backupContext", backupId: id } };
    const make = async () => {
      const started = this.runs.put(key, { ...run, status: "RUNNING", startTime: new Date().toISOString() });
      mkdirSync(dirname(this.copyOf(project, run)), { recursive: true, mode: 0o700 });
      const cluster = await this.instances.running(project, instance);
      await cluster.copyTo(this.copyOf(project, started));
      this.runs.put(key, { ...started, status: "SUCCESSFUL", endTime: new Date().toISOString() });
    };
    const target: Target = { type: "BACKUP_VOLUME", project, instance, caller, context };
    const operation = this.operations.begin(target, make, ({ message }) => {
      this.fail(key, this.get(project, instance, id), message);
    });
    this.runs.put(key, run);
    return operation;
  }

  /** The id of a new backup: milliseconds, like Google's, and unique. */
  newId(): string {
    this.lastId = Math.max(Date.now(), this.lastId + 1);
    return String(this.lastId);
  }

  delete(project: string, instance: string, id: string, caller: string): Operation {
    const run = this.get(project, instance, id);
    return this.operations.begin({ type: "DELETE_BACKUP", project, instance, caller }, () => {
      this.remove(project, run);
      return Promise.resolve();
    });
  }

  /**
   * The copy that a context names.
   * @param name The instance whose run it is, unless the context names another.
   */
  copy(project: string, name: string, context: unknown): Copy {
    if (!isFields(context)) throw invalid("restoreBackupContext is missing");
    const { backupRunId, project: source = project, instanceId = name } = context;
    const run = this.get(text(source), text(instanceId), text(backupRunId));
    if (run.status !== "SUCCESSFUL") throw invalid("The backup run status isn't valid for the given request");
    return { databaseVersion: run.databaseVersion, folder: this.copyOf(text(source), run) };
  }

  /** Restores an instance from a copy of an instance with the same version. */
  restore(project: string, name: string, copy: Copy, caller: string): Operation {
    const instance = this.instances.get(project, name);
    refuseOnReplica(instance);
    const [replica] = this.instances.replicasOf(instance);
    // https://cloud.google.com/sql/docs/postgres/backup-recovery/restoring
    if (replica) throw invalidOperation(`it has the replica ${replica.name}, which must be deleted before a restore`);
    if (majorOf(copy) !== majorOf(instance)) throw invalid("the backup has another database version");
    return this.operations.begin({ type: "RESTORE_VOLUME", project, instance: name, caller }, () =>
      this.instances.restore(instance, copy.folder),
    );
  }

  /** Deletes a run and its copy. */
  remove(project: string, run: BackupRun): void {
    rmSync(this.copyOf(project, run), { recursive: true, force: true });
    this.forget(project, run);
  }

  /** Deletes a run, whose copy is kept. */
  forget(project: string, { instance, id }: BackupRun): void {
    this.runs.delete(`${project}/${instance}/${id}`);
  }

  /** Where the copy of a backup is. */
  folder(project: string, instance: string, id: string): string {
    return join(this.copies, `${project.replaceAll(":", "~")}~${instance}`, id);
  }

  private fail(key: string, run: BackupRun, message: string): void {
    const [project = ""] = key.split("/");
    rmSync(this.copyOf(project, run), { recursive: true, force: true });
    const error = { kind: "sql#operationError", code: "INTERNAL_ERROR", message };
    this.runs.put(key, { ...run, status: "FAILED", endTime: new Date().toISOString(), error });
  }

  private copyOf(project: string, { instance, id }: BackupRun): string {
    return this.folder(project, instance, id);
  }
}

/** An id as text; clients send numbers too. @throws GoogleError INVALID_ARGUMENT if it is missing. */
function text(value: unknown): string {
  if (typeof value === "string" || typeof value === "number") return String(value);
  throw invalid("restoreBackupContext needs a backupRunId");
}
