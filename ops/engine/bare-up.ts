import type { Stack, UpOptions } from "@pulumi/pulumi/automation/index.js";

/** {@link Stack.up} alone: the Automation API runs the CLI three times more after it, for outputs and history. */
export async function bareUp(stack: Stack, options: UpOptions = {}): Promise<void> {
  const bare = Object.create(stack) as Stack;
  bare.outputs = () => Promise.resolve({});
  bare.history = () => Promise.resolve([]);
  await bare.up(options);
}
