/**
 * The provider settings that send each Google API to another address: the setting's name without `CustomEndpoint`, and
 * the path below the address. What is set as `gcp:<name>CustomEndpoint` in a stack file the official provider reads
 * from the environment too, as `GOOGLE_<NAME>_CUSTOM_ENDPOINT`.
 */
const PATHS = {
  cloudRunV2: "v2/",
  compute: "compute/v1/",
  iamBeta: "v1/",
  monitoring: "",
  resourceManager: "v1/",
  resourceManagerV3: "v3/",
  secretManager: "v1/",
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

/** The same as environment variables. */
export function endpointEnvironment(url: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(PATHS).map(([name, path]) => [`GOOGLE_${upperSnake(name)}_CUSTOM_ENDPOINT`, `${url}/${path}`]),
  );
}

/** `cloudRunV2` becomes `CLOUD_RUN_V2`. */
function upperSnake(name: string): string {
  return name.replace(/([a-z])([A-Z])/g, "$1_$2").toUpperCase();
}
