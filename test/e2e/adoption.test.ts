import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { targetOf } from "../../ops/bootstrap/target.ts";
import { findCli } from "../../ops/engine/cli.ts";
import { endpointConfig } from "../../ops/engine/endpoints.ts";
import { ADOPT_KEY } from "../../infra/adoption/existing.ts";
import { inspect, type Inspection } from "../../ops/preview/inspect.ts";
import { update } from "../../ops/update/update.ts";
import { type Providers, startProviders } from "../../ops/engine/providers.ts";
import { rotate } from "../../ops/rotation/rotate.ts";
import { readStackFile, ROOT, setInStackFile } from "../../ops/engine/stack-file.ts";
import { openPrivateStack } from "../../ops/engine/private-stack.ts";
import { Embedded } from "../packages/embedded-google-cloud/embedded.ts";
import { LONG_FORM } from "../long-form.ts";
import { scenario } from "../scenario.ts";
import { bootstrapped, REPOSITORY } from "./bootstrapped.ts";
import { ManualProduction, COMMANDS, type Fault, FAULTS, IMAGES } from "./created-manually.ts";
import { SteadyClient } from "./steady-client.ts";
import { newFolder } from "../folder.ts";

jest.setTimeout(300_000);

/** What prod's configuration says about each fault. */
const CONFIGURED: Readonly<Record<Fault, { readonly missing?: string; readonly replace?: true }>> = {
  secret: { missing: "connectionStringSecret", replace: true },
  password: { replace: true },
  tables: { missing: "tables" },
  access: { missing: "client" },
};

/**
 * The long form runs no fault, each alone and all, and continues to the end of adoption. `npm test` takes the first step with all but
 * the missing tables, so that there are rows to keep.
 */
const VARIANTS: (readonly Fault[])[] = LONG_FORM
  ? [[], ...FAULTS.map((fault) => [fault]), FAULTS]
  : [FAULTS.filter((fault) => fault !== "tables")];

/** Prod's stack file, and the exceptions from its policies. */
const { config: written = {} } = readStackFile("prod");
const ACCEPTED = readFileSync(join(ROOT, "policies", "config.prod.json"), "utf8");

