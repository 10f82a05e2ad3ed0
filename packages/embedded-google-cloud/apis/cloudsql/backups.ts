import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { GoogleError } from "../../rest/errors.ts";
import { type Fields, isFields } from "../../rest/fields.ts";
import type { Collection, Store } from "../../state/store.ts";
import { majorOf } from "./instance.ts";
import type { Instances } from "./instances.ts";
import { API_ROOT, type Operation, type Operations, type Target } from "./operations.ts";
import { invalid } from "./invalid.ts";

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

/** Backup runs: physical copies of running instances. */
export class Backups {
  private readonly runs: Collection<BackupRun>;
  private readonly folder: string;
  private lastId = 0;
  private readonly instances: Instances;
  private readonly operations: Operations;

  constructor(store: Store, instances: Instances, operations: Operations) {
    this.instances = instances;
    this.operations = operations;
    this.runs = store.collection("cloudsql-backups");
    this.folder = join(instances.folder, "backups");
    for (const key of this.runs.keys()) {
      const run = this.runs.get(key);
      if (run && run.status !== "SUCCESSFUL" && run.status !== "FAILED") {
        this.fail(key, run, "The embedded cloud was stopped during the backup.");
      }
    }
    instances.onDelete((project, instance) => {
      for (const run of this.list(project, instance)) this.remove(project, run);
    });
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
    const { databaseVersion, region } = this.instances.requireRunning(project, instance);
    const fields = body as Fields;
    // Milliseconds, like Google's ids, and unique.
    this.lastId = Math.max(Date.now(), this.lastId + 1);
    const id = String(this.lastId);
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
      mkdirSync(this.folderOf(project, instance), { recursive: true, mode: 0o700 });
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

  delete(project: string, instance: string, id: string, caller: string): Operation {
    const run = this.get(project, instance, id);
    return this.operations.begin({ type: "DELETE_BACKUP", project, instance, caller }, () => {
      this.remove(project, run);
      return Promise.resolve();
    });
  }

  /** Restores an instance from its own backup run, or from that of another instance with the same version. */
  restore(project: string, name: string, body: unknown, caller: string): Operation {
    const instance = this.instances.get(project, name);
    const { restoreBackupContext: context } = body as Fields;
    if (!isFields(context)) throw invalid("restoreBackupContext is missing");
    const { backupRunId, project: source = project, instanceId = name } = context;
    const run = this.get(text(source), text(instanceId), text(backupRunId));
    if (run.status !== "SUCCESSFUL") throw invalid("The backup run status isn't valid for the given request");
    if (majorOf(run) !== majorOf(instance)) throw invalid("the backup has another database version");
    return this.operations.begin({ type: "RESTORE_VOLUME", project, instance: name, caller }, () =>
      this.instances.restore(instance, this.copyOf(text(source), run)),
    );
  }

  private fail(key: string, run: BackupRun, message: string): void {
    const [project = ""] = key.split("/");
    rmSync(this.copyOf(project, run), { recursive: true, force: true });
    const error = { kind: "sql#operationError", code: "INTERNAL_ERROR", message };
    this.runs.put(key, { ...run, status: "FAILED", endTime: new Date().toISOString(), error });
  }

  private remove(project: string, run: BackupRun): void {
    rmSync(this.copyOf(project, run), { recursive: true, force: true });
    this.runs.delete(`${project}/${run.instance}/${run.id}`);
  }

  private copyOf(project: string, { instance, id }: BackupRun): string {
    return join(this.folderOf(project, instance), id);
  }

  private folderOf(project: string, instance: string): string {
    return join(this.folder, `${project.replaceAll(":", "~")}~${instance}`);
  }
}

/** An id as text; clients send numbers too. @throws GoogleError INVALID_ARGUMENT if it is missing. */
function text(value: unknown): string {
  if (typeof value === "string" || typeof value === "number") return String(value);
  throw invalid("restoreBackupContext needs a backupRunId");
}
