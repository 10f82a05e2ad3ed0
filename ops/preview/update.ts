import { CommandError, type Stack } from "@pulumi/pulumi/automation";
import { interrupted } from "../interrupt";
import { UserError } from "../user-error";
import { inspect, type InspectOptions, POLICY_PACKS } from "./inspect";

/** How an update is shown and agreed to. */
export interface UpdateOptions extends Pick<InspectOptions, "agreed" | "refresh" | "target"> {
  /** Shows the preview. */
  readonly print: (markdown: string) => void;
  /** Shows what the engine says while it works. */
  readonly progress: (text: string) => void;
  /** Whether to go on, once the preview is shown. */
  readonly confirm: () => Promise<boolean>;
}

/**
 * Previews a stack, and carries out exactly the plan that was shown. The policies are applied again, because some values
 * are known only while the resources are made.
 * @returns Whether the update was agreed to.
 * @throws UserError where a policy, the guard or an error blocks it, before anything is touched.
 */
export async function update(stack: Stack, options: UpdateOptions): Promise<boolean> {
  const { confirm, print } = options;
  let agreed = false;
  await inspect(stack, options, async ({ blocked, markdown }, plan) => {
    print(markdown);
    if (blocked) throw new UserError(`An update of ${stack.name} is blocked, as said above. Nothing was changed.`);
    agreed = await confirm();
    if (!agreed) return;
    await carryOut(stack, plan, options);
  });
  return agreed;
}

async function carryOut(
  stack: Stack,
  plan: string,
  { progress, refresh = false, target = [] }: UpdateOptions,
): Promise<void> {
  try {
    await stack.up({
      signal: interrupted,
      plan,
      refresh,
      policyPacks: POLICY_PACKS,
      target: [...target],
      color: "never",
      suppressOutputs: true,
      onOutput: progress,
    });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new UserError(
      `The update of ${stack.name} stopped; the engine says above why. Run it again to go on from there.`,
    );
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
