import { ConfigError, parseConfig, programValues, type StackConfig } from "../../infra/config.ts";
import { UserError } from "../terminal/user-error.ts";
import { readStackFile } from "./stack-file.ts";

/**
 * The values of a stack's file, unchecked.
 * @throws UserError if there is no such stack.
 */
export function stackValues(stack: string): Record<string, unknown> {
  return programValues(readStackFile(stack).config ?? {});
}

/**
 * Everything that is wrong in a stack's file; undefined if it is valid.
 * @throws UserError if there is no such stack.
 */
export function configProblem(stack: string): string | undefined {
  try {
    parseConfig(stackValues(stack));
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}

/**
 * The checked configuration in a stack's file.
 * @throws UserError if there is no such stack, or its file is invalid.
 */
export function requireConfig(stack: string): StackConfig {
  const problem = configProblem(stack);
  if (problem !== undefined) throw new UserError(`Pulumi.${stack}.yaml: ${problem}`);
  return parseConfig(stackValues(stack));
}
