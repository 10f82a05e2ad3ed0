import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { GoogleError } from "../../rest/errors.ts";
import { etagOf } from "../../rest/etag.ts";
import { applyMask, isFields, settableFields } from "../../rest/fields.ts";
import { parentOf, projectOf, shortName } from "../../rest/names.ts";
import type { Collection, Store } from "../../state/store.ts";
import { asStartFailure, RPC, StartFailure } from "./failure.ts";
import type { Images } from "./images.ts";
import type { Logs } from "./logs.ts";
import type { Operation, Operations } from "./operations.ts";
import type { Process } from "./program.ts";
import {
  type EnvVar,
  type Execution,
  failed,
  type Job,
  now,
  pending,
  seconds,
  succeeded,
  type TaskTemplate,
} from "./resources.ts";
import type { Runtime } from "./runtime.ts";
import { type Change, checkEtag, checkName, emailOf, nextGeneration, only, suffix } from "./change.ts";
import { checkLabels } from "./limits.ts";
import { checkMarks, checkTemplate, withDefaults, withoutZeros } from "./template.ts";

/** The fields of a job that a client may set. */
const SETTABLE = "annotations binaryAuthorization client clientVersion labels launchStage template".split(
  " ",
) as (keyof Job)[];

/** The settings that a client may override for one execution. */
export interface Overrides {
  containerOverrides?: { args?: string[]; env?: EnvVar[]; clearArgs?: boolean }[];
  taskCount?: number;
  timeout?: string;
}

const INTERRUPTED = "The embedded cloud was stopped during the execution.";

/** Jobs and their executions. */
export class Jobs {
  private readonly jobs: Collection<Job>;
  private readonly executions: Collection<Execution>;
  private readonly running = new Set<Process>();
  private readonly underWay = new Set<Promise<void>>();
  private stopping = false;
  private readonly operations: Operations;
  private readonly runtime: Runtime;
  private readonly images: Images;
  private readonly logs: Logs;

  constructor(store: Store, operations: Operations, runtime: Runtime, images: Images, logs: Logs) {
    this.operations = operations;
    this.runtime = runtime;
    this.images = images;
    this.logs = logs;
    this.jobs = store.collection("cloudrun-jobs");
    this.executions = store.collection("cloudrun-executions");
  }

  /** Completes or fails what was in progress when the embedded cloud stopped. */
  resume(): void {
    for (const { operation, kind, target } of this.operations.unfinished()) {
      const execution = kind === "Execution" ? this.executions.get(target) : undefined;
      if (execution)
        this.finish(execution, operation.name, new StartFailure(INTERRUPTED, { reason: "UNKNOWN" }, RPC.ABORTED));
      const job = kind === "Job" ? this.jobs.get(target) : undefined;
      if (job) this.settle(job, operation.name);
      else if (kind === "Job") this.operations.succeed(operation.name, operation.metadata);
    }
  }

