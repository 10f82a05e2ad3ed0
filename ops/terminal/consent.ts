import { createInterface } from "node:readline/promises";
import { UserError } from "./user-error.ts";

/** Asks a yes/no question, such as `Update prod?`. */
export type Ask = (question: string) => Promise<boolean>;

/**
 * How a command asks for confirmation. Called before any work starts, so that a command that cannot ask fails at once.
 * @param yes Answers every question with yes: `--yes`.
 * @throws UserError without `--yes` if standard input is not a terminal.
 */
export function consent(yes = false): Ask {
  if (yes) return () => Promise.resolve(true);
  if (!process.stdin.isTTY) {
    throw new UserError(
      "Nothing was changed: there is no terminal to confirm on. Add --yes to proceed without asking.",
    );
  }
  return ask;
}

/** Ctrl-C and the end of the input count as no. */
async function ask(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const closed = new AbortController();
  terminal.once("close", () => {
    closed.abort();
  });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `, { signal: closed.signal })).trim());
  } catch (error) {
    if (!closed.signal.aborted) throw error;
    return false;
  } finally {
    terminal.close();
  }
}
