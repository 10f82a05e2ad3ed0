import { CommandError, type EngineEvent, type PulumiFn, type Stack } from "@pulumi/pulumi/automation/index.js";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAdoption, withoutAdoption } from "../../infra/adoption/adopt.ts";
import { type Migration, readMigrations, readRepeatables } from "../../infra/migrations/files.ts";
import { interrupted } from "../terminal/interrupt.ts";
import { lossOf, lostInstance } from "../engine/lost-instance.ts";
import { pendingIn } from "../engine/interrupted.ts";
import { age } from "../terminal/age.ts";
import { lintAdoption, lintMigrations } from "../lint/lint.ts";
import { UserError } from "../terminal/user-error.ts";
import { endpointsOf } from "../engine/endpoints.ts";
import { engineConfig } from "../engine/engine-config.ts";
import { RestReader } from "../google/reader.ts";
import { changedOutside } from "./outside.ts";
import { type DisabledApi, disabledApis } from "./disabled-apis.ts";
import { type Deployment, readState, type StateResource } from "../engine/state.ts";
import { programOf } from "../engine/program.ts";
import { ROOT } from "../engine/stack-file.ts";
import { tokenOf } from "../engine/token.ts";
import { unreadableImages } from "./images.ts";
import { withHint } from "./adoption.ts";
import { auditConfigsOf, lostAuditLogs } from "./audit-logs.ts";
import { findLosses, type Loss } from "./guard.ts";
import { cliError } from "../terminal/cli-error.ts";
import { type LaterSetting, laterSettings, takesOver } from "./later.ts";
import { render } from "./markdown.ts";
import type { Origin } from "./origin.ts";
import { renderText } from "./text.ts";
import type { Screen } from "../terminal/screen.ts";
import { isBlocked, type NotCompared, type Report } from "./report.ts";
import type { Dependencies } from "./mermaid.ts";
import { appliedBefore, heldBack, isSchema, migrationSteps } from "./migrations.ts";
import { type Preview, readEvents } from "./model.ts";
import type { Snapshot } from "../engine/snapshot.ts";
import type { SchemaDrift } from "../migration/drift.ts";

/** The repository's policy pack; it finds the stack's configuration beside it. */
export const POLICY_PACKS = [join(ROOT, "policies")];

/** A preview with its verdict. */
export interface Inspection {
  /** The pull request comment. */
  readonly markdown: string;
  /** The same for a terminal. */
  readonly text: (screen: Screen) => string;
  /** Whether a policy, the guard or an error blocks the update. */
  readonly blocked: boolean;
  /** Whether a refresh found changes made outside the stack. */
  readonly drifted: boolean;
  /** URNs of the APIs that a refresh must enable before it can read the rest; empty if it could read everything. */
  readonly first: readonly string[];
  readonly preview: Preview;
  /** Resources that an interrupted update was changing; the preview shows them as new whether they exist or not. */
  readonly pending: readonly string[];
}

/** How to preview. */
export interface InspectOptions {
  /** Where the preview is made; see {@link Report}. */
  readonly origin?: Origin;
  /** Whether the state is a snapshot or empty, not the stack's own; false by default. */
  readonly offline?: boolean;
  readonly snapshot?: Snapshot | undefined;
  /** The state, if already read. */
  readonly deployment?: Deployment;
  /** Whether to refresh the state from the cloud first; false by default. */
  readonly refresh?: boolean;
  /** Compares the live schema with the applied versions, in a refresh; not compared by default. */
  readonly schema?: (() => Promise<SchemaDrift>) | undefined;
  /** URNs of the resources to include; all by default. */
  readonly target?: readonly string[];
  /** URNs of resources to neither refresh nor change; none by default. */
  readonly exclude?: readonly string[];
  /** Path of the policies' settings; those of the stack by default. */
  readonly policySettings?: string | undefined;
  /** Losses that the command itself intends, besides those that the configuration allows; none by default. */
  readonly agreed?: (loss: Loss) => boolean;
  /** The program; the stack's own by default. */
  readonly program?: PulumiFn;
}

