import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { ConfigError, parseConfig, programValues } from "../infra/config";
import { UserError } from "./user-error";

const ROOT = join(__dirname, "..");

/**
 * What a stack's file says, as `parseConfig` takes it.
 * @param stack The stack's name.
 * @throws UserError where there is no such stack.
 */
export function stackValues(stack: string): Record<string, unknown> {
  const file = `Pulumi.${stack}.yaml`;
  const path = join(ROOT, file);
  if (!existsSync(path)) throw new UserError(`There is no ${path}: a stack is a file Pulumi.<stack>.yaml.`);
  const content = parse(readFileSync(path, "utf8")) as { config?: Record<string, unknown> } | null;
  return programValues(content?.config ?? {});
}

/**
 * What is wrong in a stack's file, all of it, or undefined where nothing is.
 * @param stack The stack's name.
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
