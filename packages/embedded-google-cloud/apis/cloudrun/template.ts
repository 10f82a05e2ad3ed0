import { isFields, isZero } from "../../rest/fields.ts";
import { checkLimits, type Limited, violation } from "./limits.ts";
import type { Container, InstanceTemplate, Marked } from "./resources.ts";

/** Set by Cloud Run itself. https://cloud.google.com/run/docs/container-contract#env-vars */
const RESERVED = ["PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"];

/** Maps, whose values may be empty. */
const MAPS = /^(annotations|labels|limits|nodeSelector)$/;
/** Scalars that are members of a oneof or optional, so that Cloud Run returns them even if they are zero. */
const OPTIONAL = /^(value|maxRetries|manualInstanceCount|gpuZonalRedundancyDisabled)$/;

/**
 * A message as Cloud Run stores and returns it: without nulls and zero values, which some clients write out and which mean
 * the same as none. https://protobuf.dev/programming-guides/json/#presence
 */
export function withoutZeros<T>(message: T): T {
  if (Array.isArray(message)) return message.map((item: unknown) => withoutZeros(item)) as T;
  if (!isFields(message)) return message;
  const fields = Object.entries(message).flatMap(([name, value]): [string, unknown][] => {
    if (value === null || value === undefined) return [];
    if (MAPS.test(name) && isFields(value)) return Object.keys(value).length === 0 ? [] : [[name, value]];
    return isZero(value) && !OPTIONAL.test(name) ? [] : [[name, withoutZeros(value)]];
  });
  return Object.fromEntries(fields) as T;
}

/** Prefixes of the labels and annotations of API v1, which have fields in v2. */
const SYSTEM =
  /^([^/]+\.)?(run\.googleapis\.com|cloud\.googleapis\.com|serving\.knative\.dev|autoscaling\.knative\.dev)\//;

/**
 * Refuses system labels and annotations: https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services
 * @param path Their place in the request, for the error.
 * @param before What the resource has already; its annotations may stay.
 * @throws GoogleError INVALID_ARGUMENT, in Google's words.
 */
export function checkMarks(sent: Marked | undefined, path: string, before?: Marked): void {
  for (const kind of ["labels", "annotations"] as const) {
    const known = kind === "annotations" ? (before?.annotations ?? {}) : {};
    const key = Object.keys(sent?.[kind] ?? {}).find((name) => SYSTEM.test(name) && !(name in known));
    if (key !== undefined) {
      throw violation(`${path}.${kind}[${key}]`, `system ${kind} are not supported in Cloud Run API v2.`);
    }
  }
}

/**
 * Checks the template of a service or a job.
 * @param kind What it is of.
 * @param path Its place in the request, for the error.
 * @throws GoogleError INVALID_ARGUMENT.
 */
export function checkTemplate(sent: Limited | undefined, kind: "service" | "job", path: string): void {
  const containers = sent?.containers ?? [];
  if (containers.length === 0) throw violation(`${path}.containers`, "Must have at least one container.");
  for (const [index, container] of containers.entries()) {
    checkContainer(container, sent ?? {}, `${path}.containers[${index}]`);
  }
  checkLimits(sent ?? {}, kind, path);
}

function checkContainer(container: Partial<Container>, template: Partial<InstanceTemplate>, path: string) {
  const { image, env = [], volumeMounts = [] } = container;
  if (!image) throw violation(`${path}.image`, "Image must not be empty.");
  const names = env.map(({ name }) => name);
  const reserved = names.filter((name) => RESERVED.includes(name)).join(", ");
  if (reserved) {
    throw violation(
      `${path}.env`,
      `The following reserved env names were provided: ${reserved}. These values are automatically set by the system.`,
    );
  }
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw violation(`${path}.env`, `The env name ${twice} was provided more than once.`);
  for (const [index, { name }] of volumeMounts.entries()) {
    if (!template.volumes?.some((volume) => volume.name === name)) {
      throw violation(`${path}.volume_mounts[${index}].name`, `There is no volume "${name}".`);
    }
  }
}

/** The template with Google's defaults, as recorded. */
export function withDefaults<T extends Partial<InstanceTemplate>>(sent: T, projectNumber: string, timeout: string) {
  return {
    serviceAccount: defaultAccount(projectNumber),
    timeout,
    ...sent,
    containers: (sent.containers ?? []).map((container) => ({
      ...container,
      resources: { ...container.resources, limits: { cpu: "1000m", memory: "512Mi", ...container.resources?.limits } },
    })),
  };
}

/** The account of services and jobs that name none. */
export function defaultAccount(projectNumber: string): string {
  return `${projectNumber}-compute@developer.gserviceaccount.com`;
}
