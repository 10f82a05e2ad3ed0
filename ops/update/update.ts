import { CommandError, type EngineEvent, type PulumiFn, type Stack } from "@pulumi/pulumi/automation/index.js";
import { bareUp } from "../engine/bare-up.ts";
import { interrupted } from "../terminal/interrupt.ts";
import { failedIn } from "../engine/failed-creates.ts";
import { INSTANCE } from "../engine/lost-instance.ts";
import { noteUnanswered, takeOverFailed, takeOverInterrupted } from "../engine/interrupted.ts";
import { requireUnlocked } from "../engine/locks.ts";
import { differInTrafficOnly, kept, type Rollout, rolloutOf, testCandidate } from "./rollout.ts";
import { screenOf } from "../terminal/screen.ts";
import { withoutConsequences } from "./engine-output.ts";
import { UserError } from "../terminal/user-error.ts";
import { programOf } from "../engine/program.ts";
import { withHint } from "../preview/adoption.ts";
import { inspect, type Inspection, type InspectOptions, POLICY_PACKS } from "../preview/inspect.ts";
import { cliError } from "../terminal/cli-error.ts";
import { type Preview, readEvents, UNNEEDED } from "../preview/model.ts";

/** How to show and confirm an update. */
export interface UpdateOptions extends Pick<
  InspectOptions,
  "agreed" | "exclude" | "policySettings" | "refresh" | "target"
> {
  /** Whether to import resources that exist but are not in the state; false by default. */
  readonly takeOver?: boolean;
  /** Shows the preview. */
  readonly print: (inspection: Inspection) => void;
  /** Shows the engine's output. */
  readonly progress: (text: string) => void;
  /** Whether to continue after the preview is shown. */
  readonly confirm: () => Promise<boolean>;
}

/**
 * Previews a stack, and carries out exactly the plan that was shown, after recovering an interrupted update. The policies
 * are applied again, because some values are known only then. A new revision of the service is first created without
 * traffic and tested; a second update moves the traffic to it. A refresh that cannot read everything is confirmed and carried
 * out for what it can read, and then goes on with the rest.
 * @returns Whether the update was confirmed.
 * @throws UserError if a policy, the guard or an error blocks the update before it changes anything, if the update or the
 * new revision fails, or if the stack is locked.
 */
export function update(stack: Stack, options: UpdateOptions): Promise<boolean> {
  return updateAfter(stack, options, []);
}

/** @param done URNs of what this command put back. */
async function updateAfter(stack: Stack, options: UpdateOptions, done: readonly string[]): Promise<boolean> {
  await requireUnlocked(stack);
  const deployment = await takeOverInterrupted(stack, linesTo(options));
  const { confirm, print } = options;
  const answer = { agreed: false };
  const inspecting = inspect(stack, { ...options, deployment }, async (inspection, plan) => {
    const { blocked, first, preview } = inspection;
    print(inspection);
    if (first.some((urn) => done.includes(urn))) {
      throw new UserError(
        `Google does not show yet what was put back in ${stack.name}. Run this again in a few minutes.`,
      );
    }
    if (blocked) throw new UserError(`The update of ${stack.name} is blocked; see above. Nothing was changed.`);
    answer.agreed = await confirm();
    if (!answer.agreed) return;
    const rollout = await rolloutOf(stack, preview);
    if (rollout) await rollOut(stack, rollout, preview, options);
    else await carryOut(stack, { ...options, plan, ...(first.length > 0 && { target: first }) });
  });
  try {
    const { first } = await inspecting;
    if (!answer.agreed || first.length === 0) return answer.agreed;
    return await updateAfter(stack, options, [...done, ...first]);
  } catch (error) {
    if (!(error instanceof Imported)) throw error;
    return updateAfter(stack, options, done);
  }
}

/** Existing resources were imported into the state; the update must start over. */
class Imported extends Error {}

function linesTo({ progress }: Pick<UpdateOptions, "progress">) {
  return (line: string) => {
    progress(`${line}\n`);
  };
}

