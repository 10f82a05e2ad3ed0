import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StackConfig } from "../../infra/config.ts";
import { type Google, GoogleError } from "../../infra/google.ts";
import { CONNECTION_STRING_SECRET, SERVICE } from "../../infra/names.ts";
import { asIf } from "../engine/as-if.ts";
import { requireUnlocked } from "../engine/locks.ts";
import { programOf } from "../engine/program.ts";
import type { Loss } from "../preview/guard.ts";
import { inspect, type Inspection, type InspectOptions } from "../preview/inspect.ts";
import { nameOf, type Preview } from "../preview/model.ts";
import type { State } from "../engine/state.ts";
import { interrupted } from "../terminal/interrupt.ts";
import { UserError } from "../terminal/user-error.ts";
import { invokerToken, liveService } from "../service/live.ts";
import { smokeTest } from "../service/smoke.ts";
import { engineConfig } from "../engine/engine-config.ts";
import { placeOf } from "../update/rollout.ts";
import { update, type UpdateOptions } from "../update/update.ts";
import { answersIn, policySettings, requireNoImport, resourcesIn } from "./lost-region.ts";
import { afterwards, type Change, moveState } from "./move.ts";
import { retire } from "./retire.ts";
import { lagOf, type Pair, readPair, type Side } from "./pair.ts";

/** How to fail over. */
export interface FailoverOptions extends Pick<UpdateOptions, "print" | "progress"> {
  readonly config: StackConfig;
  /** Whether to come back afterwards; allowed only if nothing is lost. */
  readonly drill: boolean;
  readonly google: Google;
  /** Asks whether a region answers: retries only for as long as an answer is worth waiting for. */
  readonly probe: Google;
  /** Writes `promoted` and `underway` of `settlement:database.replica` into the stack's file. */
  readonly write: (promoted: boolean, underway: boolean) => void;
  /** Whether to continue after the preview and the plan are shown. */
  readonly confirm: (question: string) => Promise<boolean>;
  /** Prints a line. */
  readonly say: (line: string) => void;
}

/** Where the service answers after a failover. */
export interface Reached {
  readonly region: string;
  readonly url: string;
  /** The region that did not answer; what is in it is as it was, and the failover stays underway. */
  readonly lost: string | undefined;
}

/**
 * Shows what changes, and then makes the instance in the other region the primary, and the service there use it; or resumes an
 * interrupted failover, whose region stands in the stack's file.
 * @returns Undefined if it was declined.
 * @throws UserError if the other instance cannot take the place, or a step fails; running it again resumes.
 */
export async function failover(stack: Stack, options: FailoverOptions): Promise<Reached | undefined> {
  const { config, drill } = options;
  const { replica } = config.database;
  if (!replica) throw new UserError(`Stack "${stack.name}" has no settlement:database.replica to fail over to.`);
  const { promoted, underway: begun } = replica;
  const away = begun ? promoted : !promoted;
  const region = away ? replica.region : config.region;
  const reached = await failOverTo(stack, { region, begun }, options);
  if (!reached || !drill || region === config.region) return reached;
  const back = { region: config.region, begun: false };
  return failOverTo(stack, back, { ...options, confirm: () => Promise.resolve(true) });
}

