import { PARENT, Setting } from "./setting.ts";

const IMAGE = "gcr.io/fusion-prime/hello:1";
const setting = new Setting({});
beforeAll(() => setting.start());
afterAll(() => setting.end());

/** The answer to the creation of a service, or of a job's task, which is only checked. */
function ask(template: object, more: object = {}, kind: "services" | "jobs" = "services") {
  const id = kind === "services" ? "serviceId" : "jobId";
  const body = { ...(kind === "services" ? { template } : { template: { template } }), ...more };
  return setting.call("POST", `${PARENT}/${kind}?${id}=x&validateOnly=true`, body);
}

const container = (more: object) => ({ containers: [{ image: IMAGE, ...more }] });
const limits = (cpu: string, memory: string, more: object = {}) =>
  container({ resources: { limits: { cpu, memory }, cpuIdle: true, ...more } });
const resources = "containers[0].resources.limits";
const probe = (startupProbe: object) => container({ startupProbe: { tcpSocket: { port: 8080 }, ...startupProbe } });
const sql = (name: string) => ({ ...container({}), volumes: [{ name: "v", cloudSqlInstance: { instances: [name] } }] });
const GEN2 = { executionEnvironment: "EXECUTION_ENVIRONMENT_GEN2" };
const memory = (range: string) => `Invalid value specified for container memory. For ${range} inclusive.`;

