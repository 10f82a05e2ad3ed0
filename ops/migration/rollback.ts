import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { UserError } from "../terminal/user-error.ts";
import { goTo, type GoToOptions } from "./go-to.ts";
import { appliedSchema } from "./status.ts";

/**
 * Takes a stack's schema back by its down scripts, which come from the bucket.
 * @param to The version to go back to; the one before the newest by default.
 * @returns Whether it was agreed to.
 * @throws UserError where there is nothing to go back to, and what the update throws.
 */
export async function rollback(stack: Stack, to: string | undefined, options: GoToOptions): Promise<boolean> {
  const { name } = stack;
  const schema = await appliedSchema(stack);
  const versions = schema?.outputs.migrations.map(({ version }) => version) ?? [];
  const target = to ?? versions.at(-2);
  if (!schema || target === undefined) throw new UserError(`Stack "${name}" has no version to go back to.`);
  if (!versions.includes(target) || target === versions.at(-1)) {
    const earlier = versions.slice(0, -1).join(", ") || "none";
    throw new UserError(`Stack "${name}" cannot go back to version ${target}; it can go back to: ${earlier}.`);
  }
  const done = await goTo(stack, target, options);
  if (done) options.say(`The schema of ${name} is at version ${target}. ${afterwards(name)}`);
  return done;
}

/** What is to be done once a version stands in the configuration. */
export function afterwards(stack: string): string {
  return (
    `Pulumi.${stack}.yaml says so now: commit it, because the next update follows it. ` +
    "To go up again, remove settlement:schema.version from it."
  );
}
