import type { PulumiCommand, Stack } from "@pulumi/pulumi/automation/index.js";
import { mkdirSync } from "node:fs";
import { parseConfig, programValues } from "../../infra/config.ts";
import type { Exchange } from "./exchange.ts";
import { withPlaceholders } from "./placeholders.ts";
import type { Recorder } from "./recorder.ts";
import { Google, type Patience, PROPAGATION, type Token } from "../../infra/google.ts";
import { projectNumber, stepsOf } from "../bootstrap/steps.ts";
import type { Target } from "../bootstrap/target.ts";
import { endpointsOf } from "../engine/endpoints.ts";
import { lookupOf } from "../engine/lookup.ts";
import { openWithProviders } from "../engine/private-stack.ts";
import type { Providers } from "../engine/providers.ts";
import { RESOURCE_TYPES } from "../engine/resource-types.ts";
import { readStackFile, setInStackFile } from "../engine/stack-file.ts";
import { readState, writeState } from "../engine/state.ts";
import { rotate } from "../rotation/rotate.ts";
import { interrupted } from "../terminal/interrupt.ts";
import { update } from "../update/update.ts";

/** A cloud to run the scenario on. */
export interface Place {
  readonly project: string;
  readonly region: string;
  /** A git-ignored folder inside the repository for the stack's state. */
  readonly folder: string;
  readonly command: PulumiCommand;
  /** Starts the providers. */
  readonly providers: () => Promise<Providers>;
  /** The caller's token, if not that of {@link Google}. */
  readonly token: Token | undefined;
  /** The proxy in front of the cloud. */
  readonly recorder: Recorder;
  /** Prints a line of progress. */
  readonly say: (line: string) => void;
}

/** The configuration is that of the stack `local`: small, and nothing in it is protected. */
const STACK = "local";

/** The scenario's image of the sample service. */
export function imageOf({ project, region }: Pick<Place, "project" | "region">): string {
  return `${region}-docker.pkg.dev/${project}/settlement/settlement-service:contract`;
}

/** The account with which the scenario calls the service. */
export function invokerOf(project: string): string {
  return `settlement-deployer@${project}.iam.gserviceaccount.com`;
}

/** Retries errors of Google's, and calls to an API that has just been enabled. */
const patience: Patience = ({ busy, disabled }) => (busy || disabled ? PROPAGATION : 0);

/** The exchanges of each step, by its name. */
export type Recording = Readonly<Record<string, readonly Exchange[]>>;

/**
 * Reads what bootstrap reads, and deploys, changes, imports, rotates and destroys the settlement stack. After an error it
 * destroys it at once.
 */
export async function play(place: Place): Promise<Recording> {
  const { command, folder, project, recorder, region, say, token } = place;
  const config = {
    ...recorder.config(),
    "gcp:project": project,
    "gcp:region": region,
    "settlement:deployer": invokerOf(project),
  };
  const target = targetOf(place, config);
  const google = new Google(endpointsOf(config), { patience, token });
  const number = await projectNumber(target, google);

  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // One after the other, so that a policy is changed in the same order each time.
  const inOrder = ({ env, ...rest }: Providers): Providers => ({ ...rest, env: { ...env, PULUMI_PARALLEL: "1" } });
  const providers = place.providers().then(inOrder);
  const { stack, stop } = await openWithProviders(providers, { name: STACK, folder, command, config }, say);
  const recording: Record<string, Exchange[]> = {};
  const record = async (step: string, work: () => Promise<unknown>) => {
    interrupted.throwIfAborted();
    say(`${step} ...`);
    recorder.take(); // of the preparations
    await work();
    recording[step] = withPlaceholders(recorder.take(), { project, number });
  };
  try {
    await stack.destroy(); // what a run that failed has left
    await record("1-bootstrap", async () => {
      for (const step of stepsOf(target, google, await projectNumber(target, google))) await step.plan();
    });
    await whole(place, stack, record);
    await record("6-destroy", () => stack.destroy());
    return recording;
  } finally {
    await stop();
  }
}

/** The steps between bootstrap and destruction. */
async function whole(
  place: Place,
  stack: Stack,
  record: (step: string, work: () => Promise<unknown>) => Promise<void>,
): Promise<void> {
  const { say } = place;
  const quiet = { print: () => undefined, progress: () => undefined };
  const set = (path: readonly string[], value: unknown) => {
    setInStackFile(STACK, path, value, [stack.workspace.workDir]);
  };
  const up = () => update(stack, { ...quiet, confirm: () => Promise.resolve(true) });
  const write = (step: number) => {
    set(["settlement:rotation", "step"], step);
  };
  try {
    set(["settlement:service", "image"], imageOf(place));
    await record("2-up", up);
    set(["settlement:database", "retainedBackups"], 8);
    set(["settlement:service", "maxInstances"], 5);
    await record("3-change", up);
    await record("4-import", () => importAll(stack, place.project));
    await record("5-rotate", () =>
      rotate(stack, { ...quiet, say, step: 0, write, confirm: () => Promise.resolve(true) }),
    );
  } catch (error) {
    say("Destroying the stack after an error ...");
    await stack.destroy();
    throw error;
  }
}

/**
 * Reads every resource that can be found by its id as an import does, with no more than the id and the inputs in the state.
 * The state is restored afterwards.
 */
async function importAll(stack: Stack, project: string): Promise<void> {
  const { idOf } = await lookupOf(stack);
  const state = await readState(stack);
  const resources = [];
  for (const resource of state.deployment.resources ?? []) {
    const lookup = RESOURCE_TYPES[resource.type]?.lookup ?? "repeatable";
    const id = lookup === "repeatable" ? undefined : "id" in lookup ? await idOf(resource, new Set()) : resource.id;
    resources.push(
      id === undefined ? resource : { ...resource, id, outputs: { project, name: id, ...resource.inputs } },
    );
  }
  await writeState(stack, { ...state, deployment: { ...state.deployment, resources } });
  try {
    await stack.refresh({ signal: interrupted });
  } finally {
    await writeState(stack, state);
  }
}

/** What bootstrap would prepare for such a stack. */
function targetOf({ project, region }: Place, settings: Readonly<Record<string, string>>): Target {
  const values = programValues({ ...readStackFile(STACK).config, ...settings });
  const key = { project, location: region, ring: "pulumi", name: "contract" };
  const bucket = `${project}-pulumi-state`;
  return { stack: "contract", config: parseConfig(values), bucket, key, repository: "example/settlement" };
}
