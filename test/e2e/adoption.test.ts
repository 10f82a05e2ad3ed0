import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Stack } from "@pulumi/pulumi/automation";
import { findCli } from "../../ops/cli";
import { endpointConfig } from "../../ops/endpoints";
import { inspect } from "../../ops/preview/inspect";
import { update } from "../../ops/preview/update";
import { type Providers, startProviders } from "../../ops/providers";
import { openPrivateStack, ROOT } from "../../ops/workspace";
import { Embedded } from "../local/embedded";
import { ByHand, IMAGES } from "./by-hand";

jest.setTimeout(300_000);

/** A stack like prod, with exceptions of its own from the policies that what was made by hand breaks. */
const STACK = `stack-by-hand-${process.pid}`;
const FILE = join(ROOT, `Pulumi.${STACK}.yaml`);
const POLICIES = join(ROOT, "policies", `config.${STACK}.json`);

function exceptions(): object {
  const until = new Date(Date.now() + 7 * 86_400_000).toISOString().slice(0, 10);
  const accept = (...resources: string[]) => ({
    exceptions: resources.map((resource) => ({ resource, reason: "It was made by hand.", until })),
  });
  const bucket = ["public-access-prevention", "uniform-access", "versioning"].map((name) => `bucket-${name}`);
  const instance = ["backups", "deletion-protection", "flags", "maintenance-window", "point-in-time-recovery"]
    .concat("public-address", "regional", "tls-only")
    .map((name) => `database-${name}`);
  return {
    ...Object.fromEntries(bucket.map((name) => [name, accept("settlement-migrations")])),
    ...Object.fromEntries(instance.map((name) => [name, accept("settlement-instance")])),
    "allowed-regions": { regions: ["us-central1"] },
    "database-url-secret-in-stack": accept("settlement-service"),
    "default-labels": accept(
      ...["db-connection-string", "db-password", "instance", "migrations", "service"].map(
        (name) => `settlement-${name}`,
      ),
    ),
    "schema-before-service": { required: true, ...accept("settlement-service") },
  };
}

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
    copyFileSync(join(ROOT, "Pulumi.prod.yaml"), FILE);
    const command = await findCli(() => undefined);
    const token = cloud.cloud.identities.ownerToken;
    providers = await startProviders(command, token);
    const env = { GOOGLE_OAUTH_ACCESS_TOKEN: token, PULUMI_GCP_SKIP_REGION_VALIDATION: "true", ...providers.env };
    const adopt = { instance: byHand.instance, credential: "1", step: 1 };
    const config = { ...endpointConfig(cloud.cloud.url), "settlement:adopt": JSON.stringify(adopt) };
    stack = await openPrivateStack({ name: STACK, folder, command, config, env }, () => undefined);
    await byHand.make();
  });

  afterAll(async () => {
    await providers.stop();
    for (const file of [FILE, POLICIES]) rmSync(file, { force: true });
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

  test("the first step changes nothing that is there, and leaves nothing to do", async () => {
    writeFileSync(POLICIES, JSON.stringify(exceptions()));
    const state = async () => [await byHand.liveInstance(), await byHand.liveService(), await byHand.secrets()];
    const [before, bindings] = [await state(), await byHand.bindings()];
    let shown = "";
    const print = (markdown: string) => (shown = markdown);
    await update(stack, { print, progress: () => undefined, confirm: () => Promise.resolve(true) });
    expect(shown).toMatch(/^### ✅ .* can be updated: 11 to import, \d+ to create\. /);
    expect(await state()).toEqual(before);
    expect(await byHand.bindings()).toEqual(expect.arrayContaining([...bindings]));
    expect((await inspect(stack)).markdown).toMatch(/^### ✅ .* is unchanged: /);
  });
});
