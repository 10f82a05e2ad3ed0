import { rmSync, truncateSync } from "node:fs";
import { findCli } from "../../../ops/engine/cli.ts";
import { StackFiles } from "../../../ops/engine/file-backend.ts";
import { noteUnanswered } from "../../../ops/engine/interrupted.ts";
import { readState } from "../../../ops/engine/state.ts";
import { privateFolder } from "../../../ops/engine/private-folder.ts";
import { openPrivateStack } from "../../../ops/engine/private-stack.ts";
import { newFolder } from "../../folder.ts";

describe("a private state with files truncated by a kill", () => {
  let folder: string;
  const open = async () => {
    const command = await findCli(() => undefined);
    return openPrivateStack({ name: "local", folder, command, config: {}, env: {} }, () => undefined);
  };
  const files = () => new StackFiles(privateFolder(folder).state, "local");

  beforeAll(async () => {
    folder = newFolder("private");
    const stack = await open();
    // Creates a state and a previous one.
    await stack.importStack(await stack.exportStack());
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  test.each([["the metadata is", "attributes"] as const, ["the state is", "checkpoint"] as const])(
    "opens if %s truncated",
    async (_what, file) => {
      truncateSync(files()[file]);
      expect((await readState(await open())).deployment).toHaveProperty("manifest");
    },
  );

  test("records what an update may have created, so that the next one finds it", async () => {
    const stack = await open();
    const urn = "urn:pulumi:local::settlement::gcp:storage/bucket:Bucket::b";
    const resource = { urn, custom: true, type: "gcp:storage/bucket:Bucket", inputs: { name: "b" } };
    const existing = { ...resource, urn: `${urn}-existing` };
    noteUnanswered(stack, [
      { resource, exists: false },
      { resource: existing, exists: true },
    ]);
    expect((await readState(stack)).deployment).toMatchObject({
      pending_operations: [{ type: "creating", resource: { urn, inputs: { name: "b" } } }],
    });
  });

  test("names the file if the previous state is truncated too", async () => {
    const { before, checkpoint } = files();
    for (const file of [before, checkpoint]) truncateSync(file);
    await expect(open()).rejects.toThrow(/local\.json \(it is truncated\)/);
  });
});
