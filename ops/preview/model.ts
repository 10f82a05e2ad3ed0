import type { EngineEvent, StepEventMetadata, StepEventStateMetadata } from "@pulumi/pulumi/automation/index.js";
import { stripVTControlCharacters } from "node:util";
import { cut, leaves, printable, SECRET } from "../terminal/values.ts";

/** Operations in the comment's order; `forget` removes a resource from the stack and keeps it in the cloud. */
export const OPS = ["delete", "replace", "forget", "update", "import", "create"] as const;
export type Op = (typeof OPS)[number];

/** A property that changes; undefined if the property is absent on that side. */
export interface PropertyChange {
  /** For example `settings.tier`. */
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

export interface Change {
  readonly op: Op;
  readonly urn: string;
  readonly name: string;
  /** The engine's type token, such as `gcp:sql/user:User`. */
  readonly type: string;
  /** URN of its component, or empty. */
  readonly parent: string;
  /** The provider's id of the existing resource; empty if none exists. */
  readonly id: string;
  /** Whether the existing resource stays in the cloud when the stack deletes it. */
  readonly kept: boolean;
  /** Whether it is imported; `properties` are then those that the same update would also change. */
  readonly imported: boolean;
  /** The properties that force a replacement. */
  readonly forcedBy: readonly string[];
  readonly properties: readonly PropertyChange[];
  /** The inputs before and after, with secrets masked by the engine. */
  readonly before: Readonly<Record<string, unknown>>;
  readonly after: Readonly<Record<string, unknown>>;
  /** What the provider last read of the existing resource. */
  readonly outputs: Readonly<Record<string, unknown>>;
}

/** A resource that was changed outside the stack since the last update. */
export interface Drift {
  readonly name: string;
  readonly type: string;
  /** Whether it no longer exists. */
  readonly gone: boolean;
  /** `before` is from the last update, `after` the current value; neither is set if the provider reports only the path. */
  readonly properties: readonly PropertyChange[];
}

/** A policy violation or advice. */
export interface Finding {
  readonly mandatory: boolean;
  readonly policy: string;
  /** Name of the resource; empty for the whole stack. */
  readonly resource: string;
  readonly message: string;
}

/** What an update would do, in an order independent of the engine's. */
export interface Preview {
  readonly changes: readonly Change[];
  /** How many resources do not change. */
  readonly unchanged: number;
  /** What a refresh found; empty without a refresh. */
  readonly drift: readonly Drift[];
  readonly findings: readonly Finding[];
  /** Why the preview failed, one sentence each. */
  readonly problems: readonly string[];
  /** The stack's configuration, with secrets masked by the engine. */
  readonly config: Readonly<Record<string, string>>;
}

/** Reads a preview from the engine's events, in any order. Components and providers are skipped: they are not in the cloud. */
export function readEvents(events: readonly EngineEvent[]): Preview {
  const steps = events.flatMap(({ resourcePreEvent }) => (resourcePreEvent ? [resourcePreEvent.metadata] : []));
  const real = steps.filter((step) => isInCloud(step) && step.op !== "refresh");
  // A resource that an earlier update replaced and could not delete has its replacement's URN.
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

function isInCloud(step: StepEventMetadata): boolean {
  const state = step.new ?? step.old;
  return state?.custom === true && !step.type.startsWith("pulumi:providers:");
}

/** Unlike other steps, a refresh is reported in the event after it. */
function drift(events: readonly EngineEvent[]): Drift[] {
  const steps = events.flatMap(({ resOutputsEvent }) => (resOutputsEvent ? [resOutputsEvent.metadata] : []));
  const found = steps.filter(
    (step) => step.op === "refresh" && isInCloud(step) && (!step.new || differing(step).length > 0),
  );
  return found
    .map((step) => ({
      name: nameOf(step.urn),
      type: step.type,
      gone: !step.new,
      properties: step.new ? driftProperties(step) : [],
    }))
    .sort((a, b) => order(a.name, b.name));
}

/** Output-only properties are reported too, but have no input values to show. */
function driftProperties(step: StepEventMetadata): PropertyChange[] {
  const found = properties(step, step.old, []);
  const bare = Object.keys(step.detailedDiff ?? {}).map((path) => ({ path, before: undefined, after: undefined }));
  return found.length > 0 ? found : bare;
}

/** The paths that the provider reports as different. */
function differing({ detailedDiff, diffs }: StepEventMetadata): string[] {
  return [...Object.keys(detailedDiff ?? {}), ...(diffs ?? [])];
}

function key({ name, urn, id }: Change): string {
  return `${name} ${urn} ${id}`;
}

const REPLACING = new Set(["replace", "create-replacement", "delete-replaced", "import-replacement"]);
const PLAIN: Readonly<Record<string, Op>> = { create: "create", update: "update", delete: "delete", import: "import" };

/** The change that a resource's steps add up to; undefined if there is none. */
function change(steps: readonly StepEventMetadata[]): Change | undefined {
  const imported = steps.some(({ op }) => op === "import");
  // An import's own step does not show the existing values; the update step after it does.
  const later = imported ? steps.find(({ op }) => op === "update") : undefined;
  const step = steps.find(({ op }) => op === "create-replacement" || op === "import-replacement") ?? later ?? steps[0];
  const replaces = steps.some(({ op }) => REPLACING.has(op));
  const op = replaces ? "replace" : imported ? "import" : PLAIN[step?.op ?? ""];
  if (step === undefined || op === undefined) return undefined;
  const old = steps.find((one) => one.old)?.old;
  const forcedBy = op === "replace" ? [...new Set(steps.flatMap(forcing))].sort(order) : [];
  // An import also reads properties that the program does not set and the provider does not change.
  const paths = differing(step).map(stem);
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
    outputs: old?.outputs ?? {},
  };
}

/** The paths that force a replacement; without a detailed diff, or one that says so, their first parts. */
function forcing({ detailedDiff, keys }: StepEventMetadata): readonly string[] {
  const exact = Object.entries(detailedDiff ?? {}).filter(([, { diffKind }]) => diffKind.endsWith("-replace"));
  return exact.length > 0 ? exact.map(([path]) => path) : (keys ?? []);
}

/** A path up to its first list index: `settings.databaseFlags` for `settings.databaseFlags[0].value`. */
function stem(path: string): string {
  return path.replaceAll(/\["([^"]*)"\]/g, ".$1").replace(/\[.*/, "");
}

function isWithin(path: string, other: string): boolean {
  return path === other || path.startsWith(`${other}.`);
}

function isKept({ retainOnDelete, inputs }: StepEventStateMetadata): boolean {
  // DISABLE: a secret version that can be re-enabled.
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
  // A changed secret is masked on both sides; only the provider's diff shows it.
  for (const path of [...differing(step), ...forcedBy])
    if (before.get(path) === SECRET && after.get(path) === SECRET) changed.add(path);
  return [...changed].sort(order).map((path) => ({ path, before: before.get(path), after: after.get(path) }));
}

function findings(events: readonly EngineEvent[]): Finding[] {
  const found = new Map<string, Finding>();
  for (const { policyEvent } of events) {
    if (!policyEvent) continue;
    const finding: Finding = {
      // The engine sends "advisory"; the SDK's type says "warning".
      mandatory: policyEvent.enforcementLevel === "mandatory",
      policy: policyEvent.policyName,
      resource: policyEvent.resourceUrn === undefined ? "" : nameOf(policyEvent.resourceUrn),
      message: sentence(policyEvent.message),
    };
    found.set(JSON.stringify(finding), finding);
  }
  return [...found.entries()].sort(([a], [b]) => order(a, b)).map(([, finding]) => finding);
}

/** The engine's error for an operation that the preview planned, because it could not know a value, and the update did not need. */
export const UNNEEDED = /expected resource operations for .* but none were seen/;

/** An error that follows from another one; with a plan the engine reports every operation that the error prevented. */
export const CONSEQUENCE =
  /expected resource operations for .* but none were seen|^resource registration .* failed|: context canceled$/;

/** What the engine adds after any failure. */
const FAILED = /^(preview|update) failed$/;

/** The causes; only if there is none, what would follow from one. */
function problems(events: readonly EngineEvent[]): string[] {
  const texts = events.flatMap(({ diagnosticEvent: event }) =>
    event?.severity === "error" && event.ephemeral !== true
      ? [(event.urn === undefined || isStack(event.urn) ? "" : `${nameOf(event.urn)}: `) + sentence(event.message)]
      : [],
  );
  const errors = [...new Set(texts)].filter((text) => !FAILED.test(text)).sort(order);
  const causes = errors.filter((text) => !CONSEQUENCE.test(text.replace(/^[\w-]+: /, "")));
  return causes.length > 0 ? causes : errors.filter((text) => !text.endsWith(": context canceled"));
}

function isStack(urn: string): boolean {
  return urn.split("::")[2] === "pulumi:pulumi:Stack";
}

/** The engine's text without control characters, indentation, empty lines and the SDK's stack trace. */
function sentence(text: string): string {
  const lines = stripVTControlCharacters(text)
    .split("\n")
    .map((line) => printable(line.trim()));
  return cut(lines.filter((line) => line !== "" && !/^at .*:\d+:\d+\)?$/.test(line)).join("\n"), 600);
}

/** The resource's name in the program. */
export function nameOf(urn: string): string {
  return urn.split("::").slice(3).join("::");
}

/** Compares by code units, independent of the locale. */
export function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
