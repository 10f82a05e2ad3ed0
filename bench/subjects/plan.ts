import { copyFileSync } from "node:fs";
import { inspect } from "../../ops/preview/inspect.ts";
import { openOffline } from "../../ops/engine/open.ts";

// Writes the engine's plan for prod, from which policies.ts derives the requests to a policy pack.
async function main(): Promise<void> {
  const { stack, stop } = await openOffline("prod", undefined, () => undefined);
  try {
    await inspect(stack, { offline: true }, (_inspection, plan) => {
      copyFileSync(plan, process.argv[2] ?? "");
      return Promise.resolve();
    });
  } finally {
    await stop();
  }
}

void main();
