import { Google } from "../../infra/google.ts";
import type { EmbeddedCloud } from "../../packages/embedded-google-cloud/index.ts";
import { projectNumber, stepsOf } from "../../ops/bootstrap/steps.ts";
import { emailOf, type Target } from "../../ops/bootstrap/target.ts";
import { endpointConfig, endpointsOf } from "../../ops/engine/endpoints.ts";
import type { LocalEnvironment } from "../../ops/engine/local.ts";
import { startProviders } from "../../ops/engine/providers.ts";
import { requireConfig } from "../../ops/engine/stack-values.ts";

/** The repository whose workflows deploy. */
export const REPOSITORY = "acme/settlement";

/**
 * Does what `npm run bootstrap` does, as the owner of the project.
 * @returns A token of the deployer.
 */
export async function bootstrapped(cloud: EmbeddedCloud, target: Target): Promise<string> {
  const token = () => Promise.resolve(cloud.identities.ownerToken);
  const google = new Google(endpointsOf(endpointConfig(cloud.url)), { token });
  for (const step of stepsOf(target, google, await projectNumber(target, google))) {
    if ((await step.plan()).length > 0) await step.apply();
  }
  return cloud.identities.tokenFor(`serviceAccount:${emailOf("deployer", target)}`);
}

/** The `local` stack as {@link bootstrapped} prepares it; the command itself refuses it. */
const config = requireConfig("local");
const { project, region } = config;
const LOCAL: Target = {
  stack: "local",
  config,
  bucket: `${project}-pulumi-state`,
  key: { project, location: region, ring: "pulumi", name: "local" },
  repository: REPOSITORY,
};

/** The account that deploys the `local` stack after {@link deployAsPipeline}. */
export const DEPLOYER = emailOf("deployer", LOCAL);

/** Buckets and accounts that bootstrap creates for the `local` stack, besides the settlement account. */
export const BOOTSTRAPPED = { buckets: [LOCAL.bucket], accounts: [emailOf("previewer", LOCAL), DEPLOYER] };

/**
 * Bootstraps the `local` stack, and lets the engine act as its deployer instead of the owner.
 * @param more What the stack has that needs more roles; nothing by default.
 * @returns Stops the providers.
 */
export async function deployAsPipeline(
  { cloud, stack }: LocalEnvironment,
  more: Partial<Pick<Target["config"], "frontend" | "network">> = {},
): Promise<() => Promise<void>> {
  const token = await bootstrapped(cloud, { ...LOCAL, config: { ...config, ...more } });
  const { pulumiCommand, envVars } = stack.workspace;
  const { env, stop } = await startProviders(pulumiCommand, { token });
  Object.assign(envVars, { GOOGLE_OAUTH_ACCESS_TOKEN: token, ...env });
  return stop;
}
