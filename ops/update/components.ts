import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import type { Board } from "../terminal/board.ts";
import { printable } from "../terminal/values.ts";

/** What was seen of a component. */
interface Seen {
  /** URNs of the resources that are being changed. */
  readonly open: Set<string>;
  created: number;
  changed: number;
}

/** What a component is called on the board, if not by its type. */
const NAMES: Readonly<Record<string, string>> = { Apis: "APIs" };

/**
 * Shows an update on a board: a line for each component of the stack, warnings above.
 * @returns Takes the engine's events.
 */
export function onBoard(board: Board): (event: EngineEvent) => void {
  const components = new Map<string, Seen>();
  return ({ diagnosticEvent, policyEvent, resOpFailedEvent, resourcePreEvent, resOutputsEvent }) => {
    if (diagnosticEvent?.severity === "warning") board.say(line(diagnosticEvent.message));
    if (policyEvent) board.say(line(policyEvent.message));
    const step = resourcePreEvent ?? resOutputsEvent ?? resOpFailedEvent;
    const [, type] = /settlement:infra:(\w+)\$/.exec(step?.metadata.urn ?? "") ?? [];
    if (step === undefined || type === undefined) return;
    const name = NAMES[type] ?? type;
    const seen = components.get(name) ?? { open: new Set(), created: 0, changed: 0 };
    components.set(name, seen);
    if (resourcePreEvent) seen.open.add(step.metadata.urn);
    else seen.open.delete(step.metadata.urn);
    if (resOutputsEvent && step.metadata.op !== "same") seen[step.metadata.op === "create" ? "created" : "changed"]++;
    const counts = (["created", "changed"] as const).flatMap((what) =>
      seen[what] > 0 ? [`${seen[what]} ${what}`] : [],
    );
    if (seen.open.size > 0) board.run(name, counts.join(", "));
    else
      board.end(name, resOpFailedEvent === undefined, resOpFailedEvent ? "failed" : counts.join(", ") || "unchanged");
  };
}

/** The engine's messages have markers for colours, such as `<{%reset%}>`. */
function line(message: string): string {
  return printable(
    message
      .replace(/<\{%[^%]*%\}>/g, "")
      .trim()
      .replaceAll("\n", " "),
  );
}
