import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { inspect, type InspectOptions } from "../../ops/preview/inspect.ts";
import { openOffline } from "../../ops/engine/open.ts";

// One `npm run preview -- --stack prod --offline`, or the same with one thing less.
const SIDES: Readonly<Record<string, (stack: Stack) => [Stack, InspectOptions]>> = {
  prod: (stack) => [stack, {}],
  empty: (stack) => [stack, { program: () => Promise.resolve() }],
  "empty-without-policies": (stack) => [withoutPolicies(stack), { program: () => Promise.resolve() }],
  "without-policies": (stack) => [withoutPolicies(stack), {}],
};

function withoutPolicies(stack: Stack): Stack {
  const without = Object.create(stack) as Stack;
  without.preview = (options) => stack.preview({ ...options, policyPacks: [] });
  return without;
}

async function main(): Promise<void> {
  const side = SIDES[process.argv[2] ?? ""];
  if (!side) throw new Error(`One of ${Object.keys(SIDES).join(", ")}.`);
  const { stack, stop } = await openOffline("prod", undefined, () => undefined);
  try {
    const [shown, options] = side(stack);
    const { blocked, markdown, preview } = await inspect(shown, { offline: true, ...options });
    const empty = preview.changes.length <= 1;
    if (blocked || empty !== (options.program !== undefined)) throw new Error(markdown);
  } finally {
    await stop();
  }
}

void main();