describe.each(VARIANTS.map((faults) => ({ faults })))("production created manually, faults: $faults", ({ faults }) => {
  const step = scenario();
  /** A copy of prod, whose exceptions from the policies expire in a week. */
  const name = `stack-manual-${process.pid}`;
  const file = join(ROOT, `Pulumi.${name}.yaml`);
  const policies = join(ROOT, "policies", `config.${name}.json`);
  const cloud = new Embedded(IMAGES, ["fusion-prime"]);
  const production = new ManualProduction(cloud, "fusion-prime");
  const has = (fault: Fault) => faults.includes(fault);
  const missing = faults.flatMap((fault) => CONFIGURED[fault].missing ?? []);
  let folder: string;
  let providers: Providers;
  let stack: Stack;
  let client: SteadyClient;
  /** The last preview. */
  let shown = "";
  let before: { instance: unknown; secrets: string[]; rows: unknown[] };

  const configure = (key: string, value: object) =>
    stack.setConfig(`settlement:${key}`, { value: JSON.stringify(value) });
  /** Writes `settlement:adopt` for a step and the faults into the stack file. */
  const adopt = (number: number, more: object = {}) => {
    const credential = faults.some((fault) => CONFIGURED[fault].replace) && { credential: "replace" };
    return configure("adopt", { ...(written[ADOPT_KEY] as object), step: number, missing, ...credential, ...more });
  };
  /** Updates the stack as `npm run up` does; returns the preview. */
  const up = async () => {
    const print = ({ markdown }: Inspection) => (shown = markdown);
    await update(stack, { print, progress: () => undefined, confirm: () => Promise.resolve(true) });
    return shown;
  };
  const identity = async () => {
    const { createTime, name: instance } = await production.liveInstance();
    return { instance: { createTime, instance }, secrets: await production.secretIds() };
  };
  /** What the first step must not change. */
  const live = async () => [
    await production.liveInstance(),
    await production.liveService(),
    await production.secrets(),
  ];
  const rows = () => Promise.all(COMMANDS.map((id) => production.command(id)));

  beforeAll(async () => {
    folder = newFolder("adoption-e2e");
    await cloud.start();
    copyFileSync(join(ROOT, "Pulumi.prod.yaml"), file);
    const until = new Date(Date.now() + 7 * 86_400_000).toISOString().slice(0, 10);
    writeFileSync(policies, ACCEPTED.replaceAll(/"until": "[\d-]+"/g, `"until": "${until}"`));
    const command = await findCli(() => undefined);
    await production.create(...faults);
    const token = await bootstrapped(cloud.cloud, targetOf("prod", REPOSITORY));
    providers = await startProviders(command, { token });
    const env = { GOOGLE_OAUTH_ACCESS_TOKEN: token, PULUMI_GCP_SKIP_REGION_VALIDATION: "true", ...providers.env };
    stack = await openPrivateStack(
      { name, folder, command, config: endpointConfig(cloud.cloud.url), env },
      () => undefined,
    );
    if (faults.length > 0) await adopt(1);
    before = { ...(await identity()), rows: faults.length === 0 ? await rows() : [] };
    client = new SteadyClient((await production.liveService()).uri, cloud.cloud.identities.ownerToken, 200);
  });

  afterAll(async () => {
    await client.stop();
    await providers.stop();
    for (const made of [file, policies]) rmSync(made, { force: true });
    await cloud.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const replaces = faults.some((fault) => CONFIGURED[fault].replace);
  const withOldPassword = replaces ? step.skip : step;
  const withFaults = faults.length > 0 ? step : step.skip;

  /** Number of commands sent before the faults were repaired. */
  let repaired = 0;

  step.inLongForm("blocks an adoption that does not list a missing part, and says what to add", async () => {
    const absent = missing.filter((part) => part !== "tables");
    if (absent.length === 0) return;
    await adopt(1, { missing: [] });
    await expect(up()).rejects.toThrow("is blocked");
    await adopt(1);
    expect(absent.some((part) => shown.includes(`add ${part} to settlement:adopt.missing`))).toBe(true);
  });

  withFaults("blocks a change of the instance and the loss of audit logs, and changes nothing", async () => {
    const database = written["settlement:database"] as object;
    await production.logAccesses({ logType: "ADMIN_READ" }, { logType: "DATA_WRITE" });
    const was = [await live(), await production.bindings()];
    await configure("database", { ...database, version: "POSTGRES_16" }); // a downgrade from 17 is impossible
    await expect(up()).rejects.toThrow("is blocked");
    await configure("database", database);
    expect(shown).toContain(
      "`settlement-instance` (gcp.sql.DatabaseInstance) would be changed; differing properties: `databaseVersion`",
    );
    expect(shown).toContain(
      "`settlement-import-audit` (gcp.projects.IAMAuditConfig) replaces the audit configuration of cloudsql.googleapis.com",
    );
    expect(shown).toContain("this loses the log type ADMIN\\_READ.");
    await production.logAccesses({ logType: "DATA_WRITE" }); // as declared
    expect([await live(), await production.bindings()]).toEqual(was);
  });

  step("imports what exists in the first step, and changes only what is broken", async () => {
    const [was, bindings] = [await live(), await production.bindings()];
    await up();
    if (faults.length > 0) repaired = client.sent;
    const absent = missing.filter((part) => part !== "tables").length;
    expect(shown).toMatch(new RegExp(`^### ✅ .* can be updated: ${11 - absent} to import, \\d+ to create`));
    expect(shown).not.toMatch(/^\| (delete|replace|update) /m);
    expect(shown).toContain('- `settings.tier` `"db-custom-1-3840"` → `"db-custom-2-7680"`: **restarts the instance**');
    expect(shown).toMatch(/^- `settings.connectorEnforcement` .*: \*\*refuses clients\*\*$/m);
    if (faults.length === 0) expect(await live()).toEqual(was);
    expect(await production.liveInstance()).toEqual(was[0]);
    expect(await production.bindings()).toEqual(expect.arrayContaining([...bindings]));
  });

  // test/infra/adoption.test.ts says the same without the engine.
  withOldPassword("blocks the end of adoption while the old password works", async () => {
    await stack.removeConfig(ADOPT_KEY);
    await expect(up()).rejects.toThrow("is blocked");
    await adopt(1);
    expect(shown).toMatch(/^- settlement-user: .*Leave settlement:adopt in the configuration until npm run rotate/m);
  });

  step.inLongForm("updates the service in the second step, and leaves the instance alone", async () => {
    const was = await production.liveInstance();
    await adopt(2);
    expect(await up()).toMatch(/^\| update \| `settlement-migrations` /m);
    expect(shown).not.toContain("restarts the instance"); // that was confirmed with the import
    expect(await production.liveInstance()).toEqual(was);
    expect((await production.liveService()).template).toMatchObject({ containers: [{ startupProbe: {} }] });
  });

  step.inLongForm(
    "removes only the service's account from the manual binding in the third step, and adopts the tables",
    async () => {
      await configure("schema", { baseline: "20251025120100" });
      await adopt(3);
      await up();
      if (!has("access"))
        expect(shown).toMatch(/^\| delete \| `settlement-cloudsql-client-by-hand` \| gcp.projects.IAMMember /m);
      const clients = (await production.bindings()).filter(({ role }) => role === "roles/cloudsql.client");
      expect(clients.map(({ condition, members }) => `${condition?.title ?? "any"}: ${members.join()}`).sort()).toEqual(
        [`any: ${production.reports}`, `settlement-instance: serviceAccount:${production.account}`],
      );
      expect((await stack.outputs()).schemaVersion?.value).toBe("20251025120100");
    },
  );

  step.inLongForm("replaces the manual credential with a rotation", async () => {
    let current = 0;
    const quiet = () => undefined;
    const write = (next: number) => {
      current = next;
      setInStackFile(name, ["settlement:rotation"], { step: next }, [stack.workspace.workDir]);
    };
    const confirm = () => Promise.resolve(true);
    expect(await rotate(stack, { step: current, write, confirm, print: quiet, progress: quiet, say: quiet })).toBe(2);
    const { containers } = (await production.liveService()).template;
    expect(JSON.stringify(containers)).not.toContain('"version":"1"');
  });

  step.inLongForm("updates the instance's settings once adoption ends, and leaves nothing to do", async () => {
    await stack.removeConfig(ADOPT_KEY);
    const strict = JSON.parse(ACCEPTED, (key, value: unknown) => (key === "exceptions" ? undefined : value)) as object;
    writeFileSync(policies, JSON.stringify(strict));
    expect(await up()).toMatch(/^### ✅ .* can be updated: 2 to update, \d+ unchanged\. /);
    expect((await production.liveInstance()).settings).toMatchObject({
      tier: "db-custom-2-7680",
      connectorEnforcement: "REQUIRED",
    });
    expect((await inspect(stack)).markdown).toMatch(/^### ✅ .* is unchanged: /);
  });

  step("keeps the instance, its rows and the secrets", async () => {
    const { instance, secrets } = await identity();
    expect(instance).toEqual(before.instance);
    expect(secrets).toEqual(expect.arrayContaining(before.secrets));
    if (!has("tables"))
      expect(await Promise.all(COMMANDS.map((id) => production.command(id)))).toEqual(
        COMMANDS.map((id) => expect.objectContaining({ command_id: id, status: "RECEIVED" }) as unknown),
      );
    if (faults.length === 0) expect(await rows()).toEqual(before.rows);
  });

  step("answers every request once the faults are repaired, also while the instance restarts", async () => {
    const enough = repaired + (LONG_FORM ? 50 : 5);
    while (client.sent < enough) await delay(50);
    const statuses = await client.stop();
    expect(new Set(statuses.slice(repaired))).toEqual(new Set([200]));
    if (faults.length > 0) expect(statuses.slice(0, repaired)).toContain(faults.includes("secret") ? 503 : 500);
  });
});
