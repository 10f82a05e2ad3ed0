import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { interrupted } from "../terminal/interrupt.ts";
import { age } from "../terminal/age.ts";
import type { Failed } from "./failed-creates.ts";
import { lookupOf } from "./lookup.ts";
import { type Deployment, notePending, readState, type State, type StateResource, writeState } from "./state.ts";

/** The names of what an update was at when it ended in the middle; empty where none did. */
export function pendingIn({ pending_operations: pending = [] }: Deployment): string[] {
  return pending.map(({ resource }) => resource.urn.split("::").at(-1) ?? resource.urn);
}

/**
 * Takes over what an update was making when it was killed, so that the next one neither makes it twice nor stops at it: it
 * joins the state under its id, and a refresh finds out whether it is really there.
 * @param say Prints a line of progress.
 * @returns The state, in which nothing is open any more.
 */
export async function takeOverInterrupted(stack: Stack, say: (line: string) => void): Promise<Deployment> {
  const { deployment, version } = await readState(stack);
  const pending = deployment.pending_operations ?? [];
  if (pending.length === 0) return deployment;
  const when = deployment.manifest === undefined ? "" : `, ${age(deployment.manifest.time)} ago`;
  say(
    `An earlier run was killed in the middle${when}; taking over what it was at: ${pendingIn(deployment).join(", ")} ...`,
  );
  const creating = pending.filter(({ type }) => type === "creating").map(({ resource }) => resource);
  await takeOver(stack, { version, deployment }, creating, say);
  return (await readState(stack)).deployment;
}

/** Notes in the state what an update may have made and was not told: the next run takes that over. */
export function noteUnanswered(stack: Stack, failed: readonly Failed[]): void {
  notePending(
    stack,
    failed.filter(({ exists }) => !exists).map(({ resource }) => resource),
  );
}

/**
 * Takes over what an update failed to make, because it exists: created by an earlier run whose answer was lost, or
 * manually. What was not answered goes along, since the state that is written for that forgets what was noted of it.
 * @param say Prints a line of progress.
 * @returns Whether anything that is said to exist really does.
 */
export async function takeOverFailed(
  stack: Stack,
  failed: readonly Failed[],
  say: (line: string) => void,
): Promise<boolean> {
  const existing = failed.filter(({ exists }) => exists).map(({ resource }) => resource);
  const all = failed.map(({ resource }) => resource);
  await takeOver(stack, await readState(stack), all, say);
  const { resources = [] } = (await readState(stack)).deployment;
  return resources.some(({ urn }) => existing.some((one) => one.urn === urn));
}

/** With outputs a resource reads as one that may be gone; without, as an import of one that must be there. */
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
  await stack.refresh({ signal: interrupted });
}
