import type { Stack } from "@pulumi/pulumi/automation/index.js";
import type { Token } from "../../infra/google.ts";

/** The token with which a stack's providers call its cloud; undefined if they look for the user's credentials. */
export function tokenOf({ workspace }: Pick<Stack, "workspace">): Token | undefined {
  const { GOOGLE_OAUTH_ACCESS_TOKEN: token } = workspace.envVars;
  return token === undefined ? undefined : () => Promise.resolve(token);
}
