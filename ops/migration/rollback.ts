import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { UserError } from "../terminal/user-error.ts";
import { goTo, type GoToOptions } from "./go-to.ts";
import { appliedSchema } from "./status.ts";

/**
 * Rolls back a stack's schema by the down scripts in the bucket.
 * @param to The version to roll back to; the one before the newest by default.
 * @returns Whether the user confirmed.
 * @throws UserError if the stack has no such version, and as the update does.
 */
export async function rollback(stack: Stack, to: string | undefined, options: GoToOptions): Promise<boolean> {
  const { name } = stack;
  const schema = await appliedSchema(stack);
  const versions = schema?.outputs.migrations.map(({ version }) => version) ?? [];
  const target = to ?? versions.at(-2);
  if (!schema || target === undefined) throw new UserError(`Stack "${name}" has no earlier version to roll back to.`);
  if (!versions.includes(target) || target === versions.at(-1)) {
    const earlier = versions.slice(0, -1).join(", ") || "none";
    throw new UserError(
      `Stack "${name}" cannot be rolled back to version ${target}. Its earlier versions: ${earlier}.`,
    );
  }
  const done = await goTo(stack, target, options);
  if (done) options.say(`The schema of ${name} is at version ${target}. ${afterwards(name)}`);
  return done;
}

/** What to do once the version is in the stack file. */
export function afterwards(stack: string): string {
  return (
    `Commit Pulumi.${stack}.yaml: it now names this version, and the next update follows it. ` +
    "To migrate up again, remove settlement:schema.version from it."
  );
}
