import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { readMigrations } from "../../infra/migrations/files.ts";
import { CHECKS } from "../../ops/doctor/checks.ts";
import { diagnose } from "../../ops/doctor/diagnosis.ts";
import { Facts } from "../../ops/doctor/facts.ts";
import { RestReader } from "../../ops/google/reader.ts";
import { endpointEnv } from "../../ops/engine/endpoints.ts";
import { locate } from "../../ops/engine/target.ts";
import { upAlone } from "../../ops/engine/up-alone.ts";
import { startLocal } from "../../ops/engine/local.ts";
import { inspect, POLICY_PACKS } from "../../ops/preview/inspect.ts";
import { sendSettlementCommand } from "../../ops/service/smoke.ts";
import { ROOT } from "../../ops/engine/stack-file.ts";
import { outputsOf, readState } from "../../ops/engine/state.ts";

// Does what `npm start` does, in a new folder, until a settlement command is accepted; then a preview without changes, and
// the doctor. Prints the seconds of each step as JSON.

/** The slowest parts of an update, by resource type. */
const SLOWEST = {
  PostgreSQL: "gcp:sql/databaseInstance:DatabaseInstance",
  import: "pulumi-nodejs:dynamic/settlement:ImportedSchema",
  service: "gcp:cloudrunv2/service:Service",
};

/** Seconds from the engine's first to its last event for resources of a type. */
function secondsOf(type: string, events: readonly (readonly [number, EngineEvent])[]): number {
  const times = events.flatMap(([at, { resourcePreEvent, resOutputsEvent }]) =>
    (resourcePreEvent ?? resOutputsEvent)?.metadata.type === type ? [at] : [],
  );
  return (Math.max(...times) - Math.min(...times)) / 1000;
}

async function main(): Promise<void> {
  const begin = performance.now();
  const steps: Record<string, number> = { "loading modules": begin / 1000 };
  let last = begin;
  const step = (name: string) => {
    steps[name] = (performance.now() - last) / 1000;
    last = performance.now();
  };
  mkdirSync(join(ROOT, ".local"), { recursive: true });
  const folder = mkdtempSync(join(ROOT, ".local", "bench-up-"));
  const local = await startLocal(folder, () => undefined);
  try {
    const { cloud, stack } = local;
    const token = cloud.identities.ownerToken;
    step("cloud, providers and state");
    const first = await inspect(stack);
    if (first.blocked) throw new Error(first.markdown);
    step("preview");
    const events: [number, EngineEvent][] = [];
    const onEvent = (event: EngineEvent) => events.push([performance.now(), event]);
    await upAlone(stack, { color: "never", policyPacks: POLICY_PACKS, suppressOutputs: true, onEvent });
    const { serviceUrl } = outputsOf(await readState(stack));
    step("update");
    for (const [name, type] of Object.entries(SLOWEST)) steps[`of the update, ${name}`] = secondsOf(type, events);
    await sendSettlementCommand(String(serviceUrl), token);
    step("settlement command");
    steps.all = performance.now() / 1000;

    last = performance.now();
    const second = await inspect(stack);
    if (second.preview.changes.length > 0) throw new Error(second.markdown);
    step("second preview");
    const env = { ...process.env, ...endpointEnv(cloud.url), GOOGLE_OAUTH_ACCESS_TOKEN: token };
    const given = { project: "settlement-local", region: "us-central1" };
    const args = [join(ROOT, "ops", "doctor.ts")];
    last = performance.now();
    await promisify(execFile)(process.execPath, [...args, "--project", given.project, "--region", given.region], {
      env,
    });
    step("doctor");
    Object.assign(process.env, env);
    const { target, endpoints: apis } = locate(given, ROOT);
    const reader = new RestReader(apis, () => Promise.resolve(token));
    await diagnose(CHECKS, new Facts(target, reader, readMigrations(join(ROOT, "migrations")), new Date()));
    steps["requests of the doctor"] = reader.requests;
  } finally {
    await local.stop();
    rmSync(folder, { recursive: true });
  }
  process.stdout.write(JSON.stringify(steps));
}

void main();
