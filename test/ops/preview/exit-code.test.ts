import type { ParseArgsConfig } from "node:util";
import type { Inspection } from "../../../ops/preview/inspect";

/** The command, caught where it hands itself to `run`. */
const caught: (() => Promise<void>)[] = [];
let found: Inspection;

jest.mock("../../../ops/run", () => ({
  run: (_help: string, command: () => Promise<void>) => caught.push(command),
}));
// Node's own looks at the arguments of jest.
jest.mock("node:util", () => {
  const util = jest.requireActual<typeof import("node:util")>("node:util");
  const args = ["--stack", "staging", "--refresh"];
  return { ...util, parseArgs: (config: ParseArgsConfig) => util.parseArgs({ args, ...config }) };
});
jest.mock("../../../ops/preview/open", () => ({
  openStack: () => Promise.resolve({ stack: {}, stop: () => Promise.resolve() }),
}));
jest.mock("../../../ops/locks", () => ({ locksOf: () => Promise.resolve([]) }));
jest.mock("../../../ops/preview/inspect", () => ({
  ...jest.requireActual<object>("../../../ops/preview/inspect"),
  inspect: () => Promise.resolve(found),
}));

beforeAll(() => {
  jest.requireActual("../../../ops/preview");
});

/** How the command ends; the engine's own part, which finds what was changed by hand, is in test/e2e/preview.test.ts. */
async function exitCode(blocked: boolean, drifted: boolean): Promise<unknown> {
  found = { markdown: "", blocked, drifted, pending: [] } as unknown as Inspection;
  try {
    await caught[0]?.();
    return process.exitCode;
  } catch (error) {
    return (error as Error).name;
  } finally {
    process.exitCode = undefined;
  }
}

test("npm run preview -- --refresh ends with 2 where something was changed by hand, and a block goes before", async () => {
  expect(await exitCode(false, false)).toBeUndefined();
  expect(await exitCode(false, true)).toBe(2);
  expect(await exitCode(true, true)).toBe("UserError");
});