  /** Stops running processes; their executions fail. */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all([...this.running].map((process) => process.stop()));
    await Promise.all(this.underWay);
  }

  /** @throws GoogleError NOT_FOUND, in Google's words. */
  get(name: string): Job {
    const job = this.jobs.get(name);
    if (!job) throw new GoogleError("NOT_FOUND", `job "${name}" not found`);
    return job;
  }

  /** @param prefix `projects/P/locations/L/`, or `projects/P/` for all locations. */
  list(prefix: string): Job[] {
    return this.jobs.values().filter(({ name }) => name.startsWith(prefix));
  }

  /** @throws GoogleError ALREADY_EXISTS; INVALID_ARGUMENT; as `requireAccount`. */
  create(name: string, body: unknown, change: Change): Operation {
    checkName(name, "job_id", 63);
    if (this.jobs.get(name)) throw new GoogleError("ALREADY_EXISTS", `Resource '${shortName(name)}' already exists.`);
    return this.apply(name, withoutZeros(settableFields<Job>(body, SETTABLE, ["etag", "name"])), change, undefined);
  }

  /**
   * @param mask Paths to take from the body; without it, the body replaces all that can be set.
   * @throws GoogleError NOT_FOUND; ABORTED if the body's etag is not the current one; as {@link create}.
   */
  patch(name: string, body: { etag?: string }, mask: string | undefined, change: Change): Operation {
    const current = this.get(name);
    checkEtag(current, body.etag);
    const fields = withoutZeros(settableFields<Job>(body, SETTABLE, ["etag", "name"]));
    const wanted = mask ? applyMask(only(current, SETTABLE), fields, mask, SETTABLE) : fields;
    return this.apply(name, wanted, change, current);
  }

  /** Deletes a job and its executions. @throws GoogleError NOT_FOUND; ABORTED. */
  delete(name: string, etag: string | undefined, validateOnly: boolean): Operation {
    const job = this.get(name);
    checkEtag(job, etag);
    if (validateOnly) return this.operations.validated(parentOf(name), "Job", job);
    const operation = this.operations.begin(parentOf(name), "Job", job);
    this.jobs.delete(name);
    for (const execution of this.listExecutions(name)) this.executions.delete(execution.name);
    this.operations.succeed(operation.name, job);
    return operation;
  }

  /** @throws GoogleError NOT_FOUND. */
  getExecution(name: string): Execution {
    const execution = this.executions.get(name);
    if (!execution) throw new GoogleError("NOT_FOUND", `execution "${name}" not found`);
    return execution;
  }

  /** Newest first. */
  listExecutions(job: string): Execution[] {
    return this.executions
      .values()
      .filter(({ name }) => name.startsWith(`${job}/executions/`))
      .sort((one, other) => other.createTime.localeCompare(one.createTime));
  }

  /**
   * Runs a job. The operation ends when the execution does.
   * @throws GoogleError NOT_FOUND; ABORTED; FAILED_PRECONDITION if the job is not ready.
   */
  run(name: string, etag: string | undefined, overrides: Overrides, change: Change): Operation {
    const job = this.get(name);
    checkEtag(job, etag);
    if (job.terminalCondition.state === "CONDITION_FAILED") {
      throw new GoogleError(
        "FAILED_PRECONDITION",
        job.terminalCondition.message ?? `Job '${shortName(name)}' is not ready.`,
      );
    }
    const time = now();
    const execution: Execution = {
      name: `${name}/executions/${shortName(name)}-${suffix(5)}`,
      uid: randomUUID(),
      generation: "1",
      observedGeneration: "0",
      createTime: time,
      updateTime: time,
      launchStage: job.launchStage,
      creator: emailOf(change.caller),
      job: shortName(name),
      taskCount: overrides.taskCount ?? job.template.taskCount,
      template: overridden(job.template.template, overrides),
      reconciling: true,
      conditions: [pending("Completed")],
      runningCount: 0,
      succeededCount: 0,
      failedCount: 0,
      retriedCount: 0,
      etag: etagOf(name, time),
    };
    if (change.validateOnly) return this.operations.validated(parentOf(name), "Execution", execution);
    this.executions.put(execution.name, execution);
    this.jobs.put(name, {
      ...job,
      executionCount: job.executionCount + 1,
      latestCreatedExecution: { name: shortName(execution.name), createTime: time },
    });
    const operation = this.operations.begin(parentOf(name), "Execution", execution);
    const done = this.execute(execution, operation.name).finally(() => this.underWay.delete(done));
    this.underWay.add(done);
    return operation;
  }

  private apply(name: string, wanted: Partial<Job>, change: Change, before: Job | undefined): Operation {
    checkMarks(wanted, "job", before);
    checkMarks(wanted.template, "job.template");
    const request = `${before ? "Update" : "Create"}JobRequest.job`;
    checkTemplate(wanted.template?.template, "job", `${request}.template.template`);
    checkLabels(wanted.labels, `${request}.labels`);
    const template = {
      taskCount: 1,
      ...wanted.template,
      template: {
        maxRetries: 3,
        // For a service, Google has no default.
        executionEnvironment: "EXECUTION_ENVIRONMENT_GEN2",
        ...withDefaults(wanted.template?.template ?? {}, change.projectNumber, "600s"),
      },
    };
    change.requireAccount(template.template.serviceAccount);
    change.requireImages(template.template);
    const job: Job = {
      launchStage: "GA",
      ...wanted,
      template,
      ...nextGeneration(name, before, wanted, change.caller),
      terminalCondition: pending("Ready"),
      conditions: [],
      executionCount: before?.executionCount ?? 0,
      latestCreatedExecution: before?.latestCreatedExecution ?? {},
    };
    if (change.validateOnly) return this.operations.validated(parentOf(name), "Job", job);
    this.jobs.put(name, job);
    const operation = this.operations.begin(parentOf(name), "Job", job);
    this.settle(job, operation.name);
    return operation;
  }

  /** A job is ready if its image exists and its secrets can be read. */
  private settle(job: Job, operation: string): void {
    const { template } = job.template;
    const failure = attempt(() => {
      this.images.requireAgent(template, projectOf(job.name));
      this.runtime.check(template, projectOf(job.name));
    });
    const settled = this.jobs.put(job.name, {
      ...job,
      observedGeneration: job.generation,
      reconciling: false,
      terminalCondition: failure ? failed("Ready", failure.message, failure.reason) : succeeded("Ready"),
    });
    if (failure) this.operations.fail(operation, settled, failure);
    else this.operations.succeed(operation, settled);
  }

  private async execute(begun: Execution, operation: string): Promise<void> {
    let execution = this.update({ ...begun, startTime: now(), runningCount: 1 });
    let failure: StartFailure | undefined;
    for (let task = 0; task < begun.taskCount && !failure; task++) {
      for (let tries = 0; ; tries++) {
        failure = await this.runTask(execution, task, tries);
        if (!failure || tries >= begun.template.maxRetries || this.stopping) break;
        execution = this.update({ ...execution, retriedCount: execution.retriedCount + 1 });
      }
      if (!failure) execution = this.update({ ...execution, succeededCount: execution.succeededCount + 1 });
    }
    this.finish(execution, operation, failure);
  }

  /** @returns Why the task failed. */
  private async runTask(execution: Execution, index: number, attempts: number): Promise<StartFailure | undefined> {
    const short = shortName(execution.name);
    const env = {
      CLOUD_RUN_JOB: execution.job,
      CLOUD_RUN_EXECUTION: short,
      CLOUD_RUN_TASK_INDEX: String(index),
      CLOUD_RUN_TASK_ATTEMPT: String(attempts),
      CLOUD_RUN_TASK_COUNT: String(execution.taskCount),
    };
    const { template } = execution;
    const log = this.logs.of(execution.name, {
      "run.googleapis.com/execution_name": short,
      "run.googleapis.com/task_index": String(index),
      "run.googleapis.com/task_attempt": String(attempts),
    });
    let process: Process;
    try {
      process = await this.runtime.start({ template, name: execution.name, env, log });
    } catch (error) {
      return asStartFailure(error);
    }
    this.running.add(process);
    if (this.stopping) await process.stop();
    const patience = new AbortController();
    const limit = delay(seconds(template.timeout) * 1000, "late" as const, { signal: patience.signal });
    const exit = await Promise.race([process.exited, limit]);
    patience.abort();
    await process.stop();
    this.running.delete(process);
    if (exit !== "late" && exit.code === 0) return undefined;
    if (this.stopping) return new StartFailure(INTERRUPTED, { reason: "UNKNOWN" }, RPC.ABORTED);
    const why = exit === "late" ? "The configured timeout was reached." : "The container exited with an error.";
    return new StartFailure(`Task ${short}-task${index} failed with message: ${why}`, {
      executionReason: "NON_ZERO_EXIT_CODE",
    });
  }

  private finish(execution: Execution, operation: string, failure: StartFailure | undefined): void {
    const time = now();
    const finished = this.update({
      ...execution,
      observedGeneration: execution.generation,
      reconciling: false,
      runningCount: 0,
      failedCount: failure ? execution.failedCount + 1 : execution.failedCount,
      completionTime: time,
      conditions: [failure ? failed("Completed", failure.message, failure.reason) : succeeded("Completed")],
    });
    const job = this.jobs.get(parentJob(execution.name));
    if (job?.latestCreatedExecution.name === shortName(execution.name)) {
      this.jobs.put(job.name, {
        ...job,
        latestCreatedExecution: {
          ...job.latestCreatedExecution,
          completionTime: time,
          completionStatus: failure ? "EXECUTION_FAILED" : "EXECUTION_SUCCEEDED",
        },
      });
    }
    if (failure) this.operations.fail(operation, finished, failure);
    else this.operations.succeed(operation, finished);
  }

  /** Stores an execution, unless its job was deleted meanwhile. */
  private update(execution: Execution): Execution {
    const next = { ...execution, updateTime: now() };
    return this.executions.get(execution.name) ? this.executions.put(execution.name, next) : next;
  }
}

function parentJob(execution: string): string {
  return execution.replace(/\/executions\/.*/, "");
}

function attempt(check: () => unknown): StartFailure | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    return asStartFailure(error);
  }
}

function overridden(template: TaskTemplate, { containerOverrides = [], timeout }: Overrides): TaskTemplate {
  const [override] = containerOverrides;
  const [container, ...others] = template.containers;
  if (!container || !isFields(override)) return { ...template, ...(timeout !== undefined && { timeout }) };
  const { env = [], args, clearArgs } = override;
  const kept = (container.env ?? []).filter(({ name }) => !env.some((other) => other.name === name));
  const changed = { ...container, env: [...kept, ...env], ...(clearArgs ? { args: [] } : args && { args }) };
  return { ...template, ...(timeout !== undefined && { timeout }), containers: [changed, ...others] };
}
