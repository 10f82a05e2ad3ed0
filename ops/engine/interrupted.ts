import { CommandError, type EngineEvent, type Stack, type UpOptions } from "@pulumi/pulumi/automation/index.js";
import { setTimeout as delay } from "node:timers/promises";
import { bareUp } from "./bare-up.ts";
import { accessToken, type Question, RestReader } from "../google/reader.ts";
import { endpointsOf } from "./target.ts";
import { interrupted } from "../terminal/interrupt.ts";
import { age } from "./locks.ts";
import { SECRET } from "../terminal/values.ts";
import { type Deployment, notePending, readState, type State, type StateResource, writeState } from "./state.ts";

/** The ids of what has the name that the program gives it. */
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

/** A list of Google's, in which one thing is looked for. */
interface Listed extends Question {
  readonly key: string;
  readonly is: (item: Readonly<Record<string, unknown>>) => boolean;
}

/**
 * Where to look for what gets its name from Google. Everything else that this program declares is made again without harm:
 * bindings and enabled APIs are there already, and an object is written over.
 */
const LISTS: Readonly<Record<string, (inputs: Readonly<Record<string, string>>, project: string) => Listed>> = {
  "gcp:monitoring/alertPolicy:AlertPolicy": titled("v3", "alertPolicies", ({ displayName }) => displayName),
  "gcp:monitoring/dashboard:Dashboard": titled("v1", "dashboards", ({ dashboardJson = "{}" }) =>
    String((JSON.parse(dashboardJson) as { displayName?: unknown }).displayName),
  ),
  "gcp:monitoring/notificationChannel:NotificationChannel": titled(
    "v3",
    "notificationChannels",
    ({ displayName }) => displayName,
  ),
  "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig": titled(
    "v3",
    "uptimeCheckConfigs",
    ({ displayName }) => displayName,
  ),
  "gcp:secretmanager/secretVersion:SecretVersion": ({ secret }) => ({
    api: "secretManager",
    path: `${secret ?? ""}/versions?pageSize=1000`,
    role: "roles/secretmanager.viewer",
    key: "versions",
    is: ({ state }) => state === "ENABLED",
  }),
};

function titled(
  version: string,
  collection: string,
  title: (inputs: Readonly<Record<string, string>>) => string | undefined,
) {
  return (inputs: Readonly<Record<string, string>>, project: string): Listed => ({
    api: "monitoring",
    path: `${version}/projects/${project}/${collection}?pageSize=1000`,
    role: "roles/monitoring.viewer",
    key: collection,
    is: ({ displayName }) => displayName === title(inputs),
  });
}

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

/** A resource that an update failed to make. */
export interface Failed {
  readonly resource: StateResource;
  /** Whether Google said that it is there already; otherwise there was no answer. */
  readonly exists: boolean;
}

/** How providers, Google's official one and ours, say that a request was not answered. */
const UNANSWERED =
  /does not answer|connection reset|unexpected EOF|deadline exceeded|Unavailable|error reading from server/i;

/**
 * What an update failed to make, and is there perhaps: where the answer to a request was lost, the provider asks again, is
 * told that the thing is there already, and stops; the engine then knows nothing of it.
 */
export function failedIn(events: readonly EngineEvent[]): Failed[] {
  return events.flatMap(({ resOpFailedEvent: event }) => {
    const { op, new: made, provider, urn } = event?.metadata ?? {};
    if (op !== "create" || !made || (IDS[made.type] ?? LISTS[made.type]) === undefined) return [];
    const said = events.flatMap(({ diagnosticEvent: each }) =>
      each?.severity === "error" && each.urn === urn ? [each.message] : [],
    );
    const exists = said.some((message) => /\b409\b/.test(message));
    if (!exists && !said.some((message) => UNANSWERED.test(message))) return [];
    const { inputs, parent, type } = made;
    // A secret in an event is its place only; the next update gives the value.
    const shown = Object.entries(inputs as Record<string, string>).filter(
      ([, value]) => !JSON.stringify(value).includes(SECRET),
    );
    const resource = { urn: made.urn, custom: true, type, inputs: Object.fromEntries(shown), parent, provider };
    return [{ resource, exists }];
  });
}

/** Notes in the state what an update may have made and was not told: the next run takes that over. */
export function noteUnanswered(stack: Stack, failed: readonly Failed[]): void {
  notePending(
    stack,
    failed.filter(({ exists }) => !exists).map(({ resource }) => resource),
  );
}

