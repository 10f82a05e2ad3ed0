import { ConfigError, parseConfig, programValues, type StackConfig } from "../../infra/config.ts";
import { UserError } from "../terminal/user-error.ts";
import { readStackFile } from "./stack-file.ts";

/**
 * What a stack's file says, as `parseConfig` takes it.
 * @throws UserError where there is no such stack.
 */
export function stackValues(stack: string): Record<string, unknown> {
  return programValues(readStackFile(stack).config ?? {});
}

/**
 * What is wrong in a stack's file, all of it, or undefined where nothing is.
 * @throws UserError where there is no such stack.
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
 * What a stack's file says, checked.
 * @throws UserError where there is no such stack, or its file is wrong.
 */
export function requireConfig(stack: string): StackConfig {
  const problem = configProblem(stack);
  if (problem !== undefined) throw new UserError(`Pulumi.${stack}.yaml: ${problem}`);
  return parseConfig(stackValues(stack));
}
