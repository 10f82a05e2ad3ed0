import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { readState, type StateResource, writeState } from "../engine/state.ts";

/** The types whose resources belong to the primary, and are in a promoted replica as they were. */
const MOVED: readonly string[] = [
  "gcp:sql/user:User",
  "gcp:sql/database:Database",
  "pulumi-nodejs:dynamic/settlement:ImportedSchema",
];

/**
 * Records in a stack's state that users, database and schema are those of another instance, which got them by replication. An
 * update would otherwise create them there again, and delete them here.
 */
export async function moveState(stack: Stack, from: string, to: string): Promise<void> {
  const state = await readState(stack);
  const { resources = [] } = state.deployment;
  if (!resources.some((resource) => isOf(resource, from))) return;
  await writeState(stack, { ...state, deployment: { ...state.deployment, resources: moved(resources, from, to) } });
}

/** The resources of a state, with those of the primary on another instance. */
export function moved(resources: readonly StateResource[], from: string, to: string): StateResource[] {
  return resources.map((resource) => (isOf(resource, from) ? onInstance(resource, from, to) : resource));
}

function isOf({ inputs, type }: StateResource, instance: string): boolean {
  return MOVED.includes(type) && inputs.instance === instance;
}

function onInstance(resource: StateResource, from: string, to: string): StateResource {
  const { id, inputs, outputs } = resource;
  const inPath = (text: string) =>
    text
      .split("/")
      .map((part) => (part === from ? to : part))
      .join("/");
  return {
    ...resource,
    ...(id !== undefined && { id: inPath(id) }),
    inputs: { ...inputs, instance: to },
    ...(outputs && {
      outputs: {
        ...outputs,
        instance: to,
        ...(outputs.id !== undefined && { id: inPath(outputs.id) }),
        ...(outputs.selfLink !== undefined && { selfLink: inPath(outputs.selfLink) }),
      },
    }),
  };
}