/** Updates the stack twice: first without moving traffic, then, after the new revision passed its test, with all on it. */
async function rollOut(stack: Stack, rollout: Rollout, shown: Preview, options: UpdateOptions): Promise<void> {
  const { before, region, urns } = rollout;
  const say = linesTo(options);
  const program = programOf(before.serving, undefined, region);
  await inspect(stack, { ...options, program }, async ({ preview }, plan) => {
    if (!differInTrafficOnly(shown, preview)) {
      throw new UserError(
        `The plan no longer matches the preview that was shown. Nothing was changed; run this again.`,
      );
    }
    const serving = before.serving.map(({ revision }) => revision).join(", ");
    say(`Creating the new revision without traffic, which stays on ${serving} ...`);
    await carryOut(stack, { ...options, plan, program }, kept(before));
  });
  interrupted.throwIfAborted();
  await testCandidate(stack, rollout, say);
  interrupted.throwIfAborted();
  say("Moving the traffic to it ...");
  // Only the traffic is left to change.
  const { policySettings, progress } = options;
  await carryOut(stack, { policySettings, progress, target: urns }, kept(before));
}

type CarryOutOptions = Pick<
  UpdateOptions,
  "exclude" | "policySettings" | "progress" | "refresh" | "takeOver" | "target"
> & {
  /** Path of the engine's plan; without one the engine makes its own. */
  readonly plan?: string;
  readonly program?: PulumiFn;
};

/** @param reassurance What a failure does not affect. */
async function carryOut(stack: Stack, options: CarryOutOptions, reassurance = ""): Promise<void> {
  const {
    exclude = [],
    plan,
    policySettings,
    program,
    progress,
    refresh = false,
    takeOver = false,
    target = [],
  } = options;
  const events: EngineEvent[] = [];
  try {
    await bareUp(stack, {
      signal: interrupted,
      ...(plan !== undefined && { plan }),
      ...(program && { program }),
      refresh,
      policyPacks: POLICY_PACKS,
      ...(policySettings !== undefined && { policyPackConfigs: [policySettings] }),
      target: [...target],
      exclude: [...exclude],
      color: "never",
      suppressOutputs: true,
      onOutput: withoutConsequences(progress),
      onEvent: (event) => events.push(event),
    });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (error.message.includes("is currently locked")) await requireUnlocked(stack); // another update started first
    const failed = failedIn(events);
    noteUnanswered(stack, failed);
    const existing = failed.some(({ exists }) => exists);
    // The engine stops at the first, so there may be more; each retry needs an import, so this ends.
    if (existing && takeOver && (await takeOverFailed(stack, failed, linesTo(options)))) throw new Imported();
    const read = readEvents(events);
    // The engine reports it at the end: everything else is done.
    const isDone = !events.some(({ resOpFailedEvent }) => resOpFailedEvent) && read.problems.length > 0;
    if (isDone && read.problems.every((problem) => UNNEEDED.test(problem))) {
      progress(
        "Some of what the preview showed was not needed, because a value turned out to be the same as before.\n",
      );
      return;
    }
    const problems = read.problems.map((problem) => withHint(problem, read.config));
    const why = problems.length === 0 ? cliError(error) : problems.join("\n  - ");
    // An instance that is not there was deleted: it cannot be imported, nor created under its name.
    const deleted = failed.some(({ exists, resource }) => exists && resource.type === INSTANCE) && takeOver;
    const step = deleted
      ? `The instance was deleted, and Google keeps its name for a week: npm run up -- --stack ${stack.name} --new-instance`
      : existing &&
        `Resources that exist but are not in the state were created manually, or by a run whose response was lost. To import them: npm run up -- --stack ${stack.name} --take-over`;
    const next = [reassurance, step || "Run this again to resume."].filter(Boolean).join(" ");
    throw new UserError(`The update of ${stack.name} failed:\n  - ${why}\n${next}`);
  }
}

/**
 * Previews a stack with the policies applied.
 * @throws UserError with the whole preview if a policy, the guard or an error blocks the update.
 */
export async function requireUnblocked(stack: Stack): Promise<void> {
  const { blocked, text } = await inspect(stack);
  if (blocked) throw new UserError(text(screenOf(process.stderr)));
}
