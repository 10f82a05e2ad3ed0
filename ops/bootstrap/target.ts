import type { StackConfig } from "../../infra/config.ts";
import { serviceAccountEmail } from "../../infra/names.ts";
import { BACKENDS, readStackFile } from "../engine/stack-file.ts";
import { requireConfig } from "../engine/stack-values.ts";
import { UsageError, UserError } from "../terminal/user-error.ts";

/** What is made for a stack, before its first update. */
export interface Target {
  /** The stack's name; the GitHub environment behind whose approval it is deployed has the same. */
  readonly stack: string;
  readonly config: StackConfig;
  /** The bucket of the state. */
  readonly bucket: string;
  /** The key that encrypts the secrets in the state. */
  readonly key: Key;
  /** The repository on GitHub whose workflows preview and deploy, `OWNER/NAME`. */
  readonly repository: string;
}

/** Where a key of Cloud KMS is. */
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

/** Who something is granted to. */
export type Identity = keyof typeof IDENTITIES;

/** Email of an identity in the stack's project. */
export function emailOf(identity: Identity, { config }: Target): string {
  return `${IDENTITIES[identity]}@${config.project}.iam.gserviceaccount.com`;
}

/** Email of the account that the service runs as. */
export function settlementEmail({ config }: Target): string {
  return serviceAccountEmail(config.project);
}

/**
 * Reads what is to be made from the stack's file.
 * @param repository As the command line says it.
 * @throws UsageError for what is not a repository's name; UserError where the stack's file is wrong, or it is not a shared one.
 */
export function targetOf(stack: string, repository: string | undefined): Target {
  if (repository === undefined || !/^[\w.-]+\/[\w.-]+$/.test(repository)) {
    throw new UsageError("Whose workflows may deploy? Add --repository OWNER/NAME, as on GitHub.");
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

/** The key that the stack's file names. */
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
