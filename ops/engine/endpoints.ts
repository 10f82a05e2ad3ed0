/**
 * The provider settings that send each Google API to another address: the setting's name without `CustomEndpoint`, and
 * the path below the address.
 */
const PATHS = {
  cloudRunV2: "v2/",
  compute: "compute/v1/",
  iamBeta: "v1/",
  iamCredentials: "v1/",
  kms: "v1/",
  logging: "v2/",
  monitoring: "",
  resourceManager: "v1/",
  resourceManagerV3: "v3/",
  secretManager: "v1/",
  serviceNetworking: "v1/",
  serviceUsage: "v1/",
  sql: "sql/v1beta4/",
  storage: "storage/v1/",
} as const;

/** Stack configuration that sends every API to an address such as `http://127.0.0.1:4510`. */
export function endpointConfig(url: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(PATHS).map(([name, path]) => [`gcp:${name}CustomEndpoint`, `${url}/${path}`]),
  );
}

/** Whether an address is on this machine: the embedded cloud, and never Google. */
export function isLoopback(url: string): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(url).hostname);
}
