import { createInterface } from "node:readline/promises";

/**
 * Asks a question that is answered with y or n. Where no terminal is attached nobody can be asked, and the answer is yes:
 * a pipeline has its own approval.
 * @param question Without the choice, such as `Update prod?`.
 */
export async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) return true;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}
