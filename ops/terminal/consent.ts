import { createInterface } from "node:readline/promises";
import { UserError } from "./user-error.ts";

/** Asks a question that is answered with y or n, such as `Update prod?`, and tells the answer. */
export type Ask = (question: string) => Promise<boolean>;

/**
 * How a command asks before it changes something. It is called before anything is begun, so that a command that cannot ask
 * stops at once.
 * @param yes Whether the user said `--yes`: then every answer is yes.
 * @throws UserError where there is no terminal to ask on, and no `--yes`.
 */
export function consent(yes = false): Ask {
  if (yes) return () => Promise.resolve(true);
  if (!process.stdin.isTTY) {
    throw new UserError(
      "There is no terminal to ask on, so nothing was changed. Add --yes to go on without a question.",
    );
  }
  return ask;
}

/** Whatever ends the question without an answer, Ctrl-C or the end of the input, is a no. */
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
