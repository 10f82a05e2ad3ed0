import type { Stack } from "@pulumi/pulumi/automation/index.js";
import type { StackConfig } from "../../infra/config.ts";
import { type Google, GoogleError } from "../../infra/google.ts";
import { CONNECTION_STRING_SECRET, SERVICE } from "../../infra/names.ts";
import { interrupted } from "../terminal/interrupt.ts";
import { UserError } from "../terminal/user-error.ts";
import { invokerToken, liveService } from "../service/live.ts";
import { smokeTest } from "../service/smoke.ts";
import { placeOf } from "../update/rollout.ts";
import { update, type UpdateOptions } from "../update/update.ts";
import { moveState } from "./move.ts";
import { lagOf, type Pair, readPair, type Side } from "./pair.ts";

/** How to fail over. */
export interface FailoverOptions extends Pick<UpdateOptions, "print" | "progress"> {
  readonly config: StackConfig;
  /** Whether to come back afterwards; allowed only if nothing is lost. */
  readonly drill: boolean;
  readonly google: Google;
  /** Writes `promoted` and `underway` of `settlement:database.replica` into the stack's file. */
  readonly write: (promoted: boolean, underway: boolean) => void;
  /** Whether to continue after the plan is shown. */
  readonly confirm: (question: string) => Promise<boolean>;
  /** Prints a line. */
  readonly say: (line: string) => void;
}

/** Where the service answers after a failover. */
export interface Reached {
  readonly region: string;
  readonly url: string;
}

/**
 * Makes the instance in the other region the primary, and the service there use it; or resumes an interrupted failover, whose
 * region stands in the stack's file.
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
  { region, begun }: { readonly region: string; readonly begun: boolean },
  options: FailoverOptions,
): Promise<Reached | undefined> {
  const { config, confirm, google, progress, say, write } = options;
  const pair = await readPair(stack, google);
  const [to, from] = pair.sides[0].region === region ? pair.sides : ([pair.sides[1], pair.sides[0]] as const);
  const step = stepOf(stack.name, { to, from, begun, drill: options.drill });
  say(step.what);
  if (step.verb !== undefined) say(await loss(google, pair, to, step.verb));
  if (!(await confirm(`Fail over ${stack.name} to ${to.region}?`))) return undefined;
  const promoted = region !== config.region;
  write(promoted, true);
  try {
    const path = `projects/${pair.project}/instances/${to.name}/${step.verb ?? ""}`;
    if (step.verb !== undefined) await google.operate({ api: "sql", method: "POST", path });
  } catch (error) {
    if (error instanceof GoogleError && error.nothingDone && !begun) write(!promoted, false);
    throw error;
  }
  say(`${to.name} in ${to.region} takes writes.`);
  interrupted.throwIfAborted();
  await stack.refresh({
    target: [to.urn, from.urn],
    onOutput: progress,
    color: "never",
    suppressOutputs: true,
    signal: interrupted,
  });
  await moveState(stack, from.name, to.name);
  interrupted.throwIfAborted();
  const done = await update(stack, {
    ...options,
    // Its version stays, and works as soon as the former primary does again.
    agreed: ({ change }) => change.name.startsWith(CONNECTION_STRING_SECRET) && change.op === "replace",
    confirm: () => Promise.resolve(true),
  });
  if (!done) return undefined;
  const url = await tested(stack, region, say);
  write(promoted, false);
  return { region, url };
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
}

/**
 * What Cloud SQL has to do, so that an instance takes writes.
 * @throws UserError if it cannot, or must not.
 */
export function stepOf(stack: string, { to, from, begun, drill }: Situation): Step {
  const standby = `${to.name} in ${to.region}`;
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
    : { verb: "promoteReplica", what: `${standby} becomes the primary; ${from.name} is left as it is, on its own.` };
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
  const values = Object.entries(await stack.getAllConfig()).map(([key, { value }]) => [key, value]);
  const place = { ...placeOf(stack, Object.fromEntries(values) as Record<string, string>, SERVICE), region };
  const service = await liveService(place);
  if (!service) throw new UserError(`The service does not exist in ${region}.`);
  await smokeTest(service.uri, await invokerToken(place, service.uri), say);
  return service.uri;
}
