import type { EnforcementLevel, PolicyPackConfig } from "@pulumi/policy";
import { RunError } from "@pulumi/pulumi";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { PROJECT } from "../infra/names.ts";
import { policies } from "./pack.ts";

/**
 * What `config.<stack>.json` says for a stack of this project, so that plain `--policy-pack policies` judges each stack by its own thresholds. A file
 * given with `--policy-pack-config` has the last word. Stacks of other projects are judged by the defaults, which are the strictest.
 * @throws RunError that names the file, the policy and the setting that is wrong.
 */
export function configOf(project: string, stack: string): PolicyPackConfig {
  const file = join(import.meta.dirname, `config.${stack}.json`);
  if (project !== PROJECT || !existsSync(file)) return {};
  try {
    return readConfig(readFileSync(file, "utf8"));
  } catch (error) {
    throw new RunError(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** @throws Error as {@link parseConfig}, and where the text is not JSON, without repeating it. */
export function readConfig(text: string): PolicyPackConfig {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error("it is not JSON.");
  }
  return parseConfig(value);
}

const level = z.enum(["advisory", "mandatory", "remediate", "disabled"]);
const entry = z.union([level, z.looseObject({ enforcementLevel: level.optional() })]);

/** Checks a configuration; the engine by itself overlooks a policy or a setting that does not exist. */
export function parseConfig(value: unknown): PolicyPackConfig {
  const config: PolicyPackConfig = {};
  const whole = z.record(z.string(), z.unknown()).safeParse(value);
  if (!whole.success) throw new Error("it is not an object with a key for each policy.");
  for (const [name, own] of Object.entries(whole.data)) {
    const policy = policies.find((one) => one.name === name);
    // What is not even the form of a name may be anything, and is not repeated.
    if (!policy) throw new Error(`there is no policy ${/^[a-z-]{1,60}$/.test(name) ? `"${name}"` : "of such a name"}.`);
    const parsed = entry.safeParse(own);
    if (!parsed.success) throw new Error(`${name}: expected a level, or an object of settings.`);
    const { data } = parsed;
    const { enforcementLevel, ...settings } = typeof data === "string" ? { enforcementLevel: data } : data;
    const result = policy.settings.safeParse(settings);
    if (!result.success) throw new Error(`${name}: ${z.prettifyError(result.error)}`);
    // Without a level the SDK sends the engine "advisory".
    config[name] = { ...settings, enforcementLevel: enforcementLevel ?? (policy.level satisfies EnforcementLevel) };
  }
  return config;
}
