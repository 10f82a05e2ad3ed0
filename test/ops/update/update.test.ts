import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { inspect, type Inspection } from "../../../ops/preview/inspect.ts";
import { update } from "../../../ops/update/update.ts";

jest.mock("../../../ops/preview/inspect.ts");
jest.mock("../../../ops/engine/locks.ts", () => ({ requireUnlocked: () => Promise.resolve() }));
jest.mock("../../../ops/engine/interrupted.ts", () => ({ takeOverInterrupted: () => Promise.resolve({}) }));

/** Updates a stack with a given inspection; test/e2e/preview.test.ts covers the engine. */
async function run(blocked: boolean, confirmed: boolean, first: readonly string[] = []) {
  const preview = { changes: [], unchanged: 1, drift: [], findings: [], problems: [], config: {} };
  const shown = { markdown: "what happens", text: () => "what happens" };
  const inspection: Inspection = { ...shown, blocked, drifted: false, first, preview, pending: [] };
  jest.mocked(inspect).mockImplementation(async (_stack, _options, use) => {
    await use?.(inspection, "plan.json");
    return inspection;
  });
  const did: string[] = [];
  const up = ({ plan }: { plan?: string }) => Promise.resolve(did.push(`up ${plan ?? ""}`));
  const stack = { name: "staging", up } as unknown as Stack;
  const ended = update(stack, {
    print: ({ markdown }) => did.push(markdown),
    progress: () => undefined,
    confirm: () => Promise.resolve((did.push("asked"), confirmed)),
  });
  return { did, ended: await ended.catch((error: unknown) => (error as Error).message) };
}

test("carries out the plan that was shown, if it is confirmed", async () => {
  expect(await run(false, true)).toEqual({ did: ["what happens", "asked", "up plan.json"], ended: true });
  expect(await run(false, false)).toEqual({ did: ["what happens", "asked"], ended: false });
});

test("shows a blocked update without asking for confirmation", async () => {
  expect(await run(true, true)).toEqual({
    did: ["what happens"],
    ended: "The update of staging is blocked; see above. Nothing was changed.",
  });
});

test("stops if what it put back is still missing, instead of asking for it for ever", async () => {
  expect(await run(false, true, ["urn"])).toEqual({
    did: ["what happens", "asked", "up plan.json", "what happens"],
    ended: "Google does not show yet what was put back in staging. Run this again in a few minutes.",
  });
});
