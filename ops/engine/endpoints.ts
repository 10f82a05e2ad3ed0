import { endpoints, type Endpoints, endpointVariable, GOOGLE } from "../../infra/google.ts";

/** Stack configuration that points every API at a base URL such as `http://127.0.0.1:4510`. */
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

/** A stack's API endpoints, as the provider finds them: in its configuration (by key), in the environment, at Google. */
export function endpointsOf(config: Readonly<Record<string, unknown>>): Endpoints {
  return endpoints((key) => (typeof config[key] === "string" ? config[key] : undefined));
}

/** Whether an address is on this machine, so the embedded cloud and never Google. */
export function isLoopback(url: string): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(url).hostname);
}
