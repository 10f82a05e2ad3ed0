import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { SECRET } from "../terminal/values.ts";
import { RESOURCE_TYPES } from "./resource-types.ts";
import type { StateResource } from "./state.ts";

/** A resource that an update failed to create, and that exists perhaps. */
export interface Failed {
  readonly resource: StateResource;
  /** Whether Google said that it exists already; otherwise there was no answer. */
  readonly exists: boolean;
}

/** How providers, Google's official one and ours, say that a request was not answered. */
const UNANSWERED =
  /does not answer|connection reset|unexpected EOF|deadline exceeded|Unavailable|error reading from server/i;

/**
 * What an update failed to create, and exists perhaps: where the answer to a request was lost, the provider asks again, is
 * told that the resource exists already, and stops; the engine then knows nothing of it.
 */
export function failedIn(events: readonly EngineEvent[]): Failed[] {
  return events.flatMap(({ resOpFailedEvent: event }) => {
    const { op, new: made, provider, urn } = event?.metadata ?? {};
    if (op !== "create" || !made) return [];
    const { inputs, parent, type } = made;
    if ((RESOURCE_TYPES[type]?.lookup ?? "repeatable") === "repeatable") return [];
    const said = events.flatMap(({ diagnosticEvent: each }) =>
      each?.severity === "error" && each.urn === urn ? [each.message] : [],
    );
    const exists = said.some((message) => /\b409\b/.test(message));
    if (!exists && !said.some((message) => UNANSWERED.test(message))) return [];
    // A secret in an event is its place only; the next update gives the value.
    const shown = Object.entries(inputs as Record<string, string>).filter(
      ([, value]) => !JSON.stringify(value).includes(SECRET),
    );
    const resource = { urn: made.urn, custom: true, type, inputs: Object.fromEntries(shown), parent, provider };
    return [{ resource, exists }];
  });
}
