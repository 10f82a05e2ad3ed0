import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Stack } from "@pulumi/pulumi/automation";
import { findCli } from "../../ops/cli";
import { endpointConfig } from "../../ops/endpoints";
import { inspect } from "../../ops/preview/inspect";
import { type Providers, startProviders } from "../../ops/providers";
import { openPrivateStack, ROOT } from "../../ops/workspace";
import { Embedded } from "../local/embedded";
import { ByHand, IMAGES } from "./by-hand";

jest.setTimeout(300_000);

describe("production made by hand, through the real engine", () => {
  const cloud = new Embedded(IMAGES, ["fusion-prime"]);
  const byHand = new ByHand(cloud, "fusion-prime");
  let folder: string;
  let providers: Providers;
  let stack: Stack;

  beforeAll(async () => {
    mkdirSync(join(ROOT, ".local"), { recursive: true });
    folder = mkdtempSync(join(ROOT, ".local", "adoption-e2e-"));
    await cloud.start();
    const command = await findCli(() => undefined);
    const token = cloud.cloud.identities.ownerToken;
    providers = await startProviders(command, token);
    const env = { GOOGLE_OAUTH_ACCESS_TOKEN: token, PULUMI_GCP_SKIP_REGION_VALIDATION: "true", ...providers.env };
    const adopt = { instance: byHand.instance, credential: "1", step: 1 };
    const config = { ...endpointConfig(cloud.cloud.url), "settlement:adopt": JSON.stringify(adopt) };
    stack = await openPrivateStack({ name: "prod", folder, command, config, env }, () => undefined);
    await byHand.make();
  });

  afterAll(async () => {
    await providers.stop();
    await cloud.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  test("the preview of the first step imports what is there, changes nothing of it, and names what is in the way", async () => {
    const before = await byHand.liveInstance();
    const { blocked, markdown, preview } = await inspect(stack);
    const imported = preview.changes.filter((change) => change.imported);
    expect(imported.map(({ name }) => name)).toEqual([
      "settlement-account",
      "settlement-cloudsql-client-by-hand",
      "settlement-database",
      "settlement-db-connection-string",
      "settlement-db-password",
      "settlement-instance",
      "settlement-instance-suffix",
      "settlement-migrations",
      "settlement-migrations-reader",
      "settlement-service",
      "settlement-user",
    ]);
    expect(preview.changes.filter(({ op }) => ["delete", "replace", "update"].includes(op))).toEqual([]);
    // Policies add a label where the program leaves labels as they are: the preview stops, and says so.
    expect(blocked).toBe(true);
    expect(markdown).toContain(
      "- `settlement-service` (gcp.cloudrunv2.Service) would be changed; in the way: `labels.managed-by`",
    );
    expect(await byHand.liveInstance()).toEqual(before);
  });
});
