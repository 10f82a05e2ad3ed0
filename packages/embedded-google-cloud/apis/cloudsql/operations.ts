import { randomUUID } from "node:crypto";
import { GoogleError } from "../../rest/errors.ts";
import { failLate } from "../../server/faults.ts";
import type { Fields } from "../../rest/fields.ts";
import type { Collection, Store } from "../../state/store.ts";

/** Google's URL of this API, which the links in resources begin with. */
export const API_ROOT = "https://sqladmin.googleapis.com/sql/v1beta4";

/** https://cloud.google.com/sql/docs/postgres/admin-api/rest/v1beta4/operations */
export interface Operation {
  readonly kind: "sql#operation";
  readonly name: string;
  readonly operationType: OperationType;
  readonly status: "PENDING" | "RUNNING" | "DONE";
  readonly user: string;
  readonly insertTime: string;
  readonly startTime?: string;
  readonly endTime?: string;
  readonly targetId: string;
  readonly targetLink: string;
  readonly targetProject: string;
  readonly selfLink: string;
  readonly error?: { kind: string; errors: { kind: string; code: string; message: string }[] };
  readonly importContext?: Fields;
  readonly backupContext?: Fields;
}

export type OperationType =
  | "CREATE"
  | "UPDATE"
  | "DELETE"
  | "RESTART"
  | "CREATE_REPLICA"
  | "PROMOTE_REPLICA"
  | "SWITCHOVER"
  | "START_REPLICA"
  | "STOP_REPLICA"
  | "IMPORT"
  | "BACKUP_VOLUME"
  | "UPDATE_BACKUP"
  | "DELETE_BACKUP"
  | "RESTORE_VOLUME"
  | "CREATE_DATABASE"
  | "UPDATE_DATABASE"
  | "DELETE_DATABASE"
  | "CREATE_USER"
  | "UPDATE_USER"
  | "DELETE_USER";

/** The subject of an operation. */
export interface Target {
  readonly type: OperationType;
  readonly project: string;
  readonly instance: string;
  /** Such as `user:EMAIL`. */
  readonly caller: string;
  /** Path of the changed resource below the instance, such as `databases/orders`. */
  readonly path?: string;
  /** Further fields of the operation. */
  readonly context?: Pick<Operation, "importContext" | "backupContext">;
}

/** The error of a failed operation. */
export class OperationError extends Error {
  override readonly name = "OperationError";

  readonly code: string;

  /** @param code Google's error code, such as `ERROR_RDBMS`. */
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** The operations of all projects; an instance runs one at a time. */
export class Operations {
  private readonly operations: Collection<Operation>;
  private readonly running = new Map<string, Promise<unknown>>();

  constructor(store: Store) {
    this.operations = store.collection("cloudsql-operations");
  }

  /** The operations that a killed run left unfinished. */
  interrupted(): Operation[] {
    return this.operations.values().filter(({ status }) => status !== "DONE");
  }

  /** @throws GoogleError NOT_FOUND. */
  get(project: string, name: string): Operation {
    const found = this.operations.get(`${project}/${name}`);
    if (!found) {
      throw new GoogleError("NOT_FOUND", "The Cloud SQL instance operation does not exist.", "operationDoesNotExist");
    }
    return found;
  }

  /** Newest first. @param instance Only those of one instance. */
  list(project: string, instance?: string): Operation[] {
    return this.operations
      .values()
      .filter(({ targetProject, targetId }) => targetProject === project && (!instance || targetId === instance))
      .sort((a, b) => ageOf(a).localeCompare(ageOf(b)));
  }

  /**
   * Starts work that continues after the response.
   * @param undo Reverts what the request itself did if the work fails.
   * @returns The operation, still PENDING; what the work throws becomes its error.
   * @throws GoogleError ALREADY_EXISTS while the instance runs another operation.
   */
  begin(target: Target, work: () => Promise<unknown>, undo?: (error: Error) => unknown): Operation {
    const pending = this.insert(target);
    void this.occupy(target, async () => {
      // The response, PENDING, is sent first.
      await new Promise((resolve) => setImmediate(resolve));
      const operation = this.keep({ ...pending, status: "RUNNING", startTime: now() });
      try {
        failLate();
        await work();
        this.finish(operation);
      } catch (error) {
        await undo?.(error as Error);
        this.finish(operation, error);
      }
    });
    return pending;
  }

  /**
   * Does work before the response, as Cloud SQL does for users and databases.
   * @returns The operation, DONE.
   * @throws GoogleError as {@link begin}; what the work throws.
   */
  async perform(target: Target, work: () => Promise<unknown>): Promise<Operation> {
    const pending = this.insert(target);
    return this.occupy(target, async () => {
      const operation = { ...pending, startTime: now() };
      try {
        failLate();
      } catch (error) {
        return this.finish(operation, error);
      }
      try {
        await work();
        return this.finish(operation);
      } catch (error) {
        this.operations.delete(keyOf(operation));
        throw error;
      }
    });
  }

  /** Waits until no operation runs. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.running.values());
  }

  private insert({ type, project, instance, caller, path, context }: Target): Operation {
    if (this.running.has(`${project}/${instance}`)) {
      throw new GoogleError(
        "ALREADY_EXISTS",
        "Operation failed because another operation was already in progress. Try your request after the current " +
          "operation is complete.",
        "operationInProgress",
      );
    }
    const name = randomUUID();
    const target = `${API_ROOT}/projects/${project}/instances/${instance}`;
    return this.keep({
      kind: "sql#operation",
      name,
      operationType: type,
      status: "PENDING",
      user: caller.replace(/^[^:]*:/, ""),
      insertTime: now(),
      targetId: instance,
      targetLink: path === undefined ? target : `${target}/${path}`,
      targetProject: project,
      selfLink: `${API_ROOT}/projects/${project}/operations/${name}`,
      ...context,
    });
  }

  private occupy<T>({ project, instance }: Target, work: () => Promise<T>): Promise<T> {
    const key = `${project}/${instance}`;
    const run = work().finally(() => this.running.delete(key));
    this.running.set(key, run);
    return run;
  }

  /** Ends an operation. @param error Why it failed. */
  finish(operation: Operation, error?: unknown): Operation {
    const ended: Operation = { ...operation, status: "DONE", endTime: now() };
    return this.keep(error === undefined ? ended : { ...ended, error: errorOf(error) });
  }

  private keep(operation: Operation): Operation {
    return this.operations.put(keyOf(operation), operation);
  }
}

function keyOf({ targetProject, name }: Operation): string {
  return `${targetProject}/${name}`;
}

function errorOf(error: unknown): NonNullable<Operation["error"]> {
  const code = error instanceof OperationError ? error.code : "INTERNAL_ERROR";
  const message = error instanceof Error ? error.message : String(error);
  return { kind: "sql#operationErrors", errors: [{ kind: "sql#operationError", code, message }] };
}

function now(): string {
  return new Date().toISOString();
}

/** A key that sorts operations from the newest to the oldest. */
export function ageOf({ insertTime, name }: Operation): string {
  return `${1e13 - Date.parse(insertTime)} ${name}`;
}
