import type { EnforcementLevel, PolicyPackConfig } from "@pulumi/policy";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { policies } from "./pack";

/** The project whose stacks have a file here; any other is judged by the defaults, which are the strictest. */
const PROJECT = "settlement";

/**
 * What `config.<stack>.json` says, so that plain `--policy-pack policies` judges each stack by its own thresholds. A file
 * given with `--policy-pack-config` has the last word.
 * @throws Error that names the file, the policy and the setting that is wrong.
 */
export function configOf(project: string, stack: string): PolicyPackConfig {
  const file = join(__dirname, `config.${stack}.json`);
  if (project !== PROJECT || !existsSync(file)) return {};
  try {
    return parseConfig(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

const level = z.enum(["advisory", "mandatory", "remediate", "disabled"]);
const entries = z.record(z.string(), z.union([level, z.looseObject({ enforcementLevel: level.optional() })]));

/** Checks a configuration; the engine by itself overlooks a policy or a setting that does not exist. */
export function parseConfig(value: unknown): PolicyPackConfig {
  const config: PolicyPackConfig = {};
  for (const [name, entry] of Object.entries(entries.parse(value))) {
    const policy = policies.find((one) => one.name === name);
    if (!policy) throw new Error(`there is no policy "${name}".`);
    const { enforcementLevel, ...settings } = typeof entry === "string" ? { enforcementLevel: entry } : entry;
    const result = policy.settings.safeParse(settings);
    if (!result.success) throw new Error(`${name}: ${z.prettifyError(result.error)}`);
    // Without a level the SDK sends the engine "advisory".
    config[name] = { ...settings, enforcementLevel: enforcementLevel ?? (policy.level satisfies EnforcementLevel) };
  }
  return config;
}
