import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { PROJECT } from "../../infra/names.ts";
import { isSchema } from "../preview/migrations.ts";
import { update } from "../preview/update.ts";

/** How a command takes a stack's schema to a version. */
export interface GoToOptions {
  /**
   * Writes the version into the stack's configuration.
   * @returns What takes that back.
   */
  readonly write: (version: string) => () => void;
  /** Whether to go on, once the preview is shown. */
  readonly confirm: () => Promise<boolean>;
  /** Shows the preview. */
  readonly print: (text: string) => void;
  /** Shows what the engine says while it works. */
  readonly progress: (text: string) => void;
  /** Prints a line of progress. */
  readonly say: (line: string) => void;
}

/** What happens between the preview and the update. */
export interface Work {
  /** @throws What ends the command. */
  readonly run: () => Promise<void>;
  /** Whether it may have changed something, so that the configuration must stay as it was written. */
  readonly begun: () => boolean;
}

/**
 * Writes a version into the stack's configuration, and updates the schema alone. Where the update is blocked, fails or is
 * not agreed to, the configuration is as it was.
 * @param work What comes before the update; nothing by default.
 * @returns Whether it was agreed to.
 * @throws UserError as the update does, and what the work throws.
 */
export async function goTo(
  stack: Stack,
  version: string,
  { write, confirm, print, progress }: GoToOptions,
  work: Work = { run: () => Promise.resolve(), begun: () => false },
): Promise<boolean> {
  const takeBack = write(version);
  let done = false;
  try {
    done = await update(stack, {
      target: [schemaParts(stack.name)],
      agreed: ({ change }) => isSchema(change),
      confirm: async () => {
        if (!(await confirm())) return false;
        await work.run();
        return true;
      },
      print,
      progress,
    });
  } finally {
    if (!done && !work.begun()) takeBack();
  }
  return done;
}

/**
 * The schema with its scripts, as the engine matches URNs.
 * @param stack The stack's name.
 */
export function schemaParts(stack: string): string {
  return `urn:pulumi:${stack}::${PROJECT}::settlement:infra:Schema$**`;
}
