import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { readState, type StateResource, writeState } from "../engine/state.ts";
import type { Side } from "./pair.ts";

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

/** What tells a primary from its replica, in the inputs and in the outputs of an instance. */
interface Role {
  readonly instanceType?: string;
  readonly masterInstanceName?: string;
  readonly replicationCluster?: { readonly failoverDrReplicaName?: string };
  readonly settings?: { readonly activationPolicy?: string; readonly backupConfiguration?: object };
}

/** Which instance takes the place of which. */
export interface Change {
  readonly project: string;
  /** The instance that takes writes, and its former primary. */
  readonly to: Side;
  readonly from: Side;
  /** Whether the former primary is stopped and stands alone, instead of becoming the replica. */
  readonly alone: boolean;
}

/** The resources of a state as they will be when an instance has taken the place of another, for a preview before it. */
export function afterwards(resources: readonly StateResource[], change: Change): StateResource[] {
  const { from, to } = change;
  const former = resources.find(({ urn }) => urn === from.urn);
  return moved(resources, from.name, to.name).map((resource) => {
    const { inputs, outputs = {}, urn } = resource;
    if (urn !== to.urn && urn !== from.urn) return resource;
    const become = (role: Role, of: Role | undefined) =>
      (urn === to.urn ? asPrimary(role, of, change) : asFormer(role, change)) as StateResource["inputs"];
    return { ...resource, inputs: become(inputs, former?.inputs), outputs: become(outputs, former?.outputs) };
  });
}

/** An instance that takes the place of its primary, and with a DR replica also its backups. */
function asPrimary(role: Role, former: Role | undefined, { alone, from, project }: Change): Role {
  const { masterInstanceName, ...rest } = role;
  if (!masterInstanceName) return role;
  const { backupConfiguration } = former?.settings ?? {};
  return {
    ...rest,
    instanceType: "CLOUD_SQL_INSTANCE",
    ...(!alone && {
      replicationCluster: { failoverDrReplicaName: `${project}:${from.name}` },
      settings: { ...rest.settings, ...(backupConfiguration && { backupConfiguration }) },
    }),
  };
}

/** A former primary, as Cloud SQL or this command leaves it. */
function asFormer(role: Role, { alone, from, to }: Change): Role {
  const { masterInstanceName, replicationCluster: _cluster, settings, ...rest } = role;
  if (masterInstanceName) return role;
  if (alone)
    return from.runs
      ? { ...rest, settings: { ...settings, activationPolicy: "NEVER" } }
      : { ...rest, ...(settings && { settings }) };
  const { backupConfiguration: _backups, ...own } = settings ?? {};
  return { ...rest, instanceType: "READ_REPLICA_INSTANCE", masterInstanceName: to.name, settings: own };
}
