import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { SECRET } from "../terminal/values.ts";
import { RESOURCE_TYPES } from "./resource-types.ts";
import type { StateResource } from "./state.ts";

/** A resource that an update failed to create, but that may exist. */
export interface Failed {
  readonly resource: StateResource;
  /** Whether Google answered that it already exists; otherwise there was no response. */
  readonly exists: boolean;
}

/** How the official provider and the stand-in report a lost response. */
const UNANSWERED =
  /does not answer|connection reset|unexpected EOF|deadline exceeded|Unavailable|error reading from server/i;

/**
 * The resources that an update failed to create but that may exist. If a response is lost, the provider retries, gets
 * "already exists" and fails, and the resource is missing from the state.
 */
export function failedIn(events: readonly EngineEvent[]): Failed[] {
  return events.flatMap(({ resOpFailedEvent: event }) => {
    const { op, new: created, provider, urn } = event?.metadata ?? {};
    if (op !== "create" || !created) return [];
    const { inputs, parent, type } = created;
    if ((RESOURCE_TYPES[type]?.lookup ?? "repeatable") === "repeatable") return [];
    const errors = events.flatMap(({ diagnosticEvent: each }) =>
      each?.severity === "error" && each.urn === urn ? [each.message] : [],
    );
    const exists = errors.some((message) => /\b409\b/.test(message));
    if (!exists && !errors.some((message) => UNANSWERED.test(message))) return [];
    // Events mask secrets; the next update sets their values.
    const shown = Object.entries(inputs as Record<string, string>).filter(
      ([, value]) => !JSON.stringify(value).includes(SECRET),
    );
    const resource = { urn: created.urn, custom: true, type, inputs: Object.fromEntries(shown), parent, provider };
    return [{ resource, exists }];
  });
}