describe("a template with", () => {
  test.each<[string, object, field: string, what: string]>([
    [
      "4 CPUs and 512Mi",
      limits("4", "512Mi"),
      `${resources}.memory`,
      memory("4.0 CPU, memory must be between 2Gi and 16Gi"),
    ],
    [
      "8 CPUs and 2048Mi",
      limits("8", "2048Mi"),
      `${resources}.memory`,
      memory("8.0 CPU, memory must be between 4Gi and 32Gi"),
    ],
    [
      "6 CPUs and 25Gi",
      limits("6", "25Gi"),
      `${resources}.memory`,
      memory("6.0 CPU, memory must be between 4Gi and 24Gi"),
    ],
    [
      "1000m CPU and 5Gi",
      limits("1000m", "5Gi"),
      `${resources}.memory`,
      memory("1.0 CPU, memory must be between 128Mi and 4Gi"),
    ],
    [
      "2 CPUs and 8.1Gi",
      limits("2", "8.1Gi"),
      `${resources}.memory`,
      memory("2.0 CPU, memory must be between 128Mi and 8Gi"),
    ],
    ["64Mi", limits("1", "64Mi"), `${resources}.memory`, memory("1.0 CPU, memory must be between 128Mi and 4Gi")],
    [
      "256Mi in the second generation",
      { ...limits("1", "256Mi"), ...GEN2 },
      `${resources}.memory`,
      memory("1.0 CPU, memory must be between 512Mi and 4Gi"),
    ],
    [
      "an unknown unit of memory",
      limits("1", "512MB"),
      `${resources}.memory`,
      memory("1.0 CPU, memory must be between 128Mi and 4Gi"),
    ],
    ["3 CPUs", limits("3", "2Gi"), `${resources}.cpu`, "Invalid value specified for cpu."],
    ["0.05 CPU", limits("0.05", "128Mi"), `${resources}.cpu`, "Invalid value specified for cpu."],
    ["a CPU that is no number", limits("one", "512Mi"), `${resources}.cpu`, "Invalid value specified for cpu."],
    [
      "half a CPU for two requests",
      { ...limits("500m", "512Mi"), maxInstanceRequestConcurrency: 2 },
      `${resources}.cpu`,
      "Invalid value specified for cpu. Total cpu < 1 is not supported with concurrency > 1.",
    ],
    [
      "half a CPU in the second generation",
      { ...limits("0.5", "512Mi"), ...GEN2 },
      `${resources}.cpu`,
      "Invalid value specified for cpu. Total cpu < 1 is not supported with gen2 execution environment.",
    ],
    [
      "half a CPU around the clock",
      limits("0.5", "512Mi", { cpuIdle: false }),
      `${resources}.cpu`,
      "Invalid value specified for cpu. Total cpu < 1 is not supported with cpu always allocated",
    ],
    [
      "0.4 CPU and 1Gi",
      limits("0.4", "1Gi"),
      `${resources}.memory`,
      memory("0.4 CPU, memory must be between 128Mi and 512Mi"),
    ],
    [
      "a limit of disk",
      container({ resources: { limits: { disk: "1Gi" } } }),
      resources,
      "the embedded cloud limits cpu and memory only, not disk.",
    ],
    [
      "1001 requests at once",
      { ...container({}), maxInstanceRequestConcurrency: 1001 },
      "max_instance_request_concurrency",
      "must be between 0 and 1000.",
    ],
    [
      "more than an hour a request",
      { ...container({}), timeout: "3601s" },
      "timeout",
      "maximum allowed time is one hour.",
    ],
    ["no time", { ...container({}), timeout: "0s" }, "timeout", "must be greater than 0."],
    [
      "fewer instances at most than at least",
      { ...container({}), scaling: { minInstanceCount: 3, maxInstanceCount: 2 } },
      "scaling.max_instance_count",
      "must be greater or equal than min_instance_count.",
    ],
    [
      "fewer instances than none",
      { ...container({}), scaling: { minInstanceCount: -1 } },
      "scaling.min_instance_count",
      "must be greater or equal than 0.",
    ],
    [
      "two ports",
      container({ ports: [{ containerPort: 1 }, { containerPort: 2 }] }),
      "containers[0].ports",
      "ports should contain 0 or 1 port.",
    ],
    [
      "port 65536",
      container({ ports: [{ containerPort: 65536 }] }),
      "containers[0].ports[0].container_port",
      "must be a valid TCP port number",
    ],
    [
      "a port of another protocol",
      container({ ports: [{ name: "grpc", containerPort: 80 }] }),
      "containers[0].ports[0].name",
      'allowed values are "http1" and "h2c".',
    ],
    [
      "a colon in the path of a volume",
      {
        ...container({ volumeMounts: [{ name: "v", mountPath: "/a:b" }] }),
        volumes: [{ name: "v", cloudSqlInstance: {} }],
      },
      "containers[0].volume_mounts[0].mount_path",
      "must not contain ':'.",
    ],
    [
      "another path for the sockets of Cloud SQL",
      {
        ...container({ volumeMounts: [{ name: "v", mountPath: "/sql" }] }),
        volumes: [{ name: "v", cloudSqlInstance: {} }],
      },
      "containers[0].volume_mounts[0].mount_path",
      "must be /cloudsql for a Cloud SQL volume.",
    ],
    [
      "an image in upper case",
      container({ image: "gcr.io/fusion-prime/Hello" }),
      "containers[0].image",
      "must be a container image path in the form [hostname/]repo-path[:tag and/or @digest]",
    ],
    [
      "an image with a short digest",
      container({ image: "gcr.io/fusion-prime/hello@sha256:12" }),
      "containers[0].image",
      "must be a container image path",
    ],
    [
      "an image with a scheme",
      container({ image: "https://gcr.io/fusion-prime/hello" }),
      "containers[0].image",
      "must be a container image path",
    ],
    [
      "a connection name without a region",
      sql("fusion-prime:db"),
      "volumes[0].cloud_sql_instance.instances[0]",
      "must be in the form project:region:instance.",
    ],
    [
      "a label in upper case",
      { ...container({}), labels: { Team: "a" } },
      "labels",
      'the key "Team" must begin with a lower case letter',
    ],
    ["a label with a long value", { ...container({}), labels: { team: "a".repeat(64) } }, "labels", 'the value "aaaa'],
    [
      "65 labels",
      { ...container({}), labels: Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`a${index}`, "x"])) },
      "labels",
      "must have at most 64 entries.",
    ],
    [
      "a probe that waits longer than its period",
      probe({ timeoutSeconds: 11 }),
      "containers[0].startup_probe.timeout_seconds",
      "must be less or equal than period_seconds.",
    ],
    [
      "a probe that begins after five minutes",
      probe({ initialDelaySeconds: 300 }),
      "containers[0].startup_probe.initial_delay_seconds",
      "must be between 0 and 240.",
    ],
    [
      "a probe that never fails",
      probe({ failureThreshold: -1 }),
      "containers[0].startup_probe.failure_threshold",
      "must be greater or equal than 1.",
    ],
  ])("%s is refused", async (_what, template, field, what) => {
    const { status, body } = await ask(template);
    expect([status, body.error?.status]).toEqual([400, "INVALID_ARGUMENT"]);
    expect(body.error?.message).toContain(`Violation in CreateServiceRequest.service.template.${field}: ${what}`);
  });

  test.each<[string, object]>([
    ["8 CPUs and 32Gi", limits("8", "32Gi")],
    ["4 CPUs and 2147483648 bytes", limits("4", "2147483648")],
    ["128Mi", limits("1", "128Mi")],
    ["1G", limits("1", "1G")],
    ["0.08 CPU and 128Mi for one request", { ...limits("0.08", "128Mi"), maxInstanceRequestConcurrency: 1 }],
    ["1000 requests at once", { ...container({}), maxInstanceRequestConcurrency: 1000 }],
    ["an hour a request", { ...container({}), timeout: "3600s" }],
    [
      "as many instances at most as at least",
      { ...container({}), scaling: { minInstanceCount: 2, maxInstanceCount: 2 } },
    ],
    ["HTTP/2", container({ ports: [{ name: "h2c", containerPort: 65535 }] })],
    ["a digest", container({ image: `us-docker.pkg.dev/fusion-prime/a/b.c-d__e:v1@sha256:${"0".repeat(64)}` })],
    ["an image of Docker Hub", container({ image: "nginx" })],
    ["an image of another port", container({ image: "registry.example.com:5000/a/b:latest" })],
    ["a connection name with a domain", sql("example.com:fusion-prime:us-central1:db")],
    ["labels, gcloud's too", { ...container({}), labels: { team: "", "client.knative.dev/nonce": "abc" } }],
  ])("%s is accepted", async (_what, template) => {
    expect((await ask(template)).body.error).toBeUndefined();
  });
});

