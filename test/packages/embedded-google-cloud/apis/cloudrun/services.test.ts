import { statSync } from "node:fs";
import { inspect } from "node:util";
import { BROKEN, ECHO, SILENT } from "./programs.ts";
import { ACCOUNT, MEMBER, PARENT, PROJECT, Setting } from "./setting.ts";

const logOf = (id: string) => `projects/${PROJECT}/logs/run.googleapis.com%2F${id}`;
const HELLO = { image: "gcr.io/fusion-prime/hello:1" };

describe("Cloud Run services", () => {
  const setting = new Setting({
    "gcr.io/fusion-prime/hello": ECHO,
    "gcr.io/fusion-prime/broken": BROKEN,
    "gcr.io/fusion-prime/silent": SILENT,
  });
  beforeAll(() => setting.start());
  afterAll(() => setting.end());

  it("creates a service by an operation", async () => {
    const begun = await setting.call("POST", `${PARENT}/services?serviceId=first`, {
      labels: { team: "settlement" },
      template: {
        serviceAccount: ACCOUNT,
        containers: [{ ...HELLO, startupProbe: { grpc: null, httpGet: { path: "/" } } }],
      },
    });
    expect(begun.body.done).toBeUndefined();
    expect(begun.body.name).toMatch(/^projects\/fusion-prime\/locations\/us-central1\/operations\//);
    expect(begun.body.metadata).toMatchObject({
      "@type": "type.googleapis.com/google.cloud.run.v2.Service",
      generation: "1",
    });

    const done = await setting.call("POST", `/v2/${begun.body.name ?? ""}:wait`, { timeout: "30s" });
    expect(done.body).toMatchObject({ done: true, response: { terminalCondition: { state: "CONDITION_SUCCEEDED" } } });

    const service = await setting.service("first");
    expect(service).toMatchObject({
      name: `projects/${PROJECT}/locations/us-central1/services/first`,
      labels: { team: "settlement" },
      creator: "owner@local.test",
      ingress: "INGRESS_TRAFFIC_ALL",
      launchStage: "GA",
      generation: "1",
      observedGeneration: "1",
      reconciling: false,
      template: {
        maxInstanceRequestConcurrency: 80,
        timeout: "300s",
        serviceAccount: ACCOUNT,
        containers: [
          {
            ...HELLO,
            resources: { limits: { cpu: "1000m", memory: "512Mi" } },
            startupProbe: { httpGet: { path: "/" } },
          },
        ],
      },
      traffic: [{ type: "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", percent: 100 }],
      trafficStatuses: [{ type: "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", percent: 100 }],
      terminalCondition: { type: "Ready", state: "CONDITION_SUCCEEDED" },
    });
    expect(JSON.stringify(service)).not.toContain("grpc");
    // The provider does not compute it for a service: a default would show a change in every preview.
    expect(service.template).not.toHaveProperty("executionEnvironment");
    expect(service.latestReadyRevision).toMatch(/\/services\/first\/revisions\/first-00001-[a-z0-9]{3}$/);
    expect(service.latestCreatedRevision).toBe(service.latestReadyRevision);
    expect(service.uri).toMatch(new RegExp(`^${setting.url}/run/first-[a-z0-9]{10}-uc\\.a\\.run\\.app$`));
  });

  it("makes a new revision when the template changes, and only then", async () => {
    await setting.deploy("second", HELLO);
    const before = await setting.service("second");
    await setting.redeploy("second", HELLO, { service: { labels: { a: "b" } } });
    const relabelled = await setting.service("second");
    expect(relabelled).toMatchObject({
      generation: "2",
      labels: { a: "b" },
      latestReadyRevision: before.latestReadyRevision,
    });
    await setting.operate("PATCH", `${PARENT}/services/second?updateMask=template.containers`, {
      template: { containers: [{ ...HELLO, env: [{ name: "A", value: "1" }] }] },
    });
    const changed = await setting.service("second");
    expect(changed).toMatchObject({ generation: "3", observedGeneration: "3", labels: { a: "b" }, uid: before.uid });
    expect(changed.latestReadyRevision).toMatch(/second-00002-/);
    const { body } = await setting.call("GET", `${PARENT}/services/second/revisions`);
    expect(body.revisions?.map(({ name }) => name)).toEqual([changed.latestReadyRevision, before.latestReadyRevision]);
    expect(body.revisions?.[0]).toMatchObject({
      service: "second",
      conditions: [{ type: "Ready", state: "CONDITION_SUCCEEDED" }, {}, {}],
    });
  });

  it("answers with the numbers of enums, and takes them and written-out zeros back without a change", async () => {
    const numbers = "$alt=json%3Benum-encoding=int";
    await setting.deploy("numbered", { ...HELLO, env: [{ name: "EMPTY", value: "" }] });
    const before = await setting.service("numbered");
    const { body } = await setting.call("GET", `${PARENT}/services/numbered?${numbers}`);
    expect(body).toMatchObject({
      ...{ launchStage: 4, ingress: 1, traffic: [{ type: 1, percent: 100 }], terminalCondition: { state: 4 } },
      conditions: [{ state: 4 }, { state: 4 }],
    });

    const { template } = before as unknown as { template: { containers: object[] } };
    const [container] = template.containers;
    // What @google-cloud/run 3.3.0 with `fallback: "rest"` makes of it.
    const service = {
      ...body,
      ...{ annotations: {}, labels: {}, description: "", client: "", clientVersion: "", lastModifier: "" },
      template: {
        ...template,
        ...{ labels: {}, annotations: {}, revision: "", executionEnvironment: 0, encryptionKey: "", volumes: [] },
        ...{ encryptionKeyRevocationAction: 0, sessionAffinity: false, healthCheckDisabled: false },
        containers: [{ name: "", workingDir: "", baseImageUri: "", command: [], args: [], ...container }],
      },
      traffic: [{ type: 1, revision: "", percent: 100, tag: "" }],
      ...{ invokerIamDisabled: false, defaultUriDisabled: false, iapEnabled: false, satisfiesPzs: false },
      ...{ threatDetectionEnabled: false, reconciling: false },
    };
    const begun = await setting.call("PATCH", `${PARENT}/services/numbered?${numbers}`, service);
    expect(begun.status).toBe(200);
    const { body: ended } = await setting.call("POST", `/v2/${begun.body.name ?? ""}:wait?${numbers}`, {});
    expect(ended).toMatchObject({ done: true, response: { launchStage: 4, traffic: [{ type: 1 }] } });
    const after = await setting.service("numbered");
    const { etag, generation, observedGeneration, updateTime, conditions, terminalCondition } = after;
    const changing = { etag, generation, observedGeneration, updateTime, conditions, terminalCondition };
    expect(after).toEqual({ ...before, ...changing });
  });

  test.each([
    ["service.labels[run.googleapis.com/x]", { labels: { "run.googleapis.com/x": "y" } }],
    ["service.annotations[serving.knative.dev/creator]", { annotations: { "serving.knative.dev/creator": "y" } }],
    [
      "service.template.annotations[autoscaling.knative.dev/maxScale]",
      { template: { containers: [HELLO], annotations: { "autoscaling.knative.dev/maxScale": "9" } } },
    ],
    [
      "service.template.labels[cloud.googleapis.com/location]",
      { template: { containers: [HELLO], labels: { "cloud.googleapis.com/location": "y" } } },
    ],
  ])("refuses %s", async (path, service) => {
    const template = { containers: [HELLO] };
    const { status, body } = await setting.call("POST", `${PARENT}/services?serviceId=marked`, {
      template,
      ...service,
    });
    expect(status).toBe(400);
    const kind = path.includes("labels") ? "labels" : "annotations";
    expect(body.error?.message).toBe(`Violation in ${path}: system ${kind} are not supported in Cloud Run API v2.`);
  });

  it("keeps traffic on the last ready revision if the next does not start, and reports why", async () => {
    await setting.deploy("third", HELLO);
    const { uri = "", latestReadyRevision } = await setting.service("third");
    const failed = await setting.redeploy("third", {
      image: "gcr.io/fusion-prime/silent",
      ports: [{ containerPort: 9000 }],
      startupProbe: { tcpSocket: {}, periodSeconds: 1, failureThreshold: 1 },
    });
    const message = expect.stringMatching(
      /^Revision 'third-00002-...' is not ready and cannot serve traffic\. The user-provided container failed to start and listen on the port defined provided by the PORT=9000 environment variable within the allocated timeout\./,
    ) as unknown;
    expect(failed).toMatchObject({ done: true, error: { code: 9, message } });
    const service = await setting.service("third");
    expect(service).toMatchObject({
      latestReadyRevision,
      reconciling: false,
      terminalCondition: { state: "CONDITION_FAILED", revisionReason: "HEALTH_CHECK_CONTAINER_ERROR", message },
      conditions: [
        { type: "RoutesReady", state: "CONDITION_SUCCEEDED" },
        { type: "ConfigurationsReady", state: "CONDITION_FAILED" },
      ],
    });
    expect((await setting.call("GET", uri)).status).toBe(200);
  });

  it("fails if the container exits, and keeps its output in a log", async () => {
    const { error } = await setting.deploy("fourth", { image: "gcr.io/fusion-prime/broken" });
    expect(error?.message).toContain("failed to start and listen on the port defined provided by the PORT=8080");
    const { latestCreatedRevision = "", latestReadyRevision, conditions } = await setting.service("fourth");
    expect(latestReadyRevision).toBeUndefined();
    expect(conditions?.map(({ state }) => state)).toEqual(["CONDITION_FAILED", "CONDITION_FAILED"]);
    expect(setting.cloudRun.logsOf(latestCreatedRevision)).toBe("cannot start\nContainer called exit(3).\n");
    const entries = setting.entries.list(PROJECT).filter(({ resource }) => inspect(resource).includes("fourth-"));
    expect(entries).toMatchObject([
      { logName: logOf("stderr"), severity: "DEFAULT", textPayload: "cannot start" },
      { logName: logOf("varlog%2Fsystem"), severity: "ERROR", textPayload: "Container called exit(3)." },
    ]);
    expect(entries[0]?.resource).toEqual({
      type: "cloud_run_revision",
      labels: {
        project_id: PROJECT,
        location: "us-central1",
        service_name: "fourth",
        configuration_name: "fourth",
        revision_name: latestCreatedRevision.split("/").at(-1),
      },
    });
    const log = new URL(/Logs URL: (\S+)/.exec(error?.message ?? "")?.[1] ?? "");
    expect(statSync(log).mode & 0o777).toBe(0o600);
  });

  it("refuses an unknown image", async () => {
    const { error } = await setting.deploy("fifth", { image: "gcr.io/fusion-prime/nothing:3" });
    expect(error).toMatchObject({
      code: 5,
      message: expect.stringContaining("Image 'gcr.io/fusion-prime/nothing:3' not found.") as unknown,
    });
    expect((await setting.service("fifth")).terminalCondition).toMatchObject({ reason: "CONTAINER_MISSING" });
  });

  it.each([
    ["another container", { containers: [HELLO, HELLO] }, "runs one container per instance"],
    ["a secret volume", { volumes: [{ name: "files", secret: { secret: "s" } }] }, 'volume "files" has another type'],
  ])("reports what it does not support: %s", async (what, template, words) => {
    const { error } = await setting.deploy(what.replaceAll(" ", "-"), HELLO, { template });
    expect(error?.message).toContain(words);
  });

  it("retries a failed revision on the next change", async () => {
    const container = {
      ...HELLO,
      env: [{ name: "A", valueSource: { secretKeyRef: { secret: "late", version: "1" } } }],
    };
    setting.grant("roles/secretmanager.secretAccessor", MEMBER);
    expect((await setting.deploy("sixth", container)).error?.message).toContain(
      "/secrets/late/versions/1 was not found",
    );
    const { latestCreatedRevision } = await setting.service("sixth");
    await setting.secret("late", "x");
    expect((await setting.redeploy("sixth", container)).error).toBeUndefined();
    expect(await setting.service("sixth")).toMatchObject({ latestReadyRevision: latestCreatedRevision });
  });

  it("refuses what Google refuses", async () => {
    const create = (id: string, body: object, location = "us-central1") =>
      setting.call("POST", `/v2/projects/${PROJECT}/locations/${location}/services?serviceId=${id}`, body);
    const template = { containers: [HELLO] };
    expect(await create("x", { template }, "us-central1-a")).toMatchObject({
      status: 403,
      body: {
        error: {
          message: "Permission denied on 'locations/us-central1-a' (or it may not exist).",
          status: "PERMISSION_DENIED",
        },
      },
    });
    expect((await create("x", { template }, "mars-north1")).status).toBe(403);
    expect((await create("X", { template })).body.error?.message).toContain("Violation in service_id");
    expect((await create("x", { template: { containers: [] } })).body.error?.message).toBe(
      "Violation in CreateServiceRequest.service.template.containers: Must have at least one container.",
    );
    expect((await create("x", { templates: {} })).body.error?.message).toContain('Unknown name "templates"');
    const reserved = { containers: [{ ...HELLO, env: [{ name: "PORT", value: "1" }] }] };
    expect((await create("x", { template: reserved })).body.error?.message).toContain(
      "reserved env names were provided: PORT",
    );
    const other = `nobody@${PROJECT}.iam.gserviceaccount.com`;
    expect(await create("x", { template: { ...template, serviceAccount: other } })).toMatchObject({
      status: 403,
      body: {
        error: {
          message: `Permission 'iam.serviceaccounts.actAs' denied on service account ${other} (or it may not exist).`,
        },
      },
    });
    const traffic = [{ type: "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", percent: 90 }];
    expect((await create("x", { template, traffic })).body.error?.message).toContain("must add up to 100, not 90");
    expect((await setting.call("GET", `${PARENT}/services/x`)).body.error).toEqual({
      code: 404,
      message: `service "projects/${PROJECT}/locations/us-central1/services/x" not found`,
      status: "NOT_FOUND",
    });
  });

  it("refuses a change with an outdated etag", async () => {
    await setting.deploy("seventh", HELLO);
    const { etag } = await setting.service("seventh");
    await setting.redeploy("seventh", HELLO, { service: { etag, description: "mine" } });
    const late = await setting.call("PATCH", `${PARENT}/services/seventh`, { etag, template: { containers: [HELLO] } });
    expect(late).toMatchObject({ status: 409, body: { error: { status: "ABORTED" } } });
  });

  it("validates without changing anything", async () => {
    const body = { template: { serviceAccount: ACCOUNT, containers: [HELLO] } };
    const checked = await setting.call("POST", `${PARENT}/services?serviceId=eighth&validateOnly=true`, body);
    expect(checked.body).toMatchObject({ done: true, response: { template: { timeout: "300s" } } });
    expect((await setting.call("GET", `${PARENT}/services/eighth`)).status).toBe(404);
  });

  it("checks permissions on the service itself", async () => {
    await setting.deploy("ninth", HELLO);
    const token = setting.identities.tokenFor("user:developer@local.test");
    const path = `${PARENT}/services/ninth`;
    expect((await setting.call("GET", path, undefined, token)).body.error?.message).toContain(
      "'run.services.get' denied",
    );
    const policy = { bindings: [{ role: "roles/run.developer", members: ["user:developer@local.test"] }] };
    expect((await setting.call("POST", `${path}:setIamPolicy`, { policy })).body.bindings).toEqual(policy.bindings);
    expect((await setting.call("GET", `${path}:getIamPolicy?options.requestedPolicyVersion=3`)).body.bindings).toEqual(
      policy.bindings,
    );
    expect((await setting.call("GET", path, undefined, token)).status).toBe(200);
    expect(
      (await setting.call("PATCH", path, { template: { serviceAccount: ACCOUNT, containers: [HELLO] } }, token)).body
        .error?.message,
    ).toContain("actAs");
  });

  it("deletes a service with its revisions and its policy", async () => {
    await setting.deploy("tenth", HELLO);
    const { uri = "" } = await setting.service("tenth");
    const path = `${PARENT}/services/tenth`;
    const policy = { bindings: [{ role: "roles/run.invoker", members: ["allUsers"] }] };
    await setting.call("POST", `${path}:setIamPolicy`, { policy });
    expect((await setting.operate("DELETE", path)).done).toBe(true);
    expect((await setting.call("GET", path)).status).toBe(404);
    expect((await setting.call("GET", `${path}:getIamPolicy`)).status).toBe(404);
    expect((await setting.call("GET", uri)).status).toBe(404);
    await setting.deploy("tenth", HELLO);
    expect((await setting.call("GET", `${path}:getIamPolicy`)).body.bindings).toEqual([]);
    expect((await setting.service("tenth")).uri).toBe(uri);
  });

  it("continues a rollout after a restart", async () => {
    const startupProbe = { tcpSocket: {}, periodSeconds: 2, failureThreshold: 1 };
    const containers = [{ image: "gcr.io/fusion-prime/silent", startupProbe }];
    const begun = await setting.call("POST", `${PARENT}/services?serviceId=eleventh`, { template: { containers } });
    await setting.stop();
    await setting.start();
    expect(await setting.service("eleventh")).toMatchObject({ reconciling: true, observedGeneration: "0" });
    const done = await setting.call("POST", `/v2/${begun.body.name ?? ""}:wait`);
    expect(done.body.error?.message).toContain("failed to start and listen");
    expect(await setting.service("eleventh")).toMatchObject({ reconciling: false, observedGeneration: "1" });
  });
});