/**
 * Previews a stack with the policies applied, and decides whether the update is blocked. Errors of the program and policy
 * violations are part of the result.
 * @param use Gets the path of the engine's plan, which exists only during this call, to carry it out.
 * @throws UserError if the engine cannot start, for example without access to the state.
 */
export async function inspect(
  stack: Stack,
  options: InspectOptions = {},
  use: (inspection: Inspection, plan: string) => Promise<void> = () => Promise.resolve(),
): Promise<Inspection> {
  const folder = mkdtempSync(join(tmpdir(), "settlement-plan-"));
  const plan = join(folder, "plan.json");
  try {
    const { pending, report } = await preview(stack, plan, options);
    const inspection = judge(report, pending);
    await use(inspection, plan);
    return inspection;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The inspection of a stack that cannot be previewed because of a problem. */
export function refuse(stack: string, problem: string, origin?: Origin): Inspection {
  const nothing = { changes: [], unchanged: 0, drift: [], findings: [], config: {} };
  const report: Report = {
    stack,
    origin,
    offline: false,
    refreshed: false,
    preview: { ...nothing, problems: [problem] },
    disabled: [],
    outside: [],
    losses: [],
    migrations: [],
    lint: [],
    later: [],
    dependencies: new Map(),
  };
  return judge(report, []);
}

function judge(report: Report, pending: readonly string[]): Inspection {
  const { preview } = report;
  const schema = report.schema && "differences" in report.schema ? report.schema.differences : [];
  const first = report.disabled.map(({ urn }) => urn);
  const drifted = preview.drift.length > 0 || schema.length > 0 || first.length > 0;
  const text = (screen: Screen) => renderText(report, screen);
  return { markdown: render(report), text, blocked: isBlocked(report), drifted, first, preview, pending };
}

async function preview(
  stack: Stack,
  path: string,
  options: InspectOptions,
): Promise<{ report: Report; pending: readonly string[] }> {
  const { agreed = () => false, exclude = [], offline = false, policySettings, refresh = false, snapshot } = options;
  const deployment: Deployment =
    offline && !snapshot ? {} : (options.deployment ?? (await readState(stack)).deployment);
  const { resources = [] } = deployment;
  const first = refresh ? await disabledIn(stack, resources) : [];
  const target = first.length > 0 ? first.map(({ urn }) => urn) : (options.target ?? []);
  // Nothing can be imported without credentials.
  const program = options.program ?? (offline && !snapshot ? programOf([], withoutAdoption) : undefined);
  const events: EngineEvent[] = [];
  let failed: CommandError | undefined;
  try {
    const onEvent = (event: EngineEvent) => events.push(event);
    const limits = { refresh, target: [...target], exclude: [...exclude], ...(program && { program }) };
    await stack.preview({
      signal: interrupted,
      onEvent,
      plan: path,
      policyPacks: POLICY_PACKS,
      ...(policySettings !== undefined && { policyPackConfigs: [policySettings] }),
      color: "never",
      ...limits,
    });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    failed = error;
  }
  const lost = offline ? undefined : await lostInstance(stack, deployment);
  const found = hinted(readEvents(events));
  const seen = lost === undefined ? found : { ...found, problems: [lossOf(lost, stack.name), ...found.problems] };
  const refused = seen.problems.length > 0 || seen.findings.some(({ mandatory }) => mandatory);
  if (failed && !refused) throw new UserError(cliError(failed));
  const advice = offline || failed ? [] : await unreadableImages(seen, tokenOf(stack));
  const read = { ...seen, findings: [...seen.findings, ...advice] };

  const plan = existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Plan) : { resourcePlans: {} };
  if (!failed) compare(plan, events);
  const schemas = read.changes.filter(isSchema);
  const folder = join(ROOT, "migrations");
  const [files, all] = schemas.length > 0 || read.config["settlement:schema"] ? filesOf(folder) : [[], []];
  const migrations = schemas.flatMap((change) => migrationSteps(change, all));
  const baseline = schemas.map(({ after }) => after.baseline).find((version) => typeof version === "string") ?? "";
  const adopted = files.filter(({ version }) => version <= baseline);
  const pending = migrations.some(({ direction }) => direction === "up");
  const [applied] = schemas.map(appliedBefore);
  const seesLive = !offline && !refresh && !failed && options.program === undefined;
  const replaced = offline ? new Map<string, string>() : await lostAuditLogs(read, auditConfigsOf(stack, read.config));
  const report: Report = {
    stack: stack.name,
    origin: options.origin,
    offline,
    snapshot: snapshot && { ...snapshot, age: age(snapshot.time) },
    refreshed: refresh,
    disabled: first,
    outside: seesLive ? await changedOutside(read, resources, tokenOf(stack)) : [],
    schema:
      options.schema && read.problems.length === 0 && first.length === 0 ? await compared(options.schema) : undefined,
    preview: read,
    losses: findLosses(read, resources, replaced, files).map((loss) => ({
      ...loss,
      allowed: loss.allowed || agreed(loss),
    })),
    migrations,
    held: heldBack(read.config, all),
    lint: pending ? [...(await lintMigrations(folder, applied)), ...(await lintAdoption(adopted))] : [],
    later: failed || program || !takesOver(read) ? [] : await settingsAfterAdoption(stack),
    dependencies: dependencies(plan),
  };
  return { report, pending: pendingIn(deployment) };
}

/** The versions of a folder, and these with the repeatable files. */
function filesOf(folder: string): [Migration[], Migration[]] {
  const versions = readMigrations(folder);
  return [versions, [...versions, ...readRepeatables(folder)]];
}

/** The caller of a preview may not be allowed to import. */
async function compared(compare: () => Promise<SchemaDrift>): Promise<SchemaDrift | NotCompared> {
  return compare().catch((error: unknown) => {
    if (!(error instanceof UserError)) throw error;
    return { why: error.message };
  });
}

/** The instance's settings that the update after adoption will change; that update checks the policies. */
async function settingsAfterAdoption(stack: Stack): Promise<LaterSetting[]> {
  const events: EngineEvent[] = [];
  const onEvent = (event: EngineEvent) => events.push(event);
  try {
    await stack.preview({ signal: interrupted, onEvent, color: "never", program: programOf([], afterAdoption) });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const why = hinted(readEvents(events)).problems.join("\n") || cliError(error);
    throw new UserError(`Cannot preview the changes after adoption: ${why}`);
  }
  return laterSettings(readEvents(events).changes);
}

/** The APIs that a refresh of the stack must enable first. */
async function disabledIn(stack: Stack, resources: readonly StateResource[]): Promise<DisabledApi[]> {
  const config = await engineConfig(stack);
  const reader = new RestReader(endpointsOf(config), tokenOf(stack));
  return disabledApis(resources, config["gcp:project"] ?? "", reader);
}

function hinted(preview: Preview): Preview {
  return { ...preview, problems: preview.problems.map((problem) => withHint(problem, preview.config)) };
}

/** The parts of the engine's plan used here. */
interface Plan {
  readonly resourcePlans: Readonly<
    Record<
      string,
      { readonly goal?: { readonly dependencies?: readonly string[] }; readonly steps?: readonly string[] }
    >
  >;
}

/** Requires an event for every planned step: the guard checks events, but the update follows the plan. */
function compare({ resourcePlans }: Plan, events: readonly EngineEvent[]): void {
  const reported = new Set(
    events.map(({ resourcePreEvent: event }) => (event ? `${event.metadata.op} ${event.metadata.urn}` : "")),
  );
  for (const [urn, { steps = [] }] of Object.entries(resourcePlans)) {
    const missing = steps.find((step) => !reported.has(`${step} ${urn}`));
    if (missing !== undefined) throw new Error(`The engine plans to ${missing} ${urn}, but did not report it.`);
  }
}

function dependencies({ resourcePlans }: Plan): Dependencies {
  return new Map(Object.entries(resourcePlans).map(([urn, { goal }]) => [urn, goal?.dependencies ?? []]));
}
