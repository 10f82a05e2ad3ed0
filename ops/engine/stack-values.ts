import { ConfigError, parseConfig, programValues } from "../../infra/config.ts";
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
