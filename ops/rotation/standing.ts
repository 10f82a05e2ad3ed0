import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { CONNECTION_STRING_SECRET } from "../../infra/names.ts";
import { credentialOf, validCredentials, versionName } from "../../infra/rotation.ts";
import { readState } from "../engine/state.ts";

/** The progress of a stack's rotations, from its state. */
export interface Standing {
  /** The last step that was started. */
  readonly step: number;
  /** Whether no credential is left that is not valid at that step. */
  readonly isFinished: boolean;
  /** Version number of the newest connection string; undefined if the stack has none. */
  readonly version: string | undefined;
}

/** The parts of a resource in the state used here. */
interface Resource {
  readonly urn: string;
  readonly type: string;
  readonly inputs?: { readonly keepers?: { readonly rotation?: string } };
  readonly outputs?: { readonly version?: string };
}

/** Reads the progress from a stack's state; undefined if the stack has no password yet. */
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
    // The engine deletes last, so anything left means an unfinished step.
    isFinished: versions.every(({ name }) => [newest, ...others].includes(credentialOf(name) ?? newest)),
    version: versions.find(({ name }) => name === versionName(CONNECTION_STRING_SECRET, newest))?.number,
  };
}
