import { inspect, type InspectOptions } from "../../ops/preview/inspect.ts";
import { openOffline } from "../../ops/engine/open.ts";

// One `npm run preview -- --stack prod --offline`, or the same with an empty program or without policies.
const EMPTY: InspectOptions = { program: () => Promise.resolve() };
const SIDES: Readonly<Record<string, { readonly policies: boolean; readonly options: InspectOptions }>> = {
  prod: { policies: true, options: {} },
  empty: { policies: true, options: EMPTY },
  "empty-without-policies": { policies: false, options: EMPTY },
  "without-policies": { policies: false, options: {} },
};

async function main(): Promise<void> {
  const side = SIDES[process.argv[2] ?? ""];
  if (!side) throw new Error(`One of ${Object.keys(SIDES).join(", ")}.`);
  const { stack, stop } = await openOffline("prod", undefined, () => undefined);
  const preview = stack.preview.bind(stack);
  if (!side.policies) stack.preview = (options) => preview({ ...options, policyPacks: [] });
  try {
    const { blocked, markdown, preview: shown } = await inspect(stack, { offline: true, ...side.options });
    const empty = shown.changes.length <= 1;
    if (blocked || empty !== (side.options === EMPTY)) throw new Error(markdown);
  } finally {
    await stop();
  }
}

void main();
