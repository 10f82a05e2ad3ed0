import type { ParseArgsConfig } from "node:util";
import type { Inspection } from "../../../ops/preview/inspect.ts";

/** The command, captured when it is passed to `run`. */
const caught: (() => Promise<void>)[] = [];
let found: Inspection;
/** The options besides the stack. */
let mockGiven = ["--refresh"];

jest.mock("../../../ops/terminal/run.ts", () => ({
  run: (_help: string, command: () => Promise<void>) => caught.push(command),
}));
// Node's own reads jest's arguments.
jest.mock("node:util", () => {
  const util = jest.requireActual<typeof import("node:util")>("node:util");
  const args = () => ["--stack", "staging", ...mockGiven];
  return { ...util, parseArgs: (config: ParseArgsConfig) => util.parseArgs({ args: args(), ...config }) };
});
jest.mock("../../../ops/engine/open.ts", () => ({
  openStack: () => Promise.resolve({ stack: {}, stop: () => Promise.resolve() }),
}));
jest.mock("../../../ops/preview/comment.ts", () => ({
  commentOf: () => ({ write: () => Promise.resolve("GitHub did not take the comment.") }),
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

/** Runs the command with a given inspection; test/e2e/preview.test.ts covers how the engine finds drift. */
async function exitCode(blocked: boolean, drifted: boolean): Promise<unknown> {
  found = { markdown: "", text: () => "", blocked, drifted, pending: [] } as unknown as Inspection;
  try {
    await caught[0]?.();
    return process.exitCode;
  } catch (error) {
    return (error as Error).name;
  } finally {
    process.exitCode = undefined;
  }
}

test("npm run preview -- --refresh exits with 1 on manual changes, as when the update is blocked", async () => {
  expect(await exitCode(false, false)).toBeUndefined();
  expect(await exitCode(false, true)).toBe(1);
  expect(await exitCode(true, true)).toBe("UserError");
});

test("npm run preview -- --comment exits with the verdict if GitHub does not take the comment, and says so", async () => {
  mockGiven = ["--comment"];
  const said = jest.spyOn(console, "error").mockImplementation(() => undefined);
  expect(await exitCode(false, false)).toBeUndefined();
  expect(await exitCode(true, false)).toBe("UserError");
  expect(said.mock.calls).toContainEqual(["GitHub did not take the comment."]);
  said.mockRestore();
});

describe("the comparison", () => {
  const error = async (...given: string[]) => {
    mockGiven = given;
    const ended = caught[0]?.();
    await expect(ended).rejects.toThrow();
    return ended?.catch((thrown: unknown) => `${(thrown as Error).name}: ${(thrown as Error).message}`);
  };

  test("is with one thing only", async () => {
    const sentence = (first: string, second: string) =>
      `UsageError: ${first} and ${second} are mutually exclusive: give only one.`;
    expect(await error("--refresh", "--offline")).toBe(sentence("--offline", "--refresh"));
    expect(await error("--refresh", "--snapshot")).toBe(sentence("--refresh", "--snapshot"));
    expect(await error("--offline", "--snapshot")).toBe(sentence("--offline", "--snapshot"));
  });

  test("needs a snapshot with --snapshot", async () => {
    expect(await error("--snapshot")).toBe(
      "UserError: .local/snapshots has no snapshot of staging: create one with npm run up -- --stack staging --publish.",
    );
  });
});
