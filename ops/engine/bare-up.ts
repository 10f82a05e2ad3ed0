import type { Stack, UpOptions } from "@pulumi/pulumi/automation/index.js";

/**
 * {@link Stack.up} without its calls of `outputs` and `history`, which run the CLI three more times. The SDK's constructor
 * is private, hence the prototype; test/ops/engine/file-backend.test.ts counts the runs.
 */
export async function bareUp(stack: Stack, options: UpOptions = {}): Promise<void> {
  const bare = Object.create(stack) as Stack;
  bare.outputs = () => Promise.resolve({});
  bare.history = () => Promise.resolve([]);
  await bare.up(options);
}
