import type { Stack } from "@pulumi/pulumi/automation";
import { interrupted } from "./interrupt";
import { age } from "./locks";
import { type Deployment, readState, writeState } from "./state";

/**
 * The ids of what cannot be made twice. Everything else that this program declares is made again without harm: bindings
 * and enabled APIs are there already, an object is written over, a version of a secret is one more.
 */
const IDS: Readonly<Record<string, (inputs: Readonly<Record<string, string>>) => string>> = {
  "gcp:cloudrunv2/service:Service": (it) => `projects/${it.project}/locations/${it.location}/services/${it.name}`,
  "gcp:secretmanager/secret:Secret": (it) => `projects/${it.project}/secrets/${it.secretId}`,
  "gcp:serviceaccount/account:Account": (it) =>
    `projects/${it.project}/serviceAccounts/${it.accountId}@${it.project}.iam.gserviceaccount.com`,
  "gcp:sql/database:Database": (it) => `projects/${it.project}/instances/${it.instance}/databases/${it.name}`,
  "gcp:sql/databaseInstance:DatabaseInstance": (it) => `projects/${it.project}/instances/${it.name}`,
  "gcp:sql/user:User": (it) => `${it.name}//${it.instance}`,
  "gcp:storage/bucket:Bucket": (it) => `${it.name}`,
};

/** The names of what an update was at when it ended in the middle; empty where none did. */
export function pendingIn({ pending_operations: pending = [] }: Deployment): string[] {
  return pending.map(({ resource }) => resource.urn.split("::").at(-1) ?? resource.urn);
}

/**
 * Takes over what an update was making when it was killed, so that the next one neither makes it twice nor stops at it: it
 * joins the state under its id, and a refresh finds out whether it is really there.
 * @param say Prints a line of progress.
 */
export async function takeOverInterrupted(stack: Stack, say: (line: string) => void): Promise<void> {
  const { deployment, version } = await readState(stack);
  const pending = deployment.pending_operations ?? [];
  if (pending.length === 0) return;
  const when = deployment.manifest === undefined ? "" : `, ${age(deployment.manifest.time)} ago`;
  say(
    `An earlier run was killed in the middle${when}; taking over what it was at: ${pendingIn(deployment).join(", ")} ...`,
  );
  const made = pending.flatMap(({ type, resource }) => {
    const id = type === "creating" ? IDS[resource.type]?.(resource.inputs) : undefined;
    // With outputs it reads as a resource that may be gone; without, as an import of one that must be there.
    return id === undefined ? [] : [{ ...resource, id, outputs: resource.inputs }];
  });
  const resources = [...(deployment.resources ?? []), ...made];
  await writeState(stack, { version, deployment: { ...deployment, resources, pending_operations: [] } });
  await stack.refresh({ signal: interrupted });
}
