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

/** Which provider plugins a command starts; undefined for the official ones if they can be had, else the stand-ins. */
export type ProviderChoice = "official" | "stand-in" | undefined;

/** The option of every command that starts providers. */
export const PROVIDERS = { providers: { type: "string" } } as const;

/** Its text in `--help`. */
export const PROVIDERS_HELP = `official or stand-in provider plugins; by default SETTLEMENT_PROVIDERS, or official if available`;

/**
 * The value of `--providers`, else of the environment's `SETTLEMENT_PROVIDERS`.
 * @throws UsageError if it is neither `official` nor `stand-in`; an empty variable counts as not set.
 */
export function providerChoice(option?: string): ProviderChoice {
  const variable = process.env.SETTLEMENT_PROVIDERS;
  const value = option ?? (variable === "" ? undefined : variable);
  if (value === undefined || value === "official" || value === "stand-in") return value;
  const name = option === undefined ? "SETTLEMENT_PROVIDERS" : "--providers";
  throw new UsageError(`${name} must be official or stand-in, not "${value}".`);
}
