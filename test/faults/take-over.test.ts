import * as gcp from "@pulumi/gcp";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type LocalEnvironment, startLocal } from "../../ops/engine/local.ts";
import { update } from "../../ops/preview/update.ts";
import { readState } from "../../ops/engine/state.ts";
import { ROOT } from "../../ops/engine/stack-file.ts";
import { scenario } from "../scenario.ts";

/** `npm run up` with and without `--take-over`, through the real engine, on a program of two resources. */

const SECRET = "/v1/projects/settlement-local/secrets/by-hand";
const ACCOUNTS = "/v1/projects/settlement-local/serviceAccounts";

describe("resources that exist and are not in the state", () => {
  const step = scenario();
  let folder: string;
  let local: LocalEnvironment;
  /** What was shown before each question. */
  const shown: string[] = [];

  const ask = async (method: string, path: string, body?: object) => {
    const response = await fetch(local.cloud.url + path, {
      method,
      headers: { authorization: `Bearer ${local.cloud.identities.ownerToken}`, "content-type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    });
    expect([path, response.status]).toEqual([path, 200]);
    return (await response.json()) as Record<string, unknown>;
  };
  const run = (takeOver: boolean) => {
    let text = "";
    return update(local.stack, {
      takeOver,
      print: (markdown) => (text = markdown),
      progress: () => undefined,
      confirm: () => Promise.resolve(shown.push(text) > 0),
    });
  };
  const types = async () => {
    const { resources = [] } = (await readState(local.stack)).deployment;
    return resources.map(({ type }) => type).filter((type) => type.startsWith("gcp:"));
  };
  const owner = async () => ((await ask("GET", SECRET)).labels as { owner: string }).owner;

  beforeAll(async () => {
    mkdirSync(join(ROOT, ".local"), { recursive: true });
    folder = mkdtempSync(join(ROOT, ".local", "take-over-"));
    local = await startLocal(folder, () => undefined);
    local.stack.workspace.program = () => {
      new gcp.secretmanager.Secret("secret", {
        secretId: "by-hand",
        labels: { owner: "settlement" },
        replication: { auto: {} },
      });
      new gcp.serviceaccount.Account("account", { accountId: "answer-lost" });
      return Promise.resolve();
    };
    await ask("POST", "/v1/projects/settlement-local/services:batchEnable", {
      serviceIds: ["secretmanager.googleapis.com", "iam.googleapis.com"],
    });
    await ask("POST", "/v1/projects/settlement-local/secrets?secretId=by-hand", {
      replication: { automatic: {} },
      labels: { owner: "somebody" },
    });
    local.cloud.faults.inject({ method: "POST", path: /\/serviceAccounts$/, times: 1 }, { kind: "lost" });
  });

  afterAll(async () => {
    await local.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  step("stop an update, which changes none of them and names the flag", async () => {
    await expect(run(false)).rejects.toThrow(
      "was made by a run whose answer was lost, or by hand. To take it over: npm run up -- --stack local --take-over",
    );
    expect(await types()).toEqual([]);
    expect(await owner()).toBe("somebody");
    expect((await ask("GET", ACCOUNTS)).accounts).toHaveLength(1);
  });

  step("are imported with the flag, once their changes are shown and confirmed", async () => {
    shown.length = 0;
    expect(await run(true)).toBe(true);
    // The engine may stop at the one before it comes to the other.
    expect(shown[0]).toContain("2 to create");
    expect(shown.at(-1)).toContain("1 to update");
    expect(await types()).toEqual(
      expect.arrayContaining(["gcp:secretmanager/secret:Secret", "gcp:serviceaccount/account:Account"]),
    );
    expect(await owner()).toBe("settlement");
    expect((await ask("GET", ACCOUNTS)).accounts).toHaveLength(1);
  });
});
