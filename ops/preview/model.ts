import type { EngineEvent, StepEventMetadata, StepEventStateMetadata } from "@pulumi/pulumi/automation/index.js";
import { stripVTControlCharacters } from "node:util";
import { cut, leaves, printable, SECRET } from "../terminal/values.ts";

/** What happens to a resource; `forget` is a delete that leaves it in the cloud. The order is that of the comment. */
export const OPS = ["delete", "replace", "forget", "update", "import", "create"] as const;
export type Op = (typeof OPS)[number];

/** A property that changes; a side that is undefined has no such property. */
export interface PropertyChange {
  /** Such as `settings.tier`. */
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** A resource that changes. */
export interface Change {
  readonly op: Op;
  readonly urn: string;
  readonly name: string;
  /** The engine's type token, such as `gcp:sql/user:User`. */
  readonly type: string;
  /** URN of the component it belongs to, or empty. */
  readonly parent: string;
  /** The provider's id of what is there now; empty where nothing is. */
  readonly id: string;
  /** Whether what is there now stays in the cloud, although the stack lets go of it. */
  readonly kept: boolean;
  /** Whether it comes into the stack from the cloud; `properties` are then those that the same update goes on to change. */
  readonly imported: boolean;
  /** The properties that force a replacement. */
  readonly forcedBy: readonly string[];
  readonly properties: readonly PropertyChange[];
  /** The inputs before and after, as the engine reports them: without secrets. */
  readonly before: Readonly<Record<string, unknown>>;
  readonly after: Readonly<Record<string, unknown>>;
}

/** A resource that somebody changed since the last update, past the stack. */
export interface Drift {
  readonly name: string;
  readonly type: string;
  /** Whether it is gone altogether. */
  readonly gone: boolean;
  /** `before` is what the last update left, `after` what is there now; neither where the provider names the path alone. */
  readonly properties: readonly PropertyChange[];
}

/** What a policy says. */
export interface Finding {
  readonly mandatory: boolean;
  readonly policy: string;
  /** Name of the resource, or empty where the whole stack is meant. */
  readonly resource: string;
  readonly message: string;
}

/** What an update would do, in an order that does not depend on the engine's. */
export interface Preview {
  readonly changes: readonly Change[];
  /** How many resources stay as they are. */
  readonly unchanged: number;
  /** What a refresh found; empty where nothing was refreshed. */
  readonly drift: readonly Drift[];
  readonly findings: readonly Finding[];
  /** Why the preview could not be finished, a sentence each. */
  readonly problems: readonly string[];
  /** The stack's configuration, secrets blanked by the engine. */
  readonly config: Readonly<Record<string, string>>;
}

/**
 * Reads the engine's events of a preview. Components and providers are left out: nothing in the cloud belongs to them.
 * @param events In any order.
 */
export function readEvents(events: readonly EngineEvent[]): Preview {
  const steps = events.flatMap(({ resourcePreEvent }) => (resourcePreEvent ? [resourcePreEvent.metadata] : []));
  const real = steps.filter((step) => isReal(step) && step.op !== "refresh");
  // What an earlier update replaced and could not delete shares its URN with what replaced it.
  const groups = new Map<string, StepEventMetadata[]>();
  for (const step of real) {
    const key = `${step.urn} ${step.op === "delete" && step.old?.delete ? step.old.id : ""}`;
    groups.set(key, [...(groups.get(key) ?? []), step]);
  }
  const changes = [...groups.values()].flatMap((group) => change(group) ?? []);
  return {
    changes: changes.sort((a, b) => OPS.indexOf(a.op) - OPS.indexOf(b.op) || order(key(a), key(b))),
    unchanged: real.filter(({ op }) => op === "same").length,
    drift: drift(events),
    findings: findings(events),
    problems: problems(events),
    config: events.find(({ preludeEvent }) => preludeEvent)?.preludeEvent?.config ?? {},
  };
}

/** Whether something in the cloud belongs to it. */
function isReal(step: StepEventMetadata): boolean {
  const state = step.new ?? step.old;
  return state?.custom === true && !step.type.startsWith("pulumi:providers:");
}

/** What a refresh found is told once it is done, unlike other steps. */
function drift(events: readonly EngineEvent[]): Drift[] {
  const steps = events.flatMap(({ resOutputsEvent }) => (resOutputsEvent ? [resOutputsEvent.metadata] : []));
  const found = steps.filter((step) => step.op === "refresh" && isReal(step) && (!step.new || named(step).length > 0));
  return found
    .map((step) => ({
      name: nameOf(step.urn),
      type: step.type,
      gone: !step.new,
      properties: step.new ? driftProperties(step) : [],
    }))
    .sort((a, b) => order(a.name, b.name));
}

/** The engine names also what a program cannot set: it has no value to show. */
function driftProperties(step: StepEventMetadata): PropertyChange[] {
  const found = properties(step, step.old, []);
  const bare = Object.keys(step.detailedDiff ?? {}).map((path) => ({ path, before: undefined, after: undefined }));
  return found.length > 0 ? found : bare;
}

/** The paths that the provider says differ. */
function named({ detailedDiff, diffs }: StepEventMetadata): string[] {
  return [...Object.keys(detailedDiff ?? {}), ...(diffs ?? [])];
}

function key({ name, urn, id }: Change): string {
  return `${name} ${urn} ${id}`;
}

const REPLACING = new Set(["replace", "create-replacement", "delete-replaced", "import-replacement"]);
const PLAIN: Readonly<Record<string, Op>> = { create: "create", update: "update", delete: "delete", import: "import" };

/** One change of all steps that the engine takes with a resource, or undefined where none of them changes anything. */
function change(steps: readonly StepEventMetadata[]): Change | undefined {
  const imported = steps.some(({ op }) => op === "import");
  // Before an import nobody knows what is there; what is changed then is told by the step after it.
  const later = imported ? steps.find(({ op }) => op === "update") : undefined;
  const step = steps.find(({ op }) => op === "create-replacement" || op === "import-replacement") ?? later ?? steps[0];
  const replaces = steps.some(({ op }) => REPLACING.has(op));
  const op = replaces ? "replace" : imported ? "import" : PLAIN[step?.op ?? ""];
  if (step === undefined || op === undefined) return undefined;
  const old = steps.find((one) => one.old)?.old;
  const forcedBy = op === "replace" ? [...new Set(steps.flatMap(({ keys }) => keys ?? []))].sort(order) : [];
  // An import brings along what the program never says and the provider does not change.
  const paths = named(step).map(stem);
  const isChanged = ({ path }: PropertyChange) =>
    !imported || paths.some((one) => isWithin(stem(path), one) || isWithin(one, stem(path)));
  const kept = op !== "create" && old !== undefined && isKept(old);
  return {
    op: op === "delete" && kept ? "forget" : op,
    urn: step.urn,
    name: nameOf(step.urn),
    type: step.type,
    parent: (step.new ?? step.old)?.parent ?? "",
    id: old?.id ?? "",
    kept,
    imported,
    forcedBy,
    properties: op === "delete" || step.op === "import" ? [] : properties(step, old, forcedBy).filter(isChanged),
    before: old?.inputs ?? {},
    after: step.new?.inputs ?? {},
  };
}

/** A path up to its first list, such as `settings.databaseFlags` of `settings.databaseFlags[0].value`. */
function stem(path: string): string {
  return path.replaceAll(/\["([^"]*)"\]/g, ".$1").replace(/\[.*/, "");
}

function isWithin(path: string, other: string): boolean {
  return path === other || path.startsWith(`${other}.`);
}

/** Whether the resource stays in the cloud when the stack deletes it. */
function isKept({ retainOnDelete, inputs }: StepEventStateMetadata): boolean {
  // DISABLE: a secret version that can be enabled again.
  return retainOnDelete === true || inputs.deletionPolicy === "ABANDON" || inputs.deletionPolicy === "DISABLE";
}

function properties(
  step: StepEventMetadata,
  old: StepEventStateMetadata | undefined,
  forcedBy: readonly string[],
): PropertyChange[] {
  const before = leaves(old?.inputs ?? {});
  const after = leaves(step.new?.inputs ?? {});
  const changed = new Set([...before.keys(), ...after.keys()].filter((path) => before.get(path) !== after.get(path)));
  // A secret that changes looks the same before and after; only the provider's own difference shows it.
  for (const path of [...named(step), ...forcedBy])
    if (before.get(path) === SECRET && after.get(path) === SECRET) changed.add(path);
  return [...changed].sort(order).map((path) => ({ path, before: before.get(path), after: after.get(path) }));
}

function findings(events: readonly EngineEvent[]): Finding[] {
  const found = new Map<string, Finding>();
  for (const { policyEvent } of events) {
    if (!policyEvent) continue;
    const finding: Finding = {
      // The engine says "advisory" where the SDK's type says "warning".
      mandatory: policyEvent.enforcementLevel === "mandatory",
      policy: policyEvent.policyName,
      resource: policyEvent.resourceUrn === undefined ? "" : nameOf(policyEvent.resourceUrn),
      message: sentence(policyEvent.message),
    };
    found.set(JSON.stringify(finding), finding);
  }
  return [...found.entries()].sort(([a], [b]) => order(a, b)).map(([, finding]) => finding);
}

function problems(events: readonly EngineEvent[]): string[] {
  const texts = events.flatMap(({ diagnosticEvent: event }) =>
    event?.severity === "error" && event.ephemeral !== true
      ? [(event.urn === undefined || isStack(event.urn) ? "" : `${nameOf(event.urn)}: `) + sentence(event.message)]
      : [],
  );
  // The engine ends with one of these whatever the reason was, and with the other it leaves what it was at.
  return [...new Set(texts)].filter((text) => !/^preview failed$|: context canceled$/.test(text)).sort(order);
}

function isStack(urn: string): boolean {
  return urn.split("::")[2] === "pulumi:pulumi:Stack";
}

/** The engine's text, line by line. */
function sentence(text: string): string {
  const lines = stripVTControlCharacters(text)
    .split("\n")
    .map((line) => printable(line.trim()));
  return cut(lines.filter(Boolean).join("\n"), 600);
}

/** The resource's name in the program. */
export function nameOf(urn: string): string {
  return urn.split("::").slice(3).join("::");
}

/** By code units, as no locale does it differently. */
export function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
