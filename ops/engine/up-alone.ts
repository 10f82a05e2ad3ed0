import { CommandError, type EngineEvent, type Stack, type UpOptions } from "@pulumi/pulumi/automation/index.js";
import { bareUp } from "./bare-up.ts";
import { failedIn } from "./failed-creates.ts";
import { noteUnanswered, takeOverFailed } from "./interrupted.ts";

/**
 * Updates a stack of the embedded cloud, where nobody creates anything manually: what exists and is not in the state is
 * taken over.
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
    await takeOverFailed(stack, failed, (line) => options.onOutput?.(`${line}\n`));
    await bareUp(stack, options);
  }
}
