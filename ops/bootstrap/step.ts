import type { Call } from "../../infra/google.ts";
import type { Wanted } from "../google/policy.ts";

/** One prerequisite of a stack's first update. */
export interface Step {
  readonly title: string;
  /** The gcloud commands that create it. */
  readonly commands: readonly string[];
  /** Why this caller cannot create it, in a sentence, so that someone else must run the commands; undefined if it can. */
  readonly obstacle?: () => Promise<string | undefined>;
  /** The changes to make, a line each. */
  readonly plan: () => Promise<readonly string[]>;
  readonly apply: () => Promise<void>;
}

/** How a policy is read and written. */
export type PolicyAccess = Pick<Wanted, "read" | "write">;

/** @param resource With a body if Google takes `getIamPolicy` as a POST. */
export function policyAt({ path, ...rest }: Call): PolicyAccess {
  return {
    read: { ...rest, path: `${path}:getIamPolicy?options.requestedPolicyVersion=3` },
    write: (policy) => ({ ...rest, path: `${path}:setIamPolicy`, body: { policy } }),
  };
}

/** The policy of a project. */
export function projectPolicy(project: string): PolicyAccess {
  return {
    read: {
      ...{ api: "resourceManager", path: `projects/${project}:getIamPolicy` },
      body: { options: { requestedPolicyVersion: 3 } },
    },
    write: (policy) => ({ api: "resourceManager", path: `projects/${project}:setIamPolicy`, body: { policy } }),
  };
}
