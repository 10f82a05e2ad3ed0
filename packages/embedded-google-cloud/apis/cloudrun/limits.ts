import { faultOfLabels } from "../../rest/labels.ts";
import { GoogleError } from "../../rest/errors.ts";
import { SOCKETS } from "./namespace.ts";
import type { Container, InstanceTemplate, Probe, Scaling, Volume } from "./resources.ts";

/** The limits of a template, as the embedded cloud reads them. */
export interface Limited extends Partial<InstanceTemplate> {
  readonly labels?: Record<string, string>;
  readonly maxInstanceRequestConcurrency?: number;
  readonly executionEnvironment?: string;
  readonly scaling?: Scaling;
  readonly maxRetries?: number;
}

/** The error for an invalid field, in Cloud Run's form. */
export function violation(field: string, what: string): GoogleError {
  return new GoogleError("INVALID_ARGUMENT", `Violation in ${field}: ${what}`);
}

/** https://cloud.google.com/run/docs/configuring/request-timeout, https://cloud.google.com/run/docs/configuring/task-timeout */
const LONGEST = { service: 3600, job: 7 * 24 * 3600 };

/** https://cloud.google.com/run/docs/about-concurrency */
const CONCURRENCY = 1000;

const GEN2 = "EXECUTION_ENVIRONMENT_GEN2";

