import type { Stack, UpOptions } from "@pulumi/pulumi/automation/index.js";

/**
 * {@link Stack.up} alone: after it, `up` calls `outputs` and `history` of its own stack, which run the CLI three times more.
 * The SDK's constructor is private, so this stack is derived from the other; test/ops/engine/file-backend.test.ts counts.
 */
export async function bareUp(stack: Stack, options: UpOptions = {}): Promise<void> {
  const bare = Object.create(stack) as Stack;
  bare.outputs = () => Promise.resolve({});
  bare.history = () => Promise.resolve([]);
  await bare.up(options);
}
