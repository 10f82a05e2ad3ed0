import type { InlineProgramArgs, PulumiFn } from "@pulumi/pulumi/automation/index.js";
import { join } from "node:path";
import { loadConfig, type StackConfig } from "../../infra/config.ts";
import type { HeldRevision } from "../../infra/service.ts";
import { settlement } from "../../infra/settlement.ts";
import { PROJECT } from "../../infra/names.ts";

/** What is loaded first into each plugin of the engine that Node.js runs. */
const FIRST = ["as-under-bun.cjs", "end-with-engine.cjs"].map(
  (file) => `--require "${join(import.meta.dirname, file).replaceAll("\\", "\\\\")}"`,
);

/** What every engine's environment has. */
export const ENGINE = {
  PULUMI_SKIP_UPDATE_CHECK: "true",
  NODE_OPTIONS: [process.env.NODE_OPTIONS ?? "", ...FIRST].join(" ").trim(),
};

/**
 * The program that the commands run.
 * @param held The revisions that keep the traffic of the service while its newest one is tried; none by default.
 * @param adjust Makes another configuration of the stack's own.
 */
export function programOf(
  held: readonly HeldRevision[] = [],
  adjust: (config: StackConfig) => StackConfig = (config) => config,
): PulumiFn {
  return () => Promise.resolve(settlement(adjust(loadConfig()), undefined, held));
}

/**
 * The stack with that program, as the Automation API opens it.
 * @param name The stack's name.
 */
export function inlineProgram(name: string): InlineProgramArgs {
  return { stackName: name, projectName: PROJECT, program: programOf() };
}
