import { CommandError, type EngineEvent, type PulumiFn, type Stack } from "@pulumi/pulumi/automation/index.js";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAdoption, withoutAdoption } from "../../infra/adoption/adopt.ts";
import { readMigrations } from "../../infra/migrations/files.ts";
import { interrupted } from "../terminal/interrupt.ts";
import { pendingIn } from "../engine/interrupted.ts";
import { age } from "../terminal/age.ts";
import { lintAdoption, lintMigrations } from "../migration/lint.ts";
import { UserError } from "../terminal/user-error.ts";
import { type Deployment, readState } from "../engine/state.ts";
import { programOf } from "../engine/program.ts";
import { ROOT } from "../engine/stack-file.ts";
import { withHint } from "./adoption.ts";
import { findLosses, type Loss } from "./guard.ts";
import { cliError } from "../terminal/cli-error.ts";
import { type LaterSetting, laterSettings, takesOver } from "./later.ts";
import { isBlocked, render, type Report } from "./markdown.ts";
import type { Dependencies } from "./mermaid.ts";
import { isSchema, migrationSteps } from "./migrations.ts";
import { type Preview, readEvents } from "./model.ts";
import type { Snapshot } from "../engine/snapshot.ts";

/** The policy pack of this repository; it finds the stack's own configuration beside it. */
export const POLICY_PACKS = [join(ROOT, "policies")];

/** A preview that was judged. */
export interface Inspection {
  /** The comment. */
  readonly markdown: string;
  /** Whether a policy, the guard or an error forbids the update. */
  readonly blocked: boolean;
  /** Whether a refresh found something that was changed past the stack. */
  readonly drifted: boolean;
  /** What the update would do. */
  readonly preview: Preview;
  /** What an update was at that ended in the middle; it shows as new here, whether it was made or not. */
  readonly pending: readonly string[];
}

/** How a preview is made. */
export interface InspectOptions {
  /** Whether the state was made for this preview: of a snapshot, or empty. */
  readonly offline?: boolean;
  readonly snapshot?: Snapshot | undefined;
  /** The state, where it was read already. */
  readonly deployment?: Deployment;
  /** Whether to ask the cloud first what is there now, instead of trusting the state. */
  readonly refresh?: boolean;
  /** URNs of the only resources that are looked at; all by default. */
  readonly target?: readonly string[];
  /** URNs of resources that are left as they are and not asked for; none by default. */
  readonly exclude?: readonly string[];
  /** What may be lost because the command itself names it; by default only what the configuration names. */
  readonly agreed?: (loss: Loss) => boolean;
  /** The program; by default the stack's own. */
  readonly program?: PulumiFn;
}

/**
 * Previews a stack with the policies applied, and judges what would happen. What the program or a policy refuses is part
 * of the answer.
 * @param use Is called while the engine's plan still exists, with its path; for an update that carries out that plan.
 * @throws UserError where the engine cannot even begin, such as without access to the state.
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

/**
 * The inspection of a stack that cannot be previewed at all.
 * @param stack The stack's name.
 * @param problem Why.
 */
export function refuse(stack: string, problem: string): Inspection {
  const nothing = { changes: [], unchanged: 0, drift: [], findings: [], config: {} };
  const report: Report = {
    stack,
    offline: false,
    refreshed: false,
    preview: { ...nothing, problems: [problem] },
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
  return { markdown: render(report), blocked: isBlocked(report), drifted: preview.drift.length > 0, preview, pending };
}

async function preview(
  stack: Stack,
  path: string,
  options: InspectOptions,
): Promise<{ report: Report; pending: readonly string[] }> {
  const { agreed = () => false, exclude = [], offline = false, refresh = false, snapshot, target = [] } = options;
  // From an empty state nothing can be imported.
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
      color: "never",
      ...limits,
    });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    failed = error;
  }
  const read = hinted(readEvents(events));
  const refused = read.problems.length > 0 || read.findings.some(({ mandatory }) => mandatory);
  if (failed && !refused) throw new UserError(cliError(failed));

  const plan = existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Plan) : { resourcePlans: {} };
  if (!failed) compare(plan, events);
  const deployment: Deployment =
    offline && !snapshot ? {} : (options.deployment ?? (await readState(stack)).deployment);
  const schemas = read.changes.filter(isSchema);
  const folder = join(ROOT, "migrations");
  const files = schemas.length === 0 ? [] : readMigrations(folder);
  const migrations = schemas.flatMap((change) => migrationSteps(change, files));
  const baseline = schemas.map(({ after }) => after.baseline).find((version) => typeof version === "string") ?? "";
  const adopted = files.filter(({ version }) => version <= baseline);
  const pending = migrations.some(({ direction }) => direction === "up");
  const report: Report = {
    stack: stack.name,
    offline,
    snapshot: snapshot && { ...snapshot, age: age(snapshot.time) },
    refreshed: refresh,
    preview: read,
    losses: findLosses(read, deployment.resources ?? []).map((loss) => ({
      ...loss,
      allowed: loss.allowed || agreed(loss),
    })),
    migrations,
    lint: pending ? [...(await lintMigrations(folder)), ...(await lintAdoption(adopted))] : [],
    later: failed || program || !takesOver(read) ? [] : await settingsAfterAdoption(stack),
    dependencies: dependencies(plan),
  };
  return { report, pending: pendingIn(deployment) };
}

/** What the instance will be asked to change once adoption has ended; policies have their say then. */
async function settingsAfterAdoption(stack: Stack): Promise<LaterSetting[]> {
  const events: EngineEvent[] = [];
  const onEvent = (event: EngineEvent) => events.push(event);
  try {
    await stack.preview({ signal: interrupted, onEvent, color: "never", program: programOf([], afterAdoption) });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const said = hinted(readEvents(events)).problems.join("\n") || cliError(error);
    throw new UserError(`What is to change after adoption cannot be previewed: ${said}`);
  }
  return laterSettings(readEvents(events).changes);
}

function hinted(preview: Preview): Preview {
  return { ...preview, problems: preview.problems.map((problem) => withHint(problem, preview.config)) };
}

/** The engine's plan, as far as it is read here. */
interface Plan {
  readonly resourcePlans: Readonly<
    Record<
      string,
      { readonly goal?: { readonly dependencies?: readonly string[] }; readonly steps?: readonly string[] }
    >
  >;
}

/** The guard judges events and the update follows the plan, so neither may know a step that the other does not. */
function compare({ resourcePlans }: Plan, events: readonly EngineEvent[]): void {
  const reported = new Set(
    events.map(({ resourcePreEvent: event }) => (event ? `${event.metadata.op} ${event.metadata.urn}` : "")),
  );
  for (const [urn, { steps = [] }] of Object.entries(resourcePlans)) {
    const missing = steps.find((step) => !reported.has(`${step} ${urn}`));
    if (missing !== undefined) throw new Error(`The engine plans to ${missing} ${urn}, and did not report it.`);
  }
}

function dependencies({ resourcePlans }: Plan): Dependencies {
  return new Map(Object.entries(resourcePlans).map(([urn, { goal }]) => [urn, goal?.dependencies ?? []]));
}
