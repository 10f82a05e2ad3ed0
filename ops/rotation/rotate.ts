import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { PROJECT, SERVICE } from "../../infra/names.ts";
import { changedLogin, credentialOf, loginOf, validCredentials } from "../../infra/rotation.ts";
import type { Loss } from "../preview/guard.ts";
import { update, type UpdateOptions } from "../update/update.ts";
import { engineConfig } from "../engine/engine-config.ts";
import { placeOf } from "../update/rollout.ts";
import { UserError } from "../terminal/user-error.ts";
import { untilFormerIsUnused } from "./former.ts";
import { type Standing, standingOf } from "./standing.ts";

/** How to rotate a stack's credential. */
export interface RotateOptions extends Pick<UpdateOptions, "print" | "progress"> {
  /** `settlement:rotation.step` in the stack's file. */
  readonly step: number;
  /** Writes another step into the stack's file. */
  readonly write: (step: number) => void;
  /** Whether to continue after a preview is shown. */
  readonly confirm: (question: string) => Promise<boolean>;
  /** Prints a line of progress. */
  readonly say: (line: string) => void;
}

/**
 * Rotates the credential of a stack, or resumes an interrupted rotation: first the idle login gets a new password and a new
 * revision that uses it; then, once no revision with traffic uses the former login, its password changes too.
 * @returns The step that was reached, odd if the second half was declined; undefined if nothing was changed.
 * @throws UserError if file and state do not match, a revision still uses the former login, or an update fails. Both logins
 * work then, or only the new one.
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
 * The first step to take.
 * @param written The step in the stack's file.
 */
function nextStep(stack: string, written: number, standing: Standing | undefined): number {
  const file = `Pulumi.${stack}.yaml`;
  if (!standing) throw new UserError(`Stack "${stack}" has no credential yet: npm run up -- --stack ${stack}`);
  const { isFinished, step } = standing;
  if (written < step) {
    throw new UserError(
      `${file} has settlement:rotation.step ${written}, but the stack is at ${step}: this checkout is older than the last rotation. Pull that rotation's commit.`,
    );
  }
  if (written > step + 1) {
    throw new UserError(
      `${file} has settlement:rotation.step ${written}, but the stack is at ${step}: steps cannot be skipped. Set it to ${step}, and run this again.`,
    );
  }
  return written === step && written % 2 === 0 && isFinished ? step + 1 : written;
}

/** @returns Whether the step was confirmed. */
async function advance(stack: Stack, from: number, to: number, options: RotateOptions): Promise<boolean> {
  const { name } = stack;
  const [newest] = validCredentials(to);
  const [active, idle] = [loginOf(newest), loginOf(newest + 1)];
  options.say(
    to % 2 === 1
      ? `${active} gets a new password, and a revision of the service that uses it. ${idle} keeps working.`
      : `${idle} gets a new password, and the former credential's secret versions are disabled.`,
  );
  const question =
    to % 2 === 1
      ? `Rotate the credential of ${name}?`
      : `Revoke the former credential of ${name}? Rolling back to a revision that uses it is then no longer possible.`;
  const answer = { agreed: false };
  options.write(to);
  try {
    return await update(stack, {
      ...options,
      agreed: (loss) => isIntended(loss, to),
      confirm: async () => (answer.agreed = await options.confirm(question)),
    });
  } finally {
    // After a confirmed step the file keeps it, even if the update fails, so that the next run resumes it.
    if (!answer.agreed) options.write(from);
  }
}

/** Whether a loss is part of a step: the password that it changes, or the versions that it disables. */
function isIntended({ change }: Loss, step: number): boolean {
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
  await untilFormerIsUnused(placeOf(stack, await engineConfig(stack), SERVICE), version, say);
}
