import type { Stack } from "@pulumi/pulumi/automation/index.js";
import type { Migration } from "../../infra/migrations/files.ts";
import type { Repair } from "../../infra/migrations/repairs.ts";
import { UserError } from "../terminal/user-error.ts";
import { goTo, type GoToOptions } from "./go-to.ts";
import { appliedSchema } from "./status.ts";

/** Options of {@link repair}. */
export interface RepairOptions extends Omit<GoToOptions, "write"> {
  /** Adds a repair to the stack's configuration, and returns a function that undoes this. */
  readonly write: (repair: Repair) => () => void;
}

/**
 * Records that a version is applied with the checksum of its file, without running it, by an update of the schema.
 * @param file The version as this checkout has it.
 * @param about Who repairs it, when and why.
 * @returns Whether the user confirmed.
 * @throws UserError if there is nothing to repair, and as the update does.
 */
export async function repair(
  stack: Stack,
  { checksum, file, version }: Migration,
  about: Omit<Repair, "checksum" | "version">,
  options: RepairOptions,
): Promise<boolean> {
  const { name } = stack;
  const schema = (await appliedSchema(stack))?.outputs;
  if (!schema) throw new UserError(`Stack "${name}" has no schema yet.`);
  const recorded = schema.migrations.find((each) => each.version === version);
  if (recorded?.checksum === checksum) {
    throw new UserError(`${name} has recorded version ${version} with the checksum of migrations/${file}.`);
  }
  options.say(
    recorded
      ? `Version ${version} has checksum ${recorded.checksum.slice(0, 12)} in ${name}; it will be ${checksum.slice(0, 12)}, that of migrations/${file}.`
      : `Version ${version} is pending in ${name}; it will count as applied, and migrations/${file} will not be run.`,
  );
  const write = () => options.write({ ...about, version, checksum });
  const done = await goTo(stack, version, { ...options, write });
  if (done) options.say(`Version ${version} is recorded. Commit Pulumi.${name}.yaml, which names the repair.`);
  return done;
}