test.each<[string, object, message: string]>([
  [
    "its scaling",
    { scaling: { minInstanceCount: 2, maxInstanceCount: 1 } },
    "Violation in CreateServiceRequest.service.scaling.max_instance_count:",
  ],
  ["its labels", { labels: { Team: "a" } }, "Violation in CreateServiceRequest.service.labels:"],
  ["its ingress", { ingress: "INGRESS_TRAFFIC_SOME" }, "INGRESS_TRAFFIC_SOME"],
])("a service is refused for %s", async (_what, more, message) => {
  const { status, body } = await ask(container({}), more);
  expect(status).toBe(400);
  expect(body.error?.message).toContain(message);
});

test.each<[string, object, field: string]>([
  [
    "less memory than the second generation's, its default",
    limits("1", "256Mi"),
    "containers[0].resources.limits.memory",
  ],
  ["more than seven days", { ...container({}), timeout: "604801s" }, "timeout"],
  ["eleven retries", { ...container({}), maxRetries: 11 }, "max_retries"],
])("a job is refused with %s", async (_what, template, field) => {
  const { status, body } = await ask(template, {}, "jobs");
  expect(status).toBe(400);
  expect(body.error?.message).toContain(`Violation in CreateJobRequest.job.template.template.${field}: `);
});

test("with less than a CPU an instance gets one request at a time, and an update's refusal says so", async () => {
  const body = { template: limits("0.5", "512Mi") };
  const { body: operation } = await setting.call("POST", `${PARENT}/services?serviceId=small`, body);
  expect(operation.metadata?.template?.maxInstanceRequestConcurrency).toBe(1);
  const more = { template: { ...limits("0.5", "512Mi"), maxInstanceRequestConcurrency: 80 } };
  const refused = await setting.call("PATCH", `${PARENT}/services/small`, more);
  expect(refused.body.error?.message).toMatch(/^Violation in UpdateServiceRequest\.service\.template\.containers\[0\]/);
});
