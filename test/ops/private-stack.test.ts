import { mkdirSync, mkdtempSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { findCli } from "../../ops/cli";
import { readState } from "../../ops/state";
import { openPrivateStack, ROOT } from "../../ops/workspace";

describe("the files of a private state, of which a kill has cut one off", () => {
  let folder: string;
  const open = async () => {
    const command = await findCli(() => undefined);
    return openPrivateStack({ name: "local", folder, command, config: {}, env: {} }, () => undefined);
  };
  const cutOff = (...files: string[]) => {
    for (const file of files) truncateSync(join(folder, "state", ".pulumi", "stacks", "settlement", file));
  };

  beforeAll(async () => {
    mkdirSync(join(ROOT, ".local"), { recursive: true });
    folder = mkdtempSync(join(ROOT, ".local", "private-"));
    const stack = await open();
    // A state, and the one before it.
    await stack.importStack(await stack.exportStack());
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  test.each([["what the engine notes about it", "local.json.attrs"] as const, ["the state", "local.json"] as const])(
    "%s: it is opened all the same",
    async (_what, file) => {
      cutOff(file);
      expect((await readState(await open())).deployment).toHaveProperty("manifest");
    },
  );

  test("the state and the one before: the file is named, with the way out", async () => {
    cutOff("local.json", "local.json.bak");
    await expect(open()).rejects.toThrow(/local\.json \(it is cut off\).*npm start -- --reset/);
  });
});
