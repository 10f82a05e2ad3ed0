import { BROKEN } from "./programs.ts";
import { ACCOUNT, INSTANCE, MEMBER, PARENT, PROJECT, Setting } from "./setting.ts";

/** Logs its environment and arguments; "flaky" fails the first attempt, "hang" never ends, "connect" reads the socket. */
const TASK = `
const net = require("node:net");
const { CLOUD_RUN_TASK_INDEX, CLOUD_RUN_TASK_ATTEMPT, CLOUD_RUN_TASK_COUNT, CLOUD_RUN_JOB, MODE } = process.env;
console.log("task", CLOUD_RUN_JOB, CLOUD_RUN_TASK_INDEX, "of", CLOUD_RUN_TASK_COUNT, "attempt", CLOUD_RUN_TASK_ATTEMPT, "mode", MODE, ...process.argv.slice(2));
if (process.argv[2] === "flaky" && CLOUD_RUN_TASK_ATTEMPT === "0") process.exit(1);
if (process.argv[2] === "hang") setInterval(() => undefined, 1000);
if (process.argv[2] === "connect") net.connect("/cloudsql/${INSTANCE}/.s.PGSQL.5432").on("data", (data) => console.log("said", String(data)));
`;

describe("Cloud Run jobs", () => {
  const setting = new Setting({ "gcr.io/fusion-prime/settlement-migration": TASK, broken: BROKEN });
  beforeAll(() => setting.start());
  afterAll(() => setting.end());

  const container = { image: "gcr.io/fusion-prime/settlement-migration:v1" };
  const create = (name: string, task: object, job: object = {}) =>
    setting.operate("POST", `${PARENT}/jobs?jobId=${name}`, {
      template: { ...job, template: { serviceAccount: ACCOUNT, ...task } },
    });
  const logOf = (execution: { name?: string } | undefined) => setting.cloudRun.logsOf(execution?.name ?? "");

  it("are stored with Google's defaults", async () => {
    const { done, response } = await create("defaults", { containers: [container] });
    expect(done).toBe(true);
    const { body } = await setting.call("GET", `${PARENT}/jobs/defaults`);
    expect(body).toMatchObject({
      name: `projects/${PROJECT}/locations/us-central1/jobs/defaults`,
      executionCount: 0,
      latestCreatedExecution: {},
      template: {
        taskCount: 1,
        template: {
          maxRetries: 3,
          timeout: "600s",
          executionEnvironment: "EXECUTION_ENVIRONMENT_GEN2",
          serviceAccount: ACCOUNT,
        },
      },
      terminalCondition: { type: "Ready", state: "CONDITION_SUCCEEDED" },
    });
    expect(response?.uid).toBe(body.uid);
    expect((await setting.call("GET", `${PARENT}/jobs/other`)).body.error?.message).toBe(
      `job "projects/${PROJECT}/locations/us-central1/jobs/other" not found`,
    );
  });

  it("run with their sockets until the operation completes", async () => {
    setting.grant("roles/cloudsql.client", MEMBER);
    await create("migration", {
      containers: [{ ...container, args: ["connect"], volumeMounts: [{ name: "cloudsql", mountPath: "/cloudsql" }] }],
      volumes: [{ name: "cloudsql", cloudSqlInstance: { instances: [INSTANCE] } }],
    });
    const done = await setting.operate("POST", `${PARENT}/jobs/migration:run`);
    expect(done.response).toMatchObject({
      job: "migration",
      succeededCount: 1,
      reconciling: false,
      conditions: [{ type: "Completed", state: "CONDITION_SUCCEEDED" }],
    });
    expect(logOf(done.response)).toContain(`said ${MEMBER} ${INSTANCE}`);
    const said = setting.entries.list(PROJECT).find(({ textPayload }) => String(textPayload).startsWith("said "));
    expect(said).toMatchObject({
      logName: `projects/${PROJECT}/logs/run.googleapis.com%2Fstdout`,
      resource: {
        type: "cloud_run_job",
        labels: { project_id: PROJECT, location: "us-central1", job_name: "migration" },
      },
      labels: {
        "run.googleapis.com/execution_name": done.response?.name?.split("/").at(-1),
        "run.googleapis.com/task_index": "0",
        "run.googleapis.com/task_attempt": "0",
      },
    });
    const { body } = await setting.call("GET", `${PARENT}/jobs/migration`);
    expect(body).toMatchObject({
      executionCount: 1,
      latestCreatedExecution: { name: done.response?.name?.split("/").at(-1), completionStatus: "EXECUTION_SUCCEEDED" },
    });
    const { executions } = (await setting.call("GET", `${PARENT}/jobs/migration/executions`)).body;
    expect(executions).toEqual([(await setting.call("GET", `/v2/${done.response?.name ?? ""}`)).body]);
  });

  it("retry a task up to its limit", async () => {
    await create("flaky", { containers: [{ ...container, args: ["flaky"] }], maxRetries: 1 }, { taskCount: 2 });
    const { response } = await setting.operate("POST", `${PARENT}/jobs/flaky:run`);
    expect(response).toMatchObject({ succeededCount: 2, retriedCount: 2 });
    expect(
      logOf(response)
        .split("\n")
        .filter((line) => line.startsWith("task")),
    ).toEqual([
      "task flaky 0 of 2 attempt 0 mode undefined flaky",
      "task flaky 0 of 2 attempt 1 mode undefined flaky",
      "task flaky 1 of 2 attempt 0 mode undefined flaky",
      "task flaky 1 of 2 attempt 1 mode undefined flaky",
    ]);
    await create("broken", { containers: [{ image: "broken" }], maxRetries: 0 });
    const { error, metadata } = await setting.operate("POST", `${PARENT}/jobs/broken:run`);
    expect(error?.message).toMatch(
      /^Task broken-.{5}-task0 failed with message: The container exited with an error\.$/,
    );
    expect(metadata).toMatchObject({
      failedCount: 1,
      conditions: [{ type: "Completed", state: "CONDITION_FAILED", executionReason: "NON_ZERO_EXIT_CODE" }],
    });
  });

  it("accept arguments and variables for one execution", async () => {
    await create("overridden", { containers: [{ ...container, env: [{ name: "MODE", value: "a" }] }] });
    const overrides = { containerOverrides: [{ args: ["once"], env: [{ name: "MODE", value: "b" }] }] };
    const { response } = await setting.operate("POST", `${PARENT}/jobs/overridden:run`, { overrides });
    expect(logOf(response)).toContain("mode b once");
  });

  it("are stopped at their timeout", async () => {
    await create("hanging", { containers: [{ ...container, args: ["hang"] }], maxRetries: 0, timeout: "1s" });
    const { error } = await setting.operate("POST", `${PARENT}/jobs/hanging:run`);
    expect(error?.message).toContain("The configured timeout was reached.");
  });

  it("are not ready without their image or their secrets, and do not run", async () => {
    const env = [{ name: "A", valueSource: { secretKeyRef: { secret: "missing", version: "1" } } }];
    const { error } = await create("unready", { containers: [{ ...container, env }] });
    expect(error?.message).toContain("env[0].value_from.secret_key_ref.name: Permission denied on secret: projects/");
    expect((await setting.call("POST", `${PARENT}/jobs/unready:run`)).body.error?.message).toBe(error?.message);
    expect((await create("imageless", { containers: [{ image: "nothing" }] })).error?.message).toBe(
      "Image 'nothing' not found.",
    );
  });

  it("fail when the embedded cloud stops, and say so", async () => {
    await create("interrupted", { containers: [{ ...container, args: ["hang"] }] });
    const begun = await setting.call("POST", `${PARENT}/jobs/interrupted:run`);
    await setting.stop();
    await setting.start();
    const [execution] = (await setting.call("GET", `${PARENT}/jobs/interrupted/executions`)).body.executions ?? [];
    expect(execution?.name).toBe(begun.body.metadata?.name);
    expect(execution).toMatchObject({
      conditions: [
        {
          type: "Completed",
          state: "CONDITION_FAILED",
          message: "The embedded cloud was stopped during the execution.",
        },
      ],
    });
  });
});
