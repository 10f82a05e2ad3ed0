import * as pulumi from "@pulumi/pulumi";
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { bareUp } from "../../../ops/engine/bare-up.ts";
import { findCli } from "../../../ops/engine/cli.ts";
import { stackFiles } from "../../../ops/engine/file-backend.ts";
import { type Lock, locksOf } from "../../../ops/engine/locks.ts";
import { openPrivateStack } from "../../../ops/engine/private-stack.ts";
import { notePending, readState, writeState } from "../../../ops/engine/state.ts";
import { newFolder } from "../../folder.ts";

let folder: string;
beforeEach(() => {
  folder = newFolder("backend");
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

test("reads states and locks as the engine writes them", async () => {
  const command = await findCli(() => undefined);
  const stack = await openPrivateStack({ name: "local", folder, command, config: {}, env: {} }, () => undefined);
  const { envVars, workDir } = stack.workspace;
  const exported = () =>
    JSON.parse(
      execFileSync(command.command, ["stack", "export", "--stack", "local"], {
        cwd: workDir,
        env: { ...process.env, ...envVars },
        encoding: "utf8",
      }),
    ) as unknown;
  const files = stackFiles(envVars.PULUMI_BACKEND_URL ?? "", "local");
  expect(files?.exists()).toBe(true);
  expect(await readState(stack)).toEqual(exported());

  let locks: readonly Lock[] = [];
  const program = async () => {
    locks = await locksOf(stack);
    return { plain: "it's <b> & 1.5e300", secret: pulumi.secret("hidden") };
  };
  const runs = jest.spyOn(stack.workspace.pulumiCommand as unknown as { run: () => unknown }, "run");
  await bareUp(stack, { program });
  expect(runs.mock.calls.length).toBe(1); // of the CLI
  expect(locks).toEqual([
    {
      pid: expect.any(Number) as number,
      username: expect.any(String) as string,
      hostname: expect.any(String) as string,
      timestamp: expect.any(String) as string,
    },
  ]);
  expect(await locksOf(stack)).toEqual([]);
  const state = await readState(stack);
  expect(state).toEqual(exported());
  expect(JSON.stringify(state)).not.toContain("hidden");
  expect(JSON.stringify(await readState(stack, { showSecrets: true }))).toContain("hidden");

  const bucket = {
    urn: "urn:pulumi:local::settlement::gcp:storage/bucket:Bucket::b",
    custom: true,
    inputs: { name: "b" },
  };
  notePending(stack, [{ ...bucket, type: "gcp:storage/bucket:Bucket" }]);
  const noted = await readState(stack);
  expect(noted.deployment.pending_operations).toMatchObject([{ type: "creating", resource: bucket }]);
  expect(noted).toEqual(exported());

  stack.workspace.envVars.PULUMI_DIY_BACKEND_GZIP = "true";
  await writeState(stack, state);
  expect(files?.read()).toBeUndefined(); // compressed: readState uses the CLI
  expect(await readState(stack)).toEqual(exported());
});

test.each(["gs://bucket", "file://~/states", "https://api.pulumi.com", ""])(
  "knows no files for the backend %j",
  (backend) => {
    expect(stackFiles(backend, "prod")).toBeUndefined();
  },
);
