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
 * Checks a stack's file, before anything is started for it.
 * @param stack The stack's name.
 * @throws UserError that names everything that is wrong in it.
 */
export function checkStackFile(stack: string): void {
  try {
    parseConfig(stackValues(stack));
  } catch (error) {
    throw error instanceof ConfigError ? new UserError(`Pulumi.${stack}.yaml: ${error.message}`) : error;
  }
}
