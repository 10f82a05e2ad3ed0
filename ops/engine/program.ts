import type { InlineProgramArgs, PulumiFn } from "@pulumi/pulumi/automation/index.js";
import { join } from "node:path";
import { loadConfig, type StackConfig } from "../../infra/config.ts";
import type { HeldRevision } from "../../infra/service.ts";
import { settlement } from "../../infra/settlement.ts";
import { shortenStackTraces } from "../../infra/stack-traces.ts";
import { PROJECT } from "../../infra/names.ts";

/** Node.js options that preload our modules into the engine's plugins. */
const PRELOADS = ["as-under-bun.cjs", "end-with-engine.cjs"].map(
  (file) => `--require "${join(import.meta.dirname, file).replaceAll("\\", "\\\\")}"`,
);

/** Environment of every engine. */
export const ENGINE = {
  PULUMI_SKIP_UPDATE_CHECK: "true",
  NODE_OPTIONS: [process.env.NODE_OPTIONS ?? "", ...PRELOADS].join(" ").trim(),
};

/**
 * The program that the commands run.
 * @param held The revisions that keep the traffic while the newest one is tested; none by default.
 * @param adjust Changes the stack's configuration; no change by default.
 * @param heldRegion The region that the load balancer leads to meanwhile; that of the primary by default.
 */
export function programOf(
  held: readonly HeldRevision[] = [],
  adjust: (config: StackConfig) => StackConfig = (config) => config,
  heldRegion?: string,
): PulumiFn {
  return () => {
    shortenStackTraces();
    return Promise.resolve(settlement(adjust(loadConfig()), undefined, held, undefined, heldRegion));
  };
}

/** That program as an inline program of the Automation API, for a stack's name. */
export function inlineProgram(name: string): InlineProgramArgs {
  return { stackName: name, projectName: PROJECT, program: programOf() };
}
