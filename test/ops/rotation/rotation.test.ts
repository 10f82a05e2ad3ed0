import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { passwordStep, validCredentials, versionName } from "../../../infra/rotation.ts";
import type { Loss } from "../../../ops/preview/guard.ts";
import { update } from "../../../ops/update/update.ts";
import { untilFormerIsUnused } from "../../../ops/rotation/former.ts";
import { rotate } from "../../../ops/rotation/rotate.ts";
import { readEvents } from "../../../ops/preview/model.ts";
import { findLosses } from "../../../ops/preview/guard.ts";
import { replacement, step as event, types } from "../preview/engine.ts";

jest.mock("../../../ops/update/update.ts");
jest.mock("../../../ops/rotation/former.ts");
jest.mock("../../../ops/engine/state.ts", () => ({
  readState: ({ resources }: { resources: object[] }) => Promise.resolve({ version: 3, deployment: { resources } }),
}));

const SECRETS = ["settlement-db-password", "settlement-db-connection-string"];

/** A stack whose last update ended at a step, with undeleted credentials left if it was interrupted. */
function stackAt(step: number, left: readonly number[] = []): Stack {
  const password = (name: string, at: number) => ({
    urn: `urn:pulumi:prod::settlement::random:index/randomPassword:RandomPassword::${name}`,
    type: "random:index/randomPassword:RandomPassword",
    inputs: at === 0 ? {} : { keepers: { rotation: String(at) } },
  });
  const version = (secret: string, credential: number) => ({
    urn: `urn:pulumi:prod::settlement::${types.secretVersion}::${versionName(secret, credential)}`,
    type: types.secretVersion,
    outputs: { version: String(credential + 1) },
  });
  const resources = [
    password("settlement-password", passwordStep("settlement_user", step)),
    password("settlement-password-b", passwordStep("settlement_user_b", step)),
    ...SECRETS.flatMap((secret) => [...validCredentials(step), ...left].map((number) => version(secret, number))),
  ];
  return stackOf(resources);
}

function stackOf(resources: readonly object[]): Stack {
  const stack = {
    name: "prod",
    resources,
    workspace: { envVars: {}, stackSettings: () => Promise.resolve({}) },
  };
  return stack as unknown as Stack;
}

/** Runs the command; each confirmed update succeeds and leaves the stack at the written step. */
async function run(stack: Stack, step: number, confirms: (question: string) => boolean = () => true) {
  const written: number[] = [];
  const losses: ((loss: Loss) => boolean)[] = [];
  jest.mocked(update).mockImplementation(async (_stack, { agreed, confirm }) => {
    if (agreed) losses.push(agreed);
    const done = await confirm();
    if (done) Object.assign(stack, stackAt(written.at(-1) ?? step));
    return done;
  });
  const reached = await rotate(stack, {
    step,
    write: (next) => void written.push(next),
    confirm: (question) => Promise.resolve(confirms(question)),
    print: () => undefined,
    progress: () => undefined,
    say: () => undefined,
  });
  return { reached, written, losses };
}

beforeEach(() => {
  jest.resetAllMocks();
});

test.each([
  ["that is the first", stackAt(0), 0, [1, 2]],
  ["that follows another", stackAt(2), 2, [3, 4]],
  ["that was written but not started", stackAt(2), 3, [3, 4]],
  ["that was interrupted in its first half", stackAt(3), 3, [3, 4]],
  ["whose second half was written but not started", stackAt(3), 4, [4]],
  ["that was interrupted in its second half", stackAt(4, [1]), 4, [4]],
])("completes a rotation %s", async (_what, stack, file, steps) => {
  const { reached, written } = await run(stack, file);
  expect(written).toEqual(steps);
  expect(reached).toBe(steps.at(-1));
});

test.each([
  ["nothing was deployed", stackOf([]), 0, "has no credential yet: npm run up -- --stack prod"],
  [
    "the checkout is older than the last rotation",
    stackAt(2),
    0,
    "step 0, but the stack is at 2: this checkout is older",
  ],
  ["steps were skipped", stackAt(0), 2, "step 2, but the stack is at 0: steps cannot be skipped"],
])("fails without changes if %s", async (_what, stack, file, sentence) => {
  await expect(run(stack, file)).rejects.toThrow(sentence);
  expect(update).not.toHaveBeenCalled();
});

test("does not start the second half while a revision uses the former login", async () => {
  jest.mocked(untilFormerIsUnused).mockRejectedValue(new Error("still uses"));
  await expect(run(stackAt(3), 4)).rejects.toThrow("still uses");
  expect(update).not.toHaveBeenCalled();
});

test("restores the step in the file if an update is not confirmed", async () => {
  expect(await run(stackAt(0), 0, () => false)).toMatchObject({ reached: undefined, written: [1, 0] });
  expect(await run(stackAt(0), 0, (question) => !question.startsWith("Revoke"))).toMatchObject({
    reached: 1,
    written: [1, 2, 1],
  });
});

test("allows only the losses that a rotation intends", async () => {
  const { losses } = await run(stackAt(2), 2);
  const password = (name: string, rotation: string) =>
    replacement(
      { type: "random:index/randomPassword:RandomPassword", name, id: "none" },
      {},
      { keepers: { rotation } },
      ["keepers"],
    );
  const version = (name: string) => [event("delete", { type: types.secretVersion, name, id: "1" }, { before: {} })];
  const judged = (events: ReturnType<typeof password>) => {
    const [loss] = findLosses(readEvents(events), []);
    if (!loss) throw new Error("The guard reports no loss.");
    return losses.map((agreed) => agreed(loss));
  };
  expect(judged(password("settlement-password", "3"))).toEqual([true, false]);
  expect(judged(password("settlement-password-b", "4"))).toEqual([false, true]);
  expect(judged(password("settlement-password-b", "3"))).toEqual([false, false]);
  for (const secret of SECRETS) {
    expect(judged(version(versionName(secret, 1)))).toEqual([false, true]);
    expect(judged(version(versionName(secret, 2)))).toEqual([false, false]);
  }
  expect(
    judged([event("delete", { type: types.bucket, name: "settlement-migrations", id: "b" }, { before: {} })]),
  ).toEqual([false, false]);
});
