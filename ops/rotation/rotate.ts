import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { PROJECT, SERVICE } from "../../infra/names.ts";
import { changedLogin, credentialOf, loginOf, validCredentials } from "../../infra/rotation.ts";
import type { Loss } from "../preview/guard.ts";
import { update } from "../preview/update.ts";
import { placeOf } from "../rollout/rollout.ts";
import { UserError } from "../terminal/user-error.ts";
import { untilFormerIsUnused } from "./former.ts";
import { type Standing, standingOf } from "./standing.ts";

/** Where a stack's rotation stands, and who is asked and told. */
export interface RotateOptions {
  /** `settlement:rotation.step`, as the stack's file says it. */
  readonly step: number;
  /** Writes another step into the stack's file, so that the next preview has it. */
  readonly write: (step: number) => void;
  /** Whether to go on, once the preview is shown. */
  readonly confirm: (question: string) => Promise<boolean>;
  /** Shows a preview. */
  readonly print: (markdown: string) => void;
  /** Shows what the engine says while it works. */
  readonly progress: (text: string) => void;
  /** Prints a line of progress. */
  readonly say: (line: string) => void;
}

/**
 * Renews the credential of a stack, or finishes what an earlier run did not: first the other login gets a new password
 * and a revision of its own; then, when no revision with traffic uses the former login, that one's password changes too.
 * @returns The step that the stack was brought to, odd where somebody did not agree to the second half; undefined where
 * nothing was changed.
 * @throws UserError where file and state do not fit, a revision still uses the former login, or an update stops. Both
 * logins work then, or the newest alone.
 */
export async function rotate(stack: Stack, options: RotateOptions): Promise<number | undefined> {
  const first = nextStep(stack.name, options.step, await standingOf(stack));
  let reached: number | undefined;
  for (let to = first; to <= first + (first % 2); to += 1) {
    if (to % 2 === 0) await requireUnused(stack, to, options);
    if (!(await advance(stack, reached ?? options.step, to, options))) break;
    reached = to;
  }
  return reached;
}

/**
 * The step that is to be gone to first.
 * @param written What the stack's file says.
 */
function nextStep(stack: string, written: number, standing: Standing | undefined): number {
  const file = `Pulumi.${stack}.yaml`;
  if (!standing) throw new UserError(`Stack "${stack}" has no credential yet: npm run up -- --stack ${stack}`);
  const { isFinished, step } = standing;
  if (written < step) {
    throw new UserError(
      `${file} says settlement:rotation.step ${written}, and the stack is at ${step}: this checkout is older than the last rotation. Take over the commit that it left.`,
    );
  }
  if (written > step + 1) {
    throw new UserError(
      `${file} says settlement:rotation.step ${written}, and the stack is at ${step}: steps cannot be left out. Write ${step}, and run this again.`,
    );
  }
  return written === step && written % 2 === 0 && isFinished ? step + 1 : written;
}

/** @returns Whether it was agreed to. */
async function advance(stack: Stack, from: number, to: number, options: RotateOptions): Promise<boolean> {
  const { name } = stack;
  const [newest] = validCredentials(to);
  const [works, waits] = [loginOf(newest), loginOf(newest + 1)];
  options.say(
    to % 2 === 1
      ? `${works} gets a new password, and a revision of the service that uses it. ${waits} works too.`
      : `${waits} gets another password, and what the former credential left in Secret Manager is disabled.`,
  );
  const question =
    to % 2 === 1
      ? `Rotate the credential of ${name}?`
      : `Refuse the former credential of ${name} from now on? No revision can be rolled back to it then.`;
  const answer = { agreed: false };
  options.write(to);
  try {
    return await update(stack, {
      ...options,
      agreed: (loss) => isOwn(loss, to),
      confirm: async () => (answer.agreed = await options.confirm(question)),
    });
  } finally {
    // Once it has begun, the file says so, and the next run goes on from there.
    if (!answer.agreed) options.write(from);
  }
}

/** Whether a rotation takes something away by itself: the password that a step changes, or versions that it disables. */
function isOwn({ change }: Loss, step: number): boolean {
  const { after, name, op, type } = change;
  if (type === "random:index/randomPassword:RandomPassword") {
    const { rotation } = (after.keepers ?? {}) as { rotation?: string };
    const suffix = changedLogin(step) === loginOf(0) ? "" : "-b";
    return op === "replace" && name === `${PROJECT}-password${suffix}` && rotation === String(step);
  }
  const former = validCredentials(step)[0] - 1;
  return (
    op === "delete" &&
    type === "gcp:secretmanager/secretVersion:SecretVersion" &&
    step % 2 === 0 &&
    credentialOf(name) === former
  );
}

async function requireUnused(stack: Stack, step: number, { say }: RotateOptions): Promise<void> {
  const { version } = (await standingOf(stack)) ?? {};
  if (version === undefined) {
    throw new UserError(`The state of ${stack.name} has no credential ${validCredentials(step)[0]}; run this again.`);
  }
  const values = Object.entries(await stack.getAllConfig()).map(([key, { value }]) => [key, value]);
  const config = Object.fromEntries(values) as Record<string, string>;
  await untilFormerIsUnused(placeOf(stack, config, SERVICE), version, say);
}
