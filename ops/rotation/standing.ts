import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { CONNECTION_STRING_SECRET } from "../../infra/names.ts";
import { credentialOf, validCredentials, versionName } from "../../infra/rotation.ts";
import { readState } from "../engine/state.ts";

/** How far a stack's rotations have got, as its state has it. */
export interface Standing {
  /** The last step that was begun. */
  readonly step: number;
  /** Whether nothing is left of credentials that are not valid at that step. */
  readonly isFinished: boolean;
  /** Number of the secret's version that holds the newest connection string; undefined where the stack made none. */
  readonly version: string | undefined;
}

/** A resource in the state, as far as it is read here. */
interface Resource {
  readonly urn: string;
  readonly type: string;
  readonly inputs?: { readonly keepers?: { readonly rotation?: string } };
  readonly outputs?: { readonly version?: string };
}

/**
 * Reads a stack's state.
 * @returns Undefined where the stack has no password, because nothing was deployed yet.
 */
export async function standingOf(stack: Stack): Promise<Standing | undefined> {
  const { resources = [] } = (await readState<Resource>(stack)).deployment;
  const passwords = resources.filter(({ type }) => type === "random:index/randomPassword:RandomPassword");
  if (passwords.length === 0) return undefined;
  const step = Math.max(...passwords.map(({ inputs }) => Number(inputs?.keepers?.rotation ?? 0)));
  const versions = resources
    .filter(({ type }) => type === "gcp:secretmanager/secretVersion:SecretVersion")
    .map(({ outputs, urn }) => ({ name: urn.split("::").at(-1) ?? "", number: outputs?.version }));
  const [newest, ...others] = validCredentials(step);
  return {
    step,
    // The engine deletes after everything else.
    isFinished: versions.every(({ name }) => [newest, ...others].includes(credentialOf(name) ?? newest)),
    version: versions.find(({ name }) => name === versionName(CONNECTION_STRING_SECRET, newest))?.number,
  };
}
