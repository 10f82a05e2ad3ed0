import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Stack } from "@pulumi/pulumi/automation";
import { findCli } from "../../ops/cli";
import { endpointConfig } from "../../ops/endpoints";
import { inspect } from "../../ops/preview/inspect";
import { update } from "../../ops/preview/update";
import { type Providers, startProviders } from "../../ops/providers";
import { rotate } from "../../ops/rotation/rotate";
import { openPrivateStack, ROOT } from "../../ops/workspace";
import { Embedded } from "../local/embedded";
import { ByHand, COMMANDS, type Fault, FAULTS, IMAGES } from "./by-hand";
import { SteadyClient } from "./steady-client";

jest.setTimeout(300_000);

/** What prod's configuration says of a fault. */
const TOLD: Readonly<Record<Fault, { readonly missing?: string; readonly replace?: true }>> = {
  secret: { missing: "connectionStringSecret", replace: true },
  password: { replace: true },
  tables: { missing: "tables" },
  access: { missing: "client" },
};

const NO_FAULT: readonly Fault[] = [];
const VARIANTS = process.env.FAULTS === "all" ? [NO_FAULT, ...FAULTS.map((fault) => [fault])] : [NO_FAULT];

describe.each(VARIANTS)("production made by hand, with what was wrong: %s", (...faults: Fault[]) => {
  /** Prod, and its exceptions from the policies, of which today is always before the last day. */
  const name = `stack-by-hand-${process.pid}`;
  const file = join(ROOT, `Pulumi.${name}.yaml`);
  const policies = join(ROOT, "policies", `config.${name}.json`);
  const cloud = new Embedded(IMAGES, ["fusion-prime"]);
  const byHand = new ByHand(cloud, "fusion-prime");
  const has = (fault: Fault) => faults.includes(fault);
  let folder: string;
  let providers: Providers;
  let stack: Stack;
  let client: SteadyClient;
  let before: { instance: unknown; secrets: string[]; rows: unknown[] };

  const configure = (key: string, value: string) => stack.setConfig(`settlement:${key}`, { value }, true);
  /** Updates the stack as `npm run up` does; the preview that was shown. */
  const up = async () => {
    let shown = "";
    const print = (markdown: string) => (shown = markdown);
    await update(stack, { print, progress: () => undefined, confirm: () => Promise.resolve(true) });
    writeFileSync(`/tmp/shown-${faults.join("-")}-${Date.now()}.md`, shown);
    return shown;
  };
  const identity = async () => {
    const { createTime, name: instance } = await byHand.liveInstance();
    return { instance: { createTime, instance }, secrets: await byHand.secretIds() };
  };
  const rows = () => Promise.all(COMMANDS.map((id) => byHand.command(id)));

  beforeAll(async () => {
    mkdirSync(join(ROOT, ".local"), { recursive: true });
    folder = mkdtempSync(join(ROOT, ".local", "adoption-e2e-"));
    await cloud.start();
    copyFileSync(join(ROOT, "Pulumi.prod.yaml"), file);
    const until = new Date(Date.now() + 7 * 86_400_000).toISOString().slice(0, 10);
    const accepted = readFileSync(join(ROOT, "policies", "config.prod.json"), "utf8");
    writeFileSync(policies, accepted.replaceAll(/"until": "[\d-]+"/g, `"until": "${until}"`));
    const command = await findCli(() => undefined);
    const token = cloud.cloud.identities.ownerToken;
    providers = await startProviders(command, token);
    const env = { GOOGLE_OAUTH_ACCESS_TOKEN: token, PULUMI_GCP_SKIP_REGION_VALIDATION: "true", ...providers.env };
    stack = await openPrivateStack(
      { name, folder, command, config: endpointConfig(cloud.cloud.url), env },
      () => undefined,
    );
    for (const [index, part] of faults.flatMap((fault) => TOLD[fault].missing ?? []).entries())
      await configure(`adopt.missing[${index}]`, part);
    if (faults.some((fault) => TOLD[fault].replace)) await configure("adopt.credential", "replace");
    await byHand.make(...faults);
    before = { ...(await identity()), rows: faults.length === 0 ? await rows() : [] };
    client = new SteadyClient((await byHand.liveService()).uri, token, 200);
  });

  afterAll(async () => {
    await client.stop();
    await providers.stop();
    for (const made of [file, policies]) rmSync(made, { force: true });
    await cloud.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  /** How many commands had been sent when what was wrong was mended, and when the maintenance window began and ended. */
  const marks = { mended: 0, window: 0, over: 0 };

  test("the first step imports what is there, and changes nothing but what does not work", async () => {
    const state = async () => [await byHand.liveInstance(), await byHand.liveService(), await byHand.secrets()];
    const [was, bindings] = [await state(), await byHand.bindings()];
    const shown = await up();
    marks.mended = client.sent;
    expect(shown).toMatch(/^### ✅ .* can be updated: \d+ to import, \d+ to create\. /);
    if (faults.length === 0) expect(await state()).toEqual(was);
    expect(await byHand.bindings()).toEqual(expect.arrayContaining([...bindings]));
  });

  test("the second step gives the service what the program says, and leaves the instance", async () => {
    const was = await byHand.liveInstance();
    await configure("adopt.step", "2");
    const shown = await up();
    expect(await byHand.liveInstance()).toEqual(was);
  });

  test("the third step removes the binding made by hand and no other member, and takes the tables over", async () => {
    await stack.setConfig("settlement:schema", { value: '{"baseline":"20251025120100"}' });
    await configure("adopt.step", "3");
    const shown = await up();
  });

  test("a rotation replaces the credential", async () => {
    let step = 0;
    const reached = await rotate(stack, {
      step,
      write: async (next) => {
        step = next;
        await configure("rotation.step", String(next));
      },
      confirm: () => Promise.resolve(true),
      print: (text) => writeFileSync(`/tmp/shown-${faults.join("-")}-${Date.now()}.md`, text),
      progress: () => undefined,
      say: () => undefined,
    });
    expect(reached).toBe(2);
  });

  test("in a maintenance window the settings of the instance follow, and nothing is left to do", async () => {
    await stack.removeConfig("settlement:adopt");
    marks.window = client.sent;
    const shown = await up();
    marks.over = client.sent;
    expect((await inspect(stack)).markdown).toMatch(/^### ✅ .* is unchanged: /);
  });

  test("it is the same instance, with the same rows, and the same secrets", async () => {
    expect(await identity()).toEqual({ instance: before.instance, secrets: expect.arrayContaining(before.secrets) as unknown });
    if (faults.length === 0) expect(await rows()).toEqual(before.rows);
  });

  test("no request failed, but for those before what was wrong was mended, and in the window", async () => {
    const statuses = await client.stop();
    console.log(marks, statuses.length, statuses.map((s, i) => (s === 200 ? "" : `${i}:${s}`)).filter(Boolean).join(" "));
    expect(new Set([...statuses.slice(has("access") ? marks.mended : 0, marks.window), ...statuses.slice(marks.over)])).toEqual(new Set([200]));
  });
});
