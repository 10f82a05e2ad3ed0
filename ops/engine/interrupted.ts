import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { interrupted } from "../terminal/interrupt.ts";
import { age } from "../terminal/age.ts";
import type { Failed } from "./failed-creates.ts";
import { lookupOf } from "./lookup.ts";
import { type Deployment, notePending, readState, type State, type StateResource, writeState } from "./state.ts";

/** The names of the resources that an interrupted update was changing. */
export function pendingIn({ pending_operations: pending = [] }: Deployment): string[] {
  return pending.map(({ resource }) => resource.urn.split("::").at(-1) ?? resource.urn);
}

/**
 * Imports the resources that a killed update was creating, so that the next one neither creates them twice nor fails on
 * them: each joins the state under its id, and a refresh finds out whether it exists.
 * @param say Prints a line of progress.
 * @returns The state, without pending operations.
 */
export async function takeOverInterrupted(stack: Stack, say: (line: string) => void): Promise<Deployment> {
  const { deployment, version } = await readState(stack);
  const pending = deployment.pending_operations ?? [];
  if (pending.length === 0) return deployment;
  const when = deployment.manifest === undefined ? "" : ` ${age(deployment.manifest.time)} ago`;
  say(`An earlier run was killed${when}; recovering its unfinished resources: ${pendingIn(deployment).join(", ")} ...`);
  const creating = pending.filter(({ type }) => type === "creating").map(({ resource }) => resource);
  await takeOver(stack, { version, deployment }, creating, say);
  return (await readState(stack)).deployment;
}

/** Records creations without a response as pending in the state: the next run imports them. */
export function noteUnanswered(stack: Stack, failed: readonly Failed[]): void {
  notePending(
    stack,
    failed.filter(({ exists }) => !exists).map(({ resource }) => resource),
  );
}

/**
 * Imports the resources that an update failed to create because they exist, and those without a response, since writing the
 * state drops its pending operations.
 * @param say Prints a line of progress.
 * @returns Whether any resource that was reported to exist does.
 */
export async function takeOverFailed(
  stack: Stack,
  failed: readonly Failed[],
  say: (line: string) => void,
): Promise<boolean> {
  const existing = failed.filter(({ exists }) => exists).map(({ resource }) => resource);
  const all = failed.map(({ resource }) => resource);
  notePending(stack, existing); // in case one cannot be looked up
  await takeOver(stack, await readState(stack), all, say);
  const { resources = [] } = (await readState(stack)).deployment;
  return resources.some(({ urn }) => existing.some((one) => one.urn === urn));
}

/**
 * Gives the resources outputs: with them a refresh drops those that do not exist; without, it would fail on them.
 * @throws CommandError if the refresh fails; the state then has the resources as pending again, if it can.
 */
async function takeOver(
  stack: Stack,
  { deployment, version }: State,
  wanted: readonly StateResource[],
  say: (line: string) => void,
): Promise<void> {
  const { resources = [] } = deployment;
  const known = new Set(resources.map(({ id }) => id));
  const lookup = await lookupOf(stack);
  const created: (StateResource & { readonly id: string })[] = [];
  for (const resource of wanted) {
    const id = await lookup.idOf(resource, known);
    if (id !== undefined) created.push({ ...resource, id, outputs: { name: id, ...resource.inputs } });
    known.add(id);
  }
  for (const { id, type } of created) {
    if (type === "gcp:sql/databaseInstance:DatabaseInstance") await lookup.untilCreated(id, say);
  }
  await writeState(stack, {
    version,
    deployment: { ...deployment, resources: [...resources, ...created], pending_operations: [] },
  });
  try {
    await stack.refresh({ signal: interrupted });
  } catch (error) {
    // A state that names a resource that may not exist would let every later update fail.
    await writeState(stack, { version, deployment: { ...deployment, pending_operations: [] } });
    notePending(stack, wanted);
    throw error;
  }
}
