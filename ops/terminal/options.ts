import { UsageError } from "./user-error.ts";

/**
 * The value of `--stack`.
 * @throws UsageError if it is missing or not a valid stack name.
 */
export function stackName(value: string | undefined): string {
  if (value === undefined) throw new UsageError("Which stack? Add --stack local, --stack staging or --stack prod.");
  if (!/^[\w-]{1,100}$/.test(value)) throw new UsageError(`"${value}" is not a valid stack name.`);
  return value;
}
