import type { EngineEvent, Stack } from "@pulumi/pulumi/automation/index.js";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { failedIn } from "../../../ops/engine/failed-creates.ts";
import { takeOverFailed, takeOverInterrupted } from "../../../ops/engine/interrupted.ts";
import { secret, types } from "../preview/engine.ts";

/** The engine's events for a resource that it failed to create. */
function failure(type: string, inputs: object, said: string): EngineEvent[] {
  const urn = `urn:pulumi:prod::settlement::${type}::it`;
  const metadata = { op: "create", urn, type, provider: "p", new: { type, urn, inputs, parent: "s" } };
  return [{ diagnosticEvent: { urn, severity: "error", message: said } }, { resOpFailedEvent: { metadata } }] as never;
}

test.each([
  ["exists", "Error creating User: googleapi: Error 409: exists already, alreadyExists", [true]],
  ["may exist", "Cloud SQL, POST users: http://x does not answer (read ECONNRESET)", [false]],
  ["does not exist", "Error creating User: googleapi: Error 400: invalid", []],
])("recognizes a failed resource that %s", (_what, said, exists) => {
  expect(failedIn(failure(types.user, { name: "u" }, said)).map((failed) => failed.exists)).toEqual(exists);
});

test("leaves out secrets, whose values the events mask", () => {
  const inputs = { name: "u", password: secret, settings: [{ key: secret }], tags: ["t"] };
  const [failed] = failedIn(failure(types.user, inputs, "Error 409"));
  expect(failed?.resource.inputs).toEqual({ name: "u", tags: ["t"] });
});

test("ignores types that are safe to create again", () => {
  expect(failedIn(failure("gcp:projects/iAMMember:IAMMember", {}, "Error 409"))).toEqual([]);
});

describe("recovery", () => {
  let folder: string;
  let stack: Stack;
  let server: Server;
  const happened: string[] = [];
  /** Google's response. */
  let answer: (path: string) => object;

  const say = (line: string) => happened.push(line);
  const state = () => JSON.parse(readFileSync(join(folder, "state"), "utf8")) as object;
  const begin = (deployment: object) => {
    writeFileSync(join(folder, "state"), JSON.stringify({ version: 3, deployment }));
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "interrupted-"));
    // Exports and imports the state like the CLI.
    const cli = '#!/bin/sh\n[ "$2" = export ] && exec cat state\nexec cat > state\n';
    writeFileSync(join(folder, "pulumi"), cli, { mode: 0o700 });
    server = createServer((request, response) => response.end(JSON.stringify(answer(request.url ?? ""))));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const endpoint = `http://127.0.0.1:${port}/`;
    stack = {
      name: "prod",
      workspace: {
        envVars: { GOOGLE_OAUTH_ACCESS_TOKEN: "token" },
        pulumiCommand: { command: join(folder, "pulumi") },
        workDir: folder,
        stackSettings: () =>
          Promise.resolve({
            config: {
              "gcp:project": "p",
              "gcp:sqlCustomEndpoint": endpoint,
              "gcp:monitoringCustomEndpoint": endpoint,
            },
          }),
      },
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

  test("waits until an instance is created, since only then its service account is known", async () => {
    const answers = ["PENDING_CREATE", "PENDING_CREATE"];
    answer = (path) => {
      const instance = { state: answers.shift() ?? "RUNNABLE" };
      happened.push(`${path} ${instance.state}`);
      return instance;
    };
    const urn = `urn:pulumi:prod::settlement::${types.instance}::db`;
    const inputs = { project: "p", name: "db-1" };
    begin({ pending_operations: [{ type: "creating", resource: { urn, type: types.instance, inputs } }] });
    await takeOverInterrupted(stack, say);
    const asked = "/projects/p/instances/db-1";
    expect(happened).toEqual([
      "An earlier run was killed; recovering its unfinished resources: db ...",
      `${asked} PENDING_CREATE`,
      "Waiting for Cloud SQL to create db-1 ...",
      `${asked} PENDING_CREATE`,
      `${asked} RUNNABLE`,
      "refresh",
    ]);
    expect(state()).toMatchObject({
      deployment: { resources: [{ urn, id: "projects/p/instances/db-1" }], pending_operations: [] },
    });
  });

  test("imports resources without a response together with those that exist", async () => {
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

  test("notes those that exist as pending if one of them cannot be looked up", async () => {
    const { envVars } = stack.workspace;
    const file = join(folder, ".pulumi", "stacks", "settlement", "prod.json");
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify({ version: 3, checkpoint: { latest: {} } }));
    stack.workspace.envVars = { ...envVars, PULUMI_BACKEND_URL: `file://${folder}` };
    answer = () => ({ alertPolicies: "not a list" });
    const failed = failedIn(failure("gcp:monitoring/alertPolicy:AlertPolicy", { displayName: "A" }, "Error 409"));
    await expect(takeOverFailed(stack, failed, say)).rejects.toThrow();
    stack.workspace.envVars = envVars;
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({
      checkpoint: {
        latest: { pending_operations: [{ type: "creating", resource: { inputs: { displayName: "A" } } }] },
      },
    });
  });

  test("leaves the state as it was if the refresh fails, so that the next run tries again", async () => {
    const resources = [{ urn: "urn:pulumi:prod::settlement::pulumi:pulumi:Stack::settlement-prod", outputs: {} }];
    const failed = failedIn(failure("gcp:secretmanager/secret:Secret", { project: "p", secretId: "s" }, "Error 409"));
    begin({ resources });
    jest.spyOn(stack, "refresh").mockRejectedValueOnce(new Error("Google answers 503."));
    await expect(takeOverFailed(stack, failed, say)).rejects.toThrow("Google answers 503.");
    expect(state()).toEqual({ version: 3, deployment: { resources, pending_operations: [] } });

    expect(await takeOverFailed(stack, failed, say)).toBe(true);
    expect(happened).toEqual(["refresh"]);
  });
});
