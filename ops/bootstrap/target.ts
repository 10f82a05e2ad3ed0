import type { StackConfig } from "../../infra/config.ts";
import { BACKENDS, readStackFile } from "../engine/stack-file.ts";
import { requireConfig } from "../engine/stack-values.ts";
import { UsageError, UserError } from "../terminal/user-error.ts";

/** The stack to prepare for its first update. */
export interface Target {
  /** The stack's name, and that of the GitHub environment that approves its deployments. */
  readonly stack: string;
  readonly config: StackConfig;
  /** The state's bucket. */
  readonly bucket: string;
  /** The key that encrypts the secrets in the state. */
  readonly key: Key;
  /** The repository on GitHub whose workflows preview and deploy, `OWNER/NAME`. */
  readonly repository: string;
}

/** A Cloud KMS key. */
export interface Key {
  readonly project: string;
  readonly location: string;
  readonly ring: string;
  readonly name: string;
}

/** The branch whose workflows may deploy. */
export const BRANCH = "main";

/** The two identities of the pipelines, by account id. */
export const IDENTITIES = { previewer: "settlement-previewer", deployer: "settlement-deployer" } as const;

export type Identity = keyof typeof IDENTITIES;

/** Email of an identity in the stack's project. */
export function emailOf(identity: Identity, { config }: Target): string {
  return `${IDENTITIES[identity]}@${config.project}.iam.gserviceaccount.com`;
}

/**
 * Reads the target from the stack's file.
 * @param repository As given on the command line.
 * @throws UsageError without a valid repository name; UserError if the stack's file is wrong or its state is not shared.
 */
export function targetOf(stack: string, repository: string | undefined): Target {
  if (repository === undefined || !/^[\w.-]+\/[\w.-]+$/.test(repository)) {
    throw new UsageError("Which GitHub repository may deploy? Add --repository OWNER/NAME.");
  }
  const config = requireConfig(stack);
  const bucket = /^gs:\/\/([^/]+)$/.exec(BACKENDS[stack] ?? "")?.[1];
  if (bucket === undefined) {
    throw new UserError(
      `Stack "${stack}" has no shared state: BACKENDS in ops/engine/stack-file.ts names no bucket for it.`,
    );
  }
  return { stack, config, bucket, key: keyOf(stack, config.project), repository };
}

function keyOf(stack: string, own: string): Key {
  const { secretsprovider = "" } = readStackFile(stack);
  const form = /^gcpkms:\/\/projects\/([^/]+)\/locations\/([^/]+)\/keyRings\/([^/]+)\/cryptoKeys\/([^/]+)$/;
  const [, project = "", location = "", ring = "", name = ""] = form.exec(secretsprovider) ?? [];
  if (project !== own || name === "") {
    throw new UserError(
      `Pulumi.${stack}.yaml has the secretsprovider "${secretsprovider}"; expected gcpkms://projects/${own}/locations/L/keyRings/R/cryptoKeys/K.`,
    );
  }
  return { project, location, ring, name };
}
