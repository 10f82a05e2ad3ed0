import { readFileSync, writeFileSync } from "node:fs";
import { parseDocument } from "yaml";
import { isSchema } from "../preview/migrations";
import { openStack } from "../preview/open";
import { update } from "../preview/update";
import { UserError } from "../user-error";
import { appliedSchema } from "./status";

/** Which stack goes back, and how far. */
export interface RollbackOptions {
  /** The stack's name. */
  readonly stack: string;
  /** Path of its stack file, which gets the version. */
  readonly file: string;
  /** The version to go back to; the one before the newest by default. */
  readonly to: string | undefined;
  /** Whether to go on, once the preview is shown. */
  readonly confirm: () => Promise<boolean>;
  /** Prints a line of progress. */
  readonly say: (line: string) => void;
}

/**
 * Takes a stack's schema back: writes the version into the stack's configuration, and updates the schema alone. The down
 * scripts come from the bucket. Where the update is blocked, fails or is not agreed to, the configuration is as it was.
 * @throws UserError where there is nothing to go back to, and what the update throws.
 */
export async function rollback({ stack: name, file, to, confirm, say }: RollbackOptions): Promise<boolean> {
  const target = await chooseTarget(name, to, say);
  const before = readFileSync(file, "utf8");
  const document = parseDocument(before);
  document.setIn(["config", "settlement:schema", "version"], target);
  writeFileSync(file, document.toString());
  let done = false;
  try {
    const { stack, stop } = await openStack(name, say);
    try {
      const schema = await appliedSchema(stack);
      done = await update(stack, {
        target: schema ? [schema.urn] : [],
        agreed: ({ change }) => isSchema(change),
        confirm,
        print: (text) => process.stdout.write(text),
        progress: (text) => process.stderr.write(text),
      });
    } finally {
      await stop();
    }
  } finally {
    if (!done) writeFileSync(file, before);
  }
  if (done) {
    say(`The schema of ${name} is at version ${target}, and ${file} says so now: commit it, because the next`);
    say("update follows the configuration. To go up again, remove settlement:schema.version from it.");
  }
  return done;
}

async function chooseTarget(name: string, to: string | undefined, say: (line: string) => void): Promise<string> {
  const { stack, stop } = await openStack(name, say);
  try {
    const versions = (await appliedSchema(stack))?.outputs.migrations.map(({ version }) => version) ?? [];
    const target = to ?? versions.at(-2);
    if (target === undefined) throw new UserError(`Stack "${name}" has no version to go back to.`);
    if (!versions.includes(target) || target === versions.at(-1)) {
      const earlier = versions.slice(0, -1).join(", ") || "none";
      throw new UserError(`Stack "${name}" cannot go back to version ${target}; it can go back to: ${earlier}.`);
    }
    return target;
  } finally {
    await stop();
  }
}
