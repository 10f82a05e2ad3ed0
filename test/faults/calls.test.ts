import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { IncomingMessage } from "node:http";
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Fault } from "../../packages/embedded-google-cloud/server/faults.ts";
import { startCloud } from "../../packages/embedded-google-cloud/index.ts";
import { StackFiles } from "../../ops/engine/file-backend.ts";
import { SAMPLE, SERVICE_IMAGE } from "../../ops/engine/local.ts";
import { privateFolder } from "../../ops/engine/private-folder.ts";
import { sendSettlementCommand } from "../../ops/service/smoke.ts";
import type { Deployment } from "../../ops/engine/state.ts";
import { inLongForm, LONG_FORM } from "../long-form.ts";
import { type Cloud, get, inCloud, inState, OWN } from "./inventory.ts";
import { begin, endOf } from "./life.ts";
import { newFolder } from "../folder.ts";

/**
 * API faults during the first update: it converges or stops with a message, and a service that answers works. In the
 * long form every kind of fault strikes every call once, or only the kinds named as in
 * `KINDS=lost,late npm run test:faults -- test/faults/calls`.
 */

jest.setTimeout(LONG_FORM ? 60 * 60_000 : 300_000);

const KINDS: readonly (readonly [name: string, fault: Fault])[] = [
  ["429", { kind: "error", status: 429 }],
  ["429 with Retry-After", { kind: "error", status: 429, retryAfter: 1 }],
  ["500", { kind: "error", status: 500 }],
  ["503", { kind: "error", status: 503 }],
  ["reset", { kind: "reset" }],
  ["latency", { kind: "latency", milliseconds: 500 }],
  ["409", { kind: "error", status: 409 }],
  ["stale", { kind: "stale" }],
  ["lost", { kind: "lost" }],
  ["late", { kind: "late" }],
  ["silence", { kind: "silence" }],
];

/** A pattern of a call, without what differs between runs: `POST ^/v1/…$`. */
function shape(call: string): string {
  const [method = "", path = ""] = call.split(" ");
  const open = path
    .replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
    .replace(/-db-[0-9a-f]{8}/g, "-db-[0-9a-f]{8}")
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}|\d{6,}/g, "[^/]+");
  return `${method} ^${open}$`;
}

/** The faults of the short form, each of another API or kind. */
const SHORT: readonly (readonly [shape: string, kind: string])[] = [
  ["POST /instances$", "503"],
  ["POST /databases$", "409"],
  ["POST /users$", "reset"],
  ["POST /secrets$", "lost"],
  ["POST :addVersion$", "429"],
  ["POST /serviceAccounts$", "lost"],
  ["POST /v1/projects/[^/]+:setIamPolicy$", "stale"],
  ["POST /storage/v1/b$", "lost"],
  ["POST /import$", "500"],
  ["POST /backupRuns$", "late"],
  ["POST /v2/.*/services$", "lost"],
  ["POST /alertPolicies$", "429"],
  ["POST /uptimeCheckConfigs$", "latency"],
  ["GET /operations/", "429 with Retry-After"],
];

interface Outcome {
  readonly runs: number;
  readonly struck: number;
  /** Errors of the runs that failed. */
  readonly said: readonly string[];
  readonly calls: ReadonlySet<string>;
  /** Types with more resources in the cloud than in the state. */
  readonly twice: readonly string[];
}

/** Updates a new stack until it converges. */
async function converge(faults: readonly (readonly [shape: string, fault: Fault])[]): Promise<Outcome> {
  const folder = newFolder("calls");
  const calls = new Set<string>();
  const note = (message: unknown) => {
    const { method, url } = (message as { request: IncomingMessage }).request;
    if (!url?.startsWith("/run/") && !url?.includes(OWN))
      calls.add(shape(`${method ?? ""} ${url?.split("?")[0] ?? ""}`));
  };
  subscribe("http.server.request.start", note);
  const images = { [SERVICE_IMAGE]: SAMPLE };
  const embedded = await startCloud({ folder: join(folder, "cloud"), projects: ["settlement-local"], images });
  const cloud = { url: embedded.url, token: embedded.identities.ownerToken };
  try {
    const injected = faults.map(([call, fault]) => {
      const [method = "", path = ""] = call.split(" ");
      return embedded.faults.inject(
        { method, path: new RegExp(path), query: new RegExp(`^(?!.*${OWN})`), times: 1 },
        fault,
      );
    });
    const said: string[] = [];
    let runs = 1;
    for (; !(await tryUp(cloud, folder, said)); runs += 1) {
      if (runs === 30) throw new Error(`It does not converge:\n${said.join("\n")}`);
      await requireWhole(cloud);
    }
    await requireWhole(cloud);
    const existing = Object.entries(await inCloud(cloud));
    const types = existing.map(([type]) => type);
    const files = new StackFiles(privateFolder(folder).state, "local");
    const state = inState(files.read<Deployment>()?.checkpoint.latest ?? {}, types);
    const twice = existing.flatMap(([type, count]) => (count > (state[type] ?? 0) ? [type] : []));
    expect(existing.filter(([type, count]) => count < (state[type] ?? 0))).toEqual([]);
    return { runs, said, calls, twice, struck: injected.flatMap(({ struck }) => struck).length };
  } finally {
    unsubscribe("http.server.request.start", note);
    await embedded.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Updates in a separate process, because a program goes on working for a while after its update has failed. */
async function tryUp(cloud: Cloud, folder: string, said: string[]): Promise<boolean> {
  const config = { "gcp:requestTimeout": "3s" };
  const run = { folder, url: cloud.url, operation: "up", shared: false, config } as const;
  const { failed } = await endOf(begin(run, cloud.token));
  if (failed !== undefined) said.push(failed);
  return failed === undefined;
}

/** Requires of a service that answers that it has its database, tables and secret. */
async function requireWhole(cloud: Cloud): Promise<void> {
  const path = "/v2/projects/settlement-local/locations/us-central1/services/settlement-service";
  const { uri } = (await get(cloud, path)) as { uri?: string };
  if (uri === undefined) return;
  const { status } = await fetch(`${uri}/health`, { headers: { authorization: `Bearer ${cloud.token}` } });
  if (status === 200) await sendSettlementCommand(uri, cloud.token);
}

/** Factor for the migration's timeouts: it waits 3 seconds for a response, as the provider does here. */
const PATIENCE = "0.05";

beforeAll(() => {
  process.env.SETTLEMENT_PATIENCE = PATIENCE;
});
afterAll(() => {
  delete process.env.SETTLEMENT_PATIENCE;
});

test("an update converges despite a fault of each API, and runs that fail say why without a stack trace", async () => {
  const kinds = new Map(KINDS);
  const { said, struck } = await converge(SHORT.map(([call, kind]) => [call, kinds.get(kind) ?? { kind: "reset" }]));
  expect(struck).toBe(SHORT.length);
  expect(said.filter((text) => /^\s+at /m.test(text))).toEqual([]);
});

inLongForm("an update converges despite every kind of fault on every call", async () => {
  const { calls } = await converge([]);
  process.stderr.write(`${calls.size} calls\n| kind | struck | failed runs | created twice |\n| - | - | - | - |\n`);
  const wanted = process.env.KINDS?.split(",");
  for (const [name, fault] of KINDS.filter(([each]) => wanted?.includes(each) ?? true)) {
    const { runs, said, struck, twice } = await converge([...calls].map((call) => [call, fault]));
    process.stderr.write(`| ${[name, struck, runs - 1, twice.join(", ") || "nothing"].join(" | ")} |\n`);
    expect(said.filter((text) => /^\s+at /m.test(text))).toEqual([]);
  }
});