/**
 * Takes over what an update failed to make, because it is there: made by an earlier run whose answer was lost, or by hand.
 * What was not answered goes along, since the state that is written for that forgets what was noted of it.
 * @param say Prints a line of progress.
 * @returns Whether anything that is said to be there really is.
 */
export async function takeOverFailed(
  stack: Stack,
  failed: readonly Failed[],
  say: (line: string) => void,
): Promise<boolean> {
  const there = failed.filter(({ exists }) => exists).map(({ resource }) => resource);
  const all = failed.map(({ resource }) => resource);
  await takeOver(stack, await readState(stack), all, say);
  const { resources = [] } = (await readState(stack)).deployment;
  return resources.some(({ urn }) => there.some((one) => one.urn === urn));
}

/**
 * Updates a stack of the embedded cloud, where nobody makes things by hand: what is there already, and not in the state,
 * is taken over.
 */
export async function upAlone(stack: Stack, options: UpOptions): Promise<void> {
  const events: EngineEvent[] = [];
  const onEvent = (event: EngineEvent) => {
    events.push(event);
    options.onEvent?.(event);
  };
  try {
    await bareUp(stack, { ...options, onEvent });
  } catch (error) {
    const failed = failedIn(events);
    noteUnanswered(stack, failed);
    if (!(error instanceof CommandError) || !failed.some(({ exists }) => exists)) throw error;
    await takeOverFailed(stack, failed, (line) => options.onOutput?.(`${line}\n`));
    await bareUp(stack, options);
  }
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
  const google = await googleOf(stack);
  const made: StateResource[] = [];
  for (const resource of wanted) {
    const id = IDS[resource.type]?.(resource.inputs) ?? (await google.find(resource, known));
    if (id !== undefined) made.push({ ...resource, id, outputs: { name: id, ...resource.inputs } });
    known.add(id);
  }
  for (const { inputs, type } of made) {
    if (type === "gcp:sql/databaseInstance:DatabaseInstance") await google.untilMade(inputs, say);
  }
  await writeState(stack, {
    version,
    deployment: { ...deployment, resources: [...resources, ...made], pending_operations: [] },
  });
  await stack.refresh({ signal: interrupted });
}

/** How long the making of an instance may take, and the pause between two looks at it, in milliseconds. */
const MAKING = { longest: 30 * 60_000, pause: 500 };

/** What is asked of Google, as whoever runs the command. */
async function googleOf(stack: Stack) {
  const values = Object.entries(await stack.getAllConfig()).map(([key, { value }]) => [key, value]);
  const config = Object.fromEntries(values) as Record<string, string>;
  const { GOOGLE_OAUTH_ACCESS_TOKEN: token } = stack.workspace.envVars;
  const projectOf = ({ project }: StateResource["inputs"]) => project ?? config["gcp:project"] ?? "";
  /** Each time anew. */
  const ask = <T>(question: Question) =>
    new RestReader(endpointsOf(config), token === undefined ? accessToken : () => Promise.resolve(token)).read<T>(
      question,
    );
  return {
    /** Finds what has its name from Google and is not in the state. */
    find: async ({ inputs, type }: StateResource, known: ReadonlySet<string | undefined>) => {
      const list = LISTS[type]?.(inputs, projectOf(inputs));
      if (!list) return undefined;
      const answer = await ask<Record<string, Record<string, unknown>[] | undefined>>(list);
      const names = (answer?.[list.key] ?? []).filter(list.is).map(({ name }) => String(name));
      return names.find((name) => !known.has(name));
    },
    /** Waits while an instance is being made: until then Cloud SQL does not tell its service account. */
    untilMade: async (inputs: StateResource["inputs"], say: (line: string) => void) => {
      const path = `projects/${projectOf(inputs)}/instances/${inputs.name ?? ""}`;
      const end = Date.now() + MAKING.longest;
      for (let said = false; ; said = true) {
        const instance = await ask<{ state: string }>({ api: "sql", path, role: "roles/cloudsql.viewer" });
        if (instance?.state !== "PENDING_CREATE" || Date.now() > end) return;
        if (!said) say(`Waiting until Cloud SQL has made ${inputs.name ?? ""} ...`);
        await delay(MAKING.pause, undefined, { signal: interrupted });
      }
    },
  };
}
