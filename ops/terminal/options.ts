import { UsageError } from "./user-error.ts";

/**
 * The stack that `--stack` names.
 * @throws UsageError where there is none, or one that is no name of a stack.
 */
export function stackName(value: string | undefined): string {
  if (value === undefined) throw new UsageError("Which stack? Add --stack local, --stack staging or --stack prod.");
  if (!/^[\w-]{1,100}$/.test(value)) throw new UsageError(`"${value}" is not the name of a stack.`);
  return value;
}
