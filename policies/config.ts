import type { EnforcementLevel, PolicyPackConfig } from "@pulumi/policy";
import { RunError } from "@pulumi/pulumi";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { PROJECT } from "../infra/names.ts";
import { policies } from "./pack.ts";

/**
 * The settings in `config.<stack>.json`, so that plain `--policy-pack policies` applies each stack's own thresholds; `--policy-pack-config` overrides
 * them. Stacks of other projects get the defaults, which are the strictest.
 * @throws RunError naming the file, the policy and the wrong setting.
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

/** Parses a configuration file. @throws Error as {@link parseConfig}, or if the text is not JSON, without quoting it. */
export function readConfig(text: string): PolicyPackConfig {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error("not valid JSON.");
  }
  return parseConfig(value);
}

const level = z.enum(["advisory", "mandatory", "remediate", "disabled"]);
const entry = z.union([level, z.looseObject({ enforcementLevel: level.optional() })]);

/** Checks a configuration, because the engine ignores unknown policies and settings. @throws Error naming the first mistake. */
export function parseConfig(value: unknown): PolicyPackConfig {
  const config: PolicyPackConfig = {};
  const whole = z.record(z.string(), z.unknown()).safeParse(value);
  if (!whole.success) throw new Error("expected an object with one key per policy.");
  for (const [name, own] of Object.entries(whole.data)) {
    const policy = policies.find((one) => one.name === name);
    // Anything else may be a secret, and is not quoted.
    if (!policy) throw new Error(`there is no policy ${/^[a-z-]{1,60}$/.test(name) ? `"${name}"` : "with that name"}.`);
    const parsed = entry.safeParse(own);
    if (!parsed.success) throw new Error(`${name}: expected a level or an object with settings.`);
    const { data } = parsed;
    const { enforcementLevel, ...settings } = typeof data === "string" ? { enforcementLevel: data } : data;
    const result = policy.settings.safeParse(settings);
    if (!result.success) throw new Error(`${name}: ${z.prettifyError(result.error)}`);
    // The SDK's default level is "advisory".
    config[name] = { ...settings, enforcementLevel: enforcementLevel ?? (policy.level satisfies EnforcementLevel) };
  }
  return config;
}
