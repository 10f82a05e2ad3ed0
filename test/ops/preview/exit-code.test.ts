import type { ParseArgsConfig } from "node:util";
import type { Inspection } from "../../../ops/preview/inspect.ts";

/** The command, caught where it hands itself to `run`. */
const caught: (() => Promise<void>)[] = [];
let found: Inspection;
/** What is given besides the stack. */
let mockGiven = ["--refresh"];

jest.mock("../../../ops/terminal/run.ts", () => ({
  run: (_help: string, command: () => Promise<void>) => caught.push(command),
}));
// Node's own looks at the arguments of jest.
jest.mock("node:util", () => {
  const util = jest.requireActual<typeof import("node:util")>("node:util");
  const args = () => ["--stack", "staging", ...mockGiven];
  return { ...util, parseArgs: (config: ParseArgsConfig) => util.parseArgs({ args: args(), ...config }) };
});
jest.mock("../../../ops/engine/open.ts", () => ({
  openStack: () => Promise.resolve({ stack: {}, stop: () => Promise.resolve() }),
}));
jest.mock("../../../ops/engine/snapshot.ts", () => ({ readSnapshot: () => undefined }));
jest.mock("../../../ops/engine/locks.ts", () => ({ locksOf: () => Promise.resolve([]) }));
jest.mock("../../../ops/preview/inspect.ts", () => ({
  ...jest.requireActual<object>("../../../ops/preview/inspect.ts"),
  inspect: () => Promise.resolve(found),
}));

beforeAll(() => {
  jest.requireActual("../../../ops/preview.ts");
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

describe("what a preview is compared with", () => {
  const error = async (...given: string[]) => {
    mockGiven = given;
    const ended = caught[0]?.();
    await expect(ended).rejects.toThrow();
    return ended?.catch((thrown: unknown) => `${(thrown as Error).name}: ${(thrown as Error).message}`);
  };

  test("is one thing", async () => {
    const sentence = (first: string, second: string) =>
      `UsageError: ${first} and ${second} compare with different things: give one of them.`;
    expect(await error("--refresh", "--offline")).toBe(sentence("--offline", "--refresh"));
    expect(await error("--refresh", "--snapshot")).toBe(sentence("--refresh", "--snapshot"));
    expect(await error("--offline", "--snapshot")).toBe(sentence("--offline", "--snapshot"));
  });

  test("is there", async () => {
    expect(await error("--snapshot")).toBe(
      "UserError: There is no snapshot of staging in .local/snapshots: npm run up -- --stack staging --publish leaves one there.",
    );
  });
});
