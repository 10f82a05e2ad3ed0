import * as gcp from "@pulumi/gcp";
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { rmSync } from "node:fs";
import { bareUp } from "../../ops/engine/bare-up.ts";
import { endpointConfig } from "../../ops/engine/endpoints.ts";
import { type LocalEnvironment, startLocal } from "../../ops/engine/local.ts";
import { update } from "../../ops/update/update.ts";
import { openPrivateStack } from "../../ops/engine/private-stack.ts";
import { readState } from "../../ops/engine/state.ts";
import { ask } from "../ask.ts";
import { killEngine } from "../kill-engine.ts";
import { scenario } from "../scenario.ts";
import { newFolder } from "../folder.ts";

/** `npm run up`, with and without `--take-over`, through the real engine, for a small program. */

const SECRET = "/v1/projects/settlement-local/secrets/existing";
const ACCOUNTS = "/v1/projects/settlement-local/serviceAccounts";

describe("an update, of a small program", () => {
  const step = scenario();
  let folder: string;
  let local: LocalEnvironment;
  let stack: Stack;
  /** The program's label of the secret, and its accounts. */
  let label = "settlement";
  let ids = ["answer-lost"];
  /** The engine's output. */
  let printed = "";
  /** The previews that were confirmed. */
  const shown: string[] = [];

  const get = <T>(path: string) => ask<T>(local.cloud, "GET", path);
  const run = (takeOver: boolean, meanwhile: () => void = () => undefined) => {
    let text = "";
    return update(stack, {
      takeOver,
      print: ({ markdown }) => (text = markdown),
      progress: (said) => (printed += said),
      confirm: () => {
        meanwhile();
        return Promise.resolve(shown.push(text) > 0);
      },
    });
  };
  const types = async () => {
    const { resources = [] } = (await readState(stack)).deployment;
    return resources.map(({ type }) => type).filter((type) => type.startsWith("gcp:"));
  };
  const owner = async () => (await get<{ labels: { owner: string } }>(SECRET)).labels.owner;

  const accounts = async () => (await get<{ accounts?: object[] }>(ACCOUNTS)).accounts ?? [];

  const open = (opened: Stack) => {
    stack = opened;
    stack.workspace.program = () => {
      new gcp.secretmanager.Secret("secret", {
        secretId: "existing",
        labels: { owner: label },
        replication: { auto: {} },
      });
      for (const accountId of ids) new gcp.serviceaccount.Account(accountId, { accountId });
      return Promise.resolve();
    };
  };
  beforeAll(async () => {
    folder = newFolder("take-over");
    local = await startLocal(folder, () => undefined);
    open(local.stack);
    await ask(local.cloud, "POST", "/v1/projects/settlement-local/services:batchEnable", {
      serviceIds: ["secretmanager.googleapis.com", "iam.googleapis.com"],
    });
    await ask(local.cloud, "POST", "/v1/projects/settlement-local/secrets?secretId=existing", {
      replication: { automatic: {} },
      labels: { owner: "operator" },
    });
    local.cloud.faults.inject({ method: "POST", path: /\/serviceAccounts$/, times: 1 }, { kind: "lost" });
  });

  afterAll(async () => {
    await local.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  step("is blocked by resources that are not in the state, changes none of them and names the option", async () => {
    await expect(run(false)).rejects.toThrow(
      "were created manually, or by a run whose response was lost. To import them: npm run up -- --stack local --take-over",
    );
    expect(await types()).toEqual([]);
    expect(await owner()).toBe("operator");
    // The engine may stop at the secret before it reaches the account.
    expect((await accounts()).length).toBeLessThan(2);
  });

  step("imports them with the option once their changes were shown and confirmed", async () => {
    shown.length = 0;
    expect(await run(true)).toBe(true);
    // The engine may stop at one of them before it reaches the other.
    expect(shown[0]).toContain("2 to create");
    expect(shown.slice(1).join("")).toContain("1 to update");
    expect(await types()).toEqual(
      expect.arrayContaining(["gcp:secretmanager/secret:Secret", "gcp:serviceaccount/account:Account"]),
    );
    expect(await owner()).toBe("settlement");
    expect(await accounts()).toHaveLength(1);
  });

  step("imports what was being created when the engine was killed", async () => {
    ids = ["answer-lost", "engine-killed"];
    const waiting = local.cloud.faults.inject(
      { method: "GET", path: /\/serviceAccounts\//, after: { method: "POST", path: /\/serviceAccounts$/ } },
      { kind: "silence" },
    );
    await killEngine(bareUp(stack), waiting);

    const { envVars, pulumiCommand: command } = stack.workspace;
    const config = endpointConfig(local.cloud.url);
    open(await openPrivateStack({ name: "local", folder, command, config, env: envVars }, () => undefined));
    await bareUp(stack);
    expect((await types()).filter((type) => type === "gcp:serviceaccount/account:Account")).toHaveLength(2);
    expect(await accounts()).toHaveLength(2);
  });

  step("stops if the program changed after the preview", async () => {
    label = "previewed";
    const changed = run(false, () => {
      label = "changed";
    });
    await expect(changed).rejects.toThrow(/^The update of local failed:\n {2}- .*\nRun this again to resume\.$/);
    expect(printed).not.toContain("but none were seen");
    expect(shown.at(-1)).toContain('+ labels.owner: "previewed"');
    expect(await owner()).toBe("settlement");
  });
});
