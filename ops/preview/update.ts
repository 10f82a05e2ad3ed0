import { CommandError, type EngineEvent, type PulumiFn, type Stack } from "@pulumi/pulumi/automation/index.js";
import { bareUp } from "../engine/bare-up.ts";
import { interrupted } from "../terminal/interrupt.ts";
import { failedIn } from "../engine/failed-creates.ts";
import { noteUnanswered, takeOverFailed, takeOverInterrupted } from "../engine/interrupted.ts";
import { requireUnlocked } from "../engine/locks.ts";
import { differInTrafficOnly, kept, type Rollout, rolloutOf, tryCandidate } from "../rollout/rollout.ts";
import { UserError } from "../terminal/user-error.ts";
import { programOf } from "../engine/program.ts";
import { withHint } from "./adoption.ts";
import { inspect, type InspectOptions, POLICY_PACKS } from "./inspect.ts";
import { cliError } from "../terminal/cli-error.ts";
import { type Preview, readEvents } from "./model.ts";

/** How an update is shown and agreed to. */
export interface UpdateOptions extends Pick<InspectOptions, "agreed" | "refresh" | "target"> {
  /** Whether what is there already, and not in the state, is taken over, whoever made it. */
  readonly takeOver?: boolean;
  /** Shows the preview. */
  readonly print: (markdown: string) => void;
  /** Shows what the engine says while it works. */
  readonly progress: (text: string) => void;
  /** Whether to go on, once the preview is shown. */
  readonly confirm: () => Promise<boolean>;
}

/**
 * Previews a stack, and carries out exactly the plan that was shown. The policies are applied again, because some values
 * are known only while the resources are made. A revision of the service that is new is first made without traffic and
 * tried; a second update gives it the traffic. What an update left that ended in the middle is taken over first.
 * @returns Whether the update was agreed to.
 * @throws UserError where a policy, the guard or an error blocks it, before anything is touched, and where the update or
 * the new revision fails, or another update holds the stack.
 */
export async function update(stack: Stack, options: UpdateOptions): Promise<boolean> {
  await requireUnlocked(stack);
  const deployment = await takeOverInterrupted(stack, saying(options));
  const { confirm, print } = options;
  let agreed = false;
  const inspecting = inspect(stack, { ...options, deployment }, async ({ blocked, markdown, preview }, plan) => {
    print(markdown);
    if (blocked) throw new UserError(`An update of ${stack.name} is blocked, as said above. Nothing was changed.`);
    agreed = await confirm();
    if (!agreed) return;
    const rollout = await rolloutOf(stack, preview);
    if (rollout) await rollOut(stack, rollout, preview, options);
    else await carryOut(stack, { ...options, plan });
  });
  try {
    await inspecting;
    return agreed;
  } catch (error) {
    if (!(error instanceof TakenOver)) throw error;
    return update(stack, options);
  }
}

/** What was there already is in the state now; the update is to begin anew. */
class TakenOver extends Error {}

function saying({ progress }: Pick<UpdateOptions, "progress">) {
  return (line: string) => {
    progress(`${line}\n`);
  };
}

/** Updates the stack twice: with the traffic where it is, and, once the new revision has been tried, with all on that. */
async function rollOut(stack: Stack, rollout: Rollout, shown: Preview, options: UpdateOptions): Promise<void> {
  const { before, urn } = rollout;
  const say = saying(options);
  const program = programOf(before.serving);
  await inspect(stack, { ...options, program }, async ({ preview }, plan) => {
    if (!differInTrafficOnly(shown, preview)) {
      throw new UserError(`The program wants something else now than was shown. Nothing was changed; run it again.`);
    }
    say(
      `Making the new revision without traffic; ${before.serving.map(({ revision }) => revision).join(", ")} serves ...`,
    );
    await carryOut(stack, { ...options, plan, program }, kept(before));
  });
  interrupted.throwIfAborted();
  await tryCandidate(stack, rollout, say);
  interrupted.throwIfAborted();
  say("Giving it the traffic ...");
  // No more than the service can change, and nothing of it but the traffic is left to do.
  await carryOut(stack, { progress: options.progress, target: [urn] }, kept(before));
}

type CarryOutOptions = Pick<UpdateOptions, "progress" | "refresh" | "takeOver" | "target"> & {
  /** Path of the engine's plan; without one the engine makes its own. */
  readonly plan?: string;
  readonly program?: PulumiFn;
};

/** @param consolation What is as before where the update fails. */
async function carryOut(stack: Stack, options: CarryOutOptions, consolation = ""): Promise<void> {
  const { plan, program, progress, refresh = false, takeOver = false, target = [] } = options;
  const events: EngineEvent[] = [];
  try {
    await bareUp(stack, {
      signal: interrupted,
      ...(plan !== undefined && { plan }),
      ...(program && { program }),
      refresh,
      policyPacks: POLICY_PACKS,
      target: [...target],
      color: "never",
      suppressOutputs: true,
      onOutput: progress,
      onEvent: (event) => events.push(event),
    });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (error.message.includes("is currently locked")) await requireUnlocked(stack); // somebody else was quicker
    const failed = failedIn(events);
    noteUnanswered(stack, failed);
    const stopped = failed.some(({ exists }) => exists);
    // The engine stops at the first, so there may be more; each time the state grows, or this ends.
    if (stopped && takeOver && (await takeOverFailed(stack, failed, saying(options)))) throw new TakenOver();
    // With a plan the engine also complains of everything that it did not come to because of the error.
    const read = readEvents(events);
    const problems = read.problems
      .filter((problem) => !/^[\w-]+: expected resource operations/.test(problem))
      .map((problem) => withHint(problem, read.config));
    const why = problems.length === 0 ? cliError(error) : problems.join("\n  - ");
    const step =
      stopped &&
      `What is there already, and not in the state, was made by a run whose answer was lost, or by hand. To take it over: npm run up -- --stack ${stack.name} --take-over`;
    const next = [consolation, step || "Run it again to go on from there."].filter(Boolean).join(" ");
    throw new UserError(`The update of ${stack.name} stopped:\n  - ${why}\n${next}`);
  }
}

/**
 * Previews a stack with the policies applied, for a command that updates it by itself.
 * @throws UserError with the whole preview where a policy, the guard or an error blocks the update.
 */
export async function requireUnblocked(stack: Stack): Promise<void> {
  const { blocked, markdown } = await inspect(stack);
  if (blocked) throw new UserError(markdown);
}