/** `[hostname/]repo-path[:tag and/or @digest]` */
const IMAGE =
  /^([a-z0-9][a-z0-9.-]*(:\d+)?\/)?[a-z0-9]+([._/-]+[a-z0-9]+)*(:[A-Za-z0-9_][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?$/;

/**
 * Checks the template of a service or a job against Cloud Run's limits.
 * @param kind What it is of; a job's default execution environment is the second generation.
 * @param path Its place in the request, such as `CreateServiceRequest.service.template`.
 * @throws GoogleError INVALID_ARGUMENT.
 */
export function checkLimits(template: Limited, kind: "service" | "job", path: string): void {
  const {
    containers = [],
    executionEnvironment,
    labels,
    maxInstanceRequestConcurrency = 0,
    timeout,
    volumes,
  } = template;
  if (maxInstanceRequestConcurrency < 0 || maxInstanceRequestConcurrency > CONCURRENCY) {
    throw violation(`${path}.max_instance_request_concurrency`, `must be between 0 and ${CONCURRENCY}.`);
  }
  if (timeout !== undefined) checkTimeout(timeout, kind, `${path}.timeout`);
  checkScaling(template.scaling, `${path}.scaling`);
  checkLabels(labels, `${path}.labels`);
  checkRetries(template.maxRetries, `${path}.max_retries`);
  const second = executionEnvironment === GEN2 || (kind === "job" && executionEnvironment === undefined);
  for (const [index, container] of containers.entries()) {
    const place = `${path}.containers[${index}]`;
    checkContainer(container, volumes ?? [], place);
    checkResources(container, { second, concurrency: maxInstanceRequestConcurrency }, `${place}.resources.limits`);
  }
  for (const [index, { cloudSqlInstance }] of (volumes ?? []).entries()) {
    for (const [each, name] of (cloudSqlInstance?.instances ?? []).entries()) {
      checkConnectionName(name, `${path}.volumes[${index}].cloud_sql_instance.instances[${each}]`);
    }
  }
}

/** @param path Of the scaling of a service or a revision. */
export function checkScaling({ maxInstanceCount = 0, minInstanceCount = 0 }: Scaling = {}, path: string): void {
  if (minInstanceCount < 0) throw violation(`${path}.min_instance_count`, "must be greater or equal than 0.");
  if (maxInstanceCount < 0) throw violation(`${path}.max_instance_count`, "must be greater or equal than 0.");
  // 0 stands for Google's default.
  if (maxInstanceCount === 0 || maxInstanceCount >= minInstanceCount) return;
  throw violation(`${path}.max_instance_count`, "must be greater or equal than min_instance_count.");
}

/** @throws GoogleError INVALID_ARGUMENT. @param path Of the labels. */
export function checkLabels(labels: Record<string, string> | undefined, path: string): void {
  // gcloud sets client.knative.dev/nonce.
  const fault = faultOfLabels(labels, (key) => /^client\.knative\.dev\/[\w-]+$/.test(key));
  if (fault !== undefined) throw violation(path, fault);
}

function checkTimeout(timeout: string, kind: "service" | "job", path: string): void {
  const seconds = Number(/^(\d+(?:\.\d{1,9})?)s$/.exec(timeout)?.[1]);
  if (Number.isNaN(seconds)) throw violation(path, "must be a duration in seconds, such as 300s.");
  if (seconds <= 0) throw violation(path, "must be greater than 0.");
  if (seconds <= LONGEST[kind]) return;
  throw violation(path, `maximum allowed time is ${kind === "service" ? "one hour" : "seven days"}.`);
}

/** https://cloud.google.com/run/docs/configuring/max-retries */
function checkRetries(retries = 0, path: string): void {
  if (retries < 0 || retries > 10) throw violation(path, "must be between 0 and 10.");
}

function checkContainer(
  { image, ports = [], startupProbe, volumeMounts = [] }: Container,
  volumes: readonly Volume[],
  path: string,
): void {
  if (!IMAGE.test(image)) {
    throw violation(
      `${path}.image`,
      "must be a container image path in the form [hostname/]repo-path[:tag and/or @digest]",
    );
  }
  if (ports.length > 1) throw violation(`${path}.ports`, "ports should contain 0 or 1 port.");
  for (const { containerPort, name } of ports) {
    if (containerPort !== undefined && !(containerPort > 0 && containerPort < 65536)) {
      throw violation(
        `${path}.ports[0].container_port`,
        "must be a valid TCP port number, 0 < container_port < 65536.",
      );
    }
    if (name !== undefined && !["", "http1", "h2c"].includes(name)) {
      throw violation(`${path}.ports[0].name`, 'allowed values are "http1" and "h2c".');
    }
  }
  if (startupProbe) checkProbe(startupProbe, `${path}.startup_probe`);
  for (const [index, { name, mountPath = SOCKETS }] of volumeMounts.entries()) {
    const field = `${path}.volume_mounts[${index}].mount_path`;
    if (mountPath.includes(":")) throw violation(field, "must not contain ':'.");
    if (mountPath !== SOCKETS && volumes.some((volume) => volume.name === name && volume.cloudSqlInstance))
      throw violation(field, `must be ${SOCKETS} for a Cloud SQL volume.`);
  }
}

/** https://cloud.google.com/run/docs/reference/rest/v2/Container#probe, for a startup probe. */
function checkProbe(probe: Probe, path: string): void {
  const { failureThreshold = 3, initialDelaySeconds = 0, periodSeconds = 10, timeoutSeconds = 1 } = probe;
  if (failureThreshold < 1) throw violation(`${path}.failure_threshold`, "must be greater or equal than 1.");
  if (initialDelaySeconds < 0 || initialDelaySeconds > 240) {
    throw violation(`${path}.initial_delay_seconds`, "must be between 0 and 240.");
  }
  if (periodSeconds < 1 || periodSeconds > 240) throw violation(`${path}.period_seconds`, "must be between 1 and 240.");
  if (timeoutSeconds < 1 || timeoutSeconds > 240)
    throw violation(`${path}.timeout_seconds`, "must be between 1 and 240.");
  if (timeoutSeconds > periodSeconds) {
    throw violation(`${path}.timeout_seconds`, "must be less or equal than period_seconds.");
  }
}

/** Only the form: whether the instance exists is seen at the first connection. */
function checkConnectionName(name: string, path: string): void {
  if (/^([a-z0-9.-]+\.[a-z]+:)?[a-z][a-z0-9-]+:[a-z0-9-]+:[a-z][a-z0-9-]*$/.test(name)) return;
  throw violation(path, "must be in the form project:region:instance.");
}

/**
 * Least and most gibibytes of memory per number of CPUs:
 * https://cloud.google.com/run/docs/configuring/jobs/cpu, https://cloud.google.com/run/docs/configuring/services/memory-limits
 */
const MEMORY = new Map([
  [1, [1 / 8, 4]],
  [2, [1 / 8, 8]],
  [4, [2, 16]],
  [6, [4, 24]],
  [8, [4, 32]],
]);

/** Units of memory in bytes. */
const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
};

/** The second generation's least memory, in gibibytes. */
const SECOND_GENERATION = 1 / 2;

/** The number of CPUs of a limit such as `1000m` or `2`; NaN for any other text. */
export function cpusOf(limit: string): number {
  const [, amount, milli] = /^(\d+(?:\.\d+)?)(m?)$/.exec(limit) ?? [];
  return Number(amount) / (milli === "m" ? 1000 : 1);
}

/** @param path Of the limits. */
function checkResources(
  { resources }: Container,
  { concurrency, second }: { readonly concurrency: number; readonly second: boolean },
  path: string,
): void {
  const { cpu = "1", memory = "512Mi", ...others } = resources?.limits ?? {};
  const [other] = Object.keys(others);
  if (other !== undefined) throw violation(path, `the embedded cloud limits cpu and memory only, not ${other}.`);
  const cpus = cpusOf(cpu);
  const wrongCpu = (why: string) => violation(`${path}.cpu`, `Invalid value specified for cpu. ${why}`);
  if (!MEMORY.has(cpus) && !(cpus >= 0.08 && cpus < 1)) {
    throw wrongCpu("The value must be 1, 2, 4, 6 or 8, or at least 0.08 and less than 1.");
  }
  if (cpus < 1 && concurrency > 1) throw wrongCpu("Total cpu < 1 is not supported with concurrency > 1.");
  if (cpus < 1 && second) throw wrongCpu("Total cpu < 1 is not supported with gen2 execution environment.");
  if (cpus < 1 && resources?.limits && resources.cpuIdle !== true) {
    throw wrongCpu("Total cpu < 1 is not supported with cpu always allocated (unthrottled).");
  }
  const [, amount, unit = ""] = /^(\d+(?:\.\d+)?)([A-Za-z]*)$/.exec(memory) ?? [];
  const gibibytes = (Number(amount) * (UNITS[unit] ?? NaN)) / 1024 ** 3;
  const [least = 0, most = 0] = MEMORY.get(cpus) ?? [1 / 8, cpus < 0.5 ? 1 / 2 : 1];
  const lowest = second ? Math.max(least, SECOND_GENERATION) : least;
  if (gibibytes >= lowest && gibibytes <= most) return;
  const text = (size: number) => (size < 1 ? `${size * 1024}Mi` : `${size}Gi`);
  const size = Number.isInteger(cpus) ? cpus.toFixed(1) : String(cpus);
  throw violation(
    `${path}.memory`,
    `Invalid value specified for container memory. For ${size} CPU, memory must be between ${text(lowest)} and ${text(most)} inclusive.`,
  );
}
