import type { EngineEvent, Stack } from "@pulumi/pulumi/automation/index.js";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { failedIn } from "../../../ops/engine/failed-creates.ts";
import { takeOverFailed, takeOverInterrupted } from "../../../ops/engine/interrupted.ts";
import { secret, types } from "../preview/engine.ts";

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

describe("taking over", () => {
  let folder: string;
  let stack: Stack;
  let server: Server;
  const happened: string[] = [];
  /** What Google answers. */
  let answer: (path: string) => object;

  const say = (line: string) => happened.push(line);
  const state = () => JSON.parse(readFileSync(join(folder, "state"), "utf8")) as object;
  const begin = (deployment: object) => {
    writeFileSync(join(folder, "state"), JSON.stringify({ version: 3, deployment }));
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "interrupted-"));
    // Does what the CLI does with a state.
    const cli = '#!/bin/sh\n[ "$2" = export ] && exec cat state\nexec cat > state\n';
    writeFileSync(join(folder, "pulumi"), cli, { mode: 0o700 });
    server = createServer((request, response) => response.end(JSON.stringify(answer(request.url ?? ""))));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const endpoint = { value: `http://127.0.0.1:${port}/` };
    stack = {
      name: "prod",
      workspace: {
        envVars: { GOOGLE_OAUTH_ACCESS_TOKEN: "token" },
        pulumiCommand: { command: join(folder, "pulumi") },
        workDir: folder,
      },
      getAllConfig: () =>
        Promise.resolve({
          "gcp:project": { value: "p" },
          "gcp:sqlCustomEndpoint": endpoint,
          "gcp:monitoringCustomEndpoint": endpoint,
        }),
      refresh: () => Promise.resolve(happened.push("refresh")),
    } as unknown as Stack;
  });

  afterEach(() => {
    happened.length = 0;
  });

  afterAll(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });

  test("an instance that is still being made waits until it is made, since only then its account is known", async () => {
    const answers = ["PENDING_CREATE", "PENDING_CREATE"];
    answer = (path) => {
      const told = { state: answers.shift() ?? "RUNNABLE" };
      happened.push(`${path} ${told.state}`);
      return told;
    };
    const urn = `urn:pulumi:prod::settlement::${types.instance}::db`;
    const inputs = { project: "p", name: "db-1" };
    begin({ pending_operations: [{ type: "creating", resource: { urn, type: types.instance, inputs } }] });
    await takeOverInterrupted(stack, say);
    const asked = "/projects/p/instances/db-1";
    expect(happened).toEqual([
      "An earlier run was killed in the middle; taking over what it was at: db ...",
      `${asked} PENDING_CREATE`,
      "Waiting until Cloud SQL has made db-1 ...",
      `${asked} PENDING_CREATE`,
      `${asked} RUNNABLE`,
      "refresh",
    ]);
    expect(state()).toMatchObject({
      deployment: { resources: [{ urn, id: "projects/p/instances/db-1" }], pending_operations: [] },
    });
  });

  test("what is there already brings along what the same update was not answered", async () => {
    const secretType = "gcp:secretmanager/secret:Secret";
    const alert = "gcp:monitoring/alertPolicy:AlertPolicy";
    const failed = failedIn([
      ...failure(secretType, { project: "p", secretId: "s" }, "googleapi: Error 409: alreadyExists"),
      ...failure(alert, { displayName: "A" }, "http://x does not answer (read ECONNRESET)"),
    ]);
    answer = () => ({ alertPolicies: [{ name: "projects/p/alertPolicies/1", displayName: "A" }] });
    begin({});
    expect(await takeOverFailed(stack, failed, say)).toBe(true);
    expect(state()).toMatchObject({
      deployment: {
        resources: [
          { type: secretType, id: "projects/p/secrets/s" },
          { type: alert, id: "projects/p/alertPolicies/1" },
        ],
      },
    });
    expect(happened).toEqual(["refresh"]);
  });
});