async function failOverTo(
  stack: Stack,
  direction: { readonly region: string; readonly begun: boolean },
  options: FailoverOptions,
): Promise<Reached | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "settlement-failover-"));
  try {
    return await failOver(stack, { ...direction, folder }, options);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function failOver(
  stack: Stack,
  { region, begun, folder }: { readonly region: string; readonly begun: boolean; readonly folder: string },
  options: FailoverOptions,
): Promise<Reached | undefined> {
  const { config, confirm, drill, google, print, probe, say, write } = options;
  await requireUnlocked(stack);
  const other = region === config.region ? (config.database.replica?.region ?? "") : config.region;
  const [pair, answers] = await Promise.all([readPair(stack, probe), answersIn(other, config.project, probe)]);
  const [to, from] = pair.sides[0].region === region ? pair.sides : ([pair.sides[1], pair.sides[0]] as const);
  const isLost = !answers;
  const step = stepOf(stack.name, { to, from, begun, drill, isLost });
  const exclude = isLost ? resourcesIn(from.region, pair.state.deployment.resources ?? []).map(({ urn }) => urn) : [];
  const limits = isLost ? { exclude, policySettings: policySettings(stack.name, exclude, folder) } : {};
  const move: Move = {
    ...{ project: pair.project, to, from },
    alone: config.database.replica?.disasterRecovery !== true,
    promoted: region !== config.region,
  };

  const { blocked, preview } = await previewOf(stack, pair.state, move, limits, print);
  if (blocked) throw new UserError(`The failover of ${stack.name} is blocked; see above. Nothing was changed.`);
  if (isLost) requireNoImport(preview.changes, from.region);
  say(step.what);
  if (isLost) say(`${from.region} does not answer: ${exclude.map(nameOf).join(", ")} stay as they are.`);
  if (step.verb !== undefined) say(await loss(google, pair, to, step.verb));
  if (!(await confirm(`Fail over ${stack.name} to ${to.region}?`))) return undefined;

  write(move.promoted, true);
  try {
    const path = `projects/${pair.project}/instances/${to.name}/${step.verb ?? ""}`;
    if (step.verb !== undefined) await google.operate({ api: "sql", method: "POST", path });
  } catch (error) {
    if (error instanceof GoogleError && error.nothingDone && !begun) write(!move.promoted, false);
    throw error;
  }
  say(`${to.name} in ${to.region} takes writes.`);
  interrupted.throwIfAborted();
  if (move.alone) await retire(google, pair.project, from, say);
  const known = new Set(preview.changes.map(({ op, urn }) => `${op} ${urn}`));
  const isShown = ({ changes }: Preview) => changes.every(({ op, urn }) => known.has(`${op} ${urn}`));
  if (!(await repoint(stack, move, limits, { ...options, isShown }))) return undefined;
  const url = await tested(stack, region, say);
  if (!isLost) write(move.promoted, false);
  return { region, url, lost: isLost ? from.region : undefined };
}

/** What moves where. */
interface Move extends Change {
  /** Whether the replica is the primary afterwards. */
  readonly promoted: boolean;
}

/** What an update leaves out. */
type Limits = Pick<InspectOptions, "exclude" | "policySettings">;

/** Previews the update that follows the promotion, as if Cloud SQL had done it. */
function previewOf(
  stack: Stack,
  state: State,
  move: Move,
  limits: Limits,
  print: FailoverOptions["print"],
): Promise<Inspection> {
  const { promoted } = move;
  const resources = afterwards(state.deployment.resources ?? [], move);
  const program = programOf([], ({ database, ...config }) => {
    return { ...config, database: { ...database, replica: database.replica && { ...database.replica, promoted } } };
  });
  return asIf(stack, { ...state, deployment: { ...state.deployment, resources } }, (copy) =>
    inspect(copy, { ...limits, agreed, program }, (shown) => {
      print(shown);
      return Promise.resolve();
    }),
  );
}

/**
 * Lets connection string, sockets and services use the promoted instance.
 * @param isShown Whether a preview has nothing that was not shown before.
 */
async function repoint(
  stack: Stack,
  { to, from }: Move,
  limits: Limits,
  { isShown, print, progress }: FailoverOptions & { readonly isShown: (preview: Preview) => boolean },
): Promise<boolean> {
  const left = limits.exclude ?? [];
  await stack.refresh({
    target: [to.urn, from.urn].filter((urn) => !left.includes(urn)),
    onOutput: progress,
    color: "never",
    suppressOutputs: true,
    signal: interrupted,
  });
  await moveState(stack, from.name, to.name);
  interrupted.throwIfAborted();
  return update(stack, {
    ...limits,
    progress,
    agreed,
    print: (inspection) => {
      if (inspection.blocked || !isShown(inspection.preview)) print(inspection);
    },
    confirm: () => Promise.resolve(true),
  });
}

/** The version of the connection string that is replaced stays, and works as soon as the former primary does again. */
function agreed({ change }: Loss): boolean {
  return change.name.startsWith(CONNECTION_STRING_SECRET) && change.op === "replace";
}

/** What Cloud SQL is asked to do with the instance that takes the place. */
type Verb = "switchover" | "promoteReplica" | "promoteReplica?failover=true";

/** A step of Cloud SQL. */
export interface Step {
  /** Undefined if it has been done. */
  readonly verb: Verb | undefined;
  /** A sentence that says it. */
  readonly what: string;
}

/** What a step depends on. */
export interface Situation {
  /** The instance that is to take writes, and the other. */
  readonly to: Side;
  readonly from: Side;
  /** Whether the stack's file says that the step was begun. */
  readonly begun: boolean;
  readonly drill: boolean;
  /** Whether the other region does not answer. */
  readonly isLost: boolean;
}

/**
 * What Cloud SQL has to do, so that an instance takes writes.
 * @throws UserError if it cannot, or must not.
 */
export function stepOf(stack: string, { to, from, begun, drill, isLost }: Situation): Step {
  const standby = `${to.name} in ${to.region}`;
  if (to.runs === undefined) throw new UserError(`Cloud SQL does not answer about ${standby}.`);
  if (drill && isLost) {
    throw new UserError(`${from.region} does not answer, so this is not a drill: npm run failover -- --stack ${stack}`);
  }
  if (to.follows === undefined) {
    if (begun) return { verb: undefined, what: `${standby} is the primary already.` };
    throw new UserError(
      `${standby} stands alone since the last failover, so it has not what ${from.name} stored since. See docs/DEPLOYMENT.md, "A lost region".`,
    );
  }
  if (to.designated && from.runs) {
    return { verb: "switchover", what: `${standby} and ${from.name} in ${from.region} change places.` };
  }
  if (drill) {
    throw new UserError(
      from.runs
        ? `A drill needs settlement:database.replica.disasterRecovery in Pulumi.${stack}.yaml, in edition ENTERPRISE_PLUS: otherwise it would lose data.`
        : `${from.name} does not run, so this is not a drill: npm run failover -- --stack ${stack}`,
    );
  }
  if (!to.runs) throw new UserError(`${standby} does not run.`);
  return to.designated
    ? {
        verb: "promoteReplica?failover=true",
        what: `${standby} becomes the primary; ${from.name}, once it runs again, its replica, with a new copy of the data.`,
      }
    : { verb: "promoteReplica", what: `${standby} becomes the primary; ${from.name} is stopped, and on its own.` };
}

/** A sentence that says what may be lost. */
async function loss(google: Google, { project }: Pair, { name }: Side, verb: Verb): Promise<string> {
  if (verb === "switchover")
    return "Nothing that was committed is lost. Writes fail until the service uses the new primary.";
  const lag = await lagOf(google, project, name);
  return lag === undefined
    ? `What ${name} has not received is lost. How far it is behind is not known.`
    : `What ${name} has not received is lost: it is ${lag.toFixed(1)} s behind, as Cloud Monitoring measured last.`;
}

/** Tests the service in the region. @returns Its URL. */
async function tested(stack: Stack, region: string, say: (line: string) => void): Promise<string> {
  const place = { ...placeOf(stack, await engineConfig(stack), SERVICE), region };
  const service = await liveService(place);
  if (!service) throw new UserError(`The service does not exist in ${region}.`);
  await smokeTest(service.uri, await invokerToken(place, service.uri), say);
  return service.uri;
}
