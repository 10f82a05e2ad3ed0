import { GoogleError } from "../../rest/errors.ts";
import { isFields } from "../../rest/fields.ts";
import type { Container, InstanceTemplate } from "./resources.ts";

/** Set by Cloud Run itself. https://cloud.google.com/run/docs/container-contract#env-vars */
const RESERVED = ["PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"];

/** The value without its null fields: Google's APIs treat null as absent. */
export function withoutNulls<T>(value: T): T {
  if (Array.isArray(value)) return value.map((item: unknown) => withoutNulls(item)) as T;
  if (!isFields(value)) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== null && field !== undefined);
  return Object.fromEntries(fields.map(([name, field]) => [name, withoutNulls(field)])) as T;
}

/**
 * Checks the template of a service or a job.
 * @param path Its place in the request, for the error.
 * @throws GoogleError INVALID_ARGUMENT.
 */
export function checkTemplate(sent: Partial<InstanceTemplate> | undefined, path: string): void {
  const containers = sent?.containers ?? [];
  if (containers.length === 0) throw violation(`${path}.containers`, "Must have at least one container.");
  for (const [index, container] of containers.entries()) {
    checkContainer(container, sent ?? {}, `${path}.containers[${index}]`);
  }
}

/**
 * Least and most gibibytes of memory per number of CPUs:
 * https://cloud.google.com/run/docs/configuring/services/cpu, https://cloud.google.com/run/docs/configuring/services/memory-limits
 */
const MEMORY = new Map([
  [1, [1 / 8, 4]],
  [2, [1 / 8, 8]],
  [4, [2, 16]],
  [6, [4, 24]],
  [8, [4, 32]],
]);

function checkMemory({ cpu = "1", memory = "512Mi" }: Record<string, string>, path: string) {
  const cpus = cpu.endsWith("m") ? parseInt(cpu) / 1000 : Number(cpu);
  const [, amount, unit] = /^(\d+)(Mi|Gi)$/.exec(memory) ?? [];
  const gibibytes = Number(amount) / (unit === "Mi" ? 1024 : 1);
  const [least = 0, most = Infinity] = MEMORY.get(cpus) ?? [];
  if (!(gibibytes < least || gibibytes > most)) return; // also other units
  const from = least < 1 ? `${least * 1024}Mi` : `${least}Gi`;
  throw violation(
    `${path}.resources.limits.memory`,
    `Invalid value specified for container memory. For ${cpus.toFixed(1)} CPU, memory must be between ${from} and ${most}Gi inclusive.`,
  );
}

function checkContainer(container: Partial<Container>, template: Partial<InstanceTemplate>, path: string) {
  const { image, env = [], resources, volumeMounts = [] } = container;
  if (!image) throw violation(`${path}.image`, "Image must not be empty.");
  checkMemory(resources?.limits ?? {}, path);
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

/** The error for an invalid field, in Cloud Run's form. */
export function violation(field: string, what: string): GoogleError {
  return new GoogleError("INVALID_ARGUMENT", `Violation in ${field}: ${what}`);
}
