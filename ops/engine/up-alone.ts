import { CommandError, type EngineEvent, type Stack, type UpOptions } from "@pulumi/pulumi/automation/index.js";
import { bareUp } from "./bare-up.ts";
import { failedIn } from "./failed-creates.ts";
import { noteUnanswered, takeOverFailed } from "./interrupted.ts";

/**
 * Updates a stack on the embedded cloud, and imports resources that exist but are not in the state: they come from an
 * interrupted run, since nothing is created manually there.
 */
export async function upAlone(stack: Stack, options: UpOptions): Promise<void> {
  const events: EngineEvent[] = [];
  const onEvent = (event: EngineEvent) => {
    events.push(event);
    options.onEvent?.(event);
  };
  try {
    await bareUp(stack, { ...options, onEvent });
  } catch (error) {
    const failed = failedIn(events);
    noteUnanswered(stack, failed);
    if (!(error instanceof CommandError) || !failed.some(({ exists }) => exists)) throw error;
    // Each retry imports at least one resource, so this ends.
    if (!(await takeOverFailed(stack, failed, (line) => options.onOutput?.(`${line}\n`)))) throw error;
    await upAlone(stack, options);
  }
}
