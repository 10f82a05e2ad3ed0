import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { StackFiles } from "./file-backend.ts";
import type { State } from "./state.ts";

/**
 * Uses a stack as if it had another state, to preview it: the state is in a temporary folder, with its secrets encrypted as before,
 * and the stack's own does not change.
 * @param use Gets the stack with that state, which exists only during this call.
 */
export async function asIf<T>(stack: Stack, state: State, use: (stack: Stack) => Promise<T>): Promise<T> {
  const root = mkdtempSync(join(tmpdir(), "settlement-state-"));
  try {
    const files = new StackFiles(root, stack.name);
    mkdirSync(dirname(files.checkpoint), { recursive: true });
    writeFileSync(join(root, ".pulumi", "meta.yaml"), "version: 1\n");
    files.write({ version: state.version, checkpoint: { latest: state.deployment } });
    // The SDK's constructors are private, hence the prototypes.
    const workspace = Object.create(stack.workspace) as { envVars: Record<string, string> };
    workspace.envVars = { ...stack.workspace.envVars, PULUMI_BACKEND_URL: pathToFileURL(root).href };
    return await use(Object.create(stack, { workspace: { value: workspace } }) as Stack);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
