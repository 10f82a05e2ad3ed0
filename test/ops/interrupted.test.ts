import type { EngineEvent, Stack } from "@pulumi/pulumi/automation";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { failedIn, takeOverInterrupted } from "../../ops/interrupted";
import { secret, types } from "./preview/engine";

/** What the engine tells of a resource that it failed to create. */
function failure(type: string, inputs: object, said: string): EngineEvent[] {
  const urn = `urn:pulumi:prod::settlement::${type}::it`;
  const metadata = { op: "create", urn, type, provider: "p", new: { type, urn, inputs, parent: "s" } };
  return [{ diagnosticEvent: { urn, severity: "error", message: said } }, { resOpFailedEvent: { metadata } }] as never;
}

test.each([
  ["is there already", "Error creating User: googleapi: Error 409: exists already, alreadyExists", [true]],
  ["is perhaps there", "Cloud SQL, POST users: http://x does not answer (read ECONNRESET)", [false]],
  ["is not there", "Error creating User: googleapi: Error 400: invalid", []],
])("of what an update failed to make is known that it %s", (_what, said, exists) => {
  expect(failedIn(failure(types.user, { name: "u" }, said)).map((failed) => failed.exists)).toEqual(exists);
});

test("its secrets, of which the engine tells no value, are left to the next update", () => {
  const inputs = { name: "u", password: secret, settings: [{ key: secret }], tags: ["t"] };
  const [failed] = failedIn(failure(types.user, inputs, "Error 409"));
  expect(failed?.resource.inputs).toEqual({ name: "u", tags: ["t"] });
});

test("what has no id that is known, and no list to be found in, is made again", () => {
  expect(failedIn(failure("gcp:projects/iAMMember:IAMMember", {}, "Error 409"))).toEqual([]);
});

test("an instance that is still being made is taken over once it is made, since only then its account is known", async () => {
  const folder = mkdtempSync(join(tmpdir(), "interrupted-"));
  const answers = ["PENDING_CREATE", "PENDING_CREATE", "RUNNABLE"];
  const happened: string[] = [];
  const server = createServer((request, response) => {
    const state = answers.shift() ?? "RUNNABLE";
    happened.push(`${request.url ?? ""} ${state}`);
    response.end(JSON.stringify({ state }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const inputs = { project: "p", name: "db-1" };
  const urn = `urn:pulumi:prod::settlement::${types.instance}::db`;
  const pending_operations = [{ type: "creating", resource: { urn, type: types.instance, inputs } }];
  writeFileSync(join(folder, "state"), JSON.stringify({ version: 3, deployment: { pending_operations } }));
  // Does what the CLI does with a state.
  writeFileSync(join(folder, "pulumi"), '#!/bin/sh\n[ "$2" = export ] && exec cat state\nexec cat > state\n', {
    mode: 0o700,
  });
  const stack = {
    name: "prod",
    workspace: {
      envVars: { GOOGLE_OAUTH_ACCESS_TOKEN: "token" },
      pulumiCommand: { command: join(folder, "pulumi") },
      workDir: folder,
    },
    getAllConfig: () => {
      const { port } = server.address() as AddressInfo;
      return Promise.resolve({ "gcp:sqlCustomEndpoint": { value: `http://127.0.0.1:${port}/` } });
    },
    refresh: () => Promise.resolve(happened.push("refresh")),
  } as unknown as Stack;
  try {
    await takeOverInterrupted(stack, (line) => happened.push(line));
    const asked = "/projects/p/instances/db-1";
    expect(happened).toEqual([
      "An earlier run was killed in the middle; taking over what it was at: db ...",
      `${asked} PENDING_CREATE`,
      "Waiting until Cloud SQL has made db-1 ...",
      `${asked} PENDING_CREATE`,
      `${asked} RUNNABLE`,
      "refresh",
    ]);
    expect(JSON.parse(readFileSync(join(folder, "state"), "utf8"))).toMatchObject({
      deployment: { resources: [{ urn, id: "projects/p/instances/db-1" }], pending_operations: [] },
    });
  } finally {
    server.close();
    rmSync(folder, { recursive: true });
  }
});
