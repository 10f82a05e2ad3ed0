import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { NotVisible } from "../google/reader.ts";
import { UserError } from "../terminal/user-error.ts";
import { lookupOf } from "./lookup.ts";
import { type Deployment, outputsOf, readState, type StateResource, writeState } from "./state.ts";

/** The type of an instance. */
export const INSTANCE = "gcp:sql/databaseInstance:DatabaseInstance";

/** What exists only with an instance, and its suffix: Google keeps the name of a deleted instance for a week. */
const WITH_IT = [INSTANCE, "gcp:sql/user:User", "gcp:sql/database:Database", "random:index/randomId:RandomId"];

/** The parts of a resource that name others. */
interface Referring extends StateResource {
  readonly dependencies?: readonly string[];
  readonly propertyDependencies?: Readonly<Record<string, readonly string[] | null>>;
  readonly deletedWith?: string;
}

/**
 * The instance of a stack's state that takes writes, if it does not exist any more.
 * @returns Its name; undefined if it exists, the state has none, or the caller may not see it.
 */
export async function lostInstance(stack: Stack, deployment: Deployment): Promise<string | undefined> {
  const { primary } = instancesOf(deployment);
  if (primary === undefined || (await exists(stack, primary))) return undefined;
  return primary;
}

/** The names of the instances in a state: the one that takes writes, and its replica or former primary. */
function instancesOf(deployment: Deployment): {
  readonly primary?: string | undefined;
  readonly other?: string | undefined;
} {
  const names = (deployment.resources ?? []).flatMap(({ outputs, type }) =>
    type === INSTANCE ? (outputs?.name ?? []) : [],
  );
  const { instanceName } = outputsOf({ version: 3, deployment });
  const primary = names.find((name) => name === instanceName) ?? names[0];
  return { primary, other: names.find((name) => name !== primary) };
}

/** Whether an instance exists, or the caller may not see that it does not. */
async function exists(stack: Stack, name: string): Promise<boolean> {
  const { instanceExists } = await lookupOf(stack);
  return instanceExists(name).catch((error: unknown) => {
    if (error instanceof NotVisible) return true;
    throw error;
  });
}

/**
 * The sentence that says what is lost.
 * @throws UserError if the stack's instance exists, or the caller may not see that it does not.
 */
export async function requireLost(stack: Stack): Promise<string> {
  const { deployment } = await readState(stack);
  const { other, primary } = instancesOf(deployment);
  const lost = await lostInstance(stack, deployment);
  if (primary !== undefined && lost === undefined) {
    throw new UserError(`Instance ${primary} exists, or this caller may not see it. Nothing was changed.`);
  }
  const sentence = lossOf(lost ?? "of the last deployment", stack.name);
  if (lost === undefined) return sentence;
  const left =
    other !== undefined && (await exists(stack, other)) ? [`${other} exists, and leaves the stack as it is.`] : [];
  return [sentence, await keptOf(stack, lost), ...left].join("\n");
}

/** What can be put back into the new instance. */
async function keptOf(stack: Stack, instance: string): Promise<string> {
  const { keptBackups } = await lookupOf(stack);
  const kept = await keptBackups(instance).catch((error: unknown) => {
    if (error instanceof NotVisible) return error;
    throw error;
  });
  if (kept instanceof NotVisible) return `Whether a backup of it was kept is not known: ${kept.message}`;
  const [newest] = kept;
  if (newest === undefined) return "No backup of it was kept, so every row is lost.";
  const { backupInterval, name = "" } = newest;
  return (
    `A backup of ${backupInterval?.endTime ?? "an unknown time"} was kept. To put its content into the new instance afterwards: ` +
    `npm run migration -- restore --stack ${stack.name} --backup ${name}`
  );
}

/** Removes a lost instance and everything that was in it from a stack's state, so that an update creates a new one. */
export function forgetInstance(stack: Stack): Promise<void> {
  return forget(stack, (type) => WITH_IT.includes(type) || isImportedSchema(type));
}

/** Removes the schema from a stack's state, so that an update imports every version that the database lacks. */
export function forgetSchema(stack: Stack): Promise<void> {
  return forget(stack, isImportedSchema);
}

async function forget(stack: Stack, isLost: (type: string) => boolean): Promise<void> {
  const { deployment, version } = await readState<Referring>(stack);
  const all = deployment.resources ?? [];
  const lost = new Set(all.flatMap(({ type, urn }) => (isLost(type) ? [urn] : [])));
  const kept = (urns: readonly string[]) => urns.filter((urn) => !lost.has(urn));
  const resources = all
    .filter(({ urn }) => !lost.has(urn))
    .map(({ deletedWith, ...resource }): Referring => ({
      ...resource,
      ...(deletedWith !== undefined && !lost.has(deletedWith) && { deletedWith }),
      ...(resource.dependencies && { dependencies: kept(resource.dependencies) }),
      ...(resource.propertyDependencies && {
        propertyDependencies: Object.fromEntries(
          Object.entries(resource.propertyDependencies).map(([name, urns]) => [name, kept(urns ?? [])]),
        ),
      }),
    }));
  await writeState(stack, { version, deployment: { ...deployment, resources } });
}

function isImportedSchema(type: string): boolean {
  return type.endsWith(":ImportedSchema");
}

/** What is lost, and the way back. @param instance Its name. */
export function lossOf(instance: string, stack: string): string {
  return (
    `Instance ${instance} does not exist any more: its databases are lost, and Google keeps its name for a week. ` +
    `To create a new one, empty, with the same logins: npm run up -- --stack ${stack} --new-instance`
  );
}
