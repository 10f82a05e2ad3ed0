import { mkdirSync, mkdtempSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { findCli } from "../../../ops/engine/cli.ts";
import { StackFiles } from "../../../ops/engine/file-backend.ts";
import { noteUnanswered } from "../../../ops/engine/interrupted.ts";
import { readState } from "../../../ops/engine/state.ts";
import { privateFolder } from "../../../ops/engine/private-folder.ts";
import { openPrivateStack } from "../../../ops/engine/private-stack.ts";
import { ROOT } from "../../../ops/engine/stack-file.ts";

describe("the files of a private state, of which a kill has cut one off", () => {
  let folder: string;
  const open = async () => {
    const command = await findCli(() => undefined);
    return openPrivateStack({ name: "local", folder, command, config: {}, env: {} }, () => undefined);
  };
  const files = () => new StackFiles(privateFolder(folder).state, "local");

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

  test.each([["what the engine notes about it", "attributes"] as const, ["the state", "checkpoint"] as const])(
    "%s: it is opened all the same",
    async (_what, file) => {
      truncateSync(files()[file]);
      expect((await readState(await open())).deployment).toHaveProperty("manifest");
    },
  );

  test("what an update may have made is noted, where the next one finds it", async () => {
    const stack = await open();
    const urn = "urn:pulumi:local::settlement::gcp:storage/bucket:Bucket::b";
    const resource = { urn, custom: true, type: "gcp:storage/bucket:Bucket", inputs: { name: "b" } };
    const there = { ...resource, urn: `${urn}-there` };
    noteUnanswered(stack, [
      { resource, exists: false },
      { resource: there, exists: true },
    ]);
    expect((await readState(stack)).deployment).toMatchObject({
      pending_operations: [{ type: "creating", resource: { urn, inputs: { name: "b" } } }],
    });
  });

  test("the state and the one before: the file is named", async () => {
    const { before, checkpoint } = files();
    for (const file of [before, checkpoint]) truncateSync(file);
    await expect(open()).rejects.toThrow(/local\.json \(it is cut off\)/);
  });
});
