import { endpoints, type Endpoints, endpointVariable, GOOGLE } from "../../infra/google.ts";

/** Stack configuration that sends every API to an address such as `http://127.0.0.1:4510`. */
export function endpointConfig(url: string): Record<string, string> {
  return byApi((api) => `gcp:${api}CustomEndpoint`, url);
}

/** Environment variables that send every API to an address; a stack's configuration takes precedence. */
export function endpointEnv(url: string): Record<string, string> {
  return byApi(endpointVariable, url);
}

function byApi(key: (api: string) => string, url: string): Record<string, string> {
  return Object.fromEntries(Object.entries(GOOGLE).map(([api, google]) => [key(api), url + new URL(google).pathname]));
}

/**
 * Where a stack's APIs are, as the provider finds them: in its configuration, in the environment, at Google.
 * @param config The stack's configuration, by key.
 */
export function endpointsOf(config: Readonly<Record<string, unknown>>): Endpoints {
  return endpoints((key) => (typeof config[key] === "string" ? config[key] : undefined));
}

/** Whether an address is on this machine: the embedded cloud, and never Google. */
export function isLoopback(url: string): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(url).hostname);
}
