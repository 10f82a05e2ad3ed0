/** A custom endpoint, configured as for the official provider. */
export interface Endpoint {
  /** Configuration key without `gcp:`, such as `sqlCustomEndpoint`. */
  readonly config: string;
  /** Environment variable of the Terraform provider that the official one is built on. */
  readonly env: string;
  readonly title: string;
}

/** The APIs that the stand-in calls. */
export const ENDPOINTS = {
  sql: { config: "sqlCustomEndpoint", env: "GOOGLE_SQL_CUSTOM_ENDPOINT", title: "Cloud SQL" },
  secretManager: {
    config: "secretManagerCustomEndpoint",
    env: "GOOGLE_SECRET_MANAGER_CUSTOM_ENDPOINT",
    title: "Secret Manager",
  },
  storage: { config: "storageCustomEndpoint", env: "GOOGLE_STORAGE_CUSTOM_ENDPOINT", title: "Cloud Storage" },
  iam: { config: "iamBetaCustomEndpoint", env: "GOOGLE_IAM_BETA_CUSTOM_ENDPOINT", title: "IAM" },
  iamCredentials: {
    config: "iamCredentialsCustomEndpoint",
    env: "GOOGLE_IAM_CREDENTIALS_CUSTOM_ENDPOINT",
    title: "IAM Credentials",
  },
  resourceManager: {
    config: "resourceManagerCustomEndpoint",
    env: "GOOGLE_RESOURCE_MANAGER_CUSTOM_ENDPOINT",
    title: "Resource Manager",
  },
  run: { config: "cloudRunV2CustomEndpoint", env: "GOOGLE_CLOUD_RUN_V2_CUSTOM_ENDPOINT", title: "Cloud Run" },
  monitoring: { config: "monitoringCustomEndpoint", env: "GOOGLE_MONITORING_CUSTOM_ENDPOINT", title: "Monitoring" },
  compute: { config: "computeCustomEndpoint", env: "GOOGLE_COMPUTE_CUSTOM_ENDPOINT", title: "Compute Engine" },
  serviceNetworking: {
    config: "serviceNetworkingCustomEndpoint",
    env: "GOOGLE_SERVICE_NETWORKING_CUSTOM_ENDPOINT",
    title: "Service Networking",
  },
  serviceUsage: {
    config: "serviceUsageCustomEndpoint",
    env: "GOOGLE_SERVICE_USAGE_CUSTOM_ENDPOINT",
    title: "Service Usage",
  },
} as const satisfies Record<string, Endpoint>;

export type ApiName = keyof typeof ENDPOINTS;

/** Configuration key and environment variable of the other settings. */
export const SETTINGS = {
  project: { config: "project", env: "GOOGLE_PROJECT" },
  region: { config: "region", env: "GOOGLE_REGION" },
  accessToken: { config: "accessToken", env: "GOOGLE_OAUTH_ACCESS_TOKEN" },
  actAs: { config: "impersonateServiceAccount", env: "GOOGLE_IMPERSONATE_SERVICE_ACCOUNT" },
} as const;

/** How a provider is configured. */
export interface Configuration {
  readonly project: string | undefined;
  readonly region: string | undefined;
  readonly accessToken: string | undefined;
  /** Email of the service account to act as; the caller itself by default. */
  readonly actAs: string | undefined;
  /** Timeout of a call in milliseconds, from `gcp:requestTimeout`; `30s` by default. */
  readonly requestTimeout: number;
  readonly endpoints: Readonly<Partial<Record<ApiName, URL>>>;
}

/**
 * Reads a provider's configuration.
 * @param args The engine's configuration, which takes precedence over the environment, as in the official provider.
 * @throws Error if an endpoint is not a loopback URL.
 */
export function readConfiguration(
  args: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string | undefined>>,
): Configuration {
  const setting = (key: { config: string; env: string }): string | undefined => {
    const value = args[key.config] ?? env[key.env];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const endpoints = Object.entries(ENDPOINTS).flatMap(([name, endpoint]) => {
    const value = setting(endpoint);
    return value === undefined ? [] : [[name, loopback(value, endpoint)] as const];
  });
  return {
    project: setting(SETTINGS.project),
    region: setting(SETTINGS.region),
    accessToken: setting(SETTINGS.accessToken),
    actAs: setting(SETTINGS.actAs),
    requestTimeout: milliseconds(args.requestTimeout) ?? 30_000,
    endpoints: Object.fromEntries(endpoints),
  };
}

/** Parses a Go duration with a single unit. */
function milliseconds(duration: unknown): number | undefined {
  const [, number, unit] = /^(\d+)(ms|s|m)$/.exec(String(duration)) ?? [];
  return unit === undefined ? undefined : Number(number) * { ms: 1, s: 1000, m: 60_000 }[unit as "ms" | "s" | "m"];
}

function loopback(value: string, { config, env }: Endpoint): URL {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (!url || !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname)) {
    throw new Error(
      `The stand-in gcp provider only calls this machine, but gcp:${config} (${env}) is "${value}". ` +
        "Use an address such as http://127.0.0.1:8085/, or install the official provider.",
    );
  }
  return url;
}
