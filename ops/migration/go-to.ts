import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { PROJECT } from "../../infra/names.ts";
import { isSchema } from "../preview/migrations.ts";
import { update, type UpdateOptions } from "../update/update.ts";

/** What a command that changes a stack's schema version needs from its caller. */
export interface GoToOptions {
  /** Writes the version to the stack's configuration, and returns a function that undoes this. */
  readonly write: (version: string) => () => void;
  /** Called after the preview. */
  readonly confirm: () => Promise<boolean>;
  /** Prints the preview. */
  readonly print: UpdateOptions["print"];
  /** Prints the engine's output. */
  readonly progress: (text: string) => void;
  /** Prints a line of progress. */
  readonly say: (line: string) => void;
}

/** Work between the preview and the update. */
export interface Work {
  readonly run: () => Promise<void>;
  /** Whether it may have changed something, so that the new version must stay in the configuration. */
  readonly begun: () => boolean;
}

/**
 * Writes a version to the stack's configuration and updates the schema only. Restores the configuration if the update is
 * blocked, declined or fails.
 * @returns Whether the user confirmed.
 * @throws UserError as the update does, and what `work` throws.
 */
export async function goTo(
  stack: Stack,
  version: string,
  { write, confirm, print, progress }: GoToOptions,
  work?: Work,
): Promise<boolean> {
  const undo = write(version);
  let done = false;
  try {
    done = await update(stack, {
      target: [schemaParts(stack.name)],
      agreed: ({ change }) => isSchema(change),
      confirm: async () => {
        if (!(await confirm())) return false;
        await work?.run();
        return true;
      },
      print,
      progress,
    });
  } finally {
    if (!done && !work?.begun()) undo();
  }
  return done;
}

/** A URN pattern for the schema of a stack and everything below it. */
export function schemaParts(stack: string): string {
  return `urn:pulumi:${stack}::${PROJECT}::settlement:infra:Schema$**`;
}
